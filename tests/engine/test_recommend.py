"""`recommend` in messages: what goes with what, what sells, what is new, what somebody viewed and what they may want next."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import sqrt
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.emptying import empty
from tests.engine.living import HandClock, Shop, found_shop, small
from tests.oracle.table import PLAIN_SETTINGS

from tamshy.commerce import Word, tell
from tamshy.ingest import calls_from_lines
from tamshy.language.products import read_product
from tamshy.recommend import learn, pick
from tamshy.recommend.picking import Wanted
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

Json = dict[str, object]
ASKED: Final = datetime(2026, 3, 20, 12, tzinfo=UTC)


def at(day: float) -> str:
    return (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)).isoformat()


def product(sku: str, day: float = 0, **told: object) -> Json:
    return {"type": "product", "sku": sku, "timestamp": at(day), "name": sku.upper(), **told}


def track(user: str, event: str, day: float, /, **properties: object) -> Json:
    return {"type": "track", "userId": user, "event": event, "timestamp": at(day), "properties": properties}


def bought(user: str, day: float, *skus: str) -> Json:
    return track(user, "Order Completed", day, order_id=f"{user}-{day}", products=[{"sku": sku} for sku in skus])


def viewed(user: str, day: float, sku: str) -> Json:
    return track(user, "Product Viewed", day, sku=sku)


def asks(user: str, day: float = 19.5, **properties: object) -> list[Json]:
    traits = {"email": f"{user}@example.com"}
    return [
        {"type": "identify", "userId": user, "timestamp": at(0.1), "traits": traits},
        track(user, "Asked", day, **properties),
    ]


def shown(stage: Connection, how: str, *events: Json, files: dict[str, str] | None = None) -> list[str]:
    """What a message shows to each who asks, in the order of asking: the picks' skus, or why it was not sent."""
    subject = f"{{% assign picks = profile | recommend: {how} %}}{{% for p in picks %}}{{{{ p.sku }}}} {{% endfor %}}."
    texts = {
        "tamshy.yaml": PLAIN_SETTINGS,
        "messages/picks/message.yaml": f"subject: {{en: {json.dumps(subject)}}}\n",
        "messages/picks/en.md": "{% assign picks = profile | recommend: 'popular' %}{% for p in picks %}{{ p.name }}{% endfor %}",
        "flows/f.yaml": "{trigger: {event: Asked}, reentry: always, steps: [{send: picks}]}",
    }
    history = calls_from_lines([json.dumps(event) for event in events], zone=ZoneInfo("UTC"))
    assert history.problems == []
    played = play(stage, texts | (files or {}), history, compile_message=compile_message, renderer=InProcess())
    return [
        str(line.get("subject") or line.get("reason")).removesuffix(".").strip()
        for line in journal_lines(stage, played.until)
        if line["kind"] == "message"
    ]


SHOP: Final = [product(sku) for sku in "abcdefgh"]
PAIRS: Final = [
    # together: a with b three times, a with c twice, a with d once
    *(bought(f"t{n}", 1 + n / 10, "a", "b") for n in range(3)),
    *(bought(f"s{n}", 2 + n / 10, "a", "c") for n in range(2)),
    bought("r", 3, "a", "d"),
]


def test_together_is_what_orders_hold_together_the_nearest_first(stage: Connection) -> None:
    """a: 6 orders; b: 3 with it, c: 2; d once alone, which shows nothing."""
    assert shown(stage, '"together", of: event.products', *SHOP, *PAIRS, *asks("u", products=[{"sku": "a"}])) == ["b c"]
    found = stage.execute(
        "select sku, place, other, score from neighbour where kind = 'together' order by 1, 2"
    ).fetchall()
    assert [(sku, place, other, round(score, 9)) for sku, place, other, score in found] == [
        ("a", 1, "b", round(3 / sqrt(6 * 3), 9)),
        ("a", 2, "c", round(2 / sqrt(6 * 2), 9)),
        ("b", 1, "a", round(3 / sqrt(6 * 3), 9)),
        ("c", 1, "a", round(2 / sqrt(6 * 2), 9)),
    ]


def test_similar_is_what_the_same_people_look_at_cart_and_buy(stage: Connection) -> None:
    looks = [viewed(f"v{n}", 1, sku) for n in range(3) for sku in "ae"]
    carts = [track(f"v{n}", "Product Added", 2, sku="f", cart_id=str(n)) for n in range(2)]
    events = [*SHOP, *looks, *carts, *asks("u", sku="a")]
    assert shown(stage, '"similar", of: event.sku', *events) == ["e f"]
    # without `of`: to what the person has looked at, which is not shown
    assert shown_again(stage, '"similar"', *events, viewed("u", 4, "f")) == ["a e"]
    assert shown_again(stage, '"together", of: event.sku', *events) == [""]


def shown_again(stage: Connection, how: str, *events: Json) -> list[str]:
    """The same in an empty shop."""
    stage.rollback()
    empty(stage)
    stage.commit()
    return shown(stage, how, *events)


def test_equals_stand_in_the_order_of_their_sku(stage: Connection) -> None:
    same = [bought(f"t{n}", 1, *"hagcb") for n in range(2)]
    assert shown(stage, '"together", of: event.sku, count: 3', *SHOP, *same, *asks("u", sku="c")) == ["a b g"]


@pytest.mark.parametrize(("kind", "rest"), [("popular", "c b"), ("together", "c")])
def test_what_is_out_of_stock_or_was_just_bought_is_never_shown(stage: Connection, kind: str, rest: str) -> None:
    events = [
        *SHOP,
        *(bought(f"t{n}", 1, "a", "c", "d", "e") for n in range(3)),
        bought("z", 2, "b"),
        product("d", 10, stock=0),
        bought("u", 15, "e"),
        *asks("u", sku="a"),
    ]
    assert shown(stage, f'"{kind}", of: event.sku, count: 20', *events) == [rest]


def test_bought_a_month_ago_is_not_just_bought(stage: Connection) -> None:
    first = [bought("u", 0.5, "a"), bought("v", 0.5, "a", "b")]
    assert shown(stage, '"popular"', *SHOP, *first, *asks("u", 30.4), *asks("u", 30.6)) == ["b", "a b"]


def test_popular_is_by_people_and_not_by_pieces(stage: Connection) -> None:
    many = [bought("w", 1 + n / 10, "b") for n in range(5)]
    looks = [viewed(f"v{n}", 1, sku) for n in range(2) for sku in "ch"]
    events = [*SHOP, *many, bought("x", 2, "a"), bought("y", 2, "a"), *looks, viewed("z", 2, "h"), *asks("u")]
    assert shown(stage, '"popular"', *events) == ["a b h c"]


def test_what_sold_more_than_ninety_days_before_the_newest_order_sells_no_more(stage: Connection) -> None:
    events = [*SHOP, bought("x", 1, "a"), bought("y", 1, "a"), bought("z", 92, "b"), *asks("u", 94)]
    assert shown(stage, '"popular"', *events) == ["b"]


def test_new_is_what_came_last(stage: Connection) -> None:
    events = [
        product("old", 1),
        product("gone", 5, stock=0),
        product("new", 6),
        product("late", 7, stock=2),
        *asks("u"),
    ]
    files = {"catalog/first.jsonl": '{"sku": "first"}\n'}
    assert shown(stage, '"new"', *events, files=files) == ["late new old first"]


def test_viewed_is_the_newest_first_each_once_and_not_what_was_ordered(stage: Connection) -> None:
    looks = [viewed("u", day, sku) for day, sku in ((1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "nothing-of-ours"))]
    events = [*SHOP, *looks, viewed("v", 6, "h"), bought("u", 5, "c"), *asks("u"), *asks("stranger", 19.6)]
    assert shown(stage, '"viewed"', *events) == ["a b", ""]


def test_next_is_what_others_bought_who_have_bought_the_same(stage: Connection) -> None:
    """Both of a and b lead to c (and only a to d), whatever order they were bought in."""
    pairs = [*(bought(f"p{n}", 1, "a") for n in range(3)), *(bought(f"p{n}", 2, "c") for n in range(3))]
    pairs += [*(bought(f"q{n}", 1, "b") for n in range(2)), *(bought(f"q{n}", 2, "c") for n in range(2))]
    pairs += [*(bought(f"p{n}", 3, "d") for n in range(2))]
    own = [bought("u", -20, "a"), bought("u", -19, "b"), bought("u", 15, "h")]
    assert shown(stage, '"next"', *[product(sku, -30) for sku in "abcdh"], *pairs, *own, *asks("u")) == ["c d"]
    # what is near to a and b, and was bought long ago, may be wanted again


def test_nothing_known_is_an_empty_list(stage: Connection) -> None:
    for kind in ("similar", "together", "popular", "viewed", "next"):
        assert shown_again(stage, f'"{kind}"', *SHOP, *asks("u")) == [""]


def test_products_that_a_loop_or_a_variable_names_are_found_too(stage: Connection) -> None:
    subject = (
        "{% for p in event.products %}{% assign near = profile | recommend: 'together', of: p, count: 1 %}"
        "{% for n in near %}{{ n.sku }}{% endfor %}{% endfor %}."
    )
    files = {"messages/picks/message.yaml": f"subject: {{en: {json.dumps(subject)}}}\n"}
    events = [*SHOP, *PAIRS, *asks("u", products=[{"sku": "b"}, {"product_id": "a"}])]
    assert shown(stage, "'popular'", *events, files=files) == ["ab"]


def test_what_is_missing_fails_for_that_person_alone(stage: Connection) -> None:
    events = [*SHOP, *PAIRS, *asks("u"), *asks("v", 19.6, products=[{"sku": "a"}])]
    assert shown(stage, '"together", of: event.products', *events) == ["render_error", "b c"]


def test_what_is_known_changes_at_three_in_the_morning(stage: Connection) -> None:
    """Ordered on the 3rd: not known in the evening, known on the 4th."""
    orders = [bought(f"t{n}", 2.5, "a", "b") for n in range(2)]
    events = [*SHOP, *orders, *asks("u", 2.9, sku="a"), *asks("v", 3.2, sku="a")]
    assert shown(stage, '"together", of: event.sku', *events) == ["", "b"]


class Counted:
    """A connection that counts what is asked of it."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.asked = 0

    def execute(self, *args: object) -> object:
        self.asked += 1
        return self.conn.execute(*args)  # type: ignore[call-overload]


def test_in_life_a_batch_is_resolved_by_as_many_queries_as_one_mail(dsn: str) -> None:
    flow = "trigger: {event: Asked}\nsteps: [{send: picks}]\n"
    body = "{% assign picks = profile | recommend: 'together', of: event.sku %}{% for p in picks %}Take {{ p.sku }}!{% endfor %}"
    plain = "trigger: {event: Plain}\nsteps: [{send: plain}]\n"
    with connect(dsn) as conn:
        files = small({"f": flow, "g": plain}, messages={"picks": body, "plain": "Hello.\n"})
        shop = Shop(dsn, conn, found_shop(conn, files, buckets=1, zones=["UTC"]), HandClock(ASKED))
        assert shop.book.recommends
        words = [Word(read_product({"sku": sku}), ASKED) for sku in ("a", "b")]
        tell(conn, shop.book.workspace, words, ASKED)
        conn.commit()
        for number in range(4):
            order = f"o{number}"
            shop.track(f"p{number}", "Order Completed", ASKED, order_id=order, products=[{"sku": "a"}, {"sku": "b"}])
        shop.work(ASKED)
        assert learn(conn, shop.book, ASKED) == 6
        conn.commit()
        for number in range(5):
            shop.identify(f"u{number}", ASKED, email=f"u{number}@example.com")
            shop.track(f"u{number}", "Asked", ASKED, sku="a")
        shop.work(ASKED + timedelta(minutes=1))
        assert shop.query("select count(*) from content where position('Take b!' in plain) > 0") == [(5,)]
        people = [row[0] for row in conn.execute("select profile from message").fetchall()]
        few, many = Counted(conn), Counted(conn)
        one = [Wanted(people[0], ASKED, frozenset({"together", "next"}), frozenset({"a"}))]
        pick(few, 0, one)  # type: ignore[arg-type]
        all_ = [Wanted(person, ASKED, frozenset({"together", "next"}), frozenset({"a"})) for person in people]
        picked = pick(many, 0, all_)  # type: ignore[arg-type]
        assert (few.asked, many.asked, len(picked)) == (6, 6, 5)
        assert picked[0]["products"] == {"b": {"sku": "b"}}


def test_what_learning_makes_in_passing_leaves_all_that_is_prepared(dsn: str) -> None:
    """The driver lets go of every prepared statement of a connection that drops something: all passes would be planned anew."""
    with connect(dsn) as conn:
        files = small({"f": "trigger: {event: Asked}\nsteps: [{exit: done}]\n"})
        shop = Shop(dsn, conn, found_shop(conn, files, buckets=1, zones=["UTC"]), HandClock(ASKED))
        for _ in range(4):
            conn.execute("select 'worked'")
        learn(conn, shop.book, ASKED)
        prepared = conn.execute("select statement from pg_prepared_statements").fetchall()
        assert ("select 'worked'",) in prepared
