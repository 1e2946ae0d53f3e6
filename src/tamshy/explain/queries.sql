-- name: people
-- The profiles that go by a name: an identifier of any kind, their address, or their own id. Who was merged is who they are now.
with recursive found as (
    select p.bucket, p.id, p.merged_into from profile p
    where p.workspace = %(workspace)s and (p.id = %(id)s or p.address = any(%(names)s))
    union
    select p.bucket, p.id, p.merged_into from identifier i
    join profile p on p.bucket = i.bucket and p.id = i.profile
    where i.workspace = %(workspace)s and i.value = any(%(names)s)
    union
    select p.bucket, p.id, p.merged_into from found f
    join profile p on p.workspace = %(workspace)s and p.id = f.merged_into
)
select p.bucket, p.id, p.die, p.address, p.zone, p.suppressed, p.consents
from profile p
join found f on f.bucket = p.bucket and f.id = p.id
where p.merged_into is null
order by p.created_at, p.id
limit 20

-- name: identifiers
-- What a person goes by, the longest known first.
select kind, value from identifier where bucket = %(bucket)s and profile = %(profile)s
order by case kind when 'user_id' then 0 when 'email' then 1 else 2 end, since, value

-- name: consents
-- What was said last of each topic, with its source (rule 23).
select distinct on (topic) topic, granted, occurred_at, source, evidence from consent
where bucket = %(bucket)s and profile = %(profile)s
order by topic, occurred_at desc, granted, id

-- name: suppression
-- Why an address is not written to.
select reason, since, evidence from suppression
where workspace = %(workspace)s and (address = %(address)s or address in (
    select keyed_address(k.inner_pad, k.outer_pad, %(address)s) from erasure_key k where k.workspace = %(workspace)s))
order by since
limit 1

-- name: story
-- What was done and decided, as it happened, with the event behind it and the hand-over of what was sent.
select j.at, j.kind, j.flow, j.outcome, j.reason, j.key, j.step, j.message, j.until, j.address, j.locale, j.subject, j.facts,
    v.name, v.occurred_at, v.received_at, d.state, d.attempts, d.next_at, d.settled_at, d.reason, d.reply, j.version,
    v.origin
from journal j
left join event v on v.bucket = j.bucket and v.profile = j.profile and v.id::text = j.facts ->> 'event'
left join delivery d on j.outcome = 'sent' and d.bucket = j.bucket and d.profile = j.profile and d.message = j.id
where j.bucket = %(bucket)s and j.profile = %(profile)s
order by j.at, j.pass, j.ord, j.id

-- name: coupons
-- The codes that a person took, as lines of the story.
select c.asked_at, 'coupon', c.flow, c.state, null, null, c.step, null, c.expires_at, null, null, null,
    jsonb_build_object('code', c.code, 'pool', c.pool, 'as', c.variable, 'redeemed_at', c.redeemed_at)
from coupon c
where c.bucket = %(bucket)s and c.profile = %(profile)s and c.code is not null

-- name: errands
-- What was called out or told because of a person, as lines of the story; what is settled at the moment when it was.
select coalesce(g.settled_at, g.asked_at), g.kind, g.flow, g.state, null, null, g.step, null, g.next_at, null, null, null,
    jsonb_build_object('to', coalesce(g.request ->> 'url', g.request ->> 'to'), 'reply', g.reply, 'attempts', g.attempts)
from errand g
where g.bucket = %(bucket)s and g.profile = %(profile)s

-- name: standing
-- Where a person stands; a step that is reached again and again has its newest moment.
select e.flow, e.version, e.step, e.key, e.entered_at, e.reached_at, nullif(e.due_at, 'infinity'), nullif(e.work_at, 'infinity'),
    e.held_out, f.paused, e.arms, e.rounds,
    exists (
        select from journal j
        where j.bucket = %(bucket)s and j.profile = %(profile)s and j.enrollment = e.id and j.outcome = 'postponed'
            and j.until = e.work_at)
from enrollment e
join flow f on f.workspace = e.workspace and f.name = e.flow
where e.bucket = %(bucket)s and e.profile = %(profile)s and e.active
order by e.work_at, e.flow, e.key

-- name: coming
-- The dates of a person, and the schedules that mean them, that come next.
select flow, key, at from occasion where bucket = %(bucket)s and profile = %(profile)s order by at, flow, key

-- name: been_in
-- The flows that a person is or was in.
select distinct flow from enrollment where bucket = %(bucket)s and profile = %(profile)s

-- name: came
-- Which of these events a person has, how many and when last.
select name, count(*)::integer, max(occurred_at) from event
where bucket = %(bucket)s and profile = %(profile)s and name = any(%(names)s)
group by name

-- name: first_published
-- Since when each flow is there.
select flow, min(published_at) from flow_version where workspace = %(workspace)s group by flow

-- name: memberships
-- Since when somebody is in the segments that are kept.
select segment, since from membership where bucket = %(bucket)s and profile = %(profile)s

-- name: buyer
-- What was last found of somebody who has ordered.
select segment, score, clv, churn, next_order_at from buyer where bucket = %(bucket)s and profile = %(profile)s
