"""The catalogue, and the flows that it starts: a price drop, a return, what is used up (rules 13 and 22)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small
from tests.oracle.table import PLAIN_SETTINGS

from tamshy.commerce import Word, forget_changes, tell
from tamshy.explain import explain, lines
from tamshy.ingest import calls_from_lines
from tamshy.language.products import read_product
from tamshy.publish import create_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

T0: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY: Final = 24 * 60
SUBJECT: Final = (
    "{{ event.product.sku }} {{ event.product.name }} {{ event.old_price | default: 0 }} {{ event.product.price }}"
    "{% if event.due_at %} due {{ event.due_at }}{% endif %}"
)


def moment(minutes: float) -> str:
    return (T0 + timedelta(minutes=minutes)).isoformat()


def track(at: float, event: str, user: str = "u", /, **properties: object) -> dict[str, object]:
    return {"type": "track", "userId": user, "event": event, "timestamp": moment(at), "properties": properties}


def known(user: str = "u") -> dict[str, object]:
    return {
        "type": "identify",
        "userId": user,
        "timestamp": moment(-90 * DAY),
        "traits": {"email": f"{user}@example.com"},
    }


def product(at: float, sku: str = "a1", **told: object) -> dict[str, object]:
    return {"type": "product", "sku": sku, "timestamp": moment(at), **told}


def lived(stage: Connection, events: list[dict[str, object]], **files: str) -> list[tuple[object, ...]]:
    """Play the events; gives what entered, was refused and was mailed: day and minute, profile, flow, word, key or subject."""
    texts = {"tamshy.yaml": PLAIN_SETTINGS, "messages/offer/message.yaml": f"subject: {{en: {json.dumps(SUBJECT)}}}\n"}
    texts |= {"messages/offer/en.md": "Look.", "flows/none.yaml": "{trigger: {event: Nothing}, steps: [{exit: over}]}"}
    texts |= {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    history = calls_from_lines([json.dumps(event) for event in events], zone=ZoneInfo("UTC"))
    assert history.problems == []
    played = play(stage, texts, history, compile_message=compile_message, renderer=InProcess())
    return [_told(line) for line in journal_lines(stage, played.until) if line.get("state") != "exited"]


def _told(line: dict[str, object]) -> tuple[object, ...]:
    said = line.get("state") or line.get("decision")
    key = str(line.get("key")).partition("@")[0] if line["flow"] != "due" else line.get("key")
    return (line["profile"], line["flow"], said, line.get("reason") or line.get("subject") or key)


def offer(trigger: str, more: str = "") -> str:
    return f"{{trigger: {{{trigger}}}, {more} steps: [{{send: offer}}]}}"


CHEAPER: Final = [product(-9 * DAY, name="Shirt", price=100, stock=3), product(0, price=90)]


def test_rule_22_a_price_drop_holds_the_product_and_its_old_price(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            known(),
            known("v"),
            track(-DAY, "Product Viewed", sku="a1"),
            track(-DAY, "Product Viewed", "v", sku="b"),
            *CHEAPER,
        ],
        flows__drop_yaml=offer("price_drop: {by: 10%}"),
    )
    assert lines == [("u", "drop", "entered", "a1"), ("u", "drop", "sent", "a1 Shirt 100 90")]


@pytest.mark.parametrize(
    ("trigger", "who"),
    [
        ("price_drop: {by: 10%, for: viewed}", ["both", "viewer"]),
        ("price_drop: {by: 10%, for: carted}", ["both", "carter", "listed"]),
        ("price_drop: {by: 10%}", ["both", "carter", "listed", "viewer"]),
        ("price_drop: {by: 11%}", []),
        ("price_drop: {for: [viewed], within: 40d}", ["both", "long-ago", "viewer"]),
    ],
)
def test_whom_a_price_drop_concerns(stage: Connection, trigger: str, who: list[str]) -> None:
    lines = lived(
        stage,
        [
            track(-DAY, "Product Viewed", "viewer", product_id="a1"),
            track(-DAY, "Product Viewed", "both", sku="a1"),
            track(-DAY, "Product Added", "both", sku="a1", cart_id="c"),
            track(-DAY, "Product Added", "carter", sku="a1", cart_id="c"),
            track(-DAY, "Checkout Started", "listed", cart_id="c", products=[{"sku": "b"}, {"sku": "a1"}]),
            track(-31 * DAY, "Product Viewed", "long-ago", sku="a1"),
            track(1, "Product Viewed", "too-late", sku="a1"),
            track(-DAY, "Product Viewed", "other", sku="b"),
            *CHEAPER,
        ],
        flows__drop_yaml=f"{{trigger: {{{trigger}}}, steps: [{{exit: over}}]}}",
    )
    assert [line[0] for line in lines] == who


def test_what_comes_back_calls_those_who_have_asked_for_it(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            product(-9 * DAY, name="Shirt", price=100, stock=0),
            product(-8 * DAY, "b", stock=5),
            track(-DAY, "Back In Stock Requested", "asker", sku="a1"),
            track(-DAY, "Product Viewed", "viewer", sku="a1"),
            product(0, stock=4),
            product(1, "b", stock=9),
            product(2, stock=3),
        ],
        flows__asked_yaml="{trigger: {back_in_stock: {for: requested}}, steps: [{exit: over}]}",
        flows__back_yaml="{trigger: {back_in_stock: {}}, steps: [{exit: over}]}",
    )
    assert lines == [
        ("asker", "asked", "entered", "a1"),
        ("asker", "back", "entered", "a1"),
        ("viewer", "back", "entered", "a1"),
    ]


def test_rule_13_each_change_is_a_key_of_its_own_and_a_time_counts_over_all(stage: Connection) -> None:
    seen = [track(-DAY, "Product Viewed", sku=sku) for sku in ("a1", "b")]
    told = [product(-9 * DAY, sku, price=100) for sku in ("a1", "b")]
    drops = [product(0, price=90), product(60, "b", price=90), product(3 * DAY, price=80)]
    lines = lived(
        stage,
        [*seen, *told, *drops],
        flows__again_yaml="{trigger: {price_drop: {}}, reentry: always, steps: [{exit: over}]}",
        flows__once_yaml="{trigger: {price_drop: {}}, steps: [{exit: over}]}",
        flows__rarely_yaml="{trigger: {price_drop: {}}, reentry: {after: 2d}, steps: [{exit: over}]}",
    )
    assert [line[1:] for line in lines] == [
        ("again", "entered", "a1"),
        ("once", "entered", "a1"),
        ("rarely", "entered", "a1"),
        ("again", "entered", "b"),
        ("once", "entered", "b"),
        ("rarely", "refused", "reentry"),
        ("again", "entered", "a1"),
        ("once", "entered", "a1"),
        ("rarely", "entered", "a1"),
    ]


def test_an_audience_sees_what_was_done_up_to_the_change_and_an_order_at_its_moment_too(stage: Connection) -> None:
    viewed = [track(-DAY, "Product Viewed", user, sku="a1") for user in ("u", "v", "w")]
    bought = [track(0, "Order Completed", "v", order_id="1"), track(1, "Order Completed", "w", order_id="2")]
    lines = lived(
        stage,
        [*viewed, *bought, *CHEAPER],
        flows__drop_yaml="{trigger: {price_drop: {}}, audience: {order.count: 0}, steps: [{exit: over}]}",
    )
    assert lines == [
        ("u", "drop", "entered", "a1"),
        ("v", "drop", "refused", "audience"),
        ("w", "drop", "entered", "a1"),
    ]


def test_the_same_said_again_or_an_older_word_that_comes_late_is_no_price_drop(stage: Connection) -> None:
    late = product(-5 * DAY, price=50) | {"receive_at": moment(10)}
    lines = lived(
        stage,
        [
            track(-DAY, "Product Viewed", sku="a1"),
            product(-9 * DAY, price=90),
            product(0, price=90),
            product(-DAY, price=90),
            late,
        ],
        flows__drop_yaml="{trigger: {price_drop: {}}, steps: [{exit: over}]}",
    )
    assert lines == []
    assert stage.execute("select price from product").fetchall() == [(90,)]


BEANS: Final = {"sku": "beans", "name": "Beans"}


def bought(day: float, user: str = "u", sku: str = "beans", **more: object) -> dict[str, object]:
    return track(day * DAY, "Order Completed", user, order_id=f"{user}{day}", products=[{"sku": sku}], **more)


def test_what_is_used_up_is_spoken_of_on_its_day_and_buying_it_again_starts_it_anew(stage: Connection) -> None:
    lines = lived(
        stage,
        [known(), product(-DAY, "beans", name="Beans", price=9, interval="30d"), bought(0), bought(10), bought(39)],
        flows__due_yaml=offer('reorder_due: {offset: -2d, at: "10:00"}'),
    )
    assert lines == [
        ("u", "due", "entered", "beans@2026-04-11"),
        ("u", "due", "sent", "beans Beans 0 9 due 2026-04-11T09:00:00Z"),
        ("u", "due", "entered", "beans@2026-05-10"),
        ("u", "due", "sent", "beans Beans 0 9 due 2026-05-10T09:00:00Z"),
    ]


def test_the_interval_is_the_products_own_else_its_categorys(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            product(-2 * DAY, "", category="coffee", interval="20d") | {"sku": None},
            product(-DAY, "own", category="coffee", interval="5d"),
            product(-DAY, "theirs", category="coffee"),
            product(-DAY, "lasting", category="cups"),
            *(bought(0, sku, sku) for sku in ("own", "theirs", "lasting")),
        ],
        flows__due_yaml="{trigger: {reorder_due: {}}, steps: [{exit: over}]}",
    )
    assert lines == [
        ("own", "due", "entered", "own@2026-03-07"),
        ("theirs", "due", "entered", "theirs@2026-03-22"),
    ]


def test_a_cancelled_order_is_never_used_up_and_where_looks_at_the_product(stage: Connection) -> None:
    lines = lived(
        stage,
        [
            product(-DAY, "beans", price=9, interval="5d"),
            product(-DAY, "tea", price=3, interval="5d"),
            bought(0),
            track(DAY, "Order Cancelled", order_id="u0"),
            bought(0, "v"),
            bought(0, "w", "tea"),
        ],
        flows__due_yaml="{trigger: {reorder_due: {where: {event.product.price: {gte: 5}}}}, steps: [{exit: over}]}",
    )
    assert lines == [("v", "due", "entered", "beans@2026-03-07")]


@pytest.mark.parametrize(("pairs", "learnt"), [(19, []), (20, [(20, 30)])])
def test_an_interval_is_learnt_from_twenty_pairs_and_not_from_fewer(
    stage: Connection, pairs: int, learnt: list[tuple[int, int]]
) -> None:
    """Nineteen people bought again after 20 to 40 days, and one more makes it a figure."""
    repeats = [bought(gap, f"p{n}") for n in range(pairs) for gap in (0, 20 + n % 21 if n < 19 else 30)]
    lines = lived(
        stage,
        [product(-DAY, "beans"), *repeats, bought(60, "u")],
        flows__due_yaml="{trigger: {reorder_due: {}}, steps: [{exit: over}]}",
    )
    found = stage.execute("select pairs, extract(day from lasts_days)::integer from learnt_interval").fetchall()
    assert found == learnt
    assert [line for line in lines if line[0] == "u"] == [("u", "due", "entered", "beans@2026-05-31")] * len(learnt)


def test_products_are_told_part_by_part_each_with_its_own_time(stage: Connection) -> None:
    workspace = create_workspace(stage, "shop", buckets=2)

    def say(at: int, arrival: int, **told: object) -> int:
        words = [Word(read_product({"sku": "a1", **told}), T0 + timedelta(minutes=at))]
        return tell(stage, workspace, words, T0 + timedelta(minutes=arrival))

    assert say(0, 0, name="Shirt", price=100, variants=[{"sku": "a1-s", "stock": 0}, {"sku": "a1-m", "stock": 0}]) == 0
    assert say(2, 2, price=80) == 1
    assert say(1, 3, price=90, name="Blouse") == 0
    assert say(4, 4, stock=5) == 1
    row = stage.execute("select told, names, price, stock from product").fetchone()
    assert row is not None
    assert (row[0]["name"], sorted(row[1]), row[2], row[3]) == (
        "Blouse",
        ["a1", "a1-m", "a1-s"],
        Decimal(80),
        Decimal(5),
    )
    assert stage.execute("select old_price, price, back from product_change order by at").fetchall() == [
        (Decimal(100), Decimal(80), False),
        (Decimal(80), Decimal(80), True),
    ]
    assert stage.execute("select count(*) from catalogue_turn").fetchone() == (4,)


HOUR: Final = timedelta(hours=1)


def test_in_life_each_bucket_takes_its_turn_once(dsn: str) -> None:
    """Whoever a change concerns hears of it, whichever bucket they live in; it is forgotten when all have heard."""
    flows = {
        "drop": "{trigger: {price_drop: {by: 5%}}, steps: [{exit: over}]}",
        "due": "{trigger: {reorder_due: {}}, steps: [{exit: over}]}",
    }
    with connect(dsn) as conn:
        shop = Shop(dsn, conn, found_shop(conn, small(flows), buckets=4, zones=["UTC"]), HandClock(T0))

        def say(after: int, price: int) -> None:
            beans = read_product({"sku": "a1", "price": price, "interval": "1d"})
            tell(conn, shop.book.workspace, [Word(beans, T0 + after * HOUR)], T0 + after * HOUR)
            conn.commit()

        def why(user: str) -> list[str]:
            return lines(explain(conn, "simulation", user, now=shop.clock.at)[0])

        say(0, 100)
        for number in range(12):
            shop.track(f"u{number}", "Product Viewed", T0, sku="a1" if number < 9 else "b")
        shop.track("u11", "Order Completed", T0, order_id="o", products=[{"sku": "a1"}])
        shop.work(T0)
        say(1, 96)
        say(2, 90)
        assert shop.query("select count(*) from catalogue_turn") == [(8,)]
        shop.work(T0 + 2 * HOUR)
        entries = "select count(distinct profile), count(*) from journal where flow = 'drop' and outcome = 'entered'"
        assert shop.query(entries) == [(9, 9)]
        assert "Entered drop (a1@2026-03-02T11:00:00Z): the price drop of a1." in "\n".join(why("u0"))
        assert "drop: a price drop of something that concerns them has never come." in "\n".join(why("u11"))
        assert shop.query("select count(*) from catalogue_turn") == [(0,)]
        shop.work(T0 + 30 * HOUR)
        assert shop.query("select key, entered_at from enrollment where flow = 'due'") == [
            ("a1@2026-03-03", T0 + 24 * HOUR)
        ]
        forget_changes(conn, T0 + 30 * HOUR)
        assert shop.query("select count(*) from product_change") == [(0,)]
