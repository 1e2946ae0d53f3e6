-- name: profile
-- The profile of a token: its workspace's buckets, and where it went if it was merged.
select p.workspace, p.merged_into, w.first_bucket, w.buckets
from profile p join workspace w on w.id = p.workspace
where p.bucket = %(bucket)s and p.id = %(profile)s

-- name: message
-- The message of a token with what it says and when it was handed over.
select m.message, m.kind, m.topic,
    coalesce(case when jsonb_typeof(p.properties -> 'locale') = 'string' then p.properties ->> 'locale' end, m.locale),
    m.address, c.html, c.links, case when d.state = 'sent' then d.settled_at end,
    d.state = 'handing_over'
from message m
join profile p on p.bucket = %(bucket)s and p.id = m.profile
left join content c on c.bucket = %(bucket)s and c.profile = m.profile and c.message = m.id
left join delivery d on d.bucket = %(bucket)s and d.profile = m.profile and d.message = m.id
where m.bucket = %(bucket)s and m.profile = %(profile)s and m.id = %(message)s and m.state = 'sent'

-- name: keep
-- Every hit as it came, machines' too; the same hit once.
insert into engagement (bucket, profile, id, message, kind, occurred_at, url, machine, facts)
select %(bucket)s, m.profile, r.hit, m.id, r.did, r.at, r.url, r.machine, r.facts
from json_to_recordset(%(rows)s::json) as r (
    profile uuid, message uuid, did text, at timestamptz, url text, machine boolean, hit uuid, facts jsonb
)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message
on conflict do nothing

-- name: seen
-- Which of these events are told for the first time; two that tell the same one at once wait for each other here.
insert into seen_message (workspace, digest, seen_at)
select distinct m.workspace, r.digest, r.seen_at
from json_to_recordset(%(rows)s::json) as r (digest uuid, seen_at timestamptz, message uuid, profile uuid)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message
order by m.workspace, r.digest
on conflict do nothing
returning digest

-- name: tell
-- What people's hits mean to the engine: its own events, consent withdrawn, an address that is not written to any more.
insert into inbox (
    bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, facts
)
select %(bucket)s, m.profile, r.worked_at, false, r.ord, r.event, m.workspace,
    case when r.did = 'unsubscribed' then 'consent' when r.did in ('bounced', 'complained') then 'suppress' else
    'event' end, 1, case r.did when 'opened' then 'Message Opened' when 'clicked' then 'Message Clicked'
        when 'unsubscribed' then 'Unsubscribed' when 'bounced' then 'Message Bounced' else 'Message Complained' end,
    r.at,
    jsonb_strip_nulls(jsonb_build_object('message', m.message, 'flow', m.flow, 'step', m.step, 'message_id', m.id,
        'enrollment', m.enrollment, 'url', r.url, 'topic', case when r.did = 'unsubscribed' then m.topic end)),
    case r.did
        when 'unsubscribed' then jsonb_build_object('topic', m.topic, 'granted', false, 'source', r.source,
            'evidence', r.facts)
        when 'bounced' then jsonb_build_object('reason', 'hard_bounce', 'address', m.address, 'evidence', r.facts)
        when 'complained' then jsonb_build_object('reason', 'complaint', 'address', m.address, 'evidence', r.facts)
        else '{}' end
from json_to_recordset(%(rows)s::json) as r (
    profile uuid, message uuid, did text, at timestamptz, worked_at timestamptz, url text, ord bigint, event uuid,
    source text, facts jsonb
)
join message m on m.bucket = %(bucket)s and m.profile = r.profile and m.id = r.message
on conflict do nothing

-- name: hold_message
-- Lets one hit after the other be judged: a scanner's come side by side, and none must miss the others.
select from message
where bucket = %(bucket)s and profile = %(profile)s and id = %(message)s for no key update

-- name: recent
-- The newest hits on a message within the last minute, to be seen together with one more.
select e.id, e.occurred_at, e.kind, e.url, e.facts from engagement e
where e.bucket = %(bucket)s and e.profile = %(profile)s and e.message = %(message)s
    and e.kind in ('opened', 'clicked', 'looked') and e.occurred_at >= %(since)s
order by e.occurred_at desc, e.id
limit %(most)s

-- name: mark
-- Hits that turned out to be a machine's, with the reason.
update engagement e
set machine = true, facts = e.facts || jsonb_build_object('why', r.why)
from json_to_recordset(%(rows)s::json) as r (hit uuid, why text)
where e.bucket = %(bucket)s and e.profile = %(profile)s and e.id = r.hit

-- name: take_back
-- Takes back what the engine has not been told yet of such hits.
delete from inbox i
where i.bucket = %(bucket)s and i.profile = %(profile)s and i.moment > %(now)s and i.kind = 'event' and i.origin = 1
    and i.id = any(%(events)s::uuid[])
returning i.id

-- name: unsee
-- What was taken back may be told again, by a person.
delete from seen_message where workspace = %(workspace)s and digest = any(%(events)s::uuid[])

-- name: hold_profile
-- Lets one request after the other change the consent of a profile.
select from profile where bucket = %(bucket)s and id = %(profile)s for no key update

-- name: consents
-- What the profile has said on each topic: as taken in, and as it waits in the inbox.
select c.key, (c.value ->> 'on')::boolean,
    'epoch'::timestamptz + make_interval(secs => (c.value ->> 'at')::numeric::double precision / 1000000)
from profile p cross join lateral jsonb_each(p.consents) c
where p.bucket = %(bucket)s and p.id = %(profile)s
union all
select i.facts ->> 'topic', (i.facts ->> 'granted')::boolean, i.occurred_at
from inbox i
where i.bucket = %(bucket)s and i.profile = %(profile)s and i.kind = 'consent'

-- name: consent
-- A recipient's own word on topics, with the message it came through as its evidence.
insert into inbox (
    bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, facts
)
select %(bucket)s, m.profile, %(now)s, false, r.ord, r.id, m.workspace, 'consent', 1,
    case when r.granted then 'Subscribed' else 'Unsubscribed' end, %(now)s,
    jsonb_build_object('topic', r.topic, 'message', m.message, 'flow', m.flow, 'step', m.step, 'message_id', m.id,
        'enrollment', m.enrollment),
    jsonb_build_object('topic', r.topic, 'granted', r.granted, 'source', %(source)s::text, 'evidence', r.evidence)
from json_to_recordset(%(rows)s::json) as r (id uuid, ord bigint, topic text, granted boolean, evidence jsonb)
join message m on m.bucket = %(bucket)s and m.profile = %(profile)s and m.id = %(message)s
on conflict do nothing
