"""A segment of what orders and carts add up to: entered by the event that makes it so, left by the one that ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small

from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOWS = {
    "again": "trigger: {segment: regulars}\nsteps: [{send: thanks}]\n",
    "full": "trigger: {segment: full}\nexit_on: {segment: full, on: leave}\nsteps: [{wait: 1d}, {send: reminder}]\n",
}
SEGMENTS = {
    "segments/regulars.yaml": "where: {order.count: {gte: 2}}\n",
    "segments/full.yaml": "where: {cart.value: {gte: 100}}\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS) | SEGMENTS, buckets=2, zones=["UTC"])
        yield Shop(dsn, conn, book, HandClock(T0))


def test_the_second_order_makes_a_regular(shop: Shop) -> None:
    shop.identify("u1", T0, email="u1@example.com")
    for number in (1, 2, 3):
        shop.track("u1", "Order Completed", T0 + number * HOUR, order_id=f"o{number}", value=10)
        shop.work(T0 + number * HOUR)
    assert [(at, what) for at, flow, _, what, _ in shop.told("u1") if flow == "again"] == [
        (T0 + 2 * HOUR, "entered"),
        (T0 + 2 * HOUR, "sent"),
        (T0 + 2 * HOUR, "exited"),
    ]


def test_a_cart_that_is_ordered_is_full_no_more(shop: Shop) -> None:
    shop.identify("u1", T0, email="u1@example.com")
    shop.track("u1", "Product Added", T0 + HOUR, cart_id="c1", sku="a", price=60, quantity=2)
    shop.track("u1", "Order Completed", T0 + 2 * HOUR, cart_id="c1", order_id="o1", value=120)
    shop.work(T0 + 3 * HOUR)
    assert [(at, what, why) for at, flow, _, what, why in shop.told("u1") if flow == "full"] == [
        (T0 + HOUR, "entered", ""),
        (T0 + 2 * HOUR, "exited", "exit_on"),
    ]
