"""Broadcasts and schedules: when, to whom, what; and every refusal with its place."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest
from tests.unit.language.shop import FLOW, files

from tamshy.domain.duration import Duration
from tamshy.language import all_flows, diff, file_of, read_workspace
from tamshy.language.model import (
    Broadcast,
    Measure,
    MonthDay,
    Position,
    ScheduleTrigger,
    Send,
    Split,
    Wait,
    Winner,
)
from tamshy.language.program import all_steps

SEGMENT = "where: {profile.email: {exists: true}}\n"
PATH = "broadcasts/christmas.yaml"
TEN = datetime(2026, 12, 1, 10)  # noqa: DTZ001 - a reading
SIX = datetime(2026, 12, 1, 6)  # noqa: DTZ001 - a reading


def broadcast(at: str, more: str = "") -> Broadcast:
    text = f"segment: everybody\nmessage: hello\nat: {at}\n{more}"
    workspace, problems = read_workspace(files({PATH: text, "segments/everybody.yaml": SEGMENT}))
    assert [str(problem) for problem in problems if problem.position.file == PATH] == []
    return workspace.broadcasts["christmas"]


def refused(text: str) -> list[str]:
    _, problems = read_workspace(files({PATH: text, "segments/everybody.yaml": SEGMENT}))
    return [str(problem).removeprefix(f"{PATH}:") for problem in problems if problem.position.file == PATH]


def times(*readings: datetime, zone: str | None) -> ScheduleTrigger:
    return ScheduleTrigger("everybody", times=readings, zone=zone)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-12-01T10:00", (times(TEN, zone="Asia/Almaty"),)),
        ("{time: 2026-12-01T10:00}", (times(TEN, zone="Asia/Almaty"),)),
        ("{time: 2026-12-01T10:00, zone: profile}", (times(TEN, zone=None),)),
        ("{time: 2026-12-01T10:00, zone: workspace}", (times(TEN, zone="Asia/Almaty"),)),
        ("{time: [2026-12-01T10:00, 2026-12-01T06:00], zone: Europe/Paris}", (times(SIX, TEN, zone="Europe/Paris"),)),
        (
            "[2026-12-01T10:00, 2026-12-01T11:00+05:00]",
            (times(TEN, zone="Asia/Almaty"), times(SIX, zone="UTC")),
        ),
        ('{cron: "0 9 * * MON", zone: profile}', (ScheduleTrigger("everybody", "0 9 * * mon"),)),
        ('{cron: "0 9 1 * *"}', (ScheduleTrigger("everybody", "0 9 1 * *", zone="Asia/Almaty"),)),
    ],
)
def test_when_a_broadcast_goes(at: str, expected: tuple[ScheduleTrigger, ...]) -> None:
    assert broadcast(at).schedules == expected


def test_a_broadcast_has_defaults_and_every_key_is_read() -> None:
    assert broadcast("2026-12-01T10:00") == Broadcast(
        "christmas",
        "christmas",
        "everybody",
        (times(TEN, zone="Asia/Almaty"),),
        "hello",
        position=Position(PATH, 1, 1),
    )
    more = "name: Christmas\ntopic: news\nexpires: 6h\nholdout: 10%\npriority: 3\n"
    assert broadcast("2026-12-01T10:00", more) == Broadcast(
        "christmas",
        "Christmas",
        "everybody",
        (times(TEN, zone="Asia/Almaty"),),
        "hello",
        None,
        "news",
        Duration(seconds=21600),
        Decimal("0.1"),
        3,
        Position(PATH, 1, 1),
    )


def test_a_broadcast_is_a_flow_of_one_send() -> None:
    text = "segment: everybody\nmessage: hello\nat: 2026-12-01T10:00\npriority: 3\nexpires: 6h\n"
    workspace, _ = read_workspace(files({PATH: text, "segments/everybody.yaml": SEGMENT}))
    flow = all_flows(workspace)["broadcast/christmas"]
    assert flow.triggers == (times(TEN, zone="Asia/Almaty"),)
    assert flow.steps == (Send("hello", "hello", Duration(seconds=21600), position=Position(PATH, 1, 1)),)
    assert (flow.priority, flow.holdout) == (3, None)
    assert [file_of(name) for name in all_flows(workspace)] == ["flows/cart.yaml", PATH]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "segment: everyone\nmessage: helo\nat: 2026-12-01\n",
            [
                "1:10: unknown segment 'everyone' (did you mean 'everybody'?)",
                "2:10: unknown message 'helo' (did you mean 'hello'?)",
                "3:5: 'at' must be a timestamp such as 2026-12-01T10:00, not '2026-12-01'",
            ],
        ),
        (
            "segment: everybody\nat: {time: 2026-12-01T10:00Z, zone: profile}\n",
            [
                "1:1: a broadcast needs 'message' or 'split'",
                "2:12: 'time' carries an offset from UTC; leave that out, or 'zone'",
            ],
        ),
        (
            "message: hello\nat: {time: []}\ntopic: sales\nsegments: x\n",
            [
                "1:1: a broadcast needs 'segment': name of a segment: its members at that time",
                "2:12: 'time' needs at least one timestamp",
                "3:8: unknown topic 'sales'; there are news, offers",
                "4:1: unknown key 'segments' (did you mean 'segment'?) in a broadcast",
            ],
        ),
        (
            'segment: everybody\nmessage: hello\nat: {cron: "* * * * *", zone: Mars}\n',
            [
                "3:12: 'cron' comes once an hour at most: its minute is one number, as in \"0 9 * * mon\", not '* * * * *'",
                "3:31: unknown time zone 'Mars'; names are as in Asia/Almaty",
            ],
        ),
        ("- x\n", ["1:1: a broadcast must be a mapping with 'segment', 'at', not a list"]),
    ],
)
def test_what_is_no_broadcast_is_refused(text: str, problems: list[str]) -> None:
    assert refused(text) == problems


TESTED = "segment: everybody\nat: 2026-12-01T10:00\nsplit: {name: subject, arms: ARMS, winner: WINNER}\n"
GOOD_ARMS = "{a: {weight: 10, message: hello}, b: {weight: 10, message: hello}}"
GOOD_WINNER = "{by: clicked, after: 4h}"


def test_the_rest_of_a_test_waits_and_goes_to_the_best() -> None:
    text = TESTED.replace("ARMS", GOOD_ARMS).replace("WINNER", GOOD_WINNER)
    workspace, problems = read_workspace(files({PATH: text, "segments/everybody.yaml": SEGMENT}))
    assert problems == []
    (split,) = all_flows(workspace)["broadcast/christmas"].steps
    assert isinstance(split, Split)
    assert (split.name, [(arm.name, arm.weight) for arm in split.arms], split.winner) == (
        "subject",
        [("a", Decimal(10)), ("b", Decimal(10)), ("rest", Decimal(80))],
        None,
    )
    wait, best = split.arms[2].steps
    assert isinstance(wait, Wait)
    assert isinstance(best, Split)
    assert (wait.duration, best.name, best.winner) == (
        Duration(seconds=14400),
        "subject",
        Winner(Measure.CLICKED, after=Duration(seconds=14400)),
    )
    assert [step.id for step in all_steps(split.arms[0].steps + best.arms[1].steps)] == ["a", "best-b"]


@pytest.mark.parametrize(
    ("arms", "winner", "problems"),
    [
        (
            "{a: {weight: 60, message: hello}, b: {weight: 40, message: hello}}",
            GOOD_WINNER,
            ["3:30: with 'winner' each arm has a 'weight', per cent of the segment; together less than 100"],
        ),
        (
            "{a: {message: hello}, rest: {message: helo}}",
            GOOD_WINNER,
            [
                "3:30: with 'winner' each arm has a 'weight', per cent of the segment; together less than 100",
                "3:52: 'rest' is no name of an arm: one word of letters and digits, and not 'rest'",
                "3:68: unknown message 'helo' (did you mean 'hello'?)",
            ],
        ),
        *(
            (
                GOOD_ARMS,
                f"{{by: {by}, after: 4h}}",
                [f"3:111: a broadcast has no 'conversion' to be judged by; 'by' is opened or clicked, not {by}"],
            )
            for by in ("conversion", "revenue", "profit")
        ),
        (GOOD_ARMS, "{by: opened, after: 5m}", ["3:126: 'after' must be 10m or longer: nobody has read it sooner"]),
        (
            "{a: {message: hello}}",
            GOOD_WINNER,
            [
                "3:30: 'arms' must be 2 to 20 arms, not 1",
                "3:30: with 'winner' each arm has a 'weight', per cent of the segment; together less than 100",
            ],
        ),
    ],
)
def test_what_is_no_test_is_refused(arms: str, winner: str, problems: list[str]) -> None:
    assert refused(TESTED.replace("ARMS", arms).replace("WINNER", winner)) == problems


def test_a_broadcast_has_one_message_or_several_and_its_own_experiment() -> None:
    text = TESTED.replace("ARMS", GOOD_ARMS).replace(", winner: WINNER", "")
    assert refused(text + "message: hello\n") == ["1:1: a broadcast needs 'message' or 'split', not both"]
    _, problems = read_workspace(
        files({PATH: text, "broadcasts/easter.yaml": text, "segments/everybody.yaml": SEGMENT})
    )
    assert [str(problem) for problem in problems] == [
        f"broadcasts/easter.yaml:3:8: the experiment 'subject' is in {PATH} too; give it another 'name'"
    ]


def test_a_change_of_when_is_told_in_words() -> None:
    once, weekly = (
        read_workspace(files({PATH: f"segment: everybody\nmessage: hello\nat: {at}\n"}))[0]
        for at in ("2026-12-01T10:00", '{cron: "0 9 * * mon", zone: profile}')
    )
    assert [str(change) for change in diff(once, weekly)] == [
        f"{PATH}: at changed: 2026-12-01 10:00 in Asia/Almaty for everybody → 0 9 * * mon for everybody"
    ]


def schedule(text: str) -> tuple[list[str], tuple[object, ...]]:
    """The problems of a flow with this schedule, and its triggers."""
    flow = FLOW.replace("{event: Checkout Started}", f"{{schedule: {text}}}")
    workspace, problems = read_workspace(files({"flows/cart.yaml": flow, "segments/everybody.yaml": SEGMENT}))
    said = [str(one).removeprefix("flows/cart.yaml:") for one in problems if one.position.file == "flows/cart.yaml"]
    return said, workspace.flows["cart"].triggers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{cron: "0  9 * * Mon", segment: everybody}', ScheduleTrigger("everybody", "0 9 * * mon")),
        (
            '{dates: [2026-03-20, "12-25"], offset: -14d, at: "10:00", segment: everybody}',
            ScheduleTrigger("everybody", None, (date(2026, 3, 20), MonthDay(12, 25)), Duration(days=-14), time(10)),
        ),
        ("{dates: [02-29], segment: everybody}", ScheduleTrigger("everybody", None, (MonthDay(2, 29),))),
    ],
)
def test_schedules(text: str, expected: ScheduleTrigger) -> None:
    assert schedule(text) == ([], (expected,))


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{segment: everybody}", ["2:21: 'schedule' needs 'cron' or 'dates', to say when"]),
        (
            "{cron: 0 9 * * mon, dates: [12-25], segment: everybody}",
            ["2:21: 'schedule' needs 'cron' or 'dates', not both: write two triggers"],
        ),
        (
            "{cron: 0 9 * *, segment: everybody}",
            [
                (
                    "2:28: 'cron' has five fields: minute, hour, day of the month, month, weekday, as in \"0 9 * * mon\","
                    " not '0 9 * *'"
                )
            ],
        ),
        (
            "{cron: 0 9 31 2 *, segment: everybody}",
            ["2:28: 'cron' is wrong in its day-of-month, as in \"0 9 * * mon\", not '0 9 31 2 *'"],
        ),
        (
            "{cron: 0 9 * * mon, at: 10:00, offset: 1d, segment: everybody}",
            [
                "2:45: 'at' goes with 'dates'; a 'cron' says itself when it comes",
                "2:60: 'offset' goes with 'dates'; a 'cron' says itself when it comes",
            ],
        ),
        (
            "{dates: [2026-02-30, x], segment: everybody}",
            [
                "2:30: 'dates' must be a date such as 2026-12-24, or \"12-24\" for every year, not '2026-02-30'",
                "2:42: 'dates' must be a date such as 2026-12-24, or \"12-24\" for every year, not 'x'",
            ],
        ),
        ("{dates: [], segment: everybody}", ["2:29: 'dates' needs at least one date"]),
        (
            "{dates: [12-25]}",
            ["2:21: 'schedule' needs 'segment': name of a segment: its members, each by their own clock"],
        ),
        ("{dates: [12-25], segment: nobody}", ["2:47: unknown segment 'nobody'; there is everybody"]),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, problems: list[str]) -> None:
    assert schedule(text)[0] == problems


def test_stories_and_conditions_know_a_broadcast_as_a_flow() -> None:
    story = (
        "flow: broadcast/christmas\nprofile: {id: u1}\nstart: 2026-11-01\n"
        "expect: [{sent: hello, flow: broadcast/christmas, step: hello}, {entered: broadcast/christmas}]\n"
    )
    both = "{all: [{received: flow/broadcast/christmas}, {enrolled: broadcast/christmas}]}"
    more = f"trigger: {{event: E}}\naudience: {both}\nsteps: []\n"
    text = "segment: everybody\nmessage: hello\nat: 2026-12-01T10:00\n"
    given = {PATH: text, "segments/everybody.yaml": SEGMENT, "stories/s.yaml": story, "flows/cart.yaml": more}
    workspace, problems = read_workspace(files(given))
    assert problems == []
    assert workspace.stories["s"].flows == ("broadcast/christmas",)
