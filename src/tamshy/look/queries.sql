-- name: sample
-- Of each arm of some experiments: how many people, and the sums of what each of them has done since they came into it. One person is
-- one observation. Of mails those count that went out behind the split, of conversions those of enrollments that passed it.
with wanted as materialized (
    select e as experiment, m as measure, s as since from json_to_recordset(%(rows)s::json) as r (e text, m text, s timestamptz)
), people as materialized (
    select a.profile, a.experiment, a.arm, a.since, w.measure,
        case w.measure when 'opened' then 'Message Opened' when 'clicked' then 'Message Clicked' end as deed
    from arm a
    join wanted w on w.experiment = a.experiment
    where a.bucket = %(bucket)s and a.since >= w.since and a.since < %(at)s and not a.held_out
), valued as (
    select p.experiment, p.measure, p.arm, case
        when p.deed is not null then case when exists (
            select from event v
            join message m on m.bucket = %(bucket)s and m.profile = p.profile and m.id::text = v.properties ->> 'message_id'
            where v.bucket = %(bucket)s and v.profile = p.profile and v.name = p.deed and v.origin = 1
                and v.occurred_at >= p.since and v.occurred_at < %(at)s and m.facts -> 'arms' ? p.experiment) then 1 else 0 end
        else coalesce((
            select case p.measure when 'conversion' then 1 when 'revenue' then sum(c.value) else sum(w.profit) end
            from conversion c
            join enrollment e on e.bucket = %(bucket)s and e.profile = p.profile and e.id = c.enrollment
                and e.arms ? p.experiment
            left join lateral (
                -- An order's profit as it says itself, else what its lines bring less what they cost and less the discount.
                select coalesce(
                    case when jsonb_typeof(v.properties -> 'profit') = 'number' then (v.properties ->> 'profit')::numeric end,
                    l.brought - case when jsonb_typeof(v.properties -> 'discount') = 'number'
                        then (v.properties ->> 'discount')::numeric else 0 end) as profit
                from event v
                left join lateral (
                    select sum((n.price - n.cost) * n.quantity) as brought
                    from jsonb_array_elements(case when jsonb_typeof(v.properties -> 'products') = 'array'
                        then v.properties -> 'products' else '[]' end) i (line)
                    cross join lateral (
                        select case when jsonb_typeof(i.line -> 'price') = 'number' then (i.line ->> 'price')::numeric end as price,
                            case when jsonb_typeof(i.line -> 'cost') = 'number' then (i.line ->> 'cost')::numeric end as cost,
                            case when jsonb_typeof(i.line -> 'quantity') = 'number'
                                then (i.line ->> 'quantity')::numeric else 1 end as quantity
                    ) n
                ) l on true
                where p.measure = 'profit' and v.bucket = %(bucket)s and v.profile = p.profile and v.id = c.event
            ) w on true
            where c.bucket = %(bucket)s and c.profile = p.profile and c.occurred_at >= p.since and c.occurred_at < %(at)s
            having count(*) > 0
        ), 0) end::double precision as value
    from people p
)
select experiment, measure, arm, count(*)::integer, sum(value), sum(value * value), sum(value * value * value), sum(abs(value)),
    measure in ('opened', 'clicked', 'conversion')
from valued
group by experiment, measure, arm
order by experiment, measure, arm

-- name: newest
-- The newest look at each experiment before a moment.
select distinct on (experiment) experiment, at, definition, since, samples, weights, winner, why from look
where workspace = %(workspace)s and at < %(before)s
order by experiment, at desc

-- name: published
-- When each live version was published.
select v.id, v.published_at from flow_version v where v.id = any(%(versions)s)

-- name: write
-- What was seen; a look that was made already stays as it is.
insert into look (workspace, experiment, at, definition, since, samples, weights, winner, why)
select %(workspace)s, e, %(at)s, d, s, p, w, n, y
from json_to_recordset(%(rows)s::json) as r (e text, d jsonb, s timestamptz, p jsonb, w jsonb, n text, y text)
on conflict do nothing

-- name: looked
-- Whether a workspace's look of a moment is made.
select exists (select from look where workspace = %(workspace)s and at >= %(at)s)

-- name: settled
-- Whether a broadcast's trial has a winner.
select exists (
    select from look
    where workspace = %(workspace)s and experiment = %(experiment)s and definition = %(definition)s::jsonb and winner is not null)

-- name: first_due
-- When the first of those who wait for a trial is due.
select min(due_at) from enrollment
where bucket >= %(first)s and bucket < %(beyond)s and active and version = %(version)s
    and step in (%(step)s::integer, %(step)s::integer - 1)
