"""Dates that come round: when, for whom, once, and with what in `event`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import small

from tamshy.ingest import calls_from_lines
from tamshy.language import read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.sqlkit import Connection

    Told = list[tuple[str, str, str]]

BIRTHDAY = "trigger: {date: profile.birthday}\nsteps: [{send: hello}]\n"


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


def entries(lines: list[dict[str, object]]) -> Told:
    """What was entered or refused: when, what, and under which key or why."""
    return [
        (str(line["at"]), str(line["state"]), str(line.get("key", line.get("reason"))))
        for line in lines
        if line["kind"] == "enrollment" and line["state"] != "exited"
    ]


def flow(trigger: str, steps: str = "[{exit: done}]", more: str = "") -> dict[str, str]:
    return small({"f": f"trigger: {trigger}\nsteps: {steps}\n{more}"})


def test_a_birthday_comes_round_at_nine_by_the_profiles_clock(stage: Connection) -> None:
    lines = played(
        stage, small({"f": BIRTHDAY}), known("2026-03-02T00:00:00Z", birthday="1990-03-09", timezone="Asia/Almaty")
    )
    assert [(line["at"], line["kind"], line.get("state", line.get("decision"))) for line in lines] == [
        ("2026-03-09T04:00:00Z", "enrollment", "entered"),
        ("2026-03-09T04:00:00Z", "message", "sent"),
        ("2026-03-09T04:00:00Z", "enrollment", "exited"),
    ]


def test_every_year_has_a_key_of_its_own(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-02T00:00:00Z", birthday="1990-03-09"),
        until="2028-12-31",
    )
    assert entries(lines) == [
        ("2026-03-09T09:00:00Z", "entered", "profile.birthday 2026"),
        ("2027-03-09T09:00:00Z", "entered", "profile.birthday 2027"),
        ("2028-03-09T09:00:00Z", "entered", "profile.birthday 2028"),
    ]


@pytest.mark.parametrize(
    ("trigger", "birthday", "expected"),
    [
        ('{date: profile.birthday, offset: -7d, at: "18:30"}', "1990-03-09", ["2026-03-02T18:30:00Z"]),
        ("{date: profile.birthday, offset: 2d}", "1990-03-09", ["2026-03-11T09:00:00Z"]),
        ("{date: profile.birthday, offset: -12h}", "1990-03-09", ["2026-03-08T21:00:00Z"]),
        ("{date: profile.birthday, offset: 1mo}", "1990-01-31", ["2026-02-28T09:00:00Z"]),
        # across the end of a year: the key is the year of the day itself
        ("{date: profile.birthday, offset: -7d}", "1990-01-03", ["2026-12-27T09:00:00Z"]),
        ("{date: profile.birthday, offset: -2y}", "1990-03-09", ["2026-03-09T09:00:00Z"]),
        ("{date: profile.birthday, offset: 30y}", "1990-03-09", ["2026-03-09T09:00:00Z"]),
        ("{date: profile.birthday}", "03-09", ["2026-03-09T09:00:00Z"]),
        ("{date: profile.birthday}", "02-29", ["2026-02-28T09:00:00Z"]),
        ("{date: profile.birthday}", "2004-02-29", ["2026-02-28T09:00:00Z"]),
        # a timestamp is the local day of its moment
        ("{date: profile.birthday}", "1990-03-08T23:00:00-05:00", ["2026-03-09T09:00:00Z"]),
        # returns alone count, not the day itself
        ("{date: profile.birthday}", "2026-03-09", []),
        ("{date: profile.birthday, every: once}", "2026-03-09", ["2026-03-09T09:00:00Z"]),
        ("{date: profile.birthday, every: once}", "1990-03-09", []),
        ("{date: profile.birthday, every: once}", "03-09", []),
        ("{date: profile.birthday, every: once, offset: 36y}", "1990-03-09", ["2026-03-09T09:00:00Z"]),
        ("{date: profile.birthday}", "9 March", []),
        ("{date: profile.birthday}", "1990-02-30", []),
        ("{date: profile.birthday}", 19900309, []),
    ],
)
def test_when_a_date_comes(stage: Connection, trigger: str, birthday: object, expected: list[str]) -> None:
    lines = played(stage, flow(trigger), known("2026-01-02T00:00:00Z", birthday=birthday))
    assert [at for at, state, _ in entries(lines) if state == "entered"] == expected


def test_29_february_comes_on_that_day_in_leap_years(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-02T00:00:00Z", birthday="2004-02-29"),
        until="2029-12-31",
    )
    assert [at for at, _, _ in entries(lines)] == [
        "2027-02-28T09:00:00Z",
        "2028-02-29T09:00:00Z",
        "2029-02-28T09:00:00Z",
    ]


def test_rule_19_a_moment_gone_by_when_the_date_becomes_known_fires_nothing(stage: Connection) -> None:
    late = known("2026-03-09T09:00:01Z", birthday="1990-03-09")
    assert entries(played(stage, flow("{date: profile.birthday}"), late)) == []


def test_rule_19_known_at_that_very_moment_it_comes(stage: Connection) -> None:
    at = known("2026-03-09T09:00:00Z", birthday="1990-03-09")
    assert [when for when, _, _ in entries(played(stage, flow("{date: profile.birthday}"), at))] == [
        "2026-03-09T09:00:00Z"
    ]


def test_rule_19_the_date_is_read_again_when_it_comes(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-02T00:00:00Z", birthday="1990-03-09"),
        # at the very moment events come first
        known("2026-03-09T09:00:00Z", birthday="1990-05-01"),
    )
    assert entries(lines) == [("2026-05-01T09:00:00Z", "entered", "profile.birthday 2026")]


def test_a_date_that_is_taken_back_comes_no_more(stage: Connection) -> None:
    known_, gone = known("2026-03-02T00:00:00Z", birthday="1990-03-09"), known("2026-03-05T00:00:00Z", birthday=None)
    assert entries(played(stage, flow("{date: profile.birthday}"), known_, gone)) == []


def test_rule_13_a_corrected_date_enters_nobody_twice_in_a_year(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-02T00:00:00Z", birthday="1990-03-09"),
        known("2026-03-20T00:00:00Z", birthday="1990-04-01"),
        until="2027-12-31",
    )
    assert entries(lines) == [
        ("2026-03-09T09:00:00Z", "entered", "profile.birthday 2026"),
        ("2026-04-01T09:00:00Z", "refused", "reentry"),
        ("2027-04-01T09:00:00Z", "entered", "profile.birthday 2027"),
    ]


@pytest.mark.parametrize("reentry", ["once", "always"])
def test_rule_13_an_occurrence_comes_once_whatever_the_flow_says(stage: Connection, reentry: str) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}", more=f"reentry: {reentry}\n"),
        known("2026-03-02T00:00:00Z", birthday="1990-03-09"),
        known("2026-03-20T00:00:00Z", birthday="1990-04-01"),
    )
    assert [(state, why) for _, state, why in entries(lines)] == [
        ("entered", "profile.birthday 2026"),
        ("refused", "reentry"),
    ]


def test_rule_13_a_time_between_entries_counts_over_all_occurrences(stage: Connection) -> None:
    children = [{"name": "Aia", "birthday": "2020-03-09"}, {"name": "Ben", "birthday": "2022-03-12"}]
    lines = played(
        stage,
        flow("{date: profile.children.birthday}", more="reentry: {after: 7d}\n"),
        known("2026-03-02T00:00:00Z", children=children),
    )
    assert entries(lines) == [
        ("2026-03-09T09:00:00Z", "entered", "profile.children.birthday 2026 Aia"),
        ("2026-03-12T09:00:00Z", "refused", "reentry"),
    ]


def test_each_child_has_its_day_twins_too(stage: Connection) -> None:
    children = [
        {"name": "Aia", "birthday": "2020-03-09"},
        {"name": "Ben", "birthday": "2020-03-09"},
        {"id": 7, "name": "Ben", "birthday": "2022-05-01"},
        {"birthday": "06-01"},
        {"birthday": None},
        {"name": "Aia", "birthday": "2021-07-01"},
    ]
    lines = played(
        stage,
        flow("{date: profile.children.birthday}", "[{wait: 1d}]"),
        known("2026-03-02T00:00:00Z", children=children),
    )
    assert entries(lines) == [
        ("2026-03-09T09:00:00Z", "entered", "profile.children.birthday 2026 Aia"),
        ("2026-03-09T09:00:00Z", "entered", "profile.children.birthday 2026 Ben"),
        ("2026-05-01T09:00:00Z", "entered", "profile.children.birthday 2026 7"),
        ("2026-06-01T09:00:00Z", "entered", "profile.children.birthday 2026 4"),
        ("2026-07-01T09:00:00Z", "entered", "profile.children.birthday 2026 Aia#2"),
    ]


def test_children_are_known_by_name_in_whatever_order_they_come(stage: Connection) -> None:
    aia, ben = {"name": "Aia", "birthday": "2020-03-09"}, {"name": "Ben", "birthday": "2022-05-01"}
    lines = played(
        stage,
        flow("{date: profile.children.birthday}"),
        known("2026-03-02T00:00:00Z", children=[aia, ben]),
        known("2026-04-02T00:00:00Z", children=[ben, aia]),
    )
    assert [key for _, _, key in entries(lines)] == [
        "profile.children.birthday 2026 Aia",
        "profile.children.birthday 2026 Ben",
    ]


def test_dates_in_a_plain_list_come_each(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.days}"),
        known("2026-03-02T00:00:00Z", days=["2020-03-09", "05-01"]),
    )
    assert [at for at, _, _ in entries(lines)] == ["2026-03-09T09:00:00Z", "2026-05-01T09:00:00Z"]


def test_rule_22_event_holds_date_years_and_item(stage: Connection) -> None:
    files = small(
        {"f": "trigger: {date: profile.children.birthday, offset: -7d}\nsteps: [{send: gift}]\n"},
        messages={"gift": "{{ event.item.name }} will be {{ event.years }} on {{ event.date }}.\n"},
    )
    files["messages/gift/message.yaml"] = (
        'subject: {en: "{{ event.item.name }}, {{ event.years }}, {{ event.date }}"}\n'
    )
    lines = played(
        stage,
        files,
        known("2026-03-01T00:00:00Z", children=[{"name": "Aia", "birthday": "2020-03-09"}]),
    )
    assert [(line["at"], line["subject"]) for line in lines if line["kind"] == "message"] == [
        ("2026-03-02T09:00:00Z", "Aia, 6, 2026-03-09")
    ]


def test_rule_22_a_date_without_a_year_has_no_years_and_one_alone_no_item(stage: Connection) -> None:
    audience = "audience: {event.years: {exists: false}, event.item: {exists: false}, event.date: 2026-03-09}\n"
    lines = played(
        stage,
        flow("{date: profile.birthday}", more=audience),
        known("2026-03-01T00:00:00Z", birthday="03-09"),
    )
    assert [state for _, state, _ in entries(lines)] == ["entered"]


def test_the_audience_is_asked_when_the_date_comes(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}", more="audience: {profile.vip: true}\n"),
        known("2026-03-01T00:00:00Z", birthday="03-09"),
    )
    assert entries(lines) == [("2026-03-09T09:00:00Z", "refused", "audience")]


def test_one_who_moves_west_is_entered_once(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-01T00:00:00Z", birthday="1990-03-09", timezone="Asia/Almaty"),
        known("2026-03-09T05:00:00Z", timezone="America/New_York"),
    )
    assert entries(lines) == [
        ("2026-03-09T04:00:00Z", "entered", "profile.birthday 2026"),
        ("2026-03-09T13:00:00Z", "refused", "reentry"),
    ]


def test_a_move_before_the_day_moves_it(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-01T00:00:00Z", birthday="1990-03-09", timezone="Asia/Almaty"),
        known("2026-03-05T05:00:00Z", timezone="America/New_York"),
    )
    assert entries(lines) == [("2026-03-09T13:00:00Z", "entered", "profile.birthday 2026")]


def test_one_who_moves_east_past_the_hour_is_not_forgotten(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        known("2026-03-01T00:00:00Z", birthday="1990-03-09", timezone="America/New_York"),
        known("2026-03-09T06:00:00Z", timezone="Asia/Almaty"),
    )
    assert entries(lines) == [("2026-03-09T06:00:00Z", "entered", "profile.birthday 2026")]


def test_a_step_that_sets_a_date_plans_it(stage: Connection) -> None:
    files = small(
        {
            "a": 'trigger: {event: Bought}\nsteps: [{set: {profile.renew_on: "2026-05-01"}}]\n',
            "b": "trigger: {date: profile.renew_on, every: once, offset: -1d}\nsteps: [{exit: done}]\n",
        }
    )
    bought = {"type": "track", "event": "Bought", "timestamp": "2026-03-02T09:00:00Z"}
    assert entries(played(stage, files, bought)) == [
        ("2026-03-02T09:00:00Z", "entered", ""),
        ("2026-04-30T09:00:00Z", "entered", "profile.renew_on 2026-05-01"),
    ]


def test_an_order_at_the_very_moment_is_known_and_ends_nothing_that_begins_with_it(stage: Connection) -> None:
    order = {"type": "track", "event": "Order Completed", "timestamp": "2026-03-09T09:00:00Z"}
    more = "audience: {did: Order Completed}\nexit_on: {event: Order Completed}\n"
    lines = played(
        stage,
        flow("{date: profile.birthday}", "[{wait: 1h}]", more),
        known("2026-03-01T00:00:00Z", birthday="03-09"),
        order,
    )
    assert [(line["at"], line["state"], line.get("reason")) for line in lines] == [
        ("2026-03-09T09:00:00Z", "entered", None),
        ("2026-03-09T10:00:00Z", "exited", "finished"),
    ]


def test_rule_14_one_occurrence_does_not_send_one_message_twice(stage: Connection) -> None:
    files = small({"a": BIRTHDAY, "b": BIRTHDAY})
    lines = played(stage, files, known("2026-03-01T00:00:00Z", birthday="03-09"))
    assert [(line["flow"], line["decision"], line.get("reason")) for line in lines if line["kind"] == "message"] == [
        ("a", "sent", None),
        ("b", "skipped", "duplicate"),
    ]


def test_two_who_become_one_have_one_birthday(stage: Connection) -> None:
    lines = played(
        stage,
        flow("{date: profile.birthday}"),
        {**known("2026-03-01T00:00:00Z", birthday="1990-03-09"), "userId": None, "anonymousId": "d1"},
        known("2026-03-02T00:00:00Z", birthday="1990-03-09"),
        {"type": "identify", "anonymousId": "d1", "timestamp": "2026-03-03T00:00:00Z", "traits": {}},
    )
    assert entries(lines) == [("2026-03-09T09:00:00Z", "entered", "profile.birthday 2026")]


def test_the_last_order_is_a_date_and_every_order_another(stage: Connection) -> None:
    def order(number: int, at: str, name: str = "Order Completed") -> dict[str, object]:
        return {"type": "track", "event": name, "timestamp": at, "properties": {"order_id": f"o{number}", "total": 10}}

    lines = played(
        stage,
        flow("{date: order.last_at, every: once, offset: 30d}"),
        known("2026-03-01T00:00:00Z", timezone="Asia/Almaty"),
        order(1, "2026-03-02T20:00:00Z"),
        order(2, "2026-03-20T08:00:00Z"),
        order(3, "2026-06-01T08:00:00Z"),
        # it counts no more: the one before is the last again, and its day has gone by
        order(3, "2026-06-02T08:00:00Z", "Order Cancelled"),
    )
    assert entries(lines) == [("2026-04-19T04:00:00Z", "entered", "order.last_at 2026-03-20T08:00:00Z")]
