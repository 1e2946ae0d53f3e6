-- name: journal
-- What happened, by time, then profile, then as it happened; a profile goes by its user id, else its address, else its anonymous id.
select j.at, j.kind, n.name, j.flow, j.step, j.message, j.outcome, j.reason, j.until, j.address, j.locale, j.subject, j.key,
    coalesce(j.facts -> 'arms', '{}')
from journal j
join profile p on p.bucket = j.bucket and p.id = j.profile
cross join lateral (
    select coalesce(
        (select i.value from identifier i where i.bucket = p.bucket and i.profile = p.id and i.kind = 'user_id'
            order by i.since, i.value limit 1),
        p.address,
        (select i.value from identifier i where i.bucket = p.bucket and i.profile = p.id and i.kind = 'anonymous_id'
            order by i.since, i.value limit 1),
        p.id::text)
) as n (name)
where j.kind in ('enrollment', 'message') and j.at <= %(until)s
order by j.at, n.name collate "C", j.pass, j.ord, j.flow, j.key, j.outcome, j.id

-- name: last_moment
-- When the last of the history arrives.
select max(moment) from inbox

-- name: past_people
-- Everybody as they are known now, with the identifiers that lead to them, the oldest first.
select p.id, p.die, p.created_at, p.properties, p.stamps, (
    select jsonb_agg(jsonb_build_array(i.kind, i.value) order by i.since, i.kind, i.value)
    from identifier i where i.bucket = p.bucket and i.profile = p.id
) as identifiers
from profile p
where p.bucket between %(first)s and %(last)s and p.merged_into is null and p.created_at <= %(until)s

-- name: past_events
-- What they did, as it was told from outside or read from a file; the engine's own events come of themselves.
select profile, name, occurred_at, received_at, origin, properties, context
from event
where bucket between %(first)s and %(last)s and origin <> 1 and received_at <= %(until)s

-- name: past_deeds
-- What they did with the mail that they got.
select profile, name, occurred_at, received_at, properties ->> 'message', properties ->> 'url'
from event
where bucket between %(first)s and %(last)s and origin = 1 and name in ('Message Opened', 'Message Clicked')
    and received_at <= %(until)s

-- name: past_consents
-- What they agreed to and took back; what a flow said in their name it says again.
select profile, topic, granted, occurred_at, taken_in_at, source, evidence
from consent
where bucket between %(first)s and %(last)s and source not like 'flow/%%' and taken_in_at <= %(until)s

-- name: past_suppressions
-- Whose address is never written to, and since when.
select p.id, s.reason, s.since
from suppression s
join profile p on p.bucket between %(first)s and %(last)s and p.address = s.address and p.merged_into is null
where s.workspace = %(workspace)s and s.since <= %(until)s

-- name: outcome
-- What was decided in a stretch of time, by flow, message, reason (`sent` where it was) and week from its beginning.
select m.flow, m.message, coalesce(m.reason, 'sent'), floor(extract(epoch from m.decided_at - %(since)s) / 604800)::integer,
    count(*)::integer
from message m
join workspace w on w.id = m.workspace and w.name = %(name)s
where m.bucket between w.first_bucket and w.first_bucket + w.buckets - 1 and m.state <> 'accepted'
    and m.decided_at > %(since)s and m.decided_at <= %(until)s
group by 1, 2, 3, 4
order by 1, 2, 3, 4

-- name: entered
-- How many entered each flow in that time.
select e.flow, count(*)::integer
from enrollment e
join workspace w on w.id = e.workspace and w.name = %(name)s
where e.bucket between w.first_bucket and w.first_bucket + w.buckets - 1
    and e.entered_at > %(since)s and e.entered_at <= %(until)s
group by 1
order by 1

-- name: coming
-- When the next thing happens to anybody: a day without anything needs no look.
select least((select min(moment) from inbox), (select min(at) from occasion), (select min(at) from flip),
    (select min(work_at) from enrollment where active and work_at < 'infinity'))

-- name: begins
-- When a schedule can next come for anybody, in whatever zone they live, or come to.
select greatest(%(done)s::timestamptz, (min(t.reading) - interval '15 hours') at time zone 'UTC') from tick t
where t.workspace = %(workspace)s and t.mark = any(%(marks)s::uuid[])
    and t.reading > %(done)s::timestamptz at time zone 'UTC' - interval '15 hours'
