"""Segments as text: every form, and every refusal with its place."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.unit.language.shop import said, sound

from tamshy.domain.duration import Duration
from tamshy.language import diff
from tamshy.language.model import (
    SEGMENT_ENTERED,
    SEGMENT_LEFT,
    All,
    Behaviour,
    Condition,
    Conversion,
    EventMatch,
    EventTrigger,
    In,
    Not,
    Ref,
    Root,
    Top,
    Window,
)
from tamshy.language.wording import describe_condition

VIP = {"segments/vip.yaml": "where: {did: X}\n"}
STEPS = "steps: [{wait: 1d}]\n"


def where(text: str) -> Condition:
    return sound({"segments/s.yaml": f"where: {text}\n", **VIP}).segments["s"].where


def test_a_segment_has_the_name_of_its_file_and_a_title() -> None:
    files = {
        "segments/vip.yaml": "name: Best one percent\nwhere: {did: X}\n",
        "segments/plain.yaml": "where: {did: X}\n",
    }
    found = sound(files).segments
    assert {(segment.name, segment.title) for segment in found.values()} == {
        ("vip", "Best one percent"),
        ("plain", "plain"),
    }


@pytest.mark.parametrize(
    ("written", "expected", "words"),
    [
        (
            "{top: 1%, by: {sum: event.value, of: Order Completed}, within: 365d}",
            Top(Decimal("0.01"), "Order Completed", Ref(Root.EVENT, ("value",)), Duration(days=365)),
            "top 1% by sum event.value of Order Completed within 365d",
        ),
        ("{top: 12.5%, by: {count: X}}", Top(Decimal("0.125"), "X"), "top 12.5% by count X"),
        (
            "{top: 1%, by: predicted.clv}",
            Top(Decimal("0.01"), "", Ref(Root.PREDICTED, ("clv",))),
            "top 1% by predicted.clv",
        ),
        (
            "{rfm.segment: [champion, loyal], predicted.churn: {gte: 0.7}}",
            None,
            "rfm.segment in [champion, loyal] and predicted.churn gte 0.7",
        ),
        ("{in: vip}", In("vip"), "in vip"),
        (
            "[{did_not: Y, within: 60d}, {not: {in: vip}}]",
            None,
            "did_not Y within 60d and not in vip",
        ),
        ("{did: Y, where: {in: vip}}", Behaviour("Y", where=In("vip")), "did Y where in vip"),
    ],
)
def test_what_stands_in_segments(written: str, expected: Condition | None, words: str) -> None:
    found = where(written)
    assert expected is None or found == expected
    assert describe_condition(found) == words


def test_a_list_means_all() -> None:
    assert where("[{did: Y, within: 1d}, {not: {in: vip}}]") == All(
        (Behaviour("Y", window=Window(within=Duration(days=1))), Not(In("vip")))
    )


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        (
            {"vip": "where: {did: X}\nwhen: 1"},
            ["vip.yaml:2:1: unknown key 'when' (did you mean 'where'?) in a segment"],
        ),
        ({"vip": "name: VIP"}, ["vip.yaml:1:1: a segment needs 'where': condition: who is in it"]),
        (
            {"a": "where: {in: vipp}", "vip": "where: {did: X}"},
            ["a.yaml:1:13: unknown segment 'vipp' (did you mean 'vip'?)"],
        ),
        (
            {"a": "where: {in: b}", "b": "where: [{did: X}, {not: {in: a}}]"},
            ["a.yaml:1:13: the segment is made of itself (a → b → a)"],
        ),
        ({"a": "where: {did: X, where: {in: a}}"}, ["a.yaml:1:29: the segment is made of itself (a → a)"]),
        (
            {"a": "where: {event.x: 1}"},
            [
                (
                    "a.yaml:1:9: 'event.x' asks for an event, and nothing has started a segment; it may stand in the 'where'"
                    " of a 'did'"
                )
            ],
        ),
        (
            {"a": "where: {did: X, same: event.q}"},
            ["a.yaml:1:23: 'same' compares with the event that started it, and nothing has started a segment"],
        ),
        (
            {"a": "where: {did: X, since: entry}"},
            ["a.yaml:1:24: 'since: entry' asks for a step, and here nobody has entered the flow yet"],
        ),
        (
            {"a": "where: {top: 5%, by: {count: X, of: Y}}"},
            ["a.yaml:1:22: 'by' takes {sum: event.PATH, of: EVENT}, {count: EVENT} or predicted.clv"],
        ),
        (
            {"a": "where: {top: 5%, by: {sum: profile.x, of: Y}}"},
            ["a.yaml:1:28: 'profile.x' must start with event."],
        ),
        (
            {"a": "where: {top: 5%, by: predicted.clw}"},
            ["a.yaml:1:22: 'predicted.clw' is nothing that 'top' goes by (did you mean 'predicted.clv'?)"],
        ),
        ({"a": "where: {top: 5%, by: order.total}"}, ["a.yaml:1:22: 'order.total' is nothing that 'top' goes by"]),
        (
            {"a": "where: {top: 5%, by: predicted.clv, within: 30d}"},
            ["a.yaml:1:45: 'within' does not go with by: predicted.clv, which looks at all orders and ahead, not back"],
        ),
    ],
)
def test_what_is_no_segment_is_refused(files: dict[str, str], problems: list[str]) -> None:
    given = {f"segments/{name}.yaml": f"{text}\n" for name, text in files.items()}
    assert [line.removeprefix("segments/") for line in said(given)] == problems


def test_twenty_segments_within_each_other_twice_each_are_read_at_once() -> None:
    files = {"segments/s0.yaml": "where: {did: X}\n"}
    files |= {f"segments/s{n}.yaml": f"where: {{any: [{{in: s{n - 1}}}, {{in: s{n - 1}}}]}}\n" for n in range(1, 21)}
    assert len(sound(files).segments) == 21


def test_segments_start_end_and_convert() -> None:
    text = (
        "trigger: [{segment: vip}, {segment: vip, on: leave}]\nexit_on: [{segment: vip, on: leave}, {event: Y}]\n"
        "conversion: {segment: vip, within: 5d}\n"
    )
    flow = sound({"flows/cart.yaml": text + STEPS, **VIP}).flows["cart"]
    assert flow.triggers == (
        EventTrigger(SEGMENT_ENTERED, segment="vip"),
        EventTrigger(SEGMENT_LEFT, segment="vip"),
    )
    assert flow.exit_on == (EventMatch(SEGMENT_LEFT, segment="vip"), EventMatch("Y"))
    assert flow.conversion == Conversion((EventMatch(SEGMENT_ENTERED, segment="vip"),), Duration(days=5))
    leaving = text.replace("vip, within", "vip, on: leave, within")
    left = sound({"flows/cart.yaml": leaving + STEPS, **VIP}).flows["cart"]
    assert left.conversion == Conversion((EventMatch(SEGMENT_LEFT, segment="vip"),), Duration(days=5))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("exit_on: {segment: vipp}", "3:20: unknown segment 'vipp' (did you mean 'vip'?)"),
        (
            "exit_on: {segment: vip, on: entering}",
            "3:29: 'on' must be enter or leave, not 'entering' (did you mean 'enter'?)",
        ),
        (
            "conversion: {segment: vip, value: event.x}",
            "3:28: unknown key 'value'; there are on, segment, within in a conversion by a segment",
        ),
    ],
)
def test_what_is_wrong_about_a_segment_in_a_flow_has_its_place(line: str, problem: str) -> None:
    given = {"flows/cart.yaml": f"name: C\ntrigger: {{segment: vip}}\n{line}\n{STEPS}", **VIP}
    assert said(given) == [f"flows/cart.yaml:{problem}"]


def test_a_changed_segment_is_told_by_its_key() -> None:
    before = sound({"segments/vip.yaml": "name: A\nwhere: {did: X}\n"})
    after = sound({"segments/vip.yaml": "name: A\nwhere: {did: Y}\n", "segments/new.yaml": "where: {did: X}\n"})
    assert [str(change) for change in diff(before, after)] == [
        "segments/new.yaml: added",
        "segments/vip.yaml: where changed",
    ]
