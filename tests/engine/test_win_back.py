"""The three groups of the recipe win-back are kept apart, also while the best come to be others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder
from tamshy.recipes import add
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.newest

JANUARY = datetime(2026, 1, 5, 9, tzinfo=UTC)
MAY = datetime(2026, 5, 20, 9, tzinfo=UTC)
UNTIL = datetime(2026, 8, 1, tzinfo=UTC)
"""Everybody is through by then."""


def order(user: str, at: datetime, value: int, n: int = 0) -> dict[str, object]:
    properties = {"order_id": f"{user}-{n}", "value": value}
    line = {"type": "track", "userId": user, "event": "Order Completed", "properties": properties}
    return {**line, "timestamp": at.isoformat()}


def win_back(stage: Connection, folder: Path, events: list[dict[str, object]]) -> dict[str, list[tuple[str, str]]]:
    """What becomes of each person in the three flows, entries, exits and refusals, in their order."""
    add(["win-back"], folder)
    history = calls_from_lines([json.dumps(line) for line in events], zone=ZoneInfo("UTC"))
    files = read_folder(folder)
    played = play(stage, files, history, compile_message=compile_message, renderer=InProcess(), until=UNTIL)
    found: dict[str, list[tuple[str, str]]] = {}
    for line in journal_lines(stage, played.until):
        if line["kind"] == "enrollment":
            word = line["state"] if line["state"] == "entered" else line["reason"]
            found.setdefault(str(line["profile"]), []).append((str(line["flow"]), str(word)))
    return found


def crowd(name: str, at: datetime, count: int) -> list[dict[str, object]]:
    """So many who have ordered something small, and go on to order it every month, so that they are not lost."""
    return [
        order(f"{name}{n}", at + timedelta(days=30 * month, seconds=n), 10, month)
        for n in range(count)
        for month in range(7)
    ]


def test_a_regular_who_comes_among_the_best_in_the_middle_stays_where_they_are(
    stage: Connection, tmp_path: Path
) -> None:
    # Two per cent of 42 is one place; of 62 it is two, and the second is bea's.
    events = [
        order("ada", JANUARY, 1000),
        order("bea", JANUARY, 300),
        order("bea", JANUARY + timedelta(days=1), 300, 1),
    ]
    events += crowd("old", JANUARY, 40) + crowd("new", MAY, 20)
    told = win_back(stage, tmp_path, events)
    assert told["bea"] == [
        ("win-back-regular", "entered"),
        ("win-back-best", "audience"),
        ("win-back-regular", "finished"),
    ]
    assert told["ada"] == [("win-back-best", "entered"), ("win-back-best", "finished")]


def test_one_of_the_best_who_is_no_longer_in_the_middle_stays_where_they_are(stage: Connection, tmp_path: Path) -> None:
    events = [order("ada", JANUARY, 500), order("ada", JANUARY + timedelta(days=1), 500, 1), order("bea", JANUARY, 600)]
    events += [order("cleo", MAY, 5000), *crowd("old", JANUARY, 40)]
    told = win_back(stage, tmp_path, events)
    assert told["ada"] == [
        ("win-back-best", "entered"),
        ("win-back-regular", "audience"),
        ("win-back-best", "finished"),
    ]
    assert told["bea"] == [("win-back-once", "entered"), ("win-back-once", "finished")]


def test_an_order_of_long_ago_that_is_told_of_late_makes_no_second_group(stage: Connection, tmp_path: Path) -> None:
    # It came before the entry, so it ends nothing; but now they are two.
    late = {**order("bea", JANUARY - timedelta(days=5), 300, 1), "receive_at": MAY.isoformat()}
    told = win_back(
        stage, tmp_path, [order("ada", JANUARY, 1000), order("bea", JANUARY, 300), late, *crowd("old", JANUARY, 40)]
    )
    assert told["bea"] == [
        ("win-back-once", "entered"),
        ("win-back-regular", "audience"),
        ("win-back-once", "finished"),
    ]
