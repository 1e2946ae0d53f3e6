-- name: forget_learnt
-- What was learnt before.
delete from learnt_interval where workspace = %(workspace)s

-- name: learn
-- How long products last: the middle of the times between one purchase and the next, over all people, where there are pairs enough.
with bought as materialized (
    select distinct o.profile, d.sku, o.placed_at
    from orders o
    cross join lateral jsonb_array_elements(o.products) l (product)
    cross join lateral product_of(%(workspace)s, l.product) d
    where o.bucket >= %(first)s and o.bucket < %(beyond)s and o.counts and o.placed_at <= %(now)s
), gap as (
    select b.sku, extract(epoch from b.placed_at - lag(b.placed_at) over (partition by b.profile, b.sku order by b.placed_at)) as seconds
    from bought b
)
insert into learnt_interval (workspace, sku, pairs, lasts_days)
select %(workspace)s, g.sku, count(*), make_interval(days => round(percentile_cont(0.5) within group (order by g.seconds) / 86400)::integer)
from gap g
where g.seconds is not null
group by g.sku
having count(*) >= %(pairs)s and percentile_cont(0.5) within group (order by g.seconds) >= 43200
