"""Folding the events of a cart into what is in it: the newest full list, and what was added and removed after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.shopping import ADDED, COMPLETED, REMOVED, TOUCHING, WHOLE
from tamshy.rulebook import Statement

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook

_NAMES: Final = {
    "cart_events": [*ADDED, REMOVED, *WHOLE, *TOUCHING],
    "added": list(ADDED),
    "changing": [*ADDED, REMOVED],
    "whole": list(WHOLE),
    "removed": REMOVED,
    "touching": list(TOUCHING),
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
), said as materialized (
    -- What is told of each cart since its last order. One that somebody floods is what its newest events make of it.
    select c.profile, c.cart, v.id, v.name, v.occurred_at, v.properties, shop_number(v.properties -> 'value') as value,
        v.name = any(%(whole)s::text[]) and coalesce(jsonb_typeof(v.properties -> 'products') = 'array', false) as lists
    from (
        select t.profile, t.cart, (
            select max(v.occurred_at) from event v
            where v.bucket = %(bucket)s and v.profile = t.profile and v.name = %(completed)s
                and shop_key(v.properties -> 'cart_id') in ('', t.cart)
        ) as closed_at
        from touched t
    ) c
    cross join lateral (
        select v.id, v.name, v.occurred_at, v.properties from event v
        where v.bucket = %(bucket)s and v.profile = c.profile and v.name = any(%(cart_events)s::text[])
            and v.occurred_at > coalesce(c.closed_at, '-infinity') and shop_key(v.properties -> 'cart_id') = c.cart
        order by v.occurred_at desc, v.id desc
        limit 1000
    ) v
), marked as materialized (
    -- Beside each event stands the newest list of all products, before which nothing matters.
    -- A window and not a join: of working tables the planner takes everything for few, and would compare all with all.
    select s.*, first_value(s.lists) over list as listed, first_value(s.occurred_at) over list as list_at,
        first_value(s.id) over list as list_id
    from said s
    window list as (partition by s.profile, s.cart order by s.lists desc, s.occurred_at desc, s.id desc)
), change as materialized (
    -- Each line with by how much it grows.
    select m.profile, m.cart, m.occurred_at, m.id, p.place, shop_line(p.product) as line, p.product,
        m.name <> %(removed)s as added, shop_number(p.product -> 'price') as price,
        greatest(coalesce(shop_number(p.product -> 'quantity'), 1), 0)
            * case when m.name = %(removed)s then -1 else 1 end as delta
    from marked m
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof(m.properties -> 'products') = 'array' then m.properties -> 'products'
            else jsonb_build_array(
                m.properties - '{{cart_id,products,value,currency,wishlist_id,wishlist_name}}'::text[]) end
    ) with ordinality p (product, place)
    where (m.listed and m.id = m.list_id)
        or (m.name = any(%(changing)s::text[]) and (not m.listed or (m.occurred_at, m.id) > (m.list_at, m.list_id)))
), standing as materialized (
    -- Nobody has less than nothing of a thing: how far the sum has been below it is put back.
    select r.*, r.sum - least(0, min(r.sum) over so_far) as quantity
    from (
        select c.*, sum(c.delta) over so_far as sum
        from change c
        where c.line is not null
        window so_far as (partition by c.profile, c.cart, c.line order by c.occurred_at, c.id, c.place rows unbounded preceding)
    ) r
    window so_far as (partition by r.profile, r.cart, r.line order by r.occurred_at, r.id, r.place rows unbounded preceding)
), line as materialized (
    select s.profile, s.cart, s.line, min(s.occurred_at) as since, min(s.place) as place,
        (array_agg(s.quantity order by s.occurred_at desc, s.id desc, s.place desc))[1] as quantity,
        (array_agg(s.product order by s.occurred_at desc, s.id desc, s.place desc) filter (where s.added))[1] as product,
        (array_agg(s.price order by s.occurred_at desc, s.id desc, s.place desc)
            filter (where s.added and s.price is not null))[1] as price
    from standing s
    group by s.profile, s.cart, s.line
), part as (
    select m.profile, m.cart, min(m.occurred_at) as opened_at, max(m.occurred_at) as touched_at,
        bool_or(m.name <> all(%(touching)s::text[])) as opened,
        (array_agg(m.value order by m.occurred_at desc, m.id desc) filter (where m.value is not null))[1] as told,
        (array_agg(m.properties ->> 'currency' order by m.occurred_at desc, m.id desc)
            filter (where jsonb_typeof(m.properties -> 'currency') = 'string'))[1] as currency,
        null::numeric as value, null::numeric as count, null::jsonb as products, null::jsonb as removed
    from marked m
    group by m.profile, m.cart
    union all
    select l.profile, l.cart, null, null, null, null, null, sum(l.quantity * l.price), sum(l.quantity),
        coalesce(jsonb_agg(l.product || jsonb_build_object('quantity', trim_scale(l.quantity)) order by l.since, l.place, l.line)
            filter (where l.quantity > 0), '[]'),
        coalesce(jsonb_agg(l.product - 'quantity' order by l.since, l.place, l.line) filter (where l.quantity = 0), '[]')
    from line l
    where jsonb_typeof(l.product) = 'object'
    group by l.profile, l.cart
), folded as materialized (
    -- What an event says that all of it is worth stands in where no line has a price.
    select p.profile, p.cart, max(p.opened_at) as opened_at, max(p.touched_at) as touched_at,
        trim_scale(coalesce(max(p.value), max(p.told), 0)) as value, trim_scale(coalesce(max(p.count), 0)) as count,
        max(p.currency) as currency,
        coalesce((array_agg(p.products) filter (where p.products is not null))[1], '[]') as products,
        coalesce((array_agg(p.removed) filter (where p.removed is not null))[1], '[]') as removed
    from part p
    group by p.profile, p.cart
    having bool_or(p.opened)
), gone as (
    delete from cart c
    using touched t
    where c.bucket = %(bucket)s and c.profile = t.profile and c.id = t.cart
        and (t.profile, t.cart) not in (select f.profile, f.cart from folded f)
)
insert into cart as c (bucket, profile, id, opened_at, touched_at, value, count, currency, products, removed)
select %(bucket)s, profile, cart, opened_at, touched_at, value, count, currency, products, removed
from folded
on conflict (bucket, profile, id) do update
set opened_at = excluded.opened_at, touched_at = excluded.touched_at, value = excluded.value, count = excluded.count,
    currency = excluded.currency, products = excluded.products, removed = excluded.removed"""
