"""Folding the events of an order into what became of it: placed, paid, shipped, delivered, cancelled, refunded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.shopping import CANCELLED, COMPLETED, DELIVERED, ORDER_EVENTS, PAID, REFUNDED, SHIPPED, UPDATED
from tamshy.rulebook import Statement

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook

_NAMES: Final = {
    "order_events": sorted(ORDER_EVENTS),
    "completed": COMPLETED,
    "telling": [COMPLETED, UPDATED],
    "paid": PAID,
    "shipped": list(SHIPPED),
    "delivered": DELIVERED,
    "cancelled": CANCELLED,
    "given_back": REFUNDED,
}

# What an order goes by. One that was placed without an id is an order of its own; what else names none is about nothing.
_KEY: Final = """coalesce(nullif(shop_key({row}.properties -> 'order_id'), ''),
        case when {row}.name = %(completed)s then {row}.id::text end)"""

_OF_AGENDA: Final = f"""
    select a.profile, {_KEY.format(row="a")} as id
    from agenda a
    where not a.due and a.name = any(%(order_events)s::text[])"""

_OF_PAIR: Final = """
    select distinct o.profile, o.id
    from pair r
    join orders o on o.bucket = %(bucket)s and o.profile = r.survivor"""


def build(book: Rulebook) -> Statement | None:
    """Compile the statement that folds the orders which the agenda's events are about."""
    del book
    return Statement(_fold(_OF_AGENDA), dict(_NAMES))


def build_merged(book: Rulebook) -> Statement | None:
    """Compile the same for the profiles of ``pair`` that stay."""
    del book
    return Statement(_fold(_OF_PAIR), dict(_NAMES))


def _newest(value: str, name: str = "true") -> str:
    """What the event with the latest own time says of it."""
    return (
        f"(array_agg({value} order by s.occurred_at desc, s.id desc) filter (where {value} is not null and {name}))[1]"
    )


def _text(key: str) -> str:
    return f"(case when jsonb_typeof(s.properties -> '{key}') = 'string' then s.properties ->> '{key}' end)"


def _first(name: str) -> str:
    return f"min(s.occurred_at) filter (where {name})"


def _fold(touched: str) -> str:
    products = "(case when jsonb_typeof(s.properties -> 'products') = 'array' then s.properties -> 'products' end)"
    telling = "s.name = any(%(telling)s::text[])"
    return f"""
with touched as materialized ({touched}
), folded as materialized (
    -- One order after the other, so that nothing is joined with what the planner takes for few.
    select t.profile, t.id as of, s.*, a.total as amount, r.refunded, r.whole,
        s.placed_at is not null and s.cancelled_at is null and not r.whole as counts,
        case when s.cancelled_at is not null then 'cancelled' when r.whole then 'refunded'
            when s.delivered_at is not null then 'delivered' when s.shipped_at is not null then 'shipped'
            when s.paid_at is not null then 'paid' else 'placed' end as state
    from touched t
    cross join lateral (
        select {_newest("shop_amount(s.properties)", telling)} as total,
            coalesce({_newest(products, telling)}, '[]') as products,
            {_newest(_text("currency"))} as currency, {_newest(_text("coupon"), telling)} as coupon,
            {_newest("nullif(shop_key(s.properties -> 'cart_id'), '')", telling)} as cart,
            max(s.occurred_at) as touched_at, {_first("s.name = %(completed)s")} as placed_at,
            {_first("s.name = %(paid)s")} as paid_at, {_first("s.name = any(%(shipped)s::text[])")} as shipped_at,
            {_first("s.name = %(delivered)s")} as delivered_at, {_first("s.name = %(cancelled)s")} as cancelled_at,
            {_first("s.name = %(given_back)s")} as refunded_at,
            coalesce(jsonb_agg(s.properties) filter (where s.name = %(given_back)s), '[]') as refunds
        from (
            select v.id, v.name, v.occurred_at, v.properties from event v
            where v.bucket = %(bucket)s and v.profile = t.profile and v.name = any(%(order_events)s::text[])
                and {_KEY.format(row="v")} = t.id
            order by v.occurred_at desc, v.id desc
            limit 1000
        ) s
        having count(*) > 0
    ) s
    cross join lateral (
        select greatest(coalesce(s.total, (
            select sum(coalesce(shop_number(p.product -> 'price'), 0) * coalesce(shop_number(p.product -> 'quantity'), 1))
            from jsonb_array_elements(s.products) p (product)), 0), 0)
    ) a (total)
    cross join lateral (
        -- A refund is what it says; else what its products cost; one that says neither gives all of it back.
        select case when bool_or(b.value is null) then a.total else least(coalesce(sum(b.value), 0), a.total) end,
            coalesce(bool_or(b.value is null) or sum(b.value) >= a.total, false)
        from jsonb_array_elements(s.refunds) e (said)
        cross join lateral (
            select coalesce(shop_amount(e.said), (
                select sum(coalesce(shop_number(p.product -> 'price'), (
                    select max(shop_number(l.product -> 'price')) from jsonb_array_elements(s.products) l (product)
                    where shop_line(l.product) = shop_line(p.product)), 0) * coalesce(shop_number(p.product -> 'quantity'), 1))
                from jsonb_array_elements(
                    case when jsonb_typeof(e.said -> 'products') = 'array' then e.said -> 'products' else '[]' end) p (product)
                where jsonb_typeof(p.product) = 'object'))
        ) b (value)
    ) r (refunded, whole)
)
insert into orders as o (bucket, profile, id, state, counts, total, refunded, worth, currency, coupon, cart, products, touched_at,
    placed_at, paid_at, shipped_at, delivered_at, cancelled_at, refunded_at)
select %(bucket)s, profile, of, state, counts, trim_scale(amount), trim_scale(refunded),
    case when counts then trim_scale(amount - refunded) else 0 end, currency, coupon, cart, products, touched_at,
    placed_at, paid_at, shipped_at, delivered_at, cancelled_at, refunded_at
from folded
on conflict (bucket, profile, id) do update
set state = excluded.state, counts = excluded.counts, total = excluded.total, refunded = excluded.refunded, worth = excluded.worth,
    currency = excluded.currency, coupon = excluded.coupon, cart = excluded.cart, products = excluded.products,
    touched_at = excluded.touched_at, placed_at = excluded.placed_at, paid_at = excluded.paid_at, shipped_at = excluded.shipped_at,
    delivered_at = excluded.delivered_at, cancelled_at = excluded.cancelled_at, refunded_at = excluded.refunded_at"""
