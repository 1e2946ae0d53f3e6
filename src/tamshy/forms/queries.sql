-- name: owner
-- Whose a device is at a moment: the user's who was named last with it before, else the first profile's.
with named as (
    select n.user_id
    from naming as n
    where n.workspace = %(workspace)s and n.device = %(device)s and n.at <= %(at)s
    order by n.at desc
    limit 1
)
select i.bucket, i.profile
from identifier as i
where
    i.workspace = %(workspace)s
    and (i.kind, i.value) in (
        select 'user_id', n.user_id from named as n
        union all
        select 'anonymous_id', %(device)s where not exists (select from named)
    );

-- name: holder
-- Whose an address is.
select i.bucket, i.profile
from identifier as i
where i.workspace = %(workspace)s and i.kind = 'email' and i.value = %(address)s;

-- name: standing
-- The names of a profile and the addresses that it goes by, those included that nobody has taken in yet.
select
    exists (select from identifier as i where i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'user_id'),
    array(
        select i.value from identifier as i
        where i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'email'
        union
        select p.address from profile as p
        where p.bucket = %(bucket)s and p.id = %(profile)s and p.address is not null
        union
        select i.facts ->> 'address' from inbox as i
        where
            i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'identify'
            and i.facts ->> 'address' is not null
    );

-- name: requests
-- How often an address was asked for since a moment, what nobody has taken in yet included.
select
    (
        select count(*) from event as e
        where
            e.bucket = %(bucket)s and e.profile = %(profile)s and e.name = %(name)s and e.received_at > %(since)s
            and e.occurred_at > %(since)s - interval '30 days'
    ) + (
        select count(*) from inbox as i
        where
            i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'event' and i.name = %(name)s
            and i.moment > %(since)s
    );

-- name: home
-- The profile of a link: its workspace's name and buckets, and where it went if it was merged.
select p.workspace, p.merged_into, w.first_bucket, w.buckets
from profile as p
inner join workspace as w on p.workspace = w.id
where p.bucket = %(bucket)s and p.id = %(profile)s;

-- name: request
-- A request as it was taken in, and whether it was confirmed since.
select
    e.received_at, e.properties, e.context,
    exists (
        select from consent as c
        where
            c.bucket = %(bucket)s and c.profile = %(profile)s and c.granted
            and c.evidence ->> 'request' = %(request)s::text
    ) or exists (
        select from inbox as i
        where
            i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'consent'
            and i.facts -> 'evidence' ->> 'request' = %(request)s::text
    )
from event as e
where
    e.bucket = %(bucket)s and e.profile = %(profile)s and e.id = %(request)s and e.name = %(name)s and e.origin = 1;
