"""Dates in life: planned for those who are there when a flow is published, worked when they come, forgotten with their flow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.explain import as_data, explain, lines
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
BIRTHDAY = datetime(2026, 3, 9, 4, tzinfo=UTC)  # 09:00 in Almaty
FLOW = "trigger: {date: profile.birthday}\naudience: {profile.gone: {exists: false}}\nsteps: [{send: hello}]\n"
OTHER = "trigger: {event: Asked}\nsteps: [{send: hello}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in which u1, who lives in Almaty, has a birthday on 9 March."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"asked": OTHER}), buckets=4, zones=["UTC", "Asia/Almaty"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, email="aia@example.com", timezone="Asia/Almaty", birthday="1990-03-09")
        made.identify("u2", T0, email="ben@example.com", birthday="1991-03-02")
        made.work(T0)
        yield made


def planned(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query("select flow, key, at from occasion order by flow, at")


def test_publishing_plans_for_everybody_from_then_on(shop: Shop) -> None:
    assert planned(shop) == []
    shop.publish(small({"asked": OTHER, "birthday": FLOW}), T0 + timedelta(hours=1))
    assert planned(shop) == [
        ("birthday", "profile.birthday 2026", BIRTHDAY),
        # hers was at nine this morning
        ("birthday", "profile.birthday 2027", datetime(2027, 3, 2, 9, tzinfo=UTC)),
    ]


def test_a_date_is_worked_when_it_comes_and_the_next_one_is_planned(shop: Shop) -> None:
    shop.publish(small({"asked": OTHER, "birthday": FLOW}), T0)
    shop.work(BIRTHDAY - timedelta(seconds=1))
    assert shop.told("u1") == []
    shop.work(BIRTHDAY)
    assert shop.told("u1") == [
        (BIRTHDAY, "birthday", "", "entered", ""),
        (BIRTHDAY, "birthday", "hello", "sent", ""),
        (BIRTHDAY, "birthday", "", "exited", "finished"),
    ]
    assert planned(shop)[-1] == ("birthday", "profile.birthday 2027", datetime(2027, 3, 9, 4, tzinfo=UTC))
    shop.work(BIRTHDAY + DAY)
    assert len(shop.told("u1")) == 3


def test_after_an_outage_an_event_of_the_meantime_comes_in_its_order(shop: Shop) -> None:
    shop.publish(small({"birthday": FLOW.replace("steps", "exit_on: {event: Bought}\nsteps")}), T0)
    shop.track("u1", "Bought", BIRTHDAY + timedelta(hours=1))
    shop.work(BIRTHDAY + timedelta(hours=3))
    assert shop.told("u1") == [
        (BIRTHDAY, "birthday", "", "entered", ""),
        (BIRTHDAY + timedelta(hours=1), "birthday", "", "exited", "exit_on"),
    ]


def test_a_changed_trigger_is_planned_anew_and_an_unchanged_one_is_left_alone(shop: Shop) -> None:
    files = small({"birthday": FLOW, "asked": OTHER})
    shop.publish(files, T0)
    before = shop.query("select flow, mark, at, xmin::text from occasion order by at")
    shop.publish(small({"birthday": FLOW.replace("[{send", "[{wait: 1h}, {send"), "asked": OTHER}), T0 + DAY)
    assert shop.query("select flow, mark, at, xmin::text from occasion order by at") == before
    earlier = FLOW.replace("birthday}", "birthday, offset: -1d}")
    shop.publish(small({"birthday": earlier, "asked": OTHER}), T0 + DAY)
    assert planned(shop) == [
        ("birthday", "profile.birthday 2026", BIRTHDAY - DAY),
        ("birthday", "profile.birthday 2027", datetime(2027, 3, 1, 9, tzinfo=UTC)),
    ]
    shop.publish(small({"asked": OTHER}), T0 + DAY)
    assert planned(shop) == []


def test_a_date_that_comes_while_the_flow_changes_comes_to_nothing_of_the_old(shop: Shop) -> None:
    shop.publish(small({"birthday": FLOW}), T0)
    shop.publish(small({"birthday": FLOW.replace("birthday}", "birthday, at: 10:00}")}), BIRTHDAY)
    shop.work(BIRTHDAY)
    assert shop.told("u1") == []
    shop.work(BIRTHDAY + timedelta(hours=1))
    assert next(row[:4] for row in shop.told("u1")) == (BIRTHDAY + timedelta(hours=1), "birthday", "", "entered")


def test_explain_says_which_date_came_and_which_comes_next(shop: Shop) -> None:
    shop.publish(small({"birthday": FLOW}), T0)
    (found,) = explain(shop.conn, NAME, "u1", now=shop.clock.at)
    assert "  birthday: profile.birthday 2026 comes at 9 Mar 2026, 09:00 their time." in lines(found)
    assert as_data(found)[-2] == {
        "kind": "coming",
        "flow": "birthday",
        "key": "profile.birthday 2026",
        "at": "2026-03-09T04:00:00Z",
    }
    shop.identify("u2", T0, gone=True)
    shop.work(BIRTHDAY)
    (found,) = explain(shop.conn, NAME, "u1", now=shop.clock.at)
    assert "    09:00  Entered birthday (profile.birthday 2026): profile.birthday 2026-03-09." in lines(found)
    shop.work(datetime(2027, 3, 2, 9, tzinfo=UTC))
    (found,) = explain(shop.conn, NAME, "u2", now=shop.clock.at)
    refused = "Not let into birthday (profile.birthday 2027): profile.birthday 2027-03-02 came, and they were not in its audience."
    assert f"    09:00  {refused}" in lines(found)
    assert "  birthday: profile.birthday at 09:00; refused last on 2 Mar 2027, 09:00: audience." in lines(found)
