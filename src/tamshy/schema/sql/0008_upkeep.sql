-- What the worker keeps beside its work: counts for operators, and how far history has been let go.

-- Decisions by what came of them, and hand-overs by how they ended, counted as they pass: nobody counts the journal anew for a
-- look at a gauge. Hand-overs stand under bucket -1.
create table tally (
    bucket smallint not null,
    kind text not null check (kind in ('enrollment', 'message', 'problem', 'delivery')),
    outcome text not null,
    reason text not null default '',
    count bigint not null,
    primary key (bucket, kind, outcome, reason)
);

-- How far a bucket's journal is counted.
create table tallied (
    bucket smallint primary key,
    until timestamptz not null
);

-- How far the round through a bucket's people has come in which history goes that is older than the shop keeps it, and when the
-- round began; no `after`: it is over.
create table retention (
    bucket smallint primary key,
    after uuid,
    began timestamptz not null
);
