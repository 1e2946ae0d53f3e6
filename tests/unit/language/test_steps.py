"""Steps: every verb and form, ids, and every refusal with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest
from tests.unit.language.shop import flow_of, refused, steps_of

from tamshy.domain.duration import Duration
from tamshy.language.model import (
    NOWHERE,
    Arm,
    Branch,
    ChangeConsent,
    Clause,
    Engaged,
    Engagement,
    EventMatch,
    Exit,
    Operator,
    Position,
    PropertyTest,
    Ref,
    Root,
    Send,
    SetProperties,
    Step,
    Template,
    Test,
    Track,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilMoment,
    WaitUntilTime,
)

DAY = Duration(days=1)
VALUE = PropertyTest(Ref(Root.EVENT, ("value",)), Test((Clause(Operator.GTE, 5),)))


def only(step: str) -> Step:
    """The one step, without its place."""
    (found,) = steps_of(f"[{step}]")
    assert found.position == Position("flows/cart.yaml", 2, 9)
    return replace(found, position=NOWHERE)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{wait: 2h}", Wait("wait-1", Duration(seconds=7200))),
        ("{wait: 0s, id: now, note: Nothing}", Wait("now", Duration(), note="Nothing")),
        ('{wait: {until: "10:00"}}', WaitUntilTime("wait-1", time(10))),
        (
            "{wait: {until: 09:30, on: [mon, sun], zone: profile}}",
            WaitUntilTime("wait-1", time(9, 30), frozenset({1, 7})),
        ),
        (
            '{wait: {until: "00:00", on: fri, zone: workspace}}',
            WaitUntilTime("wait-1", time(0), frozenset({5}), "Asia/Almaty"),
        ),
        ("{wait: {until: best_hour}}", WaitBestHour("wait-1", Duration(days=1))),
        ("{wait: {until: best_hour, at_most: 6h}}", WaitBestHour("wait-1", Duration(seconds=21600))),
        ('{wait: {until: "23:59", zone: Europe/Berlin}}', WaitUntilTime("wait-1", time(23, 59), zone="Europe/Berlin")),
        (
            "{wait: {until: event.delivery_at, offset: -1d}}",
            WaitUntilMoment("wait-1", Ref(Root.EVENT, ("delivery_at",)), Duration(days=-1)),
        ),
        ("{wait: {until: cart.updated_at}}", WaitUntilMoment("wait-1", Ref(Root.CART, ("updated_at",)))),
        ("{wait: {until: order.last_at}}", WaitUntilMoment("wait-1", Ref(Root.ORDER, ("last_at",)))),
        (
            "{wait: {until: predicted.next_order_at, offset: -3d}}",
            WaitUntilMoment("wait-1", Ref(Root.PREDICTED, ("next_order_at",)), Duration(days=-3)),
        ),
        ("{wait: {until: profile.a.b}}", WaitUntilMoment("wait-1", Ref(Root.PROFILE, ("a", "b")))),
        ("{wait: {until: vars.hook.at}}", WaitUntilMoment("wait-1", Ref(Root.VARS, ("hook", "at")))),
        ("{send: hello}", Send("hello", "hello")),
        (
            "{send: hello, id: again, expires: 2d, topic: news, if: {event.value: {gte: 5}}}",
            Send("again", "hello", Duration(days=2), "news", VALUE),
        ),
        ("{subscribe: news}", ChangeConsent("subscribe-1", "news", granted=True)),
        ("{unsubscribe: offers}", ChangeConsent("unsubscribe-1", "offers", granted=False)),
        ("{exit: too-small}", Exit("exit-1", "too-small")),
        (
            "{set: {profile.vip: true, profile.a.b: 1.5, profile.n: ~}}",
            SetProperties("set-1", ((("vip",), True), (("a", "b"), Decimal("1.5")), (("n",), None))),
        ),
        (
            '{set: {profile.a: "{{ event.value }}", profile.b: "x {{ event.value }}", profile.c: plain}}',
            SetProperties(
                "set-1",
                (
                    (("a",), Template("{{ event.value }}", whole=True)),
                    (("b",), Template("x {{ event.value }}")),
                    (("c",), "plain"),
                ),
            ),
        ),
        ("{track: {event: Cart Rescued}}", Track("track-1", "Cart Rescued")),
        (
            '{track: {event: X, properties: {a: 1, b: ["{{ profile.x | upcase }}", {c: no}]}}}',
            Track("track-1", "X", {"a": 1, "b": [Template("{{ profile.x | upcase }}", whole=True), {"c": "no"}]}),
        ),
        (
            "{wait_for: {event: Paid, at_most: 1d}}",
            WaitFor("wait-for-1", (EventMatch("Paid"),), DAY),
        ),
    ],
)
def test_each_verb_is_read(written: str, expected: Step) -> None:
    assert only(written) == expected


def test_a_wait_for_one_event_says_which_of_them() -> None:
    (step,) = steps_of("[{wait_for: {event: A, where: {event.value: {gte: 5}}, same: event.id, at_most: 1d}}]")
    assert isinstance(step, WaitFor)
    large = PropertyTest(Ref(Root.EVENT, ("value",)), Test((Clause(Operator.GTE, 5),)))
    assert step.matches == (EventMatch("A", large, (Ref(Root.EVENT, ("id",)),)),)


def test_a_wait_for_takes_several_events_and_has_two_ways_on() -> None:
    (step,) = steps_of(
        "[{wait_for: {any: [{event: A, where: {event.value: {gte: 5}}}, {event: B, same: event.id}], at_most: 1d, "
        "then: [{send: hello}], else: [{exit: late}]}}]"
    )
    assert isinstance(step, WaitFor)
    assert step.matches == (EventMatch("A", VALUE), EventMatch("B", None, (Ref(Root.EVENT, ("id",)),)))
    assert [inner.id for inner in step.then] == ["hello"]
    assert [inner.id for inner in step.otherwise] == ["exit-1"]


def test_a_branch_has_arms_and_an_else() -> None:
    (step,) = steps_of("[{branch: [{if: {clicked: any}, steps: []}, {else: [{exit: no}]}]}]")
    assert isinstance(step, Branch)
    assert step.arms[0] == Arm(Engagement(Engaged.CLICKED), ())
    assert step.arms[1].condition is None
    assert [inner.id for inner in step.arms[1].steps] == ["exit-1"]


def test_ids_count_the_verb_in_the_order_as_written_also_inside_arms() -> None:
    flow = flow_of(
        "trigger: {event: E}\nsteps:\n  - wait: 1h\n  - branch:\n      - {if: {clicked: any}, steps: [{wait: 2h}]}\n"
        "      - else: [{id: mine, wait: 3h}]\n  - wait: 4h\n  - branch: [{if: {clicked: any}, steps: []}]\n"
    )
    branch = flow.steps[1]
    assert isinstance(branch, Branch)
    assert [step.id for step in flow.steps] == ["wait-1", "branch-1", "wait-4", "branch-2"]
    assert [step.id for arm in branch.arms for step in arm.steps] == ["wait-2", "mine"]


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ("[wait]", ["2:9: a step must be a mapping such as {wait: 2h}, not 'wait'"]),
        ("wait", ["2:8: 'steps' must be a list, not 'wait'"]),
        ("[{}]", [
            ("2:9: a step needs a verb; there are wait, wait_for, branch, split, send, coupon, set, track, subscribe, "
            "unsubscribe, webhook, notify, repeat, exit"),
        ]),
        ("[{sned: hello}]", ["2:10: unknown verb 'sned' (did you mean 'send'?) in a step"]),
        ("[{wait: 1d, send: hello}]", ["2:20: 'send' beside 'wait': a step has exactly one verb"]),
        ("[{wait: 1d, expires: 1d}]", ["2:20: unknown key 'expires'; there are id, note, wait in a 'wait' step"]),
        ("[{wait: 2}]", [
            ("2:16: 'wait' must be a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h, not "
            "the number 2")]),
        ("[{wait: -1h}]", ["2:16: 'wait' must be a duration of 0s or more"]),
        ("[{wait: [1h]}]", [
            ("2:16: 'wait' must be a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h, "
            "not a list")]),
        ("[{wait: {}}]", ['2:16: a wait until a time of day needs \'until\': time of day, `"10:00"`']),
        ("[{wait: {until: 25:00}}]", ['2:24: \'until\' must be a time of day from "00:00" to "23:59", not \'25:00\'']),
        ("[{wait: {until: 9:00}}]", ['2:24: \'until\' must be a time of day from "00:00" to "23:59", not \'9:00\'']),
        (
            "[{wait: {until: noon}}]",
            [
                (
                    "2:24: 'until' must be a time of day such as \"10:00\", a reference such as event.delivery_at, "
                    "or best_hour, "
                "not 'noon'")
            ],
        ),
        ("[{wait: {until: evnt.at}}]", [
            ("2:24: 'evnt.at' must start with event. or profile. or cart. or order. or predicted. or coupon. or vars."
             " (did you mean 'event.at'?)"),
        ]),
        ("[{wait: {until: 10:00, on: [mno]}}]", ["2:36: unknown weekday 'mno' (did you mean 'mon'?)"]),
        ("[{wait: {until: 10:00, on: []}}]", ["2:35: 'on' needs at least one weekday; leave it out for any day"]),
        ("[{wait: {until: 10:00, zone: Asia/Almati}}]", [
            ("2:37: unknown time zone 'Asia/Almati' (did you mean "
            "'Asia/Almaty'?)")]),
        ("[{wait: {until: 10:00, offset: 1d}}]", [
            "2:31: unknown key 'offset'; there are on, until, zone in a wait until a time of day",
        ]),
        ("[{wait: {until: event.a, zone: UTC}}]", [
            "2:33: unknown key 'zone'; there are offset, until in a wait until a moment",
        ]),
        ("[{send: hullo}]", ["2:16: unknown message 'hullo' (did you mean 'hello'?)"]),
        ("[{send: Hello}]", [
            ("2:16: 'send' must be a name of small letters, digits and hyphens, 64 at most, not "
            "'Hello'")]),
        ("[{send: hello, topic: nws}]", ["2:30: unknown topic 'nws' (did you mean 'news'?)"]),
        ("[{send: hello, expires: 0s}]", ["2:32: 'expires' must be longer than nothing"]),
        ("[{send: hello}, {send: hello}]", [
            "2:31: the step id 'hello' is used already in line 2; give one of the two an 'id' of its own",
        ]),
        ("[{wait: 1d, id: entry}]", ["2:24: the step id 'entry' is taken by 'since: entry'; give it another 'id'"]),
        ("[{wait: 1d, id: A b}]", [
            "2:24: 'id' must be a name of small letters, digits, hyphens and underscores, 64 at most, not 'A b'",
        ]),
        ("[{set: {}}]", ["2:15: 'set' needs at least one profile.PATH"]),
        ("[{set: {order.total: 1}}]", ["2:16: 'order.total' must start with profile."]),
        ("[{set: {event.a: 1}}]", ["2:16: 'event.a' must start with profile."]),
        ('[{set: {profile.a: "{{ event.x | nope }}"}}]', ["2:41: Liquid: unknown filter 'nope'"]),
        ("[{wait: {until: cart.value}}]", ["2:24: 'cart.value' is no moment; cart.updated_at is one"]),
        ('[{set: {profile.a: "{{ unsubscribe_url }}"}}]', [
            (
                "2:31: Liquid: unknown variable 'unsubscribe_url'; there are cart, coupon, event, locale, now, order, profile,"
                " shop, vars"
            ),
        ]),
        ("[{track: X}]", ["2:17: 'track' must be a mapping with 'event', not 'X'"]),
        ("[{track: {properties: 5}}]", [
            "2:17: 'track' needs 'event': event name",
            "2:30: 'properties' must be a mapping of names to values, not the number 5",
        ]),
        ("[{exit: too small}]", [
            "2:16: 'exit' must be one word of letters, digits, hyphens and underscores, 64 at most, not 'too small'",
        ]),
        ("[{wait_for: {event: Paid}}]", ["2:20: 'wait_for' needs 'at_most': duration"]),
        ("[{wait_for: {at_most: 1d}}]", ["2:20: 'wait_for' needs 'event' or 'any': what it waits for"]),
        ("[{wait_for: {any: [], at_most: 1d}}]", ["2:26: 'any' needs at least one event"]),
        ("[{wait_for: {event: A, any: [{event: B}], at_most: 1d}}]", [
            "2:36: 'any' beside 'event': write each event inside 'any'",
        ]),
        ("[{branch: []}]", ["2:18: 'branch' needs at least one arm with 'if'"]),
        ("[{branch: [{else: []}]}]", ["2:18: 'branch' needs at least one arm with 'if'"]),
        ("[{branch: [{if: {clicked: any}}]}]", ["2:19: an arm of a branch needs 'steps': list of steps"]),
        ("[{branch: [{else: []}, {if: {clicked: any}, steps: []}]}]", [
            "2:19: 'else' must be the last arm: what stands behind it is never reached",
        ]),
        ("[{branch: [{if: {clicked: any}, then: []}]}]", [
            "2:19: an arm of a branch needs 'steps': list of steps",
            "2:40: unknown key 'then'; there are if, steps in an arm of a branch",
        ]),
        ("[{exit: a}, {wait: 1d}, {wait: 2d}]", [
            "2:20: this step is never reached: the 'exit' in line 2 ends the enrollment",
        ]),
        ("[{branch: [{if: {clicked: any}, steps: [{exit: a}]}, {else: [{exit: b}]}]}, {wait: 1d}]", [
            "2:84: this step is never reached: every arm of the step in line 2 ends the enrollment",
        ]),
        ("[{wait_for: {event: A, at_most: 1d, then: [{exit: a}], else: [{exit: b}]}}, {wait: 1d}]", [
            "2:84: this step is never reached: every arm of the step in line 2 ends the enrollment",
        ]),
        ("[{branch: [{if: {clicked: any}, steps: [{exit: a}, {wait: 1d}]}]}]", [
            "2:59: this step is never reached: the 'exit' in line 2 ends the enrollment",
        ]),
    ],
)  # fmt: skip
def test_what_is_no_step_is_refused(steps: str, problems: list[str]) -> None:
    assert [line.removeprefix("flows/cart.yaml:") for line in refused(steps)] == problems


@pytest.mark.parametrize(
    "steps",
    [
        "[{branch: [{if: {clicked: any}, steps: [{exit: a}]}]}, {wait: 1d}]",
        "[{branch: [{if: {clicked: any}, steps: [{exit: a}]}, {else: []}]}, {wait: 1d}]",
        "[{wait_for: {event: A, at_most: 1d, else: [{exit: b}]}}, {wait: 1d}]",
    ],
)
def test_a_step_that_some_way_leads_to_is_fine(steps: str) -> None:
    assert refused(steps) == []


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ("[{wait: {until: best_hour, at_most: 0s}}]", ["2:44: 'at_most' must be longer than nothing"]),
        ("[{wait: {until: best_hour, on: mon}}]", [
            "2:35: unknown key 'on'; there are at_most, until in a wait until the best hour"]),
        ("[{wait: {until: predicted.clv}}]", ["2:24: 'predicted.clv' is no moment; predicted.next_order_at is one"]),
        ("[{wait: {until: rfm.score}}]", [
            "2:24: 'rfm.score' must start with event. or profile. or cart. or order. or predicted. or coupon. or vars.",
        ]),
        ("[{wait_for: {segment: vip, at_most: 1d}}]", [
            "2:20: 'wait_for' needs 'event' or 'any': what it waits for",
            "2:21: unknown key 'segment' (did you mean 'event'?) in 'wait_for'",
        ]),
    ],
)  # fmt: skip
def test_what_is_not_yet_supported_says_so(steps: str, problems: list[str]) -> None:
    assert [line.removeprefix("flows/cart.yaml:") for line in refused(steps)] == problems


def test_a_flow_has_at_most_five_hundred_steps() -> None:
    many = "[" + ", ".join(["{wait: 1d}"] * 500) + "]"
    assert refused(many) == []
    assert refused(many[:-1] + ", {wait: 1d}]") == ["flows/cart.yaml:2:6009: a flow has at most 500 steps"]


@pytest.mark.parametrize(
    ("day", "number"), [("mon", 1), ("tue", 2), ("wed", 3), ("thu", 4), ("fri", 5), ("sat", 6), ("sun", 7)]
)
def test_each_weekday_is_read(day: str, number: int) -> None:
    (step,) = steps_of(f"[{{wait: {{until: 10:00, on: {day}}}}}]")
    assert isinstance(step, WaitUntilTime)
    assert step.on == {number}


@pytest.mark.parametrize("root", ["profile", "event", "cart", "order", "coupon", "vars", "shop", "locale", "now"])
def test_each_root_can_be_asked_for_in_a_value(root: str) -> None:
    (step,) = steps_of(f"[{{set: {{profile.a: '{{{{ {root} }}}}'}}}}]")
    assert isinstance(step, SetProperties)
    assert step.assignments == ((("a",), Template(f"{{{{ {root} }}}}", whole=True)),)
