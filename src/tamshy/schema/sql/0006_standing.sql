-- Whether this database is the one that mails for its shop, and no copy of it; and how far a machine's clock is believed.

-- One row, from the founding on. A copy carries it along, and does not find itself where it says.
create table installation (
    one boolean primary key default true check (one),
    -- made anew whenever a person confirms
    id uuid not null,
    -- where the database lay when it was founded or last confirmed: {"server": …, "database": …, "folder": …}
    whereabouts jsonb not null,
    confirmed_at timestamptz not null,
    -- since when and why nothing leaves; null: all is well, as far as is written down
    held_since timestamptz,
    held_for text[] not null default '{}',
    -- what of the whereabouts only another process could see, when it put the installation on hold
    seen jsonb not null default '{}'
);

-- A machine's time against its seconds since it was started, as first seen: a clock that is put forward differs from it.
create table anchor (
    boot text primary key,
    since_boot double precision not null,
    at timestamptz not null
);

-- When a flow last went on: what had become due by then leaves by the ramp.
alter table flow add column resumed_at timestamptz;

-- Up to when moments are given out to what leaves by the ramp, by all workers.
create table ramp (
    one boolean primary key default true check (one),
    next_at timestamptz not null
);
