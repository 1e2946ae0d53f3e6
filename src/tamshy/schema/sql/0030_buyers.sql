-- What is known and foreseen of those who have ordered (rule 29): one row each, as it was computed at 03:00 of the workspace. No row,
-- or nothing in it: no figure.
create table buyer (
    bucket smallint not null,
    profile uuid not null,
    -- the computation that found another group, score or next order than the one before; the newest of all is in `ranked`
    since timestamptz not null,
    segment text collate "C",
    -- recency, frequency and money, a digit each
    score smallint,
    clv numeric,
    churn numeric,
    next_order_at timestamptz,
    primary key (bucket, profile)
) with (autovacuum_vacuum_scale_factor = 0.1);
