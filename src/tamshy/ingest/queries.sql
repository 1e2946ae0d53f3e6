-- name: accept
-- Writes down message ids and gives those not accepted within the 30 days before: new ones, and with `again` old ones.
-- Digests are 32 digits: as text the driver hands them on for a tenth of what it takes to make objects of them.
-- In order of their digests, so that two processes with the same ids wait for each other instead of locking up.
insert into seen_message as s (workspace, digest, seen_at)
select %(workspace)s, r.digest, r.seen_at
from json_to_recordset(%(rows)s::json) as r (digest uuid, seen_at timestamptz)
order by r.digest
on conflict (workspace, digest) do update set seen_at = excluded.seen_at
where excluded.seen_at - s.seen_at > interval '30 days'
returning replace(s.digest::text, '-', '') as digest, (s.xmax <> 0) as again;

-- name: holders
-- Whose the given identifiers are. `offset 0` keeps the look-up by key, whatever the planner thinks of a new table.
select k.kind, k.value, i.profile, i.since
from json_to_recordset(%(names)s::json) as k (kind text, value text)
cross join lateral (
    select i.profile, i.since
    from identifier as i
    where i.workspace = %(workspace)s and i.kind = k.kind and i.value = k.value
    offset 0
) as i;

-- name: namings
-- For devices at moments: who was named with them last before, by own times.
select distinct k.device, n.at, n.user_id
from json_to_recordset(%(devices)s::json) as k (device text, at timestamptz)
cross join lateral (
    select n.at, n.user_id
    from naming as n
    where n.workspace = %(workspace)s and n.device = k.device and n.at <= k.at
    order by n.at desc
    limit 1
) as n
order by n.at;

-- name: name_devices
-- Writes down who was named with a device; of two at one moment the one taken in last.
insert into naming as n (workspace, device, at, user_id)
select %(workspace)s, r.device, r.at, r.user_id
from json_to_recordset(%(rows)s::json) as r (device text, at timestamptz, user_id text)
order by r.device, r.at
on conflict (workspace, device, at) do update set user_id = excluded.user_id
where n.user_id <> excluded.user_id;

-- name: forget_messages
-- Drops message ids that no repetition can hit any more (rule 15), some at a time.
delete from seen_message as s
where (s.workspace, s.digest) in (
    select o.workspace, o.digest from seen_message as o where o.seen_at < %(before)s limit %(limit)s
);

-- name: forget_namings
-- Drops namings that are older than anything still to arrive, but for each device's last one before then, some at a time.
delete from naming as n
where (n.workspace, n.device, n.at) in (
    select o.workspace, o.device, o.at
    from naming as o
    where
        o.at < %(before)s
        and exists (
            select from naming as later
            where
                later.workspace = o.workspace and later.device = o.device and later.at > o.at
                and later.at < %(before)s
        )
    limit %(limit)s
);

-- name: families
-- All identifiers of the given profiles.
select i.kind, i.value, i.profile, i.since
from json_to_recordset(%(profiles)s::json) as p (bucket smallint, profile uuid)
cross join lateral (
    select i.kind, i.value, i.profile, i.since
    from identifier as i
    where i.bucket = p.bucket and i.profile = p.profile
    offset 0
) as i;

-- name: lock_families
-- Holds all identifiers of the given profiles until the transaction ends, in one order for all processes.
select 1
from identifier as i
inner join json_to_recordset(%(profiles)s::json) as p (bucket smallint, profile uuid)
    on i.bucket = p.bucket and i.profile = p.profile
order by i.kind, i.value
for update of i;

-- name: add_identifiers
-- Adds identifiers; those that another process has added meanwhile are not among the ones given back.
insert into identifier (workspace, kind, value, bucket, profile, since)
select %(workspace)s, r.kind, r.value, r.bucket, r.profile, r.since
from json_to_recordset(%(rows)s::json)
    as r (kind text, value text, bucket smallint, profile uuid, since timestamptz)
order by r.kind, r.value
on conflict (workspace, kind, value) do nothing
returning kind, value;

-- name: move_identifiers
-- Gives identifiers to another profile, where they are still whose they were.
update identifier as i
set bucket = r.bucket, profile = r.profile, since = r.since
from json_to_recordset(%(rows)s::json)
    as r (kind text, value text, was uuid, bucket smallint, profile uuid, since timestamptz)
where i.workspace = %(workspace)s and i.kind = r.kind and i.value = r.value and i.profile = r.was;

-- name: add_profiles
-- Newcomers. A process that met one at the same moment made the same profile, by the same id.
insert into profile (bucket, id, workspace, die, created_at, properties, zone, placed)
select r.bucket, r.id, %(workspace)s, r.die, r.created_at, jsonb_build_object('created_at', r.created_text), %(zone)s,
    false
from json_to_recordset(%(rows)s::json)
    as r (bucket smallint, id uuid, die text, created_at timestamptz, created_text text)
order by r.bucket, r.id
on conflict (bucket, id) do nothing;

-- name: leave
-- What is left for the engine, each row to be worked once. Taken as jsonb: from json each document is read a second time.
insert into inbox
(bucket, profile, moment, ord, id, workspace, kind, origin, name, occurred_at, properties, context, facts)
select
    r.bucket, r.profile, r.moment, r.ord, r.id, %(workspace)s, r.kind, r.origin, r.name, r.occurred_at,
    coalesce(r.properties, '{}'), coalesce(r.context, '{}'), coalesce(r.facts, '{}')
from jsonb_to_recordset(%(rows)s::jsonb) as r (
    bucket smallint, profile uuid, moment timestamptz, ord bigint, id uuid, kind text, origin smallint, name text,
    occurred_at timestamptz, properties jsonb, context jsonb, facts jsonb
)
on conflict do nothing;
