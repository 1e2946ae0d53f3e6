-- Whose turn raised an error: their next item waits, so that nobody else's does. `until` is the shop's time; after the third
-- failure it is infinity, and a person lets them in again.
create table set_aside (
    bucket smallint not null,
    profile uuid not null,
    since timestamptz not null,
    tries smallint not null,
    until timestamptz not null,
    error text not null,
    primary key (bucket, profile)
);
