-- name: apply_properties
-- Properties, each with its latest own time (rule 38); a call's context fills in what no call has said outright.
update profile p
set properties = t.properties, stamps = t.stamps, address = t.address
from (
    select a.profile,
        p.properties || coalesce(said.properties, '{}') || coalesce(ambient.properties, '{}') || source.properties as properties,
        p.stamps || coalesce(said.stamps, '{}') || source.stamps as stamps,
        case when said.properties ? 'email' then a.facts ->> 'address' else p.address end as address
    from agenda a
    join profile p on p.bucket = %(bucket)s and p.id = a.profile
    cross join lateral (select (extract(epoch from a.occurred_at) * 1000000)::bigint) as own (at)
    -- the source of a consent says whose word it is
    cross join lateral (select a.facts ? 'source' and a.kind <> 'consent') as came (from_somewhere)
    cross join lateral (
        select jsonb_object_agg(j.key, j.value), jsonb_object_agg(j.key, own.at)
        from jsonb_each(a.properties) j
        where a.kind = 'identify' and coalesce((p.stamps ->> j.key)::bigint <= own.at, true)
    ) as said (properties, stamps)
    cross join lateral (
        select jsonb_object_agg(j.key, j.value)
        from jsonb_each(a.facts -> 'ambient') j
        where not p.stamps ? j.key and not coalesce(said.properties ? j.key, false)
    ) as ambient (properties)
    cross join lateral (
        select
            case when came.from_somewhere and coalesce((p.stamps ->> 'source')::bigint > own.at, true)
                then jsonb_build_object('source', a.facts -> 'source') else '{}' end
            || case when came.from_somewhere and coalesce((p.stamps ->> 'last_source')::bigint <= own.at, true)
                then jsonb_build_object('last_source', a.facts -> 'source') else '{}' end,
            case when came.from_somewhere and coalesce((p.stamps ->> 'source')::bigint > own.at, true)
                then jsonb_build_object('source', own.at) else '{}' end
            || case when came.from_somewhere and coalesce((p.stamps ->> 'last_source')::bigint <= own.at, true)
                then jsonb_build_object('last_source', own.at) else '{}' end
    ) as source (properties, stamps)
    where a.kind = 'identify' or a.facts ? 'ambient' or came.from_somewhere
) t
where p.bucket = %(bucket)s and p.id = t.profile
    and (p.properties, p.stamps, p.address) is distinct from (t.properties, t.stamps, t.address)

-- name: apply_zones
-- The zone a profile lives in: its own where it is one, else the workspace's.
update profile p
set zone = t.zone
from (
    select a.profile, coalesce((
        select z.zone from zone_span z where z.zone = p.properties ->> 'timezone' limit 1), %(zone)s) as zone
    from agenda a
    join profile p on p.bucket = %(bucket)s and p.id = a.profile
    where a.properties ? 'timezone' and a.kind = 'identify' or a.facts -> 'ambient' ? 'timezone'
) t
where p.bucket = %(bucket)s and p.id = t.profile and p.zone <> t.zone

-- name: note_zones
-- An unknown zone is recorded (rule 11): the workspace's is used.
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, outcome, reason, facts)
select %(bucket)s, a.profile, %(pass)s, 90, a.id, %(workspace)s, a.moment, 'problem', '', 'unknown_zone', 'workspace_zone_used',
    jsonb_build_object('timezone', p.properties -> 'timezone', 'used', %(zone)s::text)
from agenda a
join profile p on p.bucket = %(bucket)s and p.id = a.profile
where a.kind = 'identify' and a.properties ? 'timezone' and p.zone = %(zone)s
    and coalesce(p.properties ->> 'timezone', '') not in ('', %(zone)s)

-- name: apply_consents
-- Consent as given or withdrawn: the latest own time holds, at one time the withdrawal (rule 23); the log keeps all of it.
with fresh as (
    insert into consent (bucket, profile, id, topic, granted, occurred_at, taken_in_at, source, evidence)
    select %(bucket)s, a.profile, a.id, a.facts ->> 'topic', (a.facts ->> 'granted')::boolean, a.occurred_at, a.moment,
        coalesce(a.facts ->> 'source', ''), coalesce(a.facts -> 'evidence', '{}')
    from agenda a where a.kind = 'consent'
    on conflict do nothing
    returning profile, topic, granted, (extract(epoch from occurred_at) * 1000000)::bigint as at
)
update profile p
set consents = p.consents || jsonb_build_object(f.topic, jsonb_build_object('on', f.granted, 'at', f.at))
from fresh f
where p.bucket = %(bucket)s and p.id = f.profile
    and coalesce((p.consents -> f.topic ->> 'at')::bigint < f.at
        or ((p.consents -> f.topic ->> 'at')::bigint = f.at and not f.granted), true)

-- name: apply_suppressions
-- A hard bounce, a complaint or a person's word: the address is never written to again.
with fresh as (
    select a.profile, p.address, a.moment, coalesce(a.facts ->> 'reason', 'manual') as reason, a.id
    from agenda a
    join profile p on p.bucket = %(bucket)s and p.id = a.profile
    where a.kind = 'suppress'
), noted as (
    insert into suppression (workspace, address, reason, since, evidence)
    select distinct on (address) %(workspace)s, address, reason, moment, jsonb_build_object('item', id)
    from fresh where address is not null
    order by address, moment
    on conflict do nothing
)
update profile p set suppressed = f.reason
from fresh f
where p.bucket = %(bucket)s and p.id = f.profile and p.suppressed is null
