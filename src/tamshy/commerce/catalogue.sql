-- name: register
-- Products that nobody has told of before.
insert into product (workspace, sku, since, arrived_at)
select %(workspace)s, r.sku, %(at)s, case when %(at)s < coalesce(f.since, %(at)s) + %(founding)s then '-infinity'::timestamptz end
from json_to_recordset(%(rows)s::json) as r (sku text)
cross join (select min(p.since) as since from product p where p.workspace = %(workspace)s) f
order by r.sku
on conflict do nothing

-- name: hold
-- Those that are told of, held against others who tell of them, in one order for all.
select p.sku from product p
join json_to_recordset(%(rows)s::json) as r (sku text) on r.sku = p.sku
where p.workspace = %(workspace)s
order by p.sku
for update of p

-- name: tell
-- What is told of products, each part with its latest own time; what became cheaper or came back is kept until everybody has heard.
with r as materialized (
    select * from json_to_recordset(%(rows)s::json)
        as r (sku text, told jsonb, names text[], days text, seconds text, own bigint)
), said as materialized (
    select p.sku, p.price as old_price, p.stock as old_stock, r.names, r.days, r.seconds, s.told, s.stamps
    from r
    join product p on p.workspace = %(workspace)s and p.sku = r.sku
    cross join lateral (
        select coalesce(jsonb_object_agg(j.key, j.value), '{}'), coalesce(jsonb_object_agg(j.key, r.own), '{}')
        from jsonb_each(r.told) j
        where coalesce((p.stamps ->> j.key)::bigint <= r.own, true)
    ) s (told, stamps)
), changed as (
    update product p
    set told = p.told || s.told, stamps = p.stamps || s.stamps,
        names = (select array_agg(distinct n.name) from unnest(p.names || s.names) n (name)),
        price = shop_number((p.told || s.told) -> 'price'), stock = shop_number((p.told || s.told) -> 'stock'),
        category = (p.told || s.told) ->> 'category',
        arrived_at = coalesce(p.arrived_at,
            case when coalesce(shop_number((p.told || s.told) -> 'stock') > 0, true) then %(at)s::timestamptz end),
        lasts_days = case when s.told ? 'interval' then s.days::interval else p.lasts_days end,
        lasts_seconds = case when s.told ? 'interval' then s.seconds::interval else p.lasts_seconds end
    from said s
    where p.workspace = %(workspace)s and p.sku = s.sku
    returning p.sku, p.names, p.told, p.price, p.stock, s.old_price, s.old_stock
), called as (
    insert into product_name (workspace, name, sku)
    select %(workspace)s, n.name, c.sku from changed c cross join lateral unnest(c.names) n (name)
    on conflict do nothing
)
insert into product_change (workspace, batch, sku, names, product, old_price, price, back, at)
select %(workspace)s, %(batch)s, c.sku, c.names, c.told || jsonb_build_object('sku', c.sku), c.old_price, c.price,
    coalesce(c.old_stock <= 0 and c.stock > 0, false), %(at)s
from changed c
where c.price < c.old_price or (c.old_stock <= 0 and c.stock > 0)
on conflict do nothing

-- name: tell_categories
-- How long what belongs to a category lasts.
insert into product_category as c (workspace, category, lasts_days, lasts_seconds)
select %(workspace)s, r.category, r.days::interval, r.seconds::interval
from json_to_recordset(%(rows)s::json) as r (category text, days text, seconds text)
on conflict (workspace, category) do update set lasts_days = excluded.lasts_days, lasts_seconds = excluded.lasts_seconds

-- name: call_round
-- Every bucket has to tell its people.
insert into catalogue_turn (bucket, at, batch, workspace)
select l.bucket, %(at)s, %(batch)s, %(workspace)s
from lease l
join workspace w on w.id = %(workspace)s and l.bucket >= w.first_bucket and l.bucket < w.first_bucket + w.buckets
on conflict do nothing

-- name: forget_changes
-- Changes that everybody has heard of.
delete from product_change c
where c.at < %(before)s and not exists (select from catalogue_turn t where t.batch = c.batch)
