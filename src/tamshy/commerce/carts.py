"""Folding the events of a cart into what is in it: the newest full list, and what was added and removed after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.commerce.events import ADDED, COMPLETED, REMOVED, TOUCHING, WHOLE
from tamshy.rulebook import Statement

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook

_NAMES: Final = {
    "cart_events": [*ADDED, REMOVED, *WHOLE, *TOUCHING],
    "added": list(ADDED),
    "changing": [*ADDED, REMOVED],
    "whole": list(WHOLE),
    "removed": REMOVED,
    "completed": COMPLETED,
}

# The carts that the agenda's events are about; an order that names no cart closes all that are open.
_OF_AGENDA: Final = """
    select a.profile, shop_key(a.properties -> 'cart_id') as cart
    from agenda a
    where not a.due and (a.name = any(%(cart_events)s::text[]) or a.name = %(completed)s)
    union
    select a.profile, c.id
    from agenda a
    join cart c on c.bucket = %(bucket)s and c.profile = a.profile
    where not a.due and a.name = %(completed)s and shop_key(a.properties -> 'cart_id') = ''"""

# Those of a profile that another has just become one with: an order of the one may close a cart of the other.
_OF_PAIR: Final = """
    select distinct c.profile, c.id as cart
    from pair r
    join cart c on c.bucket = %(bucket)s and c.profile = r.survivor"""


def build(book: Rulebook) -> Statement | None:
    """Compile the statement that folds the carts which the agenda's events are about."""
    del book
    return Statement(_fold(_OF_AGENDA), dict(_NAMES))


def build_merged(book: Rulebook) -> Statement | None:
    """Compile the same for the profiles of ``pair`` that stay."""
    del book
    return Statement(_fold(_OF_PAIR), dict(_NAMES))


def _fold(touched: str) -> str:
    return f"""
with touched as materialized ({touched}
), closed as materialized (
    select t.profile, t.cart, (
        select max(v.occurred_at) from event v
        where v.bucket = %(bucket)s and v.profile = t.profile and v.name = %(completed)s
            and shop_key(v.properties -> 'cart_id') in ('', t.cart)
    ) as at
    from touched t
), said as materialized (
    -- A cart that somebody floods is what its newest events make of it.
    select c.profile, c.cart, v.id, v.name, v.occurred_at, v.properties
    from closed c
    cross join lateral (
        select v.id, v.name, v.occurred_at, v.properties from event v
        where v.bucket = %(bucket)s and v.profile = c.profile and v.name = any(%(cart_events)s::text[])
            and v.occurred_at > coalesce(c.at, '-infinity') and shop_key(v.properties -> 'cart_id') = c.cart
        order by v.occurred_at desc, v.id desc
        limit 1000
    ) v
), whole as materialized (
    -- The newest list of all products: what was before it changes nothing any more.
    select distinct on (s.profile, s.cart) s.profile, s.cart, s.occurred_at, s.id
    from said s
    where s.name = any(%(whole)s::text[]) and jsonb_typeof(s.properties -> 'products') = 'array'
    order by s.profile, s.cart, s.occurred_at desc, s.id desc
), change as materialized (
    -- Each line with by how much it grows; what is taken out without a number goes out whole.
    select s.profile, s.cart, s.occurred_at, s.id, p.place, shop_line(p.product) as line, p.product,
        s.name <> %(removed)s as added, shop_number(p.product -> 'price') as price,
        case when s.name = %(removed)s then -greatest(coalesce(shop_number(p.product -> 'quantity'), 1e18), 0)
            else greatest(coalesce(shop_number(p.product -> 'quantity'), 1), 0) end as delta
    from said s
    left join whole w on w.profile = s.profile and w.cart = s.cart
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof(s.properties -> 'products') = 'array' then s.properties -> 'products'
            else jsonb_build_array(
                s.properties - '{{cart_id,products,value,currency,wishlist_id,wishlist_name}}'::text[]) end
    ) with ordinality p (product, place)
    where s.id = w.id
        or (s.name = any(%(changing)s::text[]) and (w.id is null or (s.occurred_at, s.id) > (w.occurred_at, w.id)))
), running as (
    select c.*, sum(c.delta) over so_far as sum
    from change c
    where c.line is not null
    window so_far as (partition by c.profile, c.cart, c.line order by c.occurred_at, c.id, c.place rows unbounded preceding)
), standing as materialized (
    -- Nobody has less than nothing of a thing: how far the sum has been below it is put back.
    select r.*, r.sum - least(0, min(r.sum) over so_far) as quantity
    from running r
    window so_far as (partition by r.profile, r.cart, r.line order by r.occurred_at, r.id, r.place rows unbounded preceding)
), line as materialized (
    select s.profile, s.cart, s.line, min(s.occurred_at) as since, min(s.place) as place,
        (array_agg(s.quantity order by s.occurred_at desc, s.id desc, s.place desc))[1] as quantity,
        (array_agg(s.product order by s.occurred_at desc, s.id desc, s.place desc) filter (where s.added))[1] as product,
        coalesce((array_agg(s.price order by s.occurred_at desc, s.id desc, s.place desc)
            filter (where s.added and s.price is not null))[1], 0) as price
    from standing s
    group by s.profile, s.cart, s.line
), told as materialized (
    -- What the newest event that tells it says that the cart is worth.
    select distinct on (s.profile, s.cart) s.profile, s.cart, s.occurred_at, s.id, shop_number(s.properties -> 'value') as value
    from said s
    left join whole w on w.profile = s.profile and w.cart = s.cart
    where s.name = any(%(whole)s::text[]) and shop_number(s.properties -> 'value') is not null
        and (w.id is null or (s.occurred_at, s.id) >= (w.occurred_at, w.id))
    order by s.profile, s.cart, s.occurred_at desc, s.id desc
), grown as materialized (
    -- By how much it has grown since.
    select s.profile, s.cart, sum(s.grown * coalesce(s.price, l.price)) as value
    from (
        select s.*, s.quantity - lag(s.quantity, 1, 0) over (
            partition by s.profile, s.cart, s.line order by s.occurred_at, s.id, s.place) as grown
        from standing s
    ) s
    join told t on t.profile = s.profile and t.cart = s.cart and (s.occurred_at, s.id) > (t.occurred_at, t.id)
    join line l on l.profile = s.profile and l.cart = s.cart and l.line = s.line
    group by s.profile, s.cart
), filled as materialized (
    select l.profile, l.cart, sum(l.quantity * l.price) as value, sum(l.quantity) as count,
        coalesce(jsonb_agg(l.product || jsonb_build_object('quantity', trim_scale(l.quantity)) order by l.since, l.place, l.line)
            filter (where l.quantity > 0), '[]') as products,
        coalesce(jsonb_agg(l.product - 'quantity' order by l.since, l.place, l.line) filter (where l.quantity = 0), '[]') as removed
    from line l
    where jsonb_typeof(l.product) = 'object'
    group by l.profile, l.cart
), folded as materialized (
    select s.profile, s.cart, min(s.occurred_at) as opened_at, max(s.occurred_at) as touched_at,
        trim_scale(case
            when t.id is null then coalesce(f.value, 0)
            when f.count = 0 and g.profile is not null then 0
            else greatest(t.value + coalesce(g.value, 0), 0) end) as value,
        trim_scale(coalesce(f.count, 0)) as count,
        (array_agg(s.properties ->> 'currency' order by s.occurred_at desc, s.id desc)
            filter (where jsonb_typeof(s.properties -> 'currency') = 'string'))[1] as currency,
        coalesce(f.products, '[]') as products, coalesce(f.removed, '[]') as removed
    from said s
    left join told t on t.profile = s.profile and t.cart = s.cart
    left join grown g on g.profile = s.profile and g.cart = s.cart
    left join filled f on f.profile = s.profile and f.cart = s.cart
    where t.id is not null or f.profile is not null
    group by s.profile, s.cart, t.id, t.value, g.profile, g.value, f.value, f.count, f.products, f.removed
), gone as (
    delete from cart c
    using touched t
    where c.bucket = %(bucket)s and c.profile = t.profile and c.id = t.cart
        and not exists (select from folded f where f.profile = t.profile and f.cart = t.cart)
)
insert into cart as c (bucket, profile, id, opened_at, touched_at, value, count, currency, products, removed)
select %(bucket)s, profile, cart, opened_at, touched_at, value, count, currency, products, removed
from folded
on conflict (bucket, profile, id) do update
set opened_at = excluded.opened_at, touched_at = excluded.touched_at, value = excluded.value, count = excluded.count,
    currency = excluded.currency, products = excluded.products, removed = excluded.removed"""
