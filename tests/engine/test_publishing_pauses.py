"""A flow that stands still, and goes on (rule 33)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.publish import Overdue, pause, resume
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOW = """\
trigger: {event: Go}
exit_on: {event: Stop}
conversion: {event: Order Completed, within: 7d}
reentry: always
steps: [{wait: 1h}, {send: first, expires: 2h}, {wait: 1h}, {send: second, expires: 2h}]
"""
WAITING = """\
trigger: {event: Go}
steps:
  - wait_for: {event: Called, at_most: 3h, then: [{send: called}], else: [{send: silent}]}
"""
MORNING = """\
trigger: {event: Go}
steps: [{wait: {until: "10:00"}}, {send: morning, expires: 3d}]
"""


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with three flows, in which u1 set out at 9:00, and whose first two were paused at 9:30."""
    with connect(dsn) as conn:
        files = small({"flow": FLOW, "waiting": WAITING, "morning": MORNING})
        book = found_shop(conn, files, buckets=2, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, email="u1@example.com")
        made.track("u1", "Go", T0)
        made.work(T0)
        for flow in ("flow", "waiting"):
            assert pause(conn, NAME, flow, at=T0 + HOUR / 2)
        conn.commit()
        yield made


def told(shop: Shop, flow: str, user: str = "u1") -> list[tuple[object, ...]]:
    return [(row[0], *row[2:]) for row in shop.told(user) if row[1] == flow]


def go_on(shop: Shop, at: datetime, overdue: Overdue | None = None, flow: str = "flow") -> int:
    people = resume(shop.conn, NAME, flow, at=at, overdue=overdue)
    shop.conn.commit()
    return people


def test_a_paused_flow_advances_nobody_and_the_others_go_on(shop: Shop) -> None:
    shop.work(T0 + HOUR)
    shop.work(T0 + 9 * HOUR)
    assert told(shop, "flow") == [(T0, "", "entered", "")]
    assert told(shop, "morning")[1] == (T0 + HOUR, "morning", "sent", "")


def test_a_paused_flow_enrolls_nobody_and_says_so(shop: Shop) -> None:
    shop.track("u2", "Go", T0 + HOUR)
    shop.work(T0 + HOUR)
    assert told(shop, "flow", "u2") == [(T0 + HOUR, "", "refused", "paused")]
    go_on(shop, T0 + 2 * HOUR)
    shop.track("u2", "Go", T0 + 3 * HOUR)
    shop.work(T0 + 3 * HOUR)
    assert told(shop, "flow", "u2")[1:] == [(T0 + 3 * HOUR, "", "entered", "")]


def test_rule_33_while_paused_exits_and_conversions_are_taken_in(shop: Shop) -> None:
    shop.track("u1", "Order Completed", T0 + 2 * HOUR)
    shop.track("u1", "Stop", T0 + 3 * HOUR)
    shop.work(T0 + 3 * HOUR)
    assert told(shop, "flow")[1:] == [(T0 + 3 * HOUR, "", "exited", "exit_on")]
    assert shop.query("select occurred_at from conversion") == [(T0 + 2 * HOUR,)]


@pytest.mark.parametrize("overdue", [None, *Overdue])
def test_while_paused_an_awaited_event_is_taken_in(shop: Shop, overdue: Overdue | None) -> None:
    shop.track("u1", "Called", T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert go_on(shop, T0 + 4 * HOUR, overdue, "waiting") == 1
    shop.work(T0 + 4 * HOUR)
    expected = "skipped" if overdue is Overdue.SKIP else "sent"
    assert told(shop, "waiting")[1][1:3] == ("called", expected)


def test_resumed_what_is_overdue_is_treated_as_expires_says(shop: Shop) -> None:
    """Within `expires` of its moment a send goes out now; the next wait counts from now."""
    assert go_on(shop, T0 + 3 * HOUR) == 1
    shop.work(T0 + 3 * HOUR)
    assert told(shop, "flow")[1:] == [(T0 + 3 * HOUR, "first", "sent", "")]
    shop.work(T0 + 4 * HOUR)
    assert told(shop, "flow")[2][:2] == (T0 + 4 * HOUR, "second")


def test_resumed_later_than_expires_it_is_skipped(shop: Shop) -> None:
    go_on(shop, T0 + 3 * HOUR + timedelta(seconds=1))
    shop.work(T0 + 3 * HOUR + timedelta(seconds=1))
    assert told(shop, "flow")[1][1:] == ("first", "skipped", "expired")


def test_nothing_is_ever_worked_at_a_moment_before_the_resuming(shop: Shop) -> None:
    """Not even what would be within the minute in which things have their own moment."""
    go_on(shop, T0 + HOUR + timedelta(seconds=30))
    shop.work(T0 + HOUR + timedelta(seconds=30))
    assert told(shop, "flow")[1:] == [(T0 + HOUR + timedelta(seconds=30), "first", "sent", "")]


def test_resumed_with_send_it_goes_out_however_late(shop: Shop) -> None:
    go_on(shop, T0 + 48 * HOUR, Overdue.SEND)
    shop.work(T0 + 48 * HOUR)
    assert told(shop, "flow")[1:] == [(T0 + 48 * HOUR, "first", "sent", "")]


def test_resumed_with_skip_it_is_skipped_however_early_and_what_follows_is_not(shop: Shop) -> None:
    at = T0 + HOUR + timedelta(seconds=1)
    go_on(shop, at, Overdue.SKIP)
    shop.work(at)
    assert told(shop, "flow")[1:] == [(at, "first", "skipped", "expired")]
    shop.work(at + HOUR)
    assert told(shop, "flow")[2] == (at + HOUR, "second", "sent", "")


def test_skip_leaves_alone_what_was_not_due_yet(shop: Shop) -> None:
    assert go_on(shop, T0 + HOUR, Overdue.SKIP) == 0
    shop.work(T0 + HOUR)
    assert told(shop, "flow")[1:] == [(T0 + HOUR, "first", "sent", "")]


def test_resumed_with_shift_the_wait_goes_on_from_where_it_stood(shop: Shop) -> None:
    """Half of the hour was over when the flow was paused: the other half follows."""
    go_on(shop, T0 + 48 * HOUR, Overdue.SHIFT)
    shop.work(T0 + 48 * HOUR + timedelta(minutes=29))
    assert told(shop, "flow")[1:] == []
    shop.work(T0 + 48 * HOUR + timedelta(minutes=30))
    assert told(shop, "flow")[1:] == [(T0 + 48 * HOUR + timedelta(minutes=30), "first", "sent", "")]


def test_shift_keeps_to_the_time_of_day_that_a_step_waits_for(shop: Shop) -> None:
    assert pause(shop.conn, NAME, "morning", at=T0 + HOUR / 2)
    shop.conn.commit()
    go_on(shop, T0 + 5 * HOUR, Overdue.SHIFT, "morning")
    shop.work(T0 + 5 * HOUR)
    assert told(shop, "morning")[1:] == []
    shop.work(T0 + 25 * HOUR)
    assert told(shop, "morning")[1:2] == [(T0 + 25 * HOUR, "morning", "sent", "")]


def test_pausing_twice_keeps_the_first_moment_and_resuming_what_runs_does_nothing(shop: Shop) -> None:
    assert not pause(shop.conn, NAME, "flow", at=T0 + 9 * HOUR)
    assert shop.query("select paused_at from flow where name = 'flow'") == [(T0 + HOUR / 2,)]
    assert resume(shop.conn, NAME, "morning", at=T0 + HOUR) == 0


@pytest.mark.parametrize("name", ["nothing", "flows/flow"])
def test_a_flow_that_is_not_there_can_neither_be_paused_nor_resumed(shop: Shop, name: str) -> None:
    with pytest.raises(LookupError, match="there is no flow"):
        pause(shop.conn, NAME, name, at=T0)
    with pytest.raises(LookupError, match="there is no flow"):
        resume(shop.conn, NAME, name, at=T0)
    with pytest.raises(LookupError, match="there is no workspace"):
        resume(shop.conn, "elsewhere", "flow", at=T0)


def test_a_flow_that_was_paused_when_it_went_is_not_paused_when_it_comes_back(shop: Shop) -> None:
    shop.publish(small({}), T0 + HOUR)
    shop.publish(small({"flow": FLOW}), T0 + 2 * HOUR)
    shop.track("u1", "Go", T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert told(shop, "flow")[-1] == (T0 + 2 * HOUR, "", "entered", "")


def test_publishing_while_paused_moves_people_and_advances_nobody(shop: Shop) -> None:
    files = small({"flow": FLOW.replace("wait: 1h}, {send: first", "wait: 30m}, {send: first"), "waiting": WAITING})
    shop.publish(files, T0 + HOUR)
    shop.work(T0 + 2 * HOUR)
    assert told(shop, "flow") == [(T0, "", "entered", "")]
    go_on(shop, T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert told(shop, "flow")[1:] == [(T0 + 2 * HOUR, "first", "sent", "")]
