-- name: people
-- How many people the workspace knows, merged ones aside.
select count(*) from profile where bucket between %(first)s and %(last)s and merged_into is null

-- name: outcomes
-- What was decided, counted by flow, kind, outcome and reason. (Bounded by what the journal keeps.)
select flow, kind, outcome, coalesce(reason, ''), count(*)
from journal where bucket between %(first)s and %(last)s
group by flow, kind, outcome, coalesce(reason, '')

-- name: sent_by_step
-- How many messages each send step has sent.
select flow, step, count(*) from message
where bucket between %(first)s and %(last)s and state = 'sent'
group by flow, step

-- name: engaged
-- How many messages were opened and clicked by people, by flow; several clicks of one message count once.
select m.flow, g.kind, count(distinct g.message)
from engagement g
join message m on m.bucket = g.bucket and m.profile = g.profile and m.id = g.message
where g.bucket between %(first)s and %(last)s and not g.machine
group by m.flow, g.kind

-- name: converted
-- How many enrollments ended in what the flow is for.
select flow, count(*) from conversion
where bucket between %(first)s and %(last)s and not held_out
group by flow

-- name: standing
-- Who is inside a flow and where, the newest first.
select e.id, e.flow, e.version, e.step
from enrollment e
where e.bucket between %(first)s and %(last)s and e.active
order by e.entered_at desc
limit %(limit)s

-- name: crowd
-- How many people stand at each step.
select flow, version, step, count(*) from enrollment
where bucket between %(first)s and %(last)s and active
group by flow, version, step

-- name: left_lately
-- Who has left a flow since a moment, and how: their drops leave the stream.
select j.enrollment, j.flow, coalesce(j.reason, '')
from generate_series(%(first)s::int, %(last)s::int) b
cross join lateral (
    select enrollment, flow, reason, kind, outcome from journal
    where bucket = b and at > %(since)s order by at desc limit 100
) j
where j.kind = 'enrollment' and j.outcome = 'exited'
limit 200

-- name: lines
-- The newest lines of the journal with who they are about; each bucket gives its newest by its own index.
select j.bucket, j.profile, j.pass, j.ord, j.id, j.at, j.kind, j.flow, j.outcome, j.reason, j.step, j.message, j.until,
    j.subject, j.locale, p.zone, p.properties, p.address,
    case when j.reason = 'exit_on' then (
        select v.name from event v where v.bucket = j.bucket and v.profile = j.profile and v.id::text = j.facts ->> 'event') end
from generate_series(%(first)s::int, %(last)s::int) b
cross join lateral (
    select * from journal where bucket = b and kind <> 'problem' and not (outcome = 'refused' and reason in ('audience', 'active'))
    order by at desc limit %(limit)s
) j
join profile p on p.bucket = j.bucket and p.id = j.profile
order by j.at desc, j.pass desc, j.ord desc, j.id
limit %(limit)s

-- name: mails
-- The newest messages sent, as an inbox shows them.
select m.bucket, m.profile, m.id, m.decided_at, m.flow, m.step, m.message, m.locale, m.address, c.subject, c.preheader,
    p.zone, p.properties,
    exists (
        select from engagement g where g.bucket = m.bucket and g.profile = m.profile and g.message = m.id
            and g.kind = 'opened' and not g.machine),
    exists (
        select from engagement g where g.bucket = m.bucket and g.profile = m.profile and g.message = m.id
            and g.kind = 'clicked' and not g.machine)
from (
    select n.* from generate_series(%(first)s::int, %(last)s::int) b
    cross join lateral (
        select bucket, profile, id, decided_at from message
        where bucket = b and state = 'sent' order by decided_at desc limit %(limit)s
    ) n
    order by n.decided_at desc limit %(limit)s
) n
join message m on m.bucket = n.bucket and m.profile = n.profile and m.id = n.id
join content c on c.bucket = m.bucket and c.profile = m.profile and c.message = m.id
join profile p on p.bucket = m.bucket and p.id = m.profile
order by m.decided_at desc, m.id

-- name: mail
-- One message as it was sent, with why and to whom.
select m.bucket, m.profile, m.id, m.decided_at, m.flow, m.step, m.message, m.locale, m.address, c.subject, c.preheader,
    p.zone, p.properties, c.html, c.plain, c.from_address, c.reply_to, m.kind, m.topic, m.due_at, m.facts,
    coalesce(d.state, ''), coalesce(d.reply, ''), c.links
from message m
join content c on c.bucket = m.bucket and c.profile = m.profile and c.message = m.id
join profile p on p.bucket = m.bucket and p.id = m.profile
left join delivery d on d.bucket = m.bucket and d.profile = m.profile and d.message = m.id
where m.bucket = %(bucket)s and m.profile = %(profile)s and m.id = %(message)s

-- name: person
-- One profile.
select id, created_at, properties, address, zone, consents, suppressed, merged_into
from profile where bucket = %(bucket)s and id = %(profile)s

-- name: person_events
-- What one person did, the newest first; the engine's own word on mail comes from the journal instead.
select occurred_at, name, origin, properties, id from event
where bucket = %(bucket)s and profile = %(profile)s and name <> 'Message Sent'
order by occurred_at desc, id limit %(limit)s

-- name: person_lines
-- What was decided for one person, the newest first.
select j.at, j.kind, j.flow, j.outcome, j.reason, j.step, j.message, j.until, j.subject, j.locale, j.id,
    case when j.reason = 'exit_on' then (
        select v.name from event v where v.bucket = %(bucket)s and v.profile = j.profile and v.id::text = j.facts ->> 'event') end
from journal j
where j.bucket = %(bucket)s and j.profile = %(profile)s
order by j.at desc, j.pass desc, j.ord desc, j.id limit %(limit)s

-- name: person_inside
-- Where one person stands, and when it goes on; null: as soon as a mail is rendered.
select flow, version, step, entered_at, nullif(work_at, 'infinity') from enrollment
where bucket = %(bucket)s and profile = %(profile)s and active
order by work_at, flow

-- name: person_mails
-- The messages one person was sent: found by when and what, to lead from a line of the story to the mail.
select id, decided_at, message from message
where bucket = %(bucket)s and profile = %(profile)s and state = 'sent'
order by decided_at desc limit %(limit)s

-- name: newcomers
-- The people known longest, for choosing whom to look at first.
select id, created_at, properties, address, zone from profile
where bucket between %(first)s and %(last)s and merged_into is null and address is not null
order by created_at desc, id limit %(limit)s

-- name: at_step
-- Who stands at one step, the next to move on first; null: as soon as a mail is rendered.
select e.profile, p.properties, p.address, p.zone, e.entered_at, nullif(e.work_at, 'infinity')
from enrollment e
join profile p on p.bucket = e.bucket and p.id = e.profile
where e.bucket between %(first)s and %(last)s and e.active and e.flow = %(flow)s and e.version = %(version)s and e.step = %(step)s
order by e.work_at, e.profile limit %(limit)s

-- name: newest_publication
-- The workspace that the page shows, its newest publication, and a word that changes when a flow is paused or archived.
select w.name, p.number,
    coalesce((select string_agg(f.name || f.paused || f.archived, ',' order by f.name) from flow f where f.workspace = w.id), '')
from workspace w
join publication p on p.workspace = w.id
order by w.id, p.number desc
limit 1

-- name: letters_since
-- The messages sent since a moment, with what a recipient needs to open and follow them.
select m.bucket, m.profile, m.id, m.decided_at, m.message, m.address, c.html, jsonb_array_length(c.links)
from generate_series(%(first)s::int, %(last)s::int) b
cross join lateral (
    select bucket, profile, id from message
    where bucket = b and state = 'sent' and decided_at > %(since)s order by decided_at limit 100
) n
join message m on m.bucket = n.bucket and m.profile = n.profile and m.id = n.id
join content c on c.bucket = m.bucket and c.profile = m.profile and c.message = m.id
order by m.decided_at, m.id
limit %(limit)s

-- name: span
-- The buckets of the workspace that the page shows.
select first_bucket, first_bucket + buckets - 1 from workspace order by id limit 1

-- name: any_mail
-- Whether there is a mail in the inbox.
select exists (select from content)

-- name: schema_is_there
-- Whether the tables have been made.
select to_regclass('journal') is not null

-- name: newest_moment
-- The newest moment at which anything has happened: a clock that goes on must not run behind it.
select greatest((select max(at) from journal), (select max(received_at) from event), (select max(moment) from inbox))

-- name: with_address
-- Who has this address.
select bucket, profile from identifier where workspace = %(workspace)s and kind = 'email' and value = %(address)s
