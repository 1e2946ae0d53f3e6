"""``split`` and ``repeat``: every key, every refusal with its place, and how they lie in the program."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.unit.language.shop import flow_of, refused, steps_of

from tamshy.domain.duration import Duration
from tamshy.language import step_mapping
from tamshy.language.diff import describe_step
from tamshy.language.matching import content_of, kept_steps, verb_of
from tamshy.language.model import (
    NOWHERE,
    Flow,
    Measure,
    Position,
    Repeat,
    Split,
    SplitArm,
    Step,
    Subscribed,
    Wait,
    Winner,
)
from tamshy.language.program import program


def flow(steps: str) -> Flow:
    return flow_of(f"trigger: {{event: E}}\nsteps: {steps}\n")


def only(step: str) -> Step:
    (found,) = steps_of(f"[{step}]")
    assert found.position == Position("flows/cart.yaml", 2, 9)
    return replace(found, position=NOWHERE)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{split: {name: offer, arms: {A: {}, B: {}}}}",
            Split("split-1", "offer", (SplitArm("A", Decimal(1)), SplitArm("B", Decimal(1))))),
        ("{id: test, note: why, split: {name: Offer_1, arms: {A: {weight: 50}, b-2: {weight: 0.5}, C: {weight: 0}}}}",
            Split("test", "Offer_1", (SplitArm("A", Decimal(50)), SplitArm("b-2", Decimal("0.5")), SplitArm("C", Decimal(0))),
                note="why")),
        ("{split: {name: n, arms: {A: {}, B: {}}, winner: {by: clicked}}}",
            Split("split-1", "n", (SplitArm("A", Decimal(1)), SplitArm("B", Decimal(1))), Winner(Measure.CLICKED))),
        ("{split: {name: n, arms: {A: {}, B: {}}, winner: {by: opened, confidence: 99%, at_least: 200}, method: bandit}}",
            Split("split-1", "n", (SplitArm("A", Decimal(1)), SplitArm("B", Decimal(1))),
                Winner(Measure.OPENED, Decimal("0.99"), 200), bandit=True)),
        ("{repeat: {times: 3, steps: [{wait: 1d}]}}",
            Repeat("repeat-1", 3, (Wait("wait-1", Duration(days=1), Position("flows/cart.yaml", 2, 37)),))),
        ("{repeat: {times: 100, every: 1mo, while: {subscribed: news}, steps: [{wait: 1d}]}}",
            Repeat("repeat-1", 100, (Wait("wait-1", Duration(days=1), Position("flows/cart.yaml", 2, 78)),),
                Duration(months=1), Subscribed("news"))),
    ],
)  # fmt: skip
def test_a_way_is_read(written: str, expected: Step) -> None:
    assert only(written) == expected


ARMS = "arms: {A: {}, B: {}}"


@pytest.mark.parametrize(
    ("steps", "problems"),
    [
        ("[{split: [A, B]}]", ["2:17: 'split' must be a mapping with 'name', 'arms', not a list"]),
        ("[{split: {}}]", [
            "2:17: 'split' needs 'arms': mapping of one word each to an arm, two or more",
            "2:17: 'split' needs 'name': one word: the experiment; who meets it again, in whatever flow, is in the same arm",
        ]),
        ("[{split: {nmae: n, " + ARMS + "}}]", [
            "2:17: 'split' needs 'name': one word: the experiment; who meets it again, in whatever flow, is in the same arm",
            "2:18: unknown key 'nmae' (did you mean 'name'?) in 'split'",
        ]),
        ("[{split: {name: my test, " + ARMS + "}}]", [
            "2:24: 'name' must be one word of letters, digits, hyphens and underscores, 64 at most, not 'my test'",
        ]),
        ("[{split: {name: n, arms: {A: {}}}}]", ["2:33: 'arms' must be 2 to 20 arms, not 1"]),
        ("[{split: {name: n, arms: [A, B]}}]", [
            "2:33: 'arms' must be a mapping of arms such as {A: {weight: 50, steps: [...]}, B: {...}}, not a list",
        ]),
        ("[{split: {name: n, arms: {A b: {}, B: {}}}}]", [
            "2:34: an arm's name must be one word of letters, digits, hyphens and underscores: 'A b'",
        ]),
        ("[{split: {name: n, arms: {A: {weight: 1}, B: {}}}}]", [
            "2:50: an arm without 'weight' beside arms with one: give it to all arms, or to none",
        ]),
        ("[{split: {name: n, arms: {A: {weight: 0}, B: {weight: 0}}}}]", [
            "2:33: every arm has the weight 0: nobody would go anywhere",
        ]),
        ("[{split: {name: n, arms: {A: {weight: -1}, B: {weight: 50%}}}}]", [
            "2:46: 'weight' must lie between 0 and 1000000, not -1",
            "2:63: 'weight' must be a number, not '50%'",
        ]),
        ("[{split: {name: n, arms: {A: {step: []}, B: {}}}}]", [
            "2:38: unknown key 'step' (did you mean 'steps'?) in an arm of a split",
        ]),
        ("[{split: {name: n, arms: {A: {steps: [{send: hullo}]}, B: {}}}}]", [
            "2:53: unknown message 'hullo' (did you mean 'hello'?)",
        ]),
        ("[{split: {name: n, " + ARMS + ", winner: clicked}}]", ["2:57: 'winner' must be a mapping with 'by', not 'clicked'"]),
        ("[{split: {name: n, " + ARMS + ", winner: {by: clicks}}}]", [
            "2:62: 'by' must be opened or clicked or conversion or revenue or profit, not 'clicks' (did you mean 'clicked'?)",
        ]),
        ("[{split: {name: n, " + ARMS + ", winner: {by: clicked, confidence: 40%, at_least: -1}}}]", [
            "2:83: 'confidence' must lie between 50% and 100%, such as 95%",
            "2:98: 'at_least' must lie between 0 and 1000000000, not -1",
        ]),
        ("[{split: {name: n, " + ARMS + ", winner: {by: revenue}}}]", [
            "2:9: the experiment 'n' is judged by 'revenue', and the flow has no 'conversion'",
        ]),
        ("[{split: {name: n, " + ARMS + ", method: bandits}}]", [
            "2:57: 'method' must be bandit, not 'bandits' (did you mean 'bandit'?)",
        ]),
        ("[{split: {name: n, " + ARMS + "}}, {split: {name: n, arms: {A: {}, C: {}}}}]", [
            ("2:51: the experiment 'n' has other arms, weights or rules in flows/cart.yaml, line 2; write them alike, "
            "or give one of the two another 'name'"),
        ]),
        ("[{split: {name: n, arms: {A: {steps: [{exit: a}]}, B: {steps: [{exit: b}]}}}}, {wait: 1d}]", [
            "2:87: this step is never reached: every arm of the step in line 2 ends the enrollment",
        ]),
        ("[{repeat: 3}]", ["2:18: 'repeat' must be a mapping with 'times', 'steps', not the number 3"]),
        ("[{repeat: {steps: []}}]", [
            "2:18: 'repeat' needs 'times': whole number from 1 to 100: rounds at most",
            "2:26: 'repeat' needs at least one step",
        ]),
        ("[{repeat: {times: 101, every: 0s, while: {dd: X}, steps: [{wait: 1d}]}}]", [
            "2:26: 'times' must lie between 1 and 100, not 101",
            "2:38: 'every' must be longer than nothing",
            "2:50: unknown condition 'dd' (did you mean 'did'?)",
        ]),
        ("[{repeat: {times: 2, evry: 1d, steps: [{wait: 1d}]}}]", [
            "2:29: unknown key 'evry' (did you mean 'every'?) in 'repeat'",
        ]),
        ("[{repeat: {times: 2, steps: [{exit: a}]}}, {wait: 1d}]", [
            "2:51: this step is never reached: every round of the step in line 2 ends the enrollment",
        ]),
    ],
)  # fmt: skip
def test_what_is_no_way_is_refused(steps: str, problems: list[str]) -> None:
    assert [line.removeprefix("flows/cart.yaml:") for line in refused(steps)] == problems


@pytest.mark.parametrize(
    "steps",
    [
        "[{split: {name: n, arms: {A: {steps: [{exit: a}]}, B: {}}}}, {wait: 1d}]",
        "[{repeat: {times: 2, while: {subscribed: news}, steps: [{exit: a}]}}, {wait: 1d}]",
        "[{split: {name: n, arms: {A: {steps: [{wait: 1d}]}, B: {}}}}, {split: {name: n, arms: {B: {}, A: {}}}}]",
    ],
)
def test_what_some_way_leads_to_is_fine(steps: str) -> None:
    assert refused(steps) == []


def test_the_program_of_rounds_leads_back_and_that_of_arms_on() -> None:
    made = flow(
        "[{repeat: {times: 2, steps: [{wait: 1h}, {split: {name: n, arms: {A: {steps: [{send: hello}]}, B: {}}}}]}}, {exit: x}]"
    )
    nodes = program(made).nodes
    assert [(node.step.id, node.next, node.body, node.ways) for node in nodes] == [
        ("repeat-1", 4, 1, ()),
        ("wait-1", 2, None, ()),
        ("split-1", 0, None, (("A", 3), ("B", 0))),
        ("hello", 0, None, ()),
        ("exit-1", None, None, ()),
    ]
    around = [[node.step.id for node in program(made).rounds_around(index)] for index in range(5)]
    assert around == [[], ["repeat-1"], ["repeat-1"], ["repeat-1"], []]


def test_content_is_all_but_the_steps_inside() -> None:
    first, second = steps_of(
        "[{repeat: {times: 2, steps: [{wait: 1h}]}}, {repeat: {times: 2, steps: [{wait: 2h}, {send: hello}]}}]"
    )
    assert content_of(first) == content_of(second)
    (other,) = steps_of("[{repeat: {times: 3, steps: [{wait: 1h}]}}]")
    assert content_of(other) != content_of(first)
    split, heavier = steps_of(
        "[{split: {name: n, arms: {A: {steps: [{wait: 1h}]}, B: {}}}},"
        " {split: {name: n, arms: {A: {}, B: {steps: [{wait: 2h}]}}}}]"
    )
    assert content_of(split) == content_of(heavier)
    assert [verb_of(step) for step in (first, split)] == ["repeat", "split"]


def test_in_a_few_words() -> None:
    steps = steps_of(
        "[{repeat: {times: 2, every: 1d, steps: [{wait: 1h}]}}, {repeat: {times: 2, steps: [{wait: 1h}]}},"
        " {split: {name: n, arms: {A: {weight: 2}, B: {weight: 1}}, winner: {by: opened}, method: bandit}}]"
    )
    assert [describe_step(step) for step in steps] == [
        "repeat: 2 times, every 1d",
        "repeat: 2 times",
        "split: n, A 2 B 1, winner by opened, bandit",
    ]


def test_behind_a_repeat_or_split_that_is_gone_people_go_on_with_what_follows_it() -> None:
    old = flow(
        "[{repeat: {times: 2, steps: [{wait: 1h, id: rest}]}}, {split: {name: n, arms: {A: {steps: [{wait: 3h, id: a}]}, B: {}}}},"
        " {send: hello}]"
    )
    new = flow("[{wait: 2h, id: other}, {send: hello}]")
    assert step_mapping(old, new) == dict.fromkeys(("repeat-1", "rest", "split-1", "a", "hello"), "hello")


def test_without_ids_a_changed_repeat_is_still_the_same() -> None:
    old = flow("[{repeat: {times: 2, steps: [{wait: 1h}]}}, {send: hello}]")
    new = flow("[{send: hello}, {repeat: {times: 5, steps: [{wait: 2h}]}}]")
    assert kept_steps(old, new)["hello"] == "hello"
    same = flow("[{repeat: {times: 5, steps: [{wait: 2h}]}}, {send: hello}]")
    assert kept_steps(old, same) == {"repeat-1": "repeat-1", "wait-1": "wait-1", "hello": "hello"}
