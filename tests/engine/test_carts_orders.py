"""Carts and orders as the standard events tell them (rule 27), whichever order these come in."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.table import PLAIN_SETTINGS

from tamshy.ingest import calls_from_lines
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

T0: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOW: Final = "{trigger: {event: Nothing}, steps: [{exit: over}]}"
SHIRT: Final = {"sku": "a1", "name": "Ақ көйлек", "price": 120}
BELT: Final = {"product_id": 7, "name": "Belt", "price": 30.5}


def moment(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).isoformat()


def track(at: float, event: str, user: str = "u", /, **properties: object) -> dict[str, object]:
    return {"type": "track", "userId": user, "event": event, "timestamp": moment(at), "properties": properties}


def lived(stage: Connection, events: list[dict[str, object]], **flows: str) -> list[dict[str, object]]:
    """Play the events, and give the lines that came of it."""
    files = {"tamshy.yaml": PLAIN_SETTINGS, "flows/none.yaml": FLOW}
    files |= {f"flows/{name.replace('_', '-')}.yaml": text for name, text in flows.items() if not name.startswith("m_")}
    for name, text in flows.items():
        if name.startswith("m_"):
            files[f"messages/{name[2:]}/message.yaml"] = f"subject: {{en: {json.dumps(text)}}}\ntopic: offers\n"
            files[f"messages/{name[2:]}/en.md"] = "Hello."
    history = calls_from_lines([json.dumps(event) for event in events], zone=ZoneInfo("UTC"))
    assert history.problems == []
    played = play(stage, files, history, compile_message=compile_message, renderer=InProcess())
    return list(journal_lines(stage, played.until))


def carts(stage: Connection) -> dict[str, tuple[object, ...]]:
    rows = stage.execute(
        "select id, value, count, currency, products, removed, opened_at, touched_at from cart"
    ).fetchall()
    return {row[0]: (*row[1:6], _minute(row[6]), _minute(row[7])) for row in rows}


def orders(stage: Connection) -> dict[str, tuple[object, ...]]:
    rows = stage.execute("select id, state, counts, total, refunded, worth from orders").fetchall()
    return {row[0]: row[1:] for row in rows}


def _minute(at: datetime) -> float:
    return (at - T0) / timedelta(minutes=1)


def line(product: dict[str, object], quantity: int) -> dict[str, object]:
    return product | {"quantity": quantity}


def test_rule_27_a_cart_is_what_was_added_less_what_was_removed(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Product Added", cart_id="c1", currency="KZT", **SHIRT),
            track(1, "Product Added", cart_id="c1", quantity=3, **BELT),
            track(2, "Product Removed", cart_id="c1", quantity=1, **BELT),
            track(3, "Product Added", cart_id="c1", **SHIRT),
            track(4, "Product Removed", cart_id="c1", sku="a1", quantity=1),
            track(5, "Product Added", cart_id="c2", **SHIRT),
        ],
    )
    assert carts(stage) == {
        "c1": (Decimal(181), Decimal(3), "KZT", [line(SHIRT, 1), line(BELT, 2)], [], 0, 4),
        "c2": (Decimal(120), Decimal(1), None, [line(SHIRT, 1)], [], 5, 5),
    }


def test_a_number_is_one_where_it_is_not_said_and_nobody_has_less_than_nothing(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Product Removed", cart_id="c", quantity=5, **SHIRT),
            track(1, "Product Added", cart_id="c", quantity=2, **SHIRT),
            track(2, "Product Added", cart_id="c", quantity=None, **BELT),
            track(3, "Product Removed", cart_id="c", product_id=7),
        ],
    )
    assert carts(stage) == {"c": (Decimal(240), Decimal(2), None, [line(SHIRT, 2)], [BELT], 0, 3)}


def test_a_full_list_makes_all_before_it_void(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Product Added", cart_id="c", **BELT),
            track(1, "Checkout Started", cart_id="c", value=99, currency="EUR", products=[line(SHIRT, 1)]),
            track(2, "Product Added", cart_id="c", quantity=2, **BELT),
            track(3, "Payment Info Entered", cart_id="c"),
        ],
    )
    assert carts(stage) == {"c": (Decimal(181), Decimal(3), "EUR", [line(SHIRT, 1), line(BELT, 2)], [], 0, 3)}


def test_a_cart_without_prices_is_worth_what_is_said_of_it(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Checkout Started", cart_id="c", value=120),
            track(0, "Cart Viewed", cart_id="d", products=[{"sku": "a1"}]),
            track(1, "Checkout Started", cart_id="d", value=80),
            track(2, "Product Added", cart_id="e", value=7, **BELT),
            track(3, "Product Removed", cart_id="e", **BELT),
        ],
    )
    assert {name: row[:2] for name, row in carts(stage).items()} == {"c": (120, 0), "d": (80, 1), "e": (0, 0)}


def test_what_says_nothing_of_its_contents_opens_no_cart(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Payment Info Entered"),
            track(1, "Coupon Applied", cart_id="c"),
            track(2, "Cart Viewed", cart_id="d"),
        ],
    )
    assert carts(stage) == {"d": (0, 0, None, [], [], 2, 2)}


def test_rule_27_an_order_closes_its_cart_and_one_without_a_cart_closes_all(stage: Connection) -> None:
    filled = [track(n, "Product Added", cart_id=f"c{n}", **SHIRT) for n in range(3)]
    lived(stage, [*filled, track(5, "Order Completed", order_id="o1", cart_id="c1", total=120)])
    assert sorted(carts(stage)) == ["c0", "c2"]


def test_an_order_without_a_cart_closes_all_that_is_open_by_then(stage: Connection) -> None:
    filled = [track(n, "Product Added", cart_id=f"c{n}", **SHIRT) for n in range(3)]
    lived(stage, [*filled, track(2, "Order Completed", total=120), track(3, "Product Added", cart_id="c1", **BELT)])
    assert carts(stage) == {"c1": (Decimal("30.5"), Decimal(1), None, [line(BELT, 1)], [], 3, 3)}


def test_rule_27_orders_count_once_less_what_was_cancelled_and_refunded(stage: Connection) -> None:
    lived(
        stage,
        [
            track(0, "Order Completed", order_id="o1", total=100),
            track(1, "Order Completed", order_id="o1", total=100),
            track(2, "Order Refunded", order_id="o1", total=30),
            track(3, "Order Refunded", order_id="o1", total=20),
            track(4, "Order Completed", order_id="o2", revenue=50),
            track(5, "Order Cancelled", order_id="o2"),
            track(6, "Order Completed", order_id="o3", value=70),
            track(7, "Order Refunded", order_id="o3"),
            track(8, "Order Completed", order_id="o4", products=[line(SHIRT, 2), line(BELT, 1)]),
            track(9, "Order Refunded", order_id="o4", products=[{"sku": "a1"}]),
            track(10, "Order Completed", value=5),
            track(11, "Order Refunded", order_id="o5", total=5),
        ],
    )
    got = orders(stage)
    nameless = next(key for key in got if key.count("-") == 4)
    assert got == {
        "o1": ("placed", True, Decimal(100), Decimal(50), Decimal(50)),
        "o2": ("cancelled", False, Decimal(50), Decimal(0), Decimal(0)),
        "o3": ("refunded", False, Decimal(70), Decimal(70), Decimal(0)),
        "o4": ("placed", True, Decimal("270.5"), Decimal(120), Decimal("150.5")),
        nameless: ("placed", True, Decimal(5), Decimal(0), Decimal(5)),
        "o5": ("refunded", False, Decimal(0), Decimal(0), Decimal(0)),
    }


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (["Order Completed"], "placed"),
        (["Order Completed", "Order Paid"], "paid"),
        (["Order Completed", "Order Fulfilled", "Order Paid"], "shipped"),
        (["Order Completed", "Order Shipped", "Order Delivered", "Order Paid"], "delivered"),
        (["Order Completed", "Order Delivered", "Order Cancelled"], "cancelled"),
    ],
)
def test_an_order_is_as_far_as_it_has_ever_come(stage: Connection, told: list[str], state: str) -> None:
    lived(stage, [track(minute, name, order_id="o", total=1) for minute, name in enumerate(told)])
    assert orders(stage)["o"][0] == state


LIFE: Final = [
    track(0, "Product Added", cart_id="c1", quantity=2, **SHIRT),
    track(1, "Checkout Started", cart_id="c1", value=220, products=[line(SHIRT, 2)]),
    track(2, "Product Removed", cart_id="c1", quantity=1, **SHIRT),
    track(3, "Product Added", cart_id="c2", **BELT),
    track(4, "Order Completed", order_id="o1", cart_id="c1", total=110, products=[line(SHIRT, 1)]),
    track(5, "Product Added", cart_id="c1", **BELT),
    track(6, "Order Updated", order_id="o1", total=115),
    track(7, "Order Refunded", order_id="o1", total=15),
    track(8, "Order Completed", order_id="o2", total=10),
    track(9, "Product Added", cart_id="c2", quantity=4, **SHIRT),
    track(10, "Product Removed", cart_id="c2", sku="a1", quantity=3),
    track(11, "Order Paid", order_id="o1"),
]
"""Two carts and two orders, the second of which closes all carts."""


@pytest.mark.parametrize("seed", range(6))
def test_whichever_order_they_come_in(stage: Connection, seed: int) -> None:
    """Told late and in any order, the same stands at the end as told at once."""
    arrivals = list(range(len(LIFE)))
    random.Random(seed).shuffle(arrivals)  # noqa: S311 - dice of a test, no secrets
    lived(stage, [call | {"receive_at": moment(60 + late)} for call, late in zip(LIFE, arrivals, strict=True)])
    assert carts(stage) == {"c2": (Decimal(120), Decimal(1), None, [line(SHIRT, 1)], [], 9, 10)}
    assert orders(stage) == {
        "o1": ("paid", True, Decimal(115), Decimal(15), Decimal(100)),
        "o2": ("placed", True, Decimal(10), Decimal(0), Decimal(10)),
    }


def subjects(lines: list[dict[str, object]]) -> list[object]:
    return [one.get("subject") for one in lines if one["kind"] == "message"]


def entered(lines: list[dict[str, object]]) -> list[object]:
    return [one["flow"] for one in lines if one.get("state") == "entered"]


def flow(condition: str, event: str = "Asked") -> str:
    return f"{{trigger: {{event: {event}}}, audience: {condition}, steps: [{{exit: over}}]}}"


def test_rule_27_figures_of_the_cart_touched_last_and_of_all_orders(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            track(-5, "Order Completed", order_id="o1", total=100),
            track(-4, "Order Refunded", order_id="o1", total=25),
            track(0, "Product Added", cart_id="c1", **SHIRT),
            track(1, "Product Added", cart_id="c2", **BELT),
            track(2, "Asked"),
            track(3, "Asked", cart_id="c1"),
            track(4, "Asked", "v"),
        ],
        a_value=flow("{cart.value: 30.5}"),
        b_count=flow("{cart.count: {gte: 1, lt: 2}}"),
        c_fresh=flow("{cart.updated_at: {within_last: 90s}}"),
        d_orders=flow("{order.count: 1, order.total: 75}"),
        e_last=flow("{order.last_at: {before: 2026-03-02T09:00Z}}"),
        f_nobody=flow(
            "{cart.count: 0, cart.value: {lt: 1}, cart.updated_at: {exists: false}, order.count: 0, order.total: 0}"
        ),
        g_own=flow("{cart.value: 120}"),
    )
    assert [(one["profile"], one["flow"]) for one in lines if one.get("state") == "entered"] == [
        ("u", "a-value"),
        ("u", "b-count"),
        ("u", "c-fresh"),
        ("u", "d-orders"),
        ("u", "e-last"),
        ("u", "g-own"),
        ("v", "f-nobody"),
    ]


def test_rule_10_the_event_under_way_is_in_the_figures(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            track(0, "Product Added", cart_id="c", **SHIRT),
            track(1, "Order Completed", order_id="o1", cart_id="c", total=120),
        ],
        cart=flow("{cart.value: 120}", "Product Added"),
        order=flow("{order.count: 1, order.total: 120, cart.count: 0}", "Order Completed"),
    )
    assert entered(lines) == ["cart", "order"]


def test_a_wait_until_a_moment_of_the_cart(stage: Connection) -> None:
    lines = lived(
        stage,
        [track(0, "Product Added", cart_id="c", **SHIRT), track(10, "Product Added", cart_id="c", **BELT)],
        wait=(
            "{trigger: {event: Product Added}, per: event.cart_id, steps:"
            " [{wait: 20m}, {wait: {until: cart.updated_at, offset: 1h}}, {exit: over}]}"
        ),
    )
    assert [one["at"] for one in lines if one.get("state") == "exited"] == ["2026-03-02T10:10:00Z"]


def test_a_template_sees_the_cart_as_it_is_when_it_is_decided(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            {"type": "identify", "userId": "u", "timestamp": moment(-9), "traits": {"email": "u@example.com"}},
            track(-5, "Order Completed", order_id="o1", total=100, products=[line(BELT, 1)]),
            track(0, "Checkout Started", cart_id="c1", currency="KZT", products=[line(SHIRT, 1)]),
            track(1, "Product Added", cart_id="c1", quantity=2, **BELT),
            track(2, "Product Added", cart_id="c2", **BELT),
        ],
        cart="{trigger: {event: Checkout Started}, steps: [{wait: 1h}, {send: left}]}",
        m_left=(
            "{% for line in cart.products %}{{ line.quantity }} {{ line.name }};{% endfor %}"
            "{{ cart.value }} {{ cart.currency }} {{ order.count }} {{ order.total }} {{ order.state }}"
            " {{ order.products[0].name }}"
        ),
    )
    assert subjects(lines) == ["1 Ақ көйлек;2 Belt;181 KZT 1 100 placed Belt"]


def test_without_a_cart_its_products_are_missing_to_a_template(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            {"type": "identify", "userId": "u", "timestamp": moment(-9), "traits": {"email": "u@example.com"}},
            track(0, "Asked"),
        ],
        cart="{trigger: {event: Asked}, steps: [{send: bare}, {send: left}]}",
        m_bare="{% if cart.products %}something{% else %}nothing{% endif %}: {{ cart.value }}, {{ order.count }} orders",
        m_left="{% for line in cart.products %}{{ line.name }}{% endfor %}",
    )
    assert [(one["message"], one.get("subject"), one.get("reason")) for one in lines if one["kind"] == "message"] == [
        ("bare", "nothing: 0, 0 orders", None),
        ("left", None, "render_error"),
    ]


def test_a_set_step_sees_cart_and_orders(stage: Connection) -> None:
    lived(
        stage,
        [track(0, "Product Added", cart_id="c1", **SHIRT), track(1, "Asked")],
        keep="{trigger: {event: Asked}, steps: [{set: {profile.left: '{{ cart.value }}', profile.bought: '{{ order.count }}'}}]}",
    )
    row = stage.execute("select properties -> 'left', properties -> 'bought' from profile").fetchone()
    assert row == (120, 0)


def test_two_profiles_that_are_one_have_one_cart_and_their_orders(stage: Connection) -> None:
    def visit(at: float, event: str, **properties: object) -> dict[str, object]:
        call = track(at, event, **properties)
        del call["userId"]
        return call | {"anonymousId": "device"}

    lived(
        stage,
        [
            track(0, "Product Added", cart_id="c1", **SHIRT),
            track(1, "Order Completed", order_id="o1", cart_id="c9", total=10),
            visit(2, "Product Added", cart_id="c1", **BELT),
            visit(3, "Product Added", cart_id="c3", **BELT),
            visit(4, "Order Completed", order_id="o2", cart_id="c3", total=20),
            visit(5, "Order Refunded", order_id="o1", total=4),
            {"type": "identify", "userId": "u", "anonymousId": "device", "timestamp": moment(6), "traits": {}},
        ],
    )
    assert carts(stage) == {"c1": (Decimal("150.5"), Decimal(2), None, [line(SHIRT, 1), line(BELT, 1)], [], 0, 2)}
    assert orders(stage) == {
        "o1": ("placed", True, Decimal(10), Decimal(4), Decimal(6)),
        "o2": ("placed", True, Decimal(20), Decimal(0), Decimal(20)),
    }
    assert stage.execute("select count(distinct profile) from orders").fetchone() == (1,)


@pytest.mark.parametrize(
    "odd",
    [
        {"cart_id": {"a": 1}, "products": "x"},
        {"cart_id": ["c"], "products": [1, None, {"quantity": 1e99}, {"sku": "a", "price": "7", "quantity": -3}]},
        {"cart_id": "x" * 5000, "value": 1e100, "products": [{"sku": "y" * 5000, "price": 1e99, "quantity": 1e99}]},
        {"order_id": "z" * 5000, "total": "120", "products": {"a": 1}},
    ],
)
def test_odd_values_stop_nothing(stage: Connection, odd: dict[str, object]) -> None:
    """One odd event does not raise, and what can be told of it is told."""
    names = (
        "Product Added",
        "Product Removed",
        "Checkout Started",
        "Order Completed",
        "Order Refunded",
        "Product Added",
    )
    told = [track(minute, name, **odd) for minute, name in enumerate(names)]
    lines = lived(stage, told, seen=flow("{cart.value: {lt: 5}}", "Order Refunded"))
    assert entered(lines) == ["seen"]
