-- Promo codes: what they are drawn from, how far each pool is given out, and whose each code is.

-- The pools as they are published now; no pattern: their codes come from a file, and lie in `coupon_stock`.
create table coupon_pool (
    workspace integer not null references workspace (id),
    name text collate "C" not null,
    pattern text,
    primary key (workspace, name)
);

-- How many codes were given out so far. Pools of one pattern draw from it together, so that none of them gives what another has.
-- Whoever deals locks the row for an instant, never for the length of a pass.
create table coupon_series (
    workspace integer not null,
    kind text not null check (kind in ('pattern', 'file')),
    -- the pattern, or the pool's name
    name text collate "C" not null,
    -- by what numbers become codes; kept, because with another key codes would come twice
    key bytea not null,
    -- patterns: how many; files: the number of the last one
    given bigint not null default 0,
    primary key (workspace, kind, name)
);

-- The codes of files, in the order in which they are given. Keyed by value besides, as `identifier` is.
create table coupon_stock (
    workspace integer not null,
    pool text collate "C" not null,
    number bigint not null,
    code text not null,
    primary key (workspace, pool, number)
);
create unique index coupon_stock_code on coupon_stock (workspace, upper(code));

-- One taking of a code: exactly one for each visit of a `coupon` step, by its id, the hash of enrollment, step and visit.
create table coupon (
    bucket smallint not null,
    profile uuid not null,
    id uuid not null,
    workspace integer not null,
    enrollment uuid not null,
    flow text collate "C" not null,
    version integer not null,
    step text not null,
    visit integer not null,
    pool text not null,
    variable text not null,
    -- asked: waits for a code; dealt: has one, or is known to get none, and the enrollment still stands at the step; then taken or empty
    state text not null check (state in ('asked', 'dealt', 'taken', 'empty')),
    code text,
    discount jsonb not null default '{}',
    asked_at timestamptz not null,
    expires_at timestamptz,
    -- the first order that carried it
    redeemed_at timestamptz,
    redeemed_by uuid,
    primary key (bucket, profile, id)
);
create index coupon_waiting on coupon (bucket, profile) where state in ('asked', 'dealt');
create index coupon_code on coupon (bucket, profile, upper(code)) where code is not null;
