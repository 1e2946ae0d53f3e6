"""What the profile's open cart and its orders add up to, and what was last found of it as a buyer, as SQL about ``x``.

Carts and orders also as templates see them.

The cart is the enrollment's own where the event that started it has a `cart_id`, else the one touched last; the order that
templates see is the enrollment's own in the same way, else the one placed last (rule 27).
"""

from __future__ import annotations

from typing import Final

CART_COLUMNS: Final = {"value": "value", "count": "count", "updated_at": "touched_at"}
"""Reference below ``cart`` -> column of ``cart``."""
_ORDER_SUMS: Final = {
    "count": "count(*)",
    "total": "coalesce(sum({row}.worth), 0)",
    "last_at": "max({row}.placed_at)",
}
BUYER_COLUMNS: Final = {
    ("rfm", "segment"): "segment",
    ("rfm", "score"): "score",
    ("predicted", "clv"): "clv",
    ("predicted", "churn"): "churn",
    ("predicted", "next_order_at"): "next_order_at",
}
"""Reference -> column of ``buyer``."""
MOMENTS: Final = frozenset({("cart", "updated_at"), ("order", "last_at"), ("predicted", "next_order_at")})
"""The references that are moments by themselves; the others are numbers, and one is a text."""


def figure(root: str, name: str, bucket: str, row: str) -> str:
    """Give SQL of one figure: numeric (0 where there is no cart, or no order), or timestamptz or null; a buyer's may all be null.

    Args:
        root: ``cart``, ``order``, ``rfm`` or ``predicted``.
        name: what of it.
        bucket: SQL of the bucket of ``x``.
        row: an alias that nothing else of the statement has.
    """
    if root == "cart":
        found = f"(select {row}.{CART_COLUMNS[name]} {_one_cart(bucket, row)})"
        return found if (root, name) in MOMENTS else f"coalesce({found}, 0)"
    if (root, name) in BUYER_COLUMNS:
        column = BUYER_COLUMNS[root, name]
        return f"(select {row}.{column} from buyer {row} where {row}.bucket = {bucket} and {row}.profile = x.profile)"
    held = _ORDER_SUMS[name].format(row=row)
    return f"(select {held} from orders {row} where {row}.bucket = {bucket} and {row}.profile = x.profile and {row}.counts)"


def cart_shown(bucket: str, row: str) -> str:
    """Give SQL of the cart as templates see it (jsonb); where none is open it is worth nothing and has no products."""
    return f"""coalesce((select jsonb_build_object(
        'id', {row}.id, 'value', {row}.value, 'count', {row}.count, 'currency', {row}.currency,
        'products', {row}.products, 'removed', {row}.removed, 'updated_at', {row}.touched_at, 'opened_at', {row}.opened_at)
    {_one_cart(bucket, row)}), '{{"value": 0, "count": 0}}')"""


def order_shown(bucket: str, row: str) -> str:
    """Give SQL of the orders as templates see them (jsonb): what they add up to, and one of them where there is any."""
    return f"""(select jsonb_build_object('count', count(*) filter (where {row}.counts),
        'total', coalesce(sum({row}.worth), 0)) || jsonb_strip_nulls(jsonb_build_object(
            'first_at', min({row}.placed_at) filter (where {row}.counts),
            'last_at', max({row}.placed_at) filter (where {row}.counts)))
        || coalesce((array_agg(jsonb_strip_nulls(jsonb_build_object('id', {row}.id, 'state', {row}.state, 'value', {row}.total,
                'refunded', {row}.refunded, 'currency', {row}.currency, 'coupon', {row}.coupon, 'placed_at', {row}.placed_at,
                'paid_at', {row}.paid_at, 'shipped_at', {row}.shipped_at, 'delivered_at', {row}.delivered_at,
                'cancelled_at', {row}.cancelled_at, 'refunded_at', {row}.refunded_at))
                || jsonb_build_object('products', {row}.products)
            order by {row}.id = {_own("order_id")} desc, {row}.placed_at desc nulls last, {row}.id))[1], '{{}}')
    from orders {row} where {row}.bucket = {bucket} and {row}.profile = x.profile)"""


def _one_cart(bucket: str, row: str) -> str:
    return (
        f"from cart {row} where {row}.bucket = {bucket} and {row}.profile = x.profile"
        f" and {row}.id = coalesce(nullif({_own('cart_id')}, ''), {row}.id) order by {row}.touched_at desc, {row}.id limit 1"
    )


def _own(key: str) -> str:
    return f"shop_key(x.ev_props -> '{key}')"
