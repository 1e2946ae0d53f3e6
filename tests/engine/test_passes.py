"""What a pass takes, and in which order: at most the earliest of each profile, whatever the crowd."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small

from tamshy.domain.call import Call, CallKind
from tamshy.passes import Horizon, Worked, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOW = """\
trigger: {event: Go}
exit_on: {event: Stop}
steps: [{wait: 1h}, {send: hello}]
"""
LOW = "trigger: {event: Go}\npriority: -1\nsteps: [{wait: 30m}, {send: low}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop of one bucket, in which five people set out at 9:00."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"flow": FLOW, "low": LOW}), buckets=1, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        for number in range(5):
            made.identify(f"u{number}", T0, email=f"u{number}@example.com")
            made.track(f"u{number}", "Go", T0)
        prepare(conn)
        yield made


def one_pass(shop: Shop, horizon: Horizon) -> Worked:
    worked = run(shop.conn, shop.book, shop.book.first_bucket, 0, horizon, LiquidValues(shop.book.settings))
    shop.conn.commit()
    return worked


def all_passes(shop: Shop, horizon: Horizon) -> int:
    passes = 0
    while one_pass(shop, horizon).items:
        passes += 1
    return passes


def test_a_pass_takes_one_item_of_each_profile(shop: Shop) -> None:
    assert one_pass(shop, Horizon(T0)) == Worked(events=5)
    assert shop.query("select distinct kind, count(*)::integer from inbox group by kind") == [("event", 5)]
    assert one_pass(shop, Horizon(T0)) == Worked(events=5)
    assert one_pass(shop, Horizon(T0)) == Worked()
    assert one_pass(shop, Horizon(T0 + HOUR / 2)) == Worked(due=5)


def test_a_pass_takes_no_more_profiles_than_it_may(shop: Shop) -> None:
    assert one_pass(shop, Horizon(T0, limit=2)) == Worked(events=2)
    assert all_passes(shop, Horizon(T0, limit=2)) == 5
    assert shop.query("select count(*)::integer from journal where outcome = 'entered'") == [(10,)]


def test_in_a_crowd_nobody_is_worked_ahead_of_what_has_arrived_for_them(shop: Shop) -> None:
    """More people wait in the inbox than a pass takes: who is overdue is asked whether something came before that."""
    all_passes(shop, Horizon(T0))
    ((last,),) = shop.query("select value from identifier where kind = 'user_id' order by profile desc limit 1")
    for number in range(5):
        shop.track(f"u{number}", "Stop" if f"u{number}" == last else "Looked", T0 + HOUR / 3)
    # A minute ahead of the others, so that a pass over one profile takes this one, and not the first in the inbox.
    shop.conn.execute(
        "update enrollment set work_at = work_at - interval '1 minute', due_at = due_at - interval '1 minute'"
        " where profile = (select profile from identifier where value = %(last)s)",
        {"last": last},
    )
    shop.conn.commit()
    shop.book = replace(shop.book, paused=frozenset({"low"}))
    all_passes(shop, Horizon(T0 + 2 * HOUR, limit=1))
    assert [row[1:] for row in shop.told(str(last)) if row[1] == "flow"][1:] == [("flow", "", "exited", "exit_on")]


def test_a_flow_that_stands_still_keeps_nobody_else_waiting(shop: Shop) -> None:
    all_passes(shop, Horizon(T0))
    shop.conn.execute("update flow set paused = true where name = 'low'")
    shop.conn.commit()
    shop.book = replace(shop.book, paused=frozenset({"low"}))
    assert one_pass(shop, Horizon(T0 + HOUR)) == Worked(due=5)
    assert shop.query("select distinct message, state from message") == []
    assert one_pass(shop, Horizon(T0 + HOUR)) == Worked(due=5)
    assert shop.query("select distinct message, state from message") == [("hello", "accepted")]
    # Who waits for their rendering is not touched.
    assert one_pass(shop, Horizon(T0 + HOUR)) == Worked()


def test_what_is_late_is_worked_by_priority_at_the_horizon(shop: Shop) -> None:
    """In time, the earlier goes first; an hour late, both are due now, and the higher priority wins."""
    all_passes(shop, Horizon(T0))
    now = T0 + 3 * HOUR
    one_pass(shop, Horizon(now, now - timedelta(minutes=1)))
    assert shop.query("select distinct flow from enrollment where step = 1") == [("flow",)]
    all_passes(shop, Horizon(now, now - timedelta(minutes=1)))
    assert shop.query("select distinct message, decided_at from message") == [("hello", now)]


def test_what_is_stored_for_a_profile_that_has_just_been_merged_follows_it(shop: Shop) -> None:
    """Somebody looked the profile up before the merge and stores after it."""
    all_passes(shop, Horizon(T0))
    stray = Call(CallKind.TRACK, T0, T0, user_id="u9", name="Go", key="go")
    shop.store(stray)
    shop.conn.execute(
        "update profile set merged_into = (select profile from identifier where value = 'u0')"
        " where id = (select profile from identifier where value = 'u9')"
    )
    shop.track("u0", "Stop", T0 + HOUR / 2)
    shop.conn.execute(
        "update inbox set profile = (select profile from identifier where value = 'u9') where name = 'Stop'"
    )
    shop.conn.commit()
    now = T0 + HOUR
    all_passes(shop, Horizon(now, now - timedelta(minutes=1)))
    assert [row[3:] for row in shop.told("u9")] == []
    assert [row[1:] for row in shop.told("u0") if row[3] == "exited"] == [("flow", "", "exited", "exit_on")]
    counted = shop.query(
        "select v.name, count(*)::integer from event v join identifier i on i.profile = v.profile and i.value = 'u0'"
        " group by 1 order by 1"
    )
    assert counted == [("Go", 2), ("Stop", 1)]
    assert shop.query("select count(*)::integer from inbox") == [(0,)]
