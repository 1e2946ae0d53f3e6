"""Segments in a shop that lives: a worker comes when a moment has, and never before; why somebody is in, and why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.domain.call import IMPORTED, Call, CallKind
from tamshy.explain import as_data, explain, lines
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
FILES = small(
    {
        "back": "trigger: {segment: lapsed}\nexit_on: {segment: lapsed, on: leave}\nsteps: [{wait: 5d}, {send: come-back}]\n",
        "best": "trigger: [{segment: best}, {segment: best, on: leave}]\nreentry: always\nsteps: [{exit: seen}]\n",
    }
) | {
    "segments/lapsed.yaml": "where: [{did: Order Completed}, {did_not: Order Completed, within: 30d}, {profile.city: Almaty}]\n",
    "segments/best.yaml": "where: {top: 50%, by: {sum: event.value, of: Order Completed}}\n",
    "segments/unused.yaml": "where: {did: Order Completed, within: 2d}\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in UTC with one who has ordered."""
    with connect(dsn) as conn:
        made = Shop(dsn, conn, found_shop(conn, FILES, buckets=4, zones=["UTC"]), HandClock(T0))
        made.identify("u1", T0, email="aia@example.com", city="Almaty")
        made.track("u1", "Order Completed", T0, value=10)
        yield made


def test_time_brings_somebody_in_when_the_worker_comes_by_and_an_order_out_again(shop: Shop) -> None:
    shop.work(T0)
    assert shop.query("select segment, at from flip") == [("lapsed", T0 + 30 * DAY)]
    shop.work(T0 + 28 * DAY)  # the best are computed
    assert shop.work(T0 + 29 * DAY).items == 0
    assert [row for row in shop.told("u1") if row[1] == "back"] == []
    shop.work(T0 + 30 * DAY)
    assert shop.query("select segment, since from membership where segment = 'lapsed'") == [("lapsed", T0 + 30 * DAY)]
    shop.track("u1", "Order Completed", T0 + 31 * DAY)
    shop.work(T0 + 31 * DAY)
    assert [row for row in shop.told("u1") if row[1] == "back"] == [
        (T0 + 30 * DAY, "back", "", "entered", ""),
        (T0 + 31 * DAY, "back", "", "exited", "exit_on"),
    ]
    assert shop.query("select segment from membership where segment = 'lapsed'") == []


def test_after_an_outage_time_turns_at_the_moment_of_the_worker_after_what_has_arrived(shop: Shop) -> None:
    shop.work(T0)
    shop.track("u1", "Order Completed", T0 + 32 * DAY)
    shop.work(T0 + 33 * DAY)
    # The order that came meanwhile is worked first; nobody was ever seen to be away.
    assert [row for row in shop.told("u1") if row[1] == "back"] == []
    assert shop.query("select at from flip where segment = 'lapsed'") == [(T0 + 62 * DAY,)]


def test_rule_29_a_worker_computes_the_best_once_their_hour_has_come(shop: Shop) -> None:
    shop.work(T0)
    assert shop.query("select count(*) from best") == [(0,)]
    at = (T0 + DAY).replace(hour=3)
    shop.work(at)
    assert shop.query("select at from ranked") == [(at,)]
    assert shop.query("select count(*) from best") == [(1,)]
    assert [row for row in shop.told("u1") if row[1] == "best"] == [
        (at, "best", "", "entered", ""),
        (at, "best", "", "exited", "seen"),
    ]


def test_what_is_imported_flips_and_starts_nothing(shop: Shop) -> None:
    shop.identify("u2", T0, city="Almaty")
    old = T0 - 90 * DAY
    shop.store(Call(CallKind.TRACK, old, T0, user_id="u2", name="Order Completed", origin=IMPORTED))
    shop.work(T0)
    assert shop.query("select segment from membership") == [("lapsed",)]
    assert shop.told("u2") == [(T0, "back", "", "refused", "too_old")]


def test_explain_says_which_part_keeps_somebody_in_or_out_and_when_time_may_change_it(shop: Shop) -> None:
    shop.work(T0)
    (found,) = explain(shop.conn, NAME, "u1", now=T0)
    shop.conn.commit()
    told = lines(found)
    assert [line.strip() for line in told[told.index("Segments") + 1 :]] == [
        "best: not in: top 50% by sum event.value of Order Completed does not hold.",
        "lapsed: not in: did_not Order Completed within 30d does not hold. Time may change that at 1 Apr 2026, 09:00 their time.",
        "unused: in: did Order Completed within 2d holds. Time may change that at 4 Mar 2026, 09:00 their time.",
    ]
    data = [line for line in as_data(found) if line["kind"] == "segment"]
    assert json.loads(json.dumps(data))[1] == {
        "kind": "segment",
        "segment": "lapsed",
        "inside": False,
        "may_turn_at": "2026-04-01T09:00:00Z",
        "parts": [
            {"condition": "did Order Completed", "holds": True},
            {"condition": "did_not Order Completed within 30d", "holds": False},
            {"condition": "profile.city Almaty", "holds": True},
        ],
    }


def test_publishing_another_condition_asks_everybody_anew_and_tells_nobody(shop: Shop) -> None:
    shop.work(T0 + 30 * DAY)
    before = shop.told()
    changed = FILES | {"segments/lapsed.yaml": "where: {did: Order Completed, within: 60d}\n"}
    shop.publish(changed, T0 + 31 * DAY)
    assert shop.query("select since from membership where segment = 'lapsed'") == [(T0 + 31 * DAY,)]
    assert shop.query("select at from flip where segment = 'lapsed'") == [(T0 + 60 * DAY,)]
    shop.work(T0 + 31 * DAY)
    assert shop.told() == before


def test_idle_a_pass_costs_nothing_for_each_profile(shop: Shop) -> None:
    shop.work(T0)
    shop.work(T0 + DAY)
    (before,) = shop.query("select sum(pass) from lease")
    assert shop.work(T0 + 2 * DAY).items == 0
    (after,) = shop.query("select sum(pass) from lease")
    assert before == after
