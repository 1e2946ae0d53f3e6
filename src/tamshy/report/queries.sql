-- name: passages
-- Of each flow, apart for those held out: people, how often they entered, and the sums of what each of them did: converted or not, and
-- what their conversions were worth. One person is one observation, held out or not from the first entry on (rule 25).
with people as materialized (
    select e.profile, e.flow, count(*) as entries, bool_or(e.held_out) as held_out from enrollment e
    where e.bucket = %(bucket)s and e.flow = any(%(flows)s)
    group by e.profile, e.flow
), valued as (
    select p.flow, p.held_out, p.entries, c.times, c.worth
    from people p
    cross join lateral (
        select count(*) as times, coalesce(sum(c.value), 0)::double precision as worth from conversion c
        where c.bucket = %(bucket)s and c.profile = p.profile and c.flow = p.flow
    ) c
)
select flow, held_out, count(*)::integer, sum(entries)::integer, count(*) filter (where times > 0)::integer, sum(worth),
    sum(worth * worth), sum(worth * worth * worth), sum(abs(worth))
from valued group by flow, held_out

-- name: mails
-- Of each step that sent: how often, to how many people, and how many of them opened and clicked (people, not machines).
with sent as materialized (
    select m.profile, m.flow, m.step, m.message, m.id::text as id from message m
    where m.bucket = %(bucket)s and m.flow = any(%(flows)s) and m.state = 'sent'
), deeds as materialized (
    select v.profile, v.properties ->> 'message_id' as id, bool_or(v.name = 'Message Opened') as opened,
        bool_or(v.name = 'Message Clicked') as clicked
    from event v
    where v.bucket = %(bucket)s and v.name in ('Message Opened', 'Message Clicked') and v.origin = 1
    group by 1, 2
)
select s.flow, s.step, s.message, count(*)::integer, count(distinct s.profile)::integer,
    count(distinct s.profile) filter (where d.opened)::integer, count(distinct s.profile) filter (where d.clicked)::integer
from sent s
left join deeds d on d.profile = s.profile and d.id = s.id
group by s.flow, s.step, s.message

-- name: pace
-- How many people came into each experiment in the week before a moment, and when the first of all did.
select a.experiment, count(*) filter (where a.since > %(week)s)::integer, min(a.since) from arm a
where a.bucket = %(bucket)s and a.experiment = any(%(experiments)s) and not a.held_out and a.since <= %(at)s
group by a.experiment

-- name: newcomers
-- How many people entered each flow for the first time in the week before a moment, and when the first of all did.
select f.flow, count(*) filter (where f.since > %(week)s)::integer, min(f.since)
from (
    select e.profile, e.flow, min(e.entered_at) as since from enrollment e
    where e.bucket = %(bucket)s and e.flow = any(%(flows)s)
    group by e.profile, e.flow
) f
group by f.flow
