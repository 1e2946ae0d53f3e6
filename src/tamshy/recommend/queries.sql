-- name: forget_neighbours
-- What was learnt before, in one way.
delete from neighbour where workspace = %(workspace)s and kind = %(kind)s

-- name: forget_bestsellers
-- The same of what sells.
delete from bestseller where workspace = %(workspace)s

-- name: prepare_dealings
-- What people have had to do with the products of the catalogue, while it is learnt from.
create temp table if not exists dealing (
    profile uuid, orders text collate "C", at timestamptz, sku text collate "C", bought boolean
)

-- name: gather
-- Everything that was ordered, or shown by an event; a product by whichever of its two names the catalogue knows it.
with called as materialized (
    select distinct on (n.name) n.name, n.sku from product_name n where n.workspace = %(workspace)s order by n.name, n.sku
)
insert into dealing (profile, orders, at, sku, bought)
select l.profile, l.id, l.at, least(c.sku, d.sku), true
from (
    select o.profile, o.id, o.placed_at as at, shop_key(l.product -> 'sku') as name, shop_key(l.product -> 'product_id') as other
    from orders o
    cross join lateral jsonb_array_elements(o.products) l (product)
    where o.bucket >= %(first)s and o.bucket < %(beyond)s and o.counts and o.placed_at <= %(now)s
        and jsonb_typeof(l.product) = 'object'
) l
left join called c on c.name = l.name
left join called d on d.name = l.other
where coalesce(c.sku, d.sku) is not null
union all
select v.profile, '', v.occurred_at, c.sku, false
from event v
cross join lateral shop_names(v.properties) s (name)
join called c on c.name = s.name
where v.bucket >= %(first)s and v.bucket < %(beyond)s and v.name = any(%(shown)s::text[]) and v.occurred_at <= %(now)s

-- name: learn_neighbours
-- The products nearest to each in one way: how many have both, by how many have either (cosine), over people or over orders.
with since as (
    select max(d.at) - interval '365 days' as at from dealing d
), item as materialized (
    select p.sku, row_number() over (order by p.sku)::integer as id from product p where p.workspace = %(workspace)s
), had as materialized (
    -- Whose it is as a number: comparing texts and ids for each of millions of pairs is most of the work.
    select dense_rank() over (order by h.profile, h.orders)::integer as who, i.id
    from (
        select a.profile, a.orders, a.sku,
            row_number() over (partition by a.profile, a.orders order by max(a.at) desc, a.sku) as nth
        from (
            select d.profile, case when %(kind)s = 'together' then d.orders else '' end as orders, d.at, d.sku
            from dealing d
            where d.bought or %(kind)s = 'similar'
        ) a, since
        where a.at > since.at
        group by a.profile, a.orders, a.sku
    ) h
    join item i on i.sku = h.sku
    where h.nth <= %(history)s
), known as materialized (
    select h.id, count(*) as number from had h group by h.id having count(*) >= %(least)s
), pair as materialized (
    select a.id, b.id as other, count(*) as number
    from had a
    join had b on b.who = a.who and b.id > a.id
    group by a.id, b.id
    having count(*) >= %(least)s
), near as (
    select p.id, p.other, p.number / sqrt(k.number::double precision * o.number) as score
    from (select id, other, number from pair union all select other, id, number from pair) p
    join known k on k.id = p.id
    join known o on o.id = p.other
), placed as (
    select n.*, row_number() over (partition by n.id order by n.score desc, n.other) as place from near n
)
insert into neighbour (workspace, kind, sku, place, other, score)
select %(workspace)s, %(kind)s, i.sku, p.place, o.sku, p.score
from placed p
join item i on i.id = p.id
join item o on o.id = p.other
where p.place <= %(neighbours)s

-- name: learn_bestsellers
-- What most people have bought in the last 90 days before the newest order or look; then what most have looked at.
with counted as (
    select d.sku, count(distinct d.profile) filter (where d.bought) as buyers,
        count(distinct d.profile) filter (where not d.bought) as viewers
    from dealing d
    where d.at > (select max(n.at) from dealing n) - interval '90 days'
    group by d.sku
), placed as (
    select c.*, row_number() over (order by c.buyers desc, c.viewers desc, c.sku) as place from counted c
)
insert into bestseller (workspace, place, sku, buyers, viewers)
select %(workspace)s, p.place, p.sku, p.buyers, p.viewers from placed p where p.place <= %(bestsellers)s

-- name: bought
-- What some people have bought lately: nobody is told to buy it right again.
select r.profile, d.sku
from json_to_recordset(%(people)s::json) as r (profile uuid, now timestamptz)
join orders o on o.bucket = %(bucket)s and o.profile = r.profile and o.counts and o.placed_at <= r.now
    and o.placed_at > r.now - interval '30 days'
cross join lateral jsonb_array_elements(o.products) l (product)
cross join lateral product_of(%(workspace)s, l.product) d
group by r.profile, d.sku

-- name: popular
-- What sells, as far as there is any of it.
select b.sku
from bestseller b
join product p on p.workspace = b.workspace and p.sku = b.sku and coalesce(p.stock > 0, true)
where b.workspace = %(workspace)s
order by b.place

-- name: new
-- What came last, as far as there is any of it; what the shop had from the first stands behind.
select p.sku from product p
where p.workspace = %(workspace)s and p.arrived_at is not null and coalesce(p.stock > 0, true)
order by p.arrived_at desc, p.since desc, p.sku limit %(many)s

-- name: viewed
-- What some people have looked at last, as far as there is any of it.
select f.profile, f.sku
from (
    select r.profile, d.sku, max(v.occurred_at) as at,
        row_number() over (partition by r.profile order by max(v.occurred_at) desc, d.sku) as nth
    from json_to_recordset(%(people)s::json) as r (profile uuid, now timestamptz)
    cross join lateral (
        select v.occurred_at, v.properties from event v
        where v.bucket = %(bucket)s and v.profile = r.profile and v.name = %(viewed)s and v.occurred_at <= r.now
        order by v.occurred_at desc limit 100
    ) v
    cross join lateral shop_names(v.properties) s (name)
    cross join lateral (
        select n.sku from product_name n where n.workspace = %(workspace)s and n.name = s.name order by n.sku limit 1
    ) d
    join product p on p.workspace = %(workspace)s and p.sku = d.sku and coalesce(p.stock > 0, true)
    group by r.profile, d.sku
) f
where f.nth <= %(many)s
order by f.profile, f.nth

-- name: recent
-- What some people have looked at, carted or bought last, whether or not there is any of it: what else to compare with.
select f.profile, f.sku
from (
    select r.profile, d.sku, max(v.occurred_at) as at,
        row_number() over (partition by r.profile order by max(v.occurred_at) desc, d.sku) as nth
    from json_to_recordset(%(people)s::json) as r (profile uuid, now timestamptz)
    cross join lateral unnest(%(names)s::text[]) e (name)
    cross join lateral (
        select v.occurred_at, v.properties from event v
        where v.bucket = %(bucket)s and v.profile = r.profile and v.name = e.name and v.occurred_at <= r.now
        order by v.occurred_at desc limit 20
    ) v
    cross join lateral shop_names(v.properties) s (name)
    cross join lateral (
        select n.sku from product_name n where n.workspace = %(workspace)s and n.name = s.name order by n.sku limit 1
    ) d
    group by r.profile, d.sku
) f
where f.nth <= 10
order by f.profile, f.nth

-- name: next
-- What those buy who have bought the same: the cosines of all that somebody has bought in a year, added up.
select f.profile, f.sku
from (
    select b.profile, n.other as sku, row_number() over (partition by b.profile order by sum(n.score) desc, n.other) as nth
    from (
        select r.profile, d.sku, row_number() over (partition by r.profile order by max(o.placed_at) desc, d.sku collate "C") as nth
        from json_to_recordset(%(people)s::json) as r (profile uuid, now timestamptz)
        join orders o on o.bucket = %(bucket)s and o.profile = r.profile and o.counts and o.placed_at <= r.now
            and o.placed_at > r.now - interval '365 days'
        cross join lateral jsonb_array_elements(o.products) l (product)
        cross join lateral product_of(%(workspace)s, l.product) d
        group by r.profile, d.sku
    ) b
    join neighbour n on n.workspace = %(workspace)s and n.kind = 'next' and n.sku = b.sku
    join product p on p.workspace = %(workspace)s and p.sku = n.other and coalesce(p.stock > 0, true)
    where b.nth <= %(history)s
    group by b.profile, n.other
) f
where f.nth <= %(many)s
order by f.profile, f.nth

-- name: called
-- Which products some names mean.
select distinct on (n.name) n.name, n.sku
from product_name n
where n.workspace = %(workspace)s and n.name = any(%(names)s::text[])
order by n.name, n.sku

-- name: near
-- What goes with some products in one way, as far as there is any of it.
select n.sku, n.other, n.score
from neighbour n
join product p on p.workspace = n.workspace and p.sku = n.other and coalesce(p.stock > 0, true)
where n.workspace = %(workspace)s and n.kind = %(kind)s and n.sku = any(%(skus)s::text[])
order by n.sku, n.place

-- name: products
-- Some products, as templates see them.
select p.sku, p.told || jsonb_build_object('sku', p.sku)
from product p
where p.workspace = %(workspace)s and p.sku = any(%(skus)s::text[])

-- name: workspace_of
-- Whose bucket it is.
select id from workspace where first_bucket <= %(bucket)s and first_bucket + buckets > %(bucket)s
