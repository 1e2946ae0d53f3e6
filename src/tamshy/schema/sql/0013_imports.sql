-- What was read from files, and how far; and the keys under which the addresses of erased people are kept.

-- One row a file. It is written in the transaction that stores the lines: how far it came is what was stored.
create table import (
    workspace integer not null,
    -- of the file's bytes, and of the options that say what it means
    digest uuid not null,
    kind text not null check (kind in ('profiles', 'events', 'suppressions')),
    file text not null,
    began_at timestamptz not null,
    -- when it is so what the file says, where a line has no time of its own
    as_of timestamptz not null,
    -- bytes and lines that are done
    place bigint not null,
    line bigint not null,
    counts jsonb not null,
    ended_at timestamptz,
    primary key (workspace, digest)
);

-- HMAC-SHA256 of an address in two halves: the key, padded to a block, with 0x36 and with 0x5c on each byte (RFC 2104). Made when
-- somebody is first erased, and kept beside the list that it is for: no change of another key may bring anybody back.
create table erasure_key (
    workspace integer primary key,
    inner_pad bytea not null,
    outer_pad bytea not null
);

-- What stands in `suppression` for the address of somebody who was erased.
create function keyed_address(inner_pad bytea, outer_pad bytea, address text) returns text
language sql immutable strict parallel safe
return 'erased:' || encode(sha256(outer_pad || sha256(inner_pad || convert_to(address, 'UTF8'))), 'hex');

-- Who was merged into somebody is erased with them.
create index profile_merged on profile (bucket, merged_into) where merged_into is not null;
