"""`wait: {until: best_hour}`: the reader's own hour, the workspace's, or none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import small

from tamshy.advance import find_best_hour
from tamshy.ingest import calls_from_lines
from tamshy.publish import load_rulebook
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NEWS = "trigger: {event: News}\nper: event.n\nsteps: [{send: news}]\n"


def at(day: int, hour: int, minute: int = 0) -> str:
    return (MONDAY + timedelta(days=day, hours=hour, minutes=minute)).isoformat()


def opens(*hours: int, user: str = "u1", machine: bool = False) -> list[dict[str, object]]:
    """A mail a day, which is opened at these hours, a day each."""
    found: list[dict[str, object]] = []
    for day, hour in enumerate(hours):
        found += [
            {
                "type": "track",
                "userId": user,
                "event": "News",
                "properties": {"n": f"{user}{day}"},
                "timestamp": at(day, 1),
            },
            {
                "type": "engage",
                "userId": user,
                "message": "news",
                "did": "opened",
                "machine": machine,
                "timestamp": at(day, hour, 30),
            },
        ]
    return found


def reached(
    stage: Connection,
    lines: list[dict[str, object]],
    hour: int,
    wait: str = "{until: best_hour}",
    zone: str = "UTC",
    *,
    minute: int = 0,
) -> str:
    """When the wait is over that u1 reaches on the tenth day at this hour."""
    files = small({"news": NEWS, "best": f"trigger: {{event: Asked}}\nsteps: [{{wait: {wait}}}]\n"})
    who: list[dict[str, object]] = [
        {
            "type": "identify",
            "userId": user,
            "traits": {"email": f"{user}@example.com", "timezone": zone},
            "timestamp": at(0, 0),
        }
        for user in ("u1", "u2")
    ]
    asked: dict[str, object] = {"type": "track", "userId": "u1", "event": "Asked", "timestamp": at(10, hour, minute)}
    history = calls_from_lines([json.dumps(line) for line in [*who, *lines, asked]], zone=ZoneInfo("UTC"))
    played = play(stage, files, history, compile_message=compile_message, renderer=InProcess())
    assert played.missed == ()
    (over,) = [
        str(one["at"])
        for one in journal_lines(stage, played.until)
        if one["flow"] == "best" and one["state"] == "exited"
    ]
    return over


def test_five_opens_tell_the_hour(stage: Connection) -> None:
    assert reached(stage, opens(20, 20, 8, 20, 8), 10) == "2026-03-12T20:00:00Z"


def test_at_a_tie_the_earlier_hour(stage: Connection) -> None:
    assert reached(stage, opens(20, 20, 8, 20, 8, 8), 6) == "2026-03-12T08:00:00Z"


def test_an_hour_that_is_over_comes_tomorrow(stage: Connection) -> None:
    assert reached(stage, opens(8, 8, 8, 8, 8), 10) == "2026-03-13T08:00:00Z"


def test_within_the_hour_it_goes_on_at_once(stage: Connection) -> None:
    assert reached(stage, opens(8, 8, 8, 8, 8), 8, minute=59) == "2026-03-12T08:59:00Z"


def test_no_longer_than_at_most(stage: Connection) -> None:
    assert reached(stage, opens(20, 20, 20, 20, 20), 10, "{until: best_hour, at_most: 6h}") == "2026-03-12T16:00:00Z"


def test_the_hour_is_that_of_the_readers_clock(stage: Connection) -> None:
    # 20:30 UTC is 01:30 in Almaty; asked at 15:00 there
    assert reached(stage, opens(20, 20, 20, 20, 20), 10, zone="Asia/Almaty") == "2026-03-12T20:00:00Z"


def test_with_fewer_and_no_hour_of_the_workspace_it_goes_on_at_once(stage: Connection) -> None:
    assert reached(stage, [], 10) == "2026-03-12T10:00:00Z"


def test_what_machines_open_tells_nothing(stage: Connection) -> None:
    assert reached(stage, opens(20, 20, 20, 20, 20, machine=True), 10) == "2026-03-12T10:00:00Z"


def test_with_fewer_it_is_the_workspaces_hour_as_it_was_at_three_that_night(stage: Connection) -> None:
    others = opens(7, 7, 7, 7, 7, user="u2")
    assert reached(stage, [*opens(20, 20, 20, 20), *others], 4) == "2026-03-12T07:00:00Z"


@pytest.mark.parametrize(("hours", "expected"), [((), None), ((7, 7, 9, 7), 7), ((9, 7, 9, 7), 7)])
def test_the_workspaces_hour_is_counted_by_each_readers_clock(
    stage: Connection, hours: tuple[int, ...], expected: int | None
) -> None:
    reached(stage, opens(*hours, user="u2"), 10)
    book = load_rulebook(stage, "simulation")
    when = MONDAY + timedelta(days=10)
    assert find_best_hour(stage, book, when) == expected
    rows = stage.execute("select hour from best_hour where at = %(when)s", {"when": when}).fetchall()
    assert rows == ([] if expected is None else [(expected,)])
