"""Schedules and broadcasts: every member at that time, each by their own clock, once for each tick."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import small

from tamshy.domain.arm import arm_of
from tamshy.ingest import calls_from_lines
from tamshy.language import read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.sqlkit import Connection

CLUB = {"segments/club.yaml": "where: {profile.club: true}\n"}


def played(
    stage: Connection, files: Mapping[str, str], *lines: Mapping[str, object], until: str = "2026-12-31"
) -> list[dict[str, object]]:
    """The lines of a play of these calls."""
    _, problems = read_workspace(files)
    assert problems == []
    history = calls_from_lines([json.dumps({"userId": "u1", **line}) for line in lines], zone=ZoneInfo("UTC"))
    end = datetime.fromisoformat(until).replace(tzinfo=UTC)
    run = play(stage, files, history, compile_message=compile_message, renderer=InProcess(), until=end)
    return list(journal_lines(stage, run.until))


def known(at: str, **traits: object) -> dict[str, object]:
    return {"type": "identify", "timestamp": at, "traits": {"email": "a@example.com", **traits}}


def entered(lines: list[dict[str, object]]) -> list[tuple[str, str]]:
    return [(str(line["at"]), str(line["key"])) for line in lines if line.get("state") == "entered"]


def flow(schedule: str, more: str = "") -> dict[str, str]:
    return small({"f": f"trigger: {{schedule: {schedule}}}\nsteps: [{{exit: done}}]\n{more}"}) | CLUB


def broadcast(text: str, messages: Mapping[str, str] | None = None) -> dict[str, str]:
    return small({}, messages=messages or {"gifts": "For you.\n"}) | CLUB | {"broadcasts/christmas.yaml": text}


def test_a_cron_comes_for_every_member_by_their_own_clock(stage: Connection) -> None:
    lines = played(
        stage,
        flow('{cron: "0 9 * * mon", segment: club}'),
        known("2026-03-02T00:00:00Z", club=True, timezone="Asia/Almaty"),
        {**known("2026-03-02T00:00:00Z", club=True, timezone="America/New_York"), "userId": "u2"},
        {**known("2026-03-02T00:00:00Z", club=False), "userId": "u3"},
        until="2026-03-10",
    )
    assert [(line["profile"], line["at"], line["key"]) for line in lines if line["state"] == "entered"] == [
        ("u1", "2026-03-02T04:00:00Z", "2026-03-02T09:00"),
        ("u2", "2026-03-02T14:00:00Z", "2026-03-02T09:00"),
        ("u1", "2026-03-09T04:00:00Z", "2026-03-09T09:00"),
        ("u2", "2026-03-09T13:00:00Z", "2026-03-09T09:00"),
    ]


def test_who_joins_is_there_from_then_on_and_who_leaves_no_more(stage: Connection) -> None:
    lines = played(
        stage,
        flow('{cron: "0 9 * * *", segment: club}'),
        known("2026-03-02T00:00:00Z"),
        known("2026-03-03T12:00:00Z", club=True),
        known("2026-03-05T12:00:00Z", club=False),
        until="2026-03-10",
    )
    assert [at for at, _ in entered(lines)] == ["2026-03-04T09:00:00Z", "2026-03-05T09:00:00Z"]


def test_a_member_by_time_alone_is_one_at_the_tick(stage: Connection) -> None:
    files = flow('{cron: "0 9 * * *", segment: quiet}') | {
        "segments/quiet.yaml": "where: {all: [{did: Order Completed}, {did_not: Order Completed, within: 2d}]}\n"
    }
    order = {"type": "track", "event": "Order Completed", "timestamp": "2026-03-02T09:00:00Z"}
    lines = played(stage, files, known("2026-03-02T00:00:00Z"), order, until="2026-03-06")
    assert [at for at, _ in entered(lines)] == ["2026-03-04T09:00:00Z", "2026-03-05T09:00:00Z"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ('{dates: [2026-03-20, "12-25"], segment: club}', ["2026-03-20T09:00:00Z", "2026-12-25T09:00:00Z"]),
        ('{dates: ["12-25"], offset: -14d, at: "10:00", segment: club}', ["2026-12-11T10:00:00Z"]),
        ('{dates: ["01-05"], offset: -7d, segment: club}', ["2026-12-29T09:00:00Z"]),
        ('{dates: ["02-29"], segment: club}', ["2026-02-28T09:00:00Z"]),
        ("{dates: [2026-03-20], offset: -12h, segment: club}", ["2026-03-19T21:00:00Z"]),
        ("{dates: [2025-12-24], segment: club}", []),
        ('{cron: "0 9 29 2 *", segment: club}', []),
    ],
)
def test_dates_come_once_or_every_year(stage: Connection, schedule: str, expected: list[str]) -> None:
    lines = played(stage, flow(schedule), known("2026-02-01T00:00:00Z", club=True))
    assert [at for at, _ in entered(lines)] == expected


def test_rule_22_event_holds_the_moment(stage: Connection) -> None:
    files = flow("{dates: [2026-03-20], segment: club}", 'audience: {event.at: "2026-03-20T04:00:00Z"}\n')
    lines = played(stage, files, known("2026-03-01T00:00:00Z", club=True, timezone="Asia/Almaty"))
    assert entered(lines) == [("2026-03-20T04:00:00Z", "2026-03-20T09:00")]


def test_rule_13_a_tick_comes_once_to_one_who_moves(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{dates: [2026-03-20], segment: club}"),
        known("2026-03-01T00:00:00Z", club=True, timezone="Asia/Almaty"),
        known("2026-03-20T06:00:00Z", timezone="America/New_York"),
    )
    assert [(line["at"], line["state"], line.get("reason")) for line in lines if line["state"] != "exited"] == [
        ("2026-03-20T04:00:00Z", "entered", None),
        ("2026-03-20T13:00:00Z", "refused", "reentry"),
    ]


def test_one_who_moves_past_the_hour_gets_it_then(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{dates: [2026-03-20], segment: club}"),
        known("2026-03-01T00:00:00Z", club=True, timezone="America/New_York"),
        known("2026-03-20T06:00:00Z", timezone="Asia/Almaty"),
    )
    assert entered(lines) == [("2026-03-20T06:00:00Z", "2026-03-20T09:00")]


def test_two_who_become_one_get_one(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{dates: [2026-03-20], segment: club}"),
        {**known("2026-03-01T00:00:00Z", club=True), "userId": None, "anonymousId": "d1"},
        known("2026-03-02T00:00:00Z", club=True),
        {"type": "identify", "anonymousId": "d1", "timestamp": "2026-03-03T00:00:00Z", "traits": {}},
    )
    assert entered(lines) == [("2026-03-20T09:00:00Z", "2026-03-20T09:00")]


def mails(lines: list[dict[str, object]]) -> list[tuple[str, str, str, str]]:
    return [
        (str(line["at"]), str(line["flow"]), str(line["message"]), str(line.get("reason", line["decision"])))
        for line in lines
        if line["kind"] == "message"
    ]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("{time: 2026-12-01T10:00, zone: profile}", ["2026-12-01T05:00:00Z"]),
        ("2026-12-01T10:00", ["2026-12-01T10:00:00Z"]),
        ("{time: 2026-12-01T10:00, zone: Europe/Paris}", ["2026-12-01T09:00:00Z"]),
        ("[2026-12-01T10:00+05:00, 2026-12-03T10:00]", ["2026-12-01T05:00:00Z", "2026-12-03T10:00:00Z"]),
        ('{cron: "0 10 1 12 *", zone: profile}', ["2026-12-01T05:00:00Z"]),
    ],
)
def test_a_broadcast_goes_out_when_it_says(stage: Connection, at: str, expected: list[str]) -> None:
    files = broadcast(f"segment: club\nmessage: gifts\nat: {at}\n")
    lines = played(stage, files, known("2026-11-01T00:00:00Z", club=True, timezone="Asia/Almaty"))
    assert mails(lines) == [(one, "broadcast/christmas", "gifts", "sent") for one in expected]


def test_consent_decides_as_for_flows(stage: Connection) -> None:
    files = broadcast("segment: club\nmessage: gifts\ntopic: news\nat: 2026-12-01T10:00\n")
    lines = played(stage, files, known("2026-11-01T00:00:00Z", club=True))
    assert mails(lines) == [("2026-12-01T10:00:00Z", "broadcast/christmas", "gifts", "no_consent")]


def test_quiet_hours_hold_a_broadcast_back_or_let_it_expire(stage: Connection) -> None:
    files = broadcast("segment: club\nmessage: gifts\nat: 2026-12-01T22:00\nexpires: 2h\n")
    files["tamshy.yaml"] += 'quiet_hours: {from: "21:00", to: "09:00"}\n'
    lines = played(stage, files, known("2026-11-01T00:00:00Z", club=True))
    assert mails(lines) == [("2026-12-01T22:00:00Z", "broadcast/christmas", "gifts", "quiet_hours")]


# -- a test on a part ------------------------------------------------------------------------------------------------

SPLIT = """\
segment: club
at: 2026-12-01T10:00
split:
  name: subject
  arms: {a: {weight: 25, message: gifts-a}, b: {weight: 25, message: gifts-b}}
  winner: {by: clicked, after: 4h}
"""
SHARES = {"a": 25.0, "b": 25.0, "rest": 50.0}
PEOPLE = [f"u{number}" for number in range(1, 25)]
ARMS = {user: arm_of(f"user_id:{user}", "subject", SHARES) for user in PEOPLE}


def members() -> list[dict[str, object]]:
    return [
        {**known("2026-11-01T00:00:00Z"), "userId": user, "traits": {"email": f"{user}@x.example", "club": True}}
        for user in PEOPLE
    ]


def clicks(message: str, arm: str, at: str) -> list[dict[str, object]]:
    deed = {"type": "engage", "message": message, "did": "clicked", "timestamp": at}
    return [{**deed, "userId": user} for user in PEOPLE if ARMS[user] == arm]


def got(lines: list[dict[str, object]]) -> dict[str, tuple[str, str, object]]:
    sent = [line for line in lines if line.get("decision") == "sent"]
    assert len({line["profile"] for line in sent}) == len(sent)
    return {str(line["profile"]): (str(line["at"]), str(line["message"]), line["arm"]) for line in sent}


def test_rule_32_the_rest_gets_the_best_of_a_test_on_a_part(stage: Connection) -> None:
    files = broadcast(SPLIT, {"gifts-a": "A.\n", "gifts-b": "B.\n"})
    early, late = (
        clicks("gifts-b", "b", "2026-12-01T13:59:59Z"),
        # when the rest is due it is too late to count
        clicks("gifts-a", "a", "2026-12-01T14:00:00Z"),
    )
    lines = played(stage, files, *members(), *early, *late)
    expected = {
        "a": ("2026-12-01T10:00:00Z", "gifts-a", {"subject": "a"}),
        "b": ("2026-12-01T10:00:00Z", "gifts-b", {"subject": "b"}),
        "rest": ("2026-12-01T14:00:00Z", "gifts-b", {"subject": "b"}),
    }
    assert {*ARMS.values()} == {"a", "b", "rest"}
    assert got(lines) == {user: expected[ARMS[user]] for user in PEOPLE}


def test_rule_32_with_nothing_shown_the_first_arm_goes_to_the_rest(stage: Connection) -> None:
    files = broadcast(SPLIT, {"gifts-a": "A.\n", "gifts-b": "B.\n"})
    rest = {user: mail for user, mail in got(played(stage, files, *members())).items() if ARMS[user] == "rest"}
    expected = ("2026-12-01T14:00:00Z", "gifts-a", {"subject": "a"})
    assert rest == {user: expected for user in PEOPLE if ARMS[user] == "rest"}


def test_rule_32_without_a_winner_the_weights_are_relative_and_all_go_at_once(stage: Connection) -> None:
    arms = "{a: {weight: 3, message: gifts-a}, b: {weight: 1, message: gifts-b}}"
    text = f"segment: club\nat: 2026-12-01T10:00\nsplit: {{name: subject, arms: {arms}}}\n"
    lines = played(stage, broadcast(text, {"gifts-a": "A.\n", "gifts-b": "B.\n"}), *members())
    drawn = {user: arm_of(f"user_id:{user}", "subject", {"a": 3.0, "b": 1.0}) for user in PEOPLE}
    assert got(lines) == {
        user: ("2026-12-01T10:00:00Z", f"gifts-{arm}", {"subject": arm}) for user, arm in drawn.items()
    }


def test_the_test_is_settled_once_for_every_zone(stage: Connection) -> None:
    text = SPLIT.replace("2026-12-01T10:00", "{time: 2026-12-01T10:00, zone: profile}")
    files = broadcast(text, {"gifts-a": "A.\n", "gifts-b": "B.\n"})
    far = next(user for user in PEOPLE if ARMS[user] == "rest")
    moved = {**known("2026-11-02T00:00:00Z"), "userId": far, "traits": {"timezone": "America/New_York"}}
    # in New York it is 10:00 at 15:00 UTC, when the others know already; later clicks change nothing
    first, more = clicks("gifts-a", "a", "2026-12-01T12:00:00Z"), clicks("gifts-b", "b", "2026-12-01T15:30:00Z")
    lines = played(stage, files, *members(), moved, *first, *more)
    assert got(lines)[far] == ("2026-12-01T19:00:00Z", "gifts-a", {"subject": "a"})
