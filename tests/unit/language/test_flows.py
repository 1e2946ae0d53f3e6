"""The head of a flow: every key and form, and every refusal with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest
from tests.unit.language.shop import flow_of, said

from tamshy.domain.duration import Duration
from tamshy.language.model import (
    NOWHERE,
    Behaviour,
    Clause,
    Conversion,
    DateTrigger,
    EventMatch,
    EventTrigger,
    Every,
    Flow,
    InFlight,
    ManualTrigger,
    NewArrivals,
    Operator,
    PropertyTest,
    Reentry,
    ReentryKind,
    Ref,
    Root,
    Test,
    Window,
)

DAY = Duration(days=1)
BIRTHDAY = Ref(Root.PROFILE, ("birthday",))
VALUE = PropertyTest(Ref(Root.EVENT, ("value",)), Test((Clause(Operator.GTE, 5),)))
CART = Ref(Root.EVENT, ("cart_id",))


def head(line: str) -> Flow:
    return flow_of(f"trigger: {{event: E}}\nsteps: []\n{line}\n")


def refusal(line: str, trigger: str = "{event: E}") -> list[str]:
    """The problems, without their file; the line is the third."""
    text = f"trigger: {trigger}\nsteps: []\n{line}\n"
    return [problem.removeprefix("flows/cart.yaml:") for problem in said({"flows/cart.yaml": text})]


def test_a_flow_may_be_entered_by_hand_alone_or_as_well() -> None:
    assert flow_of("trigger: {manual: true}\nsteps: []\n").triggers == (ManualTrigger(),)
    both = flow_of("trigger: [{manual: true}, {event: E}]\nsteps: []\n").triggers
    assert both == (ManualTrigger(), EventTrigger("E", None, DAY))


def test_a_flow_has_defaults() -> None:
    assert replace(flow_of("trigger: {event: E}\nsteps: []\n"), position=NOWHERE) == Flow(
        name="cart",
        title="cart",
        triggers=(EventTrigger("E", None, DAY),),
        steps=(),
        per=None,
        audience=None,
        reentry=Reentry(ReentryKind.ONCE),
        exit_on=(),
        conversion=None,
        holdout=None,
        priority=0,
        in_flight=InFlight.FOLLOW,
    )


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [
        ("{event: E}", (EventTrigger("E", None, DAY),)),
        (
            "{event: E, where: {event.value: {gte: 5}}, max_age: 2h}",
            (EventTrigger("E", VALUE, Duration(seconds=7200)),),
        ),
        ("[{event: A}, {event: B}]", (EventTrigger("A", None, DAY), EventTrigger("B", None, DAY))),
        (
            "{date: order.last_at, every: once, offset: 60d}",
            (DateTrigger(Ref(Root.ORDER, ("last_at",)), Every.ONCE, Duration(days=60), time(9)),),
        ),
        ("{date: profile.birthday}", (DateTrigger(BIRTHDAY, Every.YEAR, Duration(), time(9)),)),
        (
            '{date: profile.birthday, every: once, offset: -7d, at: "18:30"}',
            (DateTrigger(BIRTHDAY, Every.ONCE, Duration(days=-7), time(18, 30)),),
        ),
        (
            "[{event: E}, {date: profile.children.birthday, at: 00:00}]",
            (
                EventTrigger("E", None, DAY),
                DateTrigger(Ref(Root.PROFILE, ("children", "birthday")), Every.YEAR, Duration(), time(0)),
            ),
        ),
    ],
)
def test_triggers(trigger: str, expected: tuple[EventTrigger, ...]) -> None:
    assert flow_of(f"trigger: {trigger}\nsteps: []\n").triggers == expected


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        ("name: Abandoned cart", "title", "Abandoned cart"),
        ("per: event.cart_id", "per", CART),
        (
            "audience: {did_not: Order Completed, within: 1d}",
            "audience",
            Behaviour("Order Completed", count=Test((Clause(Operator.EQ, 0),)), window=Window(within=DAY)),
        ),
        ("reentry: once", "reentry", Reentry(ReentryKind.ONCE)),
        ("reentry: always", "reentry", Reentry(ReentryKind.ALWAYS)),
        ("reentry: {after: 7d}", "reentry", Reentry(ReentryKind.AFTER, Duration(days=7))),
        ("exit_on: {event: X}", "exit_on", (EventMatch("X"),)),
        (
            "exit_on: [{event: X, same: event.cart_id}, {event: Y, where: {event.value: {gte: 5}}}]",
            "exit_on",
            (EventMatch("X", None, (CART,)), EventMatch("Y", VALUE)),
        ),
        ("conversion: {event: X}", "conversion", Conversion((EventMatch("X"),))),
        (
            (
                "conversion: {event: X, where: {event.value: {gte: 5}}, same: event.cart_id, within: 5d, value: "
                "event.profit}"
            ),
            "conversion",
            Conversion((EventMatch("X", VALUE, (CART,)),), Duration(days=5), Ref(Root.EVENT, ("profit",))),
        ),
        (
            "conversion: [{event: X, within: 1d}, {event: Y, within: 1d}]",
            "conversion",
            Conversion((EventMatch("X"), EventMatch("Y")), DAY),
        ),
        ("holdout: 10%", "holdout", Decimal("0.1")),
        ("holdout: 0%", "holdout", Decimal(0)),
        ("holdout: 2.5%", "holdout", Decimal("0.025")),
        ("priority: 50", "priority", 50),
        ("priority: -3", "priority", -3),
        ("in_flight: finish", "in_flight", InFlight.FINISH),
        ("in_flight: follow", "in_flight", InFlight.FOLLOW),
    ],
)
def test_each_key_is_read(line: str, key: str, expected: object) -> None:
    assert getattr(head(line), key) == expected


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("tirgger: x", ["3:1: unknown key 'tirgger' (did you mean 'trigger'?) in a flow"]),
        ("name: 2026", ["3:7: 'name' must be text (write \"2026\" in quotes if that is meant), not the number 2026"]),
        (
            "name: true",
            ["3:7: 'name' must be text (write \"true\" in quotes if that is meant), not the truth value true"],
        ),
        ("name:", ["3:1: 'name' must be text, not nothing"]),
        ("per: profile.city", ["3:6: 'profile.city' must start with event."]),
        ("per: cart_id", ["3:6: 'cart_id' is not a reference; it starts with event."]),
        ("audience: all", ["3:11: a condition must be a mapping or a list, not 'all'"]),
        ("reentry: never", ["3:10: 'reentry' must be once, always or a mapping such as {after: 7d}, not 'never'"]),
        ("reentry: {after: 0d}", ["3:18: 'after' must be longer than nothing"]),
        ("reentry: {}", ["3:10: 'reentry' needs 'after': duration, counted from the last entry"]),
        ("exit_on: X", ["3:10: an event match must be a mapping with 'event', not 'X'"]),
        ("exit_on: {where: {event.a: 1}}", ["3:10: an event match needs 'event': event name"]),
        (
            "exit_on: {event: X, within: 1d}",
            ["3:21: unknown key 'within'; there are event, same, where in an event match"],
        ),
        ("conversion: []", ["3:13: 'conversion' needs at least one event; leave it out where nothing counts"]),
        (
            "conversion: [{event: X, within: 1d}, {event: Y}]",
            ["3:38: the members of 'conversion' must have the same 'within' and 'value'"],
        ),
        (
            "conversion: {event: X, value: [event.a, event.b]}",
            ["3:31: 'value' must be one reference such as event.value"],
        ),
        ("holdout: 10", ["3:10: 'holdout' must be a percentage from 0% to 100%, such as 10%, not the number 10"]),
        ("holdout: 101%", ["3:10: 'holdout' must be a percentage from 0% to 100%, such as 10%, not '101%'"]),
        ("priority: high", ["3:11: 'priority' must be a whole number, not 'high'"]),
        ("priority: 1000001", ["3:11: 'priority' must lie between -1000000 and 1000000, not 1000001"]),
        ("in_flight: folow", ["3:12: 'in_flight' must be follow or finish, not 'folow' (did you mean 'follow'?)"]),
    ],
)
def test_what_is_no_head_is_refused(line: str, problems: list[str]) -> None:
    assert refusal(line) == problems


@pytest.mark.parametrize(
    ("trigger", "problems"),
    [
        ("X", ["1:10: an event trigger must be a mapping with 'event', not 'X'"]),
        ("[]", ["1:10: 'trigger' needs at least one trigger"]),
        ("{}", ["1:10: 'trigger' needs 'event': what starts the flow"]),
        ("{evnt: X}", ["1:11: unknown trigger 'evnt' (did you mean 'event'?)"]),
        ("{manual: false}", ["1:19: 'manual' must be true; leave the trigger out where nobody enters by hand"]),
        ("{manual: yes}", ["1:19: 'manual' must be true or false, not 'yes'"]),
        ("{manual: true, at: 9}", ["1:25: unknown key 'at'; there is manual in a manual trigger"]),
        ("{mnual: true}", ["1:11: unknown trigger 'mnual' (did you mean 'manual'?)"]),
        ("{event: X, whre: {}}", ["1:21: unknown key 'whre' (did you mean 'where'?) in an event trigger"]),
        ("{date: birthday}", ["1:17: 'birthday' is not a reference; it starts with profile."]),
        ("{date: event.at}", ["1:17: 'event.at' must start with profile."]),
        ("{date: order.total}", ["1:17: 'order.total' must start with profile."]),
        ("{date: profile.birthday, every: month}", ["1:42: 'every' must be year or once, not 'month'"]),
        (
            "{date: profile.birthday, offset: soon}",
            ["1:43: 'offset': 'soon' is not a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h"],
        ),
        (
            "{date: profile.birthday, at: 9}",
            ['1:39: \'at\' must be a time of day from "00:00" to "23:59", not the number 9'],
        ),
        (
            "{date: profile.birthday, where: {}}",
            ["1:35: unknown key 'where'; there are at, date, every, offset in a date trigger"],
        ),
        ("{event: X, max_age: 0d}", ["1:30: 'max_age' must be longer than nothing"]),
        (
            "{event: X, same: event.a}",
            ["1:21: unknown key 'same'; there are event, max_age, where in an event trigger"],
        ),
    ],
)
def test_what_is_no_trigger_is_refused(trigger: str, problems: list[str]) -> None:
    assert refusal("", trigger) == problems


@pytest.mark.parametrize(
    ("trigger", "arrivals"),
    [
        ("{new_arrivals: {}}", NewArrivals()),
        (
            '{new_arrivals: {at_least: 3, every: 2w, on: [mon, thu], at: "10:30"}}',
            NewArrivals(None, 3, Duration(days=14), frozenset({1, 4}), time(10, 30)),
        ),
    ],
)
def test_new_arrivals(trigger: str, arrivals: NewArrivals) -> None:
    assert flow_of(f"trigger: {trigger}\nsteps: []\n").triggers == (arrivals,)


@pytest.mark.parametrize(
    ("trigger", "problems"),
    [
        ("{new_arrivals: {at_least: 0}}", ["1:36: 'at_least' must lie between 1 and 50, not 0"]),
        ("{new_arrivals: {at_least: 51}}", ["1:36: 'at_least' must lie between 1 and 50, not 51"]),
        (
            "{new_arrivals: {every: 36h}}",
            ["1:33: 'every' is days, weeks, months or years: it comes on days, at 'at'"],
        ),
        (
            "{new_arrivals: {on: [wen]}}",
            ["1:31: unknown weekday 'wen' (did you mean 'wed'?)"],
        ),
        (
            "{new_arrivals: {for: viewed}}",
            ["1:26: unknown key 'for'; there are at, at_least, every, on, segment, where in 'new_arrivals'"],
        ),
        ("{new_arrivals: {segment: nobody}}", ["1:35: unknown segment 'nobody'; there is none"]),
        (
            "{new_arrivals: 3}",
            ["1:25: 'new_arrivals' must be a mapping with 'where', 'at_least', 'every', 'on', not the number 3"],
        ),
    ],
)
def test_what_is_no_new_arrivals_is_refused(trigger: str, problems: list[str]) -> None:
    assert refusal("", trigger) == problems


def test_a_flow_needs_a_trigger_and_steps_and_all_faults_come_at_once() -> None:
    assert said({"flows/cart.yaml": "name: 5\npriority: x\n"}) == [
        "flows/cart.yaml:1:1: a flow needs 'steps': list of steps",
        "flows/cart.yaml:1:1: a flow needs 'trigger': a trigger, or a list: any of them",
        "flows/cart.yaml:1:7: 'name' must be text (write \"5\" in quotes if that is meant), not the number 5",
        "flows/cart.yaml:2:11: 'priority' must be a whole number, not 'x'",
    ]


def test_an_empty_file_is_no_flow() -> None:
    assert said({"flows/cart.yaml": "# nothing\n"}) == [
        "flows/cart.yaml:1:1: a flow must be a mapping with 'trigger', 'steps', not nothing"
    ]


# -- flows that start each other -------------------------------------------------------------------------------------


def tracking(wait: str, event: str, trigger: str) -> str:
    return f"trigger: {{event: {trigger}}}\nsteps:\n  - {wait}\n  - track: {{event: {event}}}\n"


@pytest.mark.parametrize(
    "wait", ["wait: 59m", "wait: 3599s", 'wait: {until: "10:00"}', "{id: w, wait: {until: event.at}}"]
)
def test_a_circle_of_flows_without_an_hour_in_it_is_refused(wait: str) -> None:
    assert said({"flows/a.yaml": tracking(wait, "B", "A"), "flows/b.yaml": tracking("wait: 0s", "A", "B")}) == [
        "flows/a.yaml:4:5: 'B' starts a circle of flows (a → b → a) without a wait of at least 1h in it"
    ]


@pytest.mark.parametrize("wait", ["wait: 1h", "wait: 1d", "wait: 1mo", "wait: 3600s"])
def test_a_circle_with_an_hour_in_it_is_fine(wait: str) -> None:
    assert said({"flows/a.yaml": tracking(wait, "B", "A"), "flows/b.yaml": tracking("wait: 0s", "A", "B")}) == []


def test_a_flow_must_not_start_itself() -> None:
    assert said({"flows/a.yaml": tracking("wait: 1m", "A", "A")}) == [
        "flows/a.yaml:4:5: 'A' starts a circle of flows (a → a) without a wait of at least 1h in it"
    ]


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ("[{branch: [{if: {clicked: any}, steps: [{wait: 1h}]}, {else: [{wait: 2h}]}]}, {track: {event: A}}]", False),
        ("[{branch: [{if: {clicked: any}, steps: [{wait: 1h}]}]}, {track: {event: A}}]", True),
        ("[{branch: [{if: {clicked: any}, steps: [{wait: 1h}]}, {else: []}]}, {track: {event: A}}]", True),
        ("[{branch: [{if: {clicked: any}, steps: [{track: {event: A}}]}]}]", True),
        ("[{branch: [{if: {clicked: any}, steps: [{wait: 1h}, {track: {event: A}}]}]}]", False),
        ("[{wait_for: {event: X, at_most: 1h, else: [{track: {event: A}}]}}]", False),
        ("[{wait_for: {event: X, at_most: 1h, then: [{track: {event: A}}]}}]", True),
        ("[{wait_for: {event: X, at_most: 59m, else: [{track: {event: A}}]}}]", True),
        ("[{wait_for: {event: X, at_most: 1h, then: [{exit: x}]}}, {track: {event: A}}]", False),
        ("[{branch: [{if: {clicked: any}, steps: [{exit: x}]}, {else: [{wait: 1h}]}]}, {track: {event: A}}]", False),
        ("[{split: {name: n, arms: {A: {steps: [{wait: 1h}]}, B: {}}}}, {track: {event: A}}]", True),
        ("[{split: {name: n, arms: {A: {steps: [{wait: 1h}]}, B: {steps: [{exit: x}]}}}}, {track: {event: A}}]", False),
        ("[{split: {name: n, arms: {A: {steps: [{track: {event: A}}]}, B: {}}}}]", True),
        ("[{repeat: {times: 2, every: 1h, steps: [{track: {event: A}}]}}]", True),
        ("[{repeat: {times: 2, every: 1h, steps: [{wait: 1m}]}}, {track: {event: A}}]", False),
        ("[{repeat: {times: 2, every: 59m, steps: [{wait: 1m}]}}, {track: {event: A}}]", True),
        ("[{repeat: {times: 1, every: 1h, steps: [{wait: 1m}]}}, {track: {event: A}}]", True),
        ("[{repeat: {times: 2, steps: [{wait: 1h}]}}, {track: {event: A}}]", False),
        ("[{repeat: {times: 2, while: {clicked: any}, steps: [{wait: 1h}]}}, {track: {event: A}}]", True),
    ],
)
def test_the_hour_must_stand_in_every_way(steps: str, *, refused: bool) -> None:
    found = said({"flows/a.yaml": f"trigger: {{event: A}}\nsteps: {steps}\n"})
    assert [line.partition(": ")[2] for line in found] == (
        ["'A' starts a circle of flows (a → a) without a wait of at least 1h in it"] if refused else []
    )


SENDING = "trigger: {{event: {trigger}{where}}}\nreentry: {reentry}\n{per}steps: [{{wait: {wait}}}, {{send: hi}}]\n"
CIRCLE = "'Message Sent' starts a circle of flows (a → a) without a wait of at least 1h in it"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, True),
        ({"where": ", where: {event.message: hi}"}, True),
        ({"where": ", where: {event.message: [other, hi], event.flow: {ne: b}}"}, True),
        ({"where": ", where: {not: {event.step: elsewhere}}"}, True),
        ({"where": ", where: {event.message: other}"}, False),
        ({"where": ", where: {event.message: {ne: hi}}"}, False),
        ({"where": ", where: {any: [{event.flow: b}, {event.step: elsewhere}]}"}, False),
        ({"where": ", where: {profile.city: Almaty}"}, True),
        ({"reentry": "once"}, False),
        ({"reentry": "once", "per": "per: event.message_id\n"}, True),
        ({"reentry": "once", "per": "per: event.message\n"}, False),
        ({"reentry": "{after: 59m}"}, True),
        ({"reentry": "{after: 1h}"}, False),
        ({"wait": "1h"}, False),
    ],
)
def test_a_mail_must_not_bring_about_the_next_one_for_ever(given: dict[str, str], *, refused: bool) -> None:
    usual = {"trigger": "Message Sent", "where": "", "reentry": "always", "per": "", "wait": "59m"}
    files: dict[str, str | None] = {"flows/a.yaml": SENDING.format(**usual | given)}
    found = said(files | {"messages/hi/en.md": "Hi\n", "messages/hi/message.yaml": "subject: {en: Hi}\n"})
    assert [line.partition(": ")[2] for line in found] == ([CIRCLE] if refused else [])


@pytest.mark.parametrize(("verb", "event"), [("subscribe", "Subscribed"), ("unsubscribe", "Unsubscribed")])
def test_a_consent_must_not_bring_about_the_next_one_for_ever(verb: str, event: str) -> None:
    flow = f"trigger: {{event: {event}, where: {{event.topic: news}}}}\nreentry: always\nsteps: [{{{verb}: TOPIC}}]\n"
    settings: dict[str, str | None] = {"tamshy.yaml": "topics: {news: {}, offers: {}}\n"}
    found = said(settings | {"flows/a.yaml": flow.replace("TOPIC", "news")})
    assert found == [
        f"flows/a.yaml:3:9: '{event}' starts a circle of flows (a → a) without a wait of at least 1h in it"
    ]
    assert said(settings | {"flows/a.yaml": flow.replace("TOPIC", "offers")}) == []
