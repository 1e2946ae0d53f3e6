-- name: buckets_due
-- The buckets that have an errand to run, or a claim whose owner is gone; one look at the index for each.
select l.bucket from lease l
where exists (
    select from errand g where g.bucket = l.bucket and g.state in ('queued', 'under_way') and g.next_at <= %(now)s)
order by l.bucket

-- name: any_answered
-- Whether anybody who waits has an answer, and stands in no flow that is paused.
select exists (
    select from errand where bucket = %(bucket)s and waits and state in ('done', 'failed') and flow <> all(%(paused)s))

-- name: withdraw
-- A webhook is not called for an enrollment that has ended before its first try.
update errand g
set state = 'withdrawn', settled_at = %(now)s, waits = false
where g.bucket = %(bucket)s and g.state = 'queued' and g.next_at <= %(now)s and g.waits and g.attempts = 0 and not exists (
    select from enrollment e where e.bucket = %(bucket)s and e.profile = g.profile and e.id = g.enrollment and e.active)

-- name: claim
-- Takes what is due, past rows that another process holds; committed before the outside hears a word. The fence grows, so that
-- whoever had it before records nothing any more.
with due as materialized (
    select g.profile, g.id from errand g
    where g.bucket = %(bucket)s and g.state in ('queued', 'under_way') and g.next_at <= %(now)s
    order by g.next_at, g.id
    limit %(limit)s
    for update skip locked
)
update errand g
set state = 'under_way', attempts = g.attempts + 1, fence = g.fence + 1, owner = %(owner)s, next_at = %(until)s
from due d, workspace w
where g.bucket = %(bucket)s and g.profile = d.profile and g.id = d.id and w.id = g.workspace
returning g.profile, g.id, g.workspace, g.kind, g.request, g.attempts, g.fence, g.asked_at, w.name

-- name: record
-- How tries ended, where the claim still is the one that was tried.
update errand g
set state = r.s, answer = r.a, reply = r.r, next_at = r.n, settled_at = r.t, owner = null
from json_to_recordset(%(rows)s::json) as r (p uuid, i uuid, f bigint, s text, a jsonb, r text, n timestamptz, t timestamptz)
where g.bucket = %(bucket)s and g.profile = r.p and g.id = r.i and g.state = 'under_way' and g.fence = r.f

-- name: extend
-- A claim whose errand is still under way holds on.
update errand g
set next_at = %(until)s
from json_to_recordset(%(rows)s::json) as r (p uuid, i uuid, f bigint)
where g.bucket = %(bucket)s and g.profile = r.p and g.id = r.i and g.state = 'under_way' and g.fence = r.f

-- name: counts
-- Errands by kind and state that are not done yet, and those given up in the last day.
select g.kind, g.state, count(*)::integer
from lease l
cross join lateral (
    select kind, state from errand q where q.bucket = l.bucket and q.state in ('queued', 'under_way')
    union all
    select kind, state from errand f where f.bucket = l.bucket and f.state = 'failed' and f.settled_at > %(since)s
) g
group by g.kind, g.state
order by g.kind, g.state
