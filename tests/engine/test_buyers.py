"""Buyers in a shop that lives: computed once a day, only where asked for, kept for everybody, and gone with whoever goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.explain import as_data, explain, lines
from tamshy.predict import asked, foreseen
from tamshy.segment import compute, rankings
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY: Final = timedelta(days=1)
PLAIN: Final = small({"plain": "trigger: {event: Ask}\nsteps: [{exit: seen}]\n"})
ASKING: Final = PLAIN | {
    "flows/in.yaml": "trigger: [{segment: new}, {segment: new, on: leave}]\nreentry: always\nsteps: [{exit: seen}]\n",
    "segments/new.yaml": "where: {rfm.segment: new}\n",
}
COLUMNS: Final = "since, segment, score, clv, churn, next_order_at"


def three(day: int) -> datetime:
    """03:00 so many days after the first."""
    return (T0 + day * DAY).replace(hour=3)


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in UTC in which five have ordered, one an hour."""
    with connect(dsn) as conn:
        made = Shop(dsn, conn, found_shop(conn, ASKING, buckets=4, zones=["UTC"]), HandClock(T0))
        for number in range(5):
            made.track(f"u{number}", "Order Completed", T0 + number * timedelta(hours=1), value=10)
        yield made


def flow(shop: Shop, user: str) -> list[tuple[object, object]]:
    """When somebody came into the flow of the segment."""
    return [(at, name) for at, name, _, what, _ in shop.told(user) if what == "entered"]


def test_rule_29_a_worker_computes_the_figures_once_their_hour_has_come(shop: Shop) -> None:
    shop.work(T0 + 8 * timedelta(hours=1))
    assert shop.query("select count(*) from buyer") == [(0,)]
    shop.work(three(1))
    assert shop.query(f"select {COLUMNS} from buyer order by score") == [
        (three(1), "hibernating", 111, None, None, None),
        (three(1), "hibernating", 211, None, None, None),
        (three(1), "about_to_sleep", 311, None, None, None),
        (three(1), "promising", 411, None, None, None),
        (three(1), "new", 511, None, None, None),
    ]
    assert flow(shop, "u4") == [(three(1), "in")]
    assert flow(shop, "u3") == []


def test_only_rows_whose_figures_are_others_are_written(shop: Shop) -> None:
    shop.work(three(1))
    shop.track("u5", "Order Completed", T0 + DAY, value=5)
    shop.work(T0 + DAY)
    shop.work(three(2))
    # Of six: recency 1 1 2 3 4 5. That of u0 is as it was.
    assert shop.query("select since, score from buyer order by score, since") == [
        (three(1), 111),
        (three(2), 111),
        (three(2), 211),
        (three(2), 311),
        (three(2), 411),
        (three(2), 511),
    ]
    assert (flow(shop, "u4"), flow(shop, "u5")) == ([(three(1), "in"), (three(2), "in")], [(three(2), "in")])
    assert flow(shop, "u0") == []
    shop.work(three(3))
    assert shop.query("select distinct since from buyer order by 1") == [(three(1),), (three(2),)]
    assert shop.query("select at from ranked") == [(three(3),)]


def test_only_who_crosses_a_border_is_looked_at(shop: Shop) -> None:
    shop.work(three(1))
    shop.track("u5", "Order Completed", T0 + DAY, value=5)
    shop.work(T0 + DAY)
    compute(shop.conn, shop.book, three(2))
    assert shop.query(
        "select p.die, f.segment, f.at from flip f join profile p on p.bucket = f.bucket and p.id = f.profile order by 1"
    ) == [("user_id:u4", "new", three(2)), ("user_id:u5", "new", three(2))]


def test_whose_orders_count_no_more_has_no_row(shop: Shop) -> None:
    shop.track("u9", "Order Completed", T0 + timedelta(hours=6), order_id="o9", value=10)
    shop.work(three(1))
    assert flow(shop, "u9") == [(three(1), "in")]
    shop.track("u9", "Order Cancelled", T0 + DAY, order_id="o9")
    shop.work(T0 + DAY)
    assert shop.query("select count(*) from buyer") == [(6,)]
    shop.work(three(2))
    assert shop.query("select count(*) from buyer") == [(5,)]
    assert flow(shop, "u9") == [(three(1), "in"), (three(2), "in")]  # entered, and left


def test_nothing_is_computed_where_nobody_asks_and_what_was_goes(shop: Shop) -> None:
    shop.work(three(1))
    assert asked(shop.book)
    assert not foreseen(shop.book)
    shop.publish(PLAIN, T0 + DAY)
    assert not asked(shop.book)
    assert shop.query("select count(*) from buyer") == [(0,)]
    shop.work(three(3))
    assert shop.query("select count(*) from buyer") == [(0,)]
    assert shop.query("select at from ranked") == [(three(1),)]


def test_publishing_the_first_question_computes_at_once_and_tells_nobody(shop: Shop) -> None:
    shop.publish(PLAIN, T0 + timedelta(hours=5))
    shop.work(T0 + timedelta(hours=6))
    at = T0 + timedelta(hours=7)
    shop.publish(ASKING, at)
    assert shop.query("select distinct since from buyer") == [(at,)]
    assert shop.query("select count(*) from membership") == [(1,)]
    shop.work(at)
    assert flow(shop, "u4") == []


def test_of_two_that_are_one_the_own_figures_stay_else_the_other_s(shop: Shop) -> None:
    shop.visit("d1", "Order Completed", T0 + timedelta(hours=6), value=10)
    shop.identify("u8", T0)
    shop.work(three(1))
    assert scores(shop) | {"anonymous_id:d1": 511, "user_id:u0": 111} == scores(shop)
    shop.visit("d2", "Order Completed", T0 + DAY, value=10)
    shop.work(three(2))
    assert scores(shop) | {"anonymous_id:d1": 411, "anonymous_id:d2": 511, "user_id:u0": 111} == scores(shop)
    shop.identify("u8", T0 + 2 * DAY, device="d1")
    shop.identify("u0", T0 + 2 * DAY, device="d2")
    shop.work(T0 + 2 * DAY)
    assert scores(shop) | {"user_id:u8": 411, "user_id:u0": 111} == scores(shop)
    assert len(scores(shop)) == 6


def scores(shop: Shop) -> dict[object, object]:
    """The score of each buyer, by what they were first known as."""
    rows = shop.query("select p.die, b.score from buyer b join profile p on p.bucket = b.bucket and p.id = b.profile")
    return {row[0]: row[1] for row in rows}


def test_explain_says_what_the_figures_are(shop: Shop) -> None:
    shop.work(three(1))
    shop.identify("u9", T0 + DAY)
    shop.work(T0 + DAY)
    for user, said in (
        ("u4", "new: in since 3 Mar 2026, 03:00: rfm.segment new holds. rfm.segment is new."),
        ("u0", "new: not in: rfm.segment new does not hold. rfm.segment is hibernating."),
        ("u9", "new: not in: rfm.segment new does not hold. rfm.segment has no figure."),
    ):
        (found,) = explain(shop.conn, NAME, user, now=T0 + DAY)
        shop.conn.commit()
        assert [line.strip() for line in lines(found)][-1] == said
    (nobody,) = explain(shop.conn, NAME, "u9", now=T0 + DAY)
    shop.conn.commit()
    told = [line for line in as_data(nobody) if line["kind"] == "segment"]
    assert [line["figures"] for line in told] == [{"rfm.segment": None}]


PREDICTING: Final = PLAIN | {"segments/going.yaml": "where: {predicted.churn: {gte: 0.5}}\n"}


def test_the_figures_of_a_row_are_those_of_the_page(shop: Shop) -> None:
    """Worked out by hand from docs/reference/buyers.md."""
    for number in range(5):
        for order in range(1, 5):
            shop.track(f"u{number}", "Order Completed", T0 + number * timedelta(hours=1) + order * 10 * DAY, value=10)
    shop.work(T0 + 41 * DAY)
    shop.publish(PREDICTING, T0 + 41 * DAY)
    assert foreseen(shop.book)
    (row,) = shop.query(
        "select clv, churn, next_order_at from buyer b join profile p on p.bucket = b.bucket and p.id = b.profile"
        " where p.die = 'user_id:u0'"
    )
    # g = 10 days, s = 5, b = 10 / (2^(1/5) - 1) = 67.2499; at 03:00 t = 0.75. All five old purchases were followed up:
    # Q = 1/7, q = 1/35.
    # churn = 1/35 / (1/35 + 34/35 * (1 + 0.75/67.2499)^-5) = 0.03015
    # clv = (1 - 0.03015) * (1 - (1 + 365/35 / 67.9999)^-5) * 35 * 10 = 173.13
    assert row == (Decimal("173.13"), Decimal("0.0302"), T0 + 50 * DAY)


def test_a_history_stops_daily_only_where_that_can_bring_somebody_in(shop: Shop) -> None:
    """What a flow asks is computed for whoever comes to it; a segment's border can be crossed any day."""
    asking = PLAIN | {
        "flows/g.yaml": "trigger: {event: Ask}\naudience: {predicted.churn: {lt: 1}}\nsteps: [{exit: seen}]\n"
    }
    shop.work(three(1))
    shop.publish(asking, T0 + DAY)
    shop.track("u1", "Ask", T0 + 30 * DAY)
    shop.conn.commit()
    assert list(rankings(shop.conn, shop.book, T0 + 29 * DAY)) == []
    stops = rankings(shop.conn, shop.book, T0 + 40 * DAY)
    assert next(stops) == three(30)
    kept = asking | {
        "segments/going.yaml": "where: {predicted.churn: {gte: 0.5}}\n",
        "flows/h.yaml": "trigger: {segment: going}\nsteps: [{exit: seen}]\n",
    }
    shop.publish(kept, T0 + DAY)
    stops = rankings(shop.conn, shop.book, T0 + 40 * DAY)
    assert [next(stops), next(stops)] == [three(2), three(3)]
