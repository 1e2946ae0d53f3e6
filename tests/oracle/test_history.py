"""The maker of histories, and laws that the oracle's lines keep, looked at from outside."""

from __future__ import annotations

import itertools
import json
import random
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.compare import differences
from tests.oracle.history import history, write_history, write_workspace
from tests.oracle.lines import jsonl, read_history, simulate
from tests.oracle.shop import FLOWS, VARIETIES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.reading import Json

SHOPPERS, EVENTS = 200, 4000


# Played once each, whatever order the tests run in.
PLAYED: dict[int, dict[str, Json]] = {}


@pytest.fixture(params=range(len(VARIETIES)))
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """One small delayed history, played through a workspace."""
    variety: int = request.param
    if variety not in PLAYED:
        folder = tmp_path_factory.mktemp("shop")
        write_workspace(folder, variety)
        bodies = list(history(SHOPPERS, EVENTS, seed=5, delayed=0.1))
        PLAYED[variety] = {
            "variety": variety,
            "folder": folder,
            "bodies": bodies,
            "lines": simulate(folder, bodies),
        }
    return PLAYED[variety]


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    write_history(tmp_path / "one.jsonl", 20, 400, seed=1)
    write_history(tmp_path / "two.jsonl", 20, 400, seed=1)
    write_history(tmp_path / "other.jsonl", 20, 400, seed=2)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (tmp_path / "one.jsonl").read_bytes() != (tmp_path / "other.jsonl").read_bytes()
    assert len(read_history(tmp_path / "one.jsonl")) == 400


def test_a_history_holds_every_kind_of_call_and_oddity() -> None:
    lines = list(history(SHOPPERS, EVENTS, seed=5, delayed=0.1))
    assert {line["type"] for line in lines} == {"track", "identify", "page", "screen", "alias", "consent", "engage"}
    assert any(line.get("receive_at", "") > line["timestamp"] for line in lines)
    assert any("" < line.get("receive_at", "") < line["timestamp"] for line in lines)
    assert len({line["messageId"] for line in lines}) < len(lines)
    assert {line.get("did") for line in lines} == {
        None, "subscribed", "unsubscribed", "opened", "clicked", "complained", "bounced"
    }  # fmt: skip


def test_the_order_of_the_calls_changes_nothing(played: dict[str, Json]) -> None:
    shuffled = list(played["bodies"])
    random.Random(3).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    assert jsonl(simulate(played["folder"], shuffled)) == jsonl(played["lines"])


def test_every_flow_is_entered_and_every_reason_comes_up(played: dict[str, Json]) -> None:
    lines = played["lines"]
    assert {line["flow"] for line in lines if line.get("state") == "entered"} == set(FLOWS)
    exits = {line["reason"] for line in lines if line.get("state") == "exited"}
    assert {"finished", "exit_on", "merged", "active", "too-small"} <= exits
    refusals = {line["reason"] for line in lines if line.get("state") == "refused"}
    assert refusals == {"too_old", "audience", "active", "reentry"}
    skipped = {line["reason"] for line in lines if line.get("decision") == "skipped"}
    expected = {"held_out", "no_address", "suppressed", "no_consent", "condition", "duplicate", "render_error"}
    assert expected <= skipped


def test_lines_are_ordered_by_time_then_profile(played: dict[str, Json]) -> None:
    keys = [(datetime.fromisoformat(line["at"]), line["profile"]) for line in played["lines"]]
    assert keys == sorted(keys)


def _sent_marketing(lines: list[dict[str, Json]]) -> dict[str, list[datetime]]:
    transactional = {"receipt", "shipped", "goodbye"}
    found: dict[str, list[datetime]] = {}
    for line in lines:
        if line.get("decision") == "sent" and line["message"] not in transactional:
            found.setdefault(line["profile"], []).append(datetime.fromisoformat(line["at"]))
    return found


def test_no_cap_is_ever_broken(played: dict[str, Json]) -> None:
    """A cap by elapsed time holds whatever the zone; the cap of a day may see one of 23 hours."""
    shortest = {0: timedelta(hours=6), 1: timedelta(0), 2: timedelta(hours=23)}[played["variety"]]
    merged = {line["profile"] for line in played["lines"] if line.get("reason") == "merged"}
    for profile, times in _sent_marketing(played["lines"]).items():
        if profile in merged:
            continue  # before they merged, each had a cap of its own
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert all(gap >= shortest for gap in gaps), profile


def test_nothing_is_sent_at_night_to_those_who_never_said_where_they_live(played: dict[str, Json]) -> None:
    if played["variety"] != 0:
        return
    elsewhere = {line["messageId"] for line in played["bodies"] if "timezone" in (line.get("traits") or {})}
    elsewhere = {line.split("-")[0].removeprefix("m") for line in elsewhere}
    zone = ZoneInfo("Asia/Almaty")
    found = {
        profile: [at.astimezone(zone).hour for at in times]
        for profile, times in _sent_marketing(played["lines"]).items()
        if re.sub(r"\D", "", profile) not in elsewhere
    }
    assert sum(len(hours) for hours in found.values()) > 50
    assert all(9 <= hour < 21 for hours in found.values() for hour in hours)


def test_every_entry_ends_at_most_once_and_every_exit_had_an_entry(played: dict[str, Json]) -> None:
    count: dict[tuple[str, str], list[int]] = {}
    for line in played["lines"]:
        if line["kind"] == "enrollment" and line["state"] != "refused":
            pair = count.setdefault((line["profile"], line["flow"]), [0, 0])
            pair[line["state"] == "exited"] += 1
    # everything ends within the year after the last event, so every entry has its exit
    assert all(entered == exited for entered, exited in count.values())
    assert len(count) > SHOPPERS


def test_compare_finds_the_first_difference_of_a_person(played: dict[str, Json]) -> None:
    lines = played["lines"]
    assert differences(lines, lines) == {}
    changed = json.loads(json.dumps(lines))
    profile = changed[10]["profile"]
    place = [line["profile"] for line in changed[:10]].count(profile)
    changed[10]["flow"] = "another"
    assert differences(lines, changed) == {profile: place}
    assert differences(lines, lines[:-1]) == {
        lines[-1]["profile"]: sum(line["profile"] == lines[-1]["profile"] for line in lines) - 1
    }
