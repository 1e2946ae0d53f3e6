"""Which step an old step has become, and where people inside go on (*Publishing*, rule 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.language.shop import BODY, FLOW, MESSAGE, sound

from tamshy.language import kept_steps, program, step_mapping

if TYPE_CHECKING:
    from tamshy.language.model import Flow

LETTERS = "abcd"


def flow(steps: str) -> Flow:
    """A flow of these steps; messages a to d are there to send."""
    messages = {f"messages/{name}/message.yaml": MESSAGE for name in LETTERS}
    bodies = {f"messages/{name}/en.md": BODY for name in LETTERS}
    text = f"trigger: {{event: E}}\nsteps: {steps}\n"
    return sound({**messages, **bodies, "flows/cart.yaml": FLOW, "flows/f.yaml": text}).flows["f"]


@pytest.mark.parametrize(
    ("old", "new", "mapping"),
    [
        ("[{wait: 1d}, {send: a}]", "[{wait: 1d}, {send: a}]", {"wait-1": "wait-1", "a": "a"}),
        # a changed wait is the same wait
        ("[{wait: 1d}, {send: a}]", "[{wait: 2d}, {send: a}]", {"wait-1": "wait-1", "a": "a"}),
        # an inserted wait before it does not take its place
        (
            "[{send: a}, {wait: 1d}, {send: b}]",
            "[{wait: 1h}, {send: a}, {wait: 1d}, {send: b}]",
            {"a": "a", "wait-1": "wait-2", "b": "b"},
        ),
        # by content first, also where the numbers of the ids say otherwise
        ("[{wait: 1d}, {wait: 2d}]", "[{wait: 3d}, {wait: 1d}, {wait: 2d}]", {"wait-1": "wait-2", "wait-2": "wait-3"}),
        # of two waits between the same neighbours the first takes the first
        (
            "[{send: a}, {wait: 1d}, {wait: 2d}, {send: b}]",
            "[{send: a}, {wait: 3d}, {send: b}]",
            {"a": "a", "wait-1": "wait-1", "wait-2": "b", "b": "b"},
        ),
        # a step that is gone: the next surviving one; none: finished
        ("[{send: a}, {wait: 1d}, {send: b}]", "[{send: a}, {send: b}]", {"a": "a", "wait-1": "b", "b": "b"}),
        ("[{send: a}, {wait: 1d}, {send: b}]", "[{send: a}]", {"a": "a", "wait-1": None, "b": None}),
        ("[{send: a}, {send: b}, {send: c}]", "[{send: a}, {send: c}, {send: d}]", {"a": "a", "b": "c", "c": "c"}),
        # an id of one's own is what counts, whatever stands at it
        ("[{id: x, wait: 1d}, {send: a}]", "[{send: a}, {id: x, wait: 9d}]", {"x": "x", "a": "a"}),
        ("[{id: x, wait: 1d}, {send: a}]", "[{id: y, wait: 1d}, {send: a}]", {"x": "a", "a": "a"}),
        # giving an id to a step keeps it
        ("[{wait: 1d}, {send: a}]", "[{id: pause, wait: 1d}, {send: a}]", {"wait-1": "pause", "a": "a"}),
        # a moved step is still itself
        (
            "[{wait: 1d}, {send: a}, {subscribe: news}]",
            "[{subscribe: news}, {send: a}, {wait: 1d}]",
            {"wait-1": "wait-1", "a": "a", "subscribe-1": "subscribe-1"},
        ),
        # the end of an arm leads to what follows the branch
        (
            "[{branch: [{if: {clicked: any}, steps: [{send: a}, {wait: 1d}]}, {else: [{send: b}]}]}, {send: c}]",
            "[{branch: [{if: {clicked: any}, steps: [{send: a}]}, {else: [{send: b}]}]}, {send: c}]",
            {"branch-1": "branch-1", "a": "a", "wait-1": "c", "b": "b", "c": "c"},
        ),
        # a branch stays itself when what is inside it changes
        (
            "[{branch: [{if: {clicked: any}, steps: [{send: a}]}]}]",
            "[{branch: [{if: {clicked: any}, steps: [{send: b}]}]}]",
            {"branch-1": "branch-1", "a": None},
        ),
        # gone with all that is in it: on behind it
        (
            "[{wait_for: {event: X, at_most: 1d, then: [{send: a}], else: [{send: b}]}}, {send: c}]",
            "[{send: c}]",
            {"wait-for-1": "c", "a": "c", "b": "c", "c": "c"},
        ),
        # the way of else, where a wait_for is gone and its steps are still there
        (
            "[{wait_for: {event: X, at_most: 1d, then: [{send: a}], else: [{send: b}]}}, {send: c}]",
            "[{send: a}, {send: b}, {send: c}]",
            {"wait-for-1": "b", "a": "a", "b": "b", "c": "c"},
        ),
        # behind an exit there is nothing
        ("[{send: a}, {exit: x}]", "[{send: b}]", {"a": None, "exit-1": None}),
        # another verb at the same place is another step
        ("[{subscribe: news}, {send: a}]", "[{unsubscribe: news}, {send: a}]", {"subscribe-1": "a", "a": "a"}),
    ],
)
def test_rule_20_steps_are_matched_by_id_then_by_verb_and_content(
    old: str, new: str, mapping: dict[str, str | None]
) -> None:
    assert step_mapping(flow(old), flow(new)) == mapping


def test_kept_steps_are_those_that_are_still_there() -> None:
    old = flow("[{wait: 1d}, {send: a}, {wait: 2d}]")
    assert kept_steps(old, flow("[{wait: 2d}]")) == {"wait-2": "wait-1"}


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["1h", "1d", "2d"]).map(lambda length: f"{{wait: {length}}}"),
        st.sampled_from(["x", "y"]).map(lambda word: f"{{track: {{event: {word}}}}}"),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, STEPS)
def test_every_old_step_has_one_place_in_the_new_version(old_steps: list[str], new_steps: list[str]) -> None:
    old, new = (flow(f"[{', '.join(steps)}]") for steps in (old_steps, new_steps))
    mapping, kept = step_mapping(old, new), kept_steps(old, new)
    ids = {node.step.id for node in program(new).nodes}
    assert set(mapping) == {node.step.id for node in program(old).nodes}
    assert {target for target in mapping.values() if target is not None} <= ids
    assert len(set(kept.values())) == len(kept)
    assert all(mapping[source] == target for source, target in kept.items())


@settings(max_examples=20, deadline=None)
@given(STEPS)
def test_nothing_moves_between_equal_versions(steps: list[str]) -> None:
    same = flow(f"[{', '.join(steps)}]")
    assert step_mapping(same, same) == {node.step.id: node.step.id for node in program(same).nodes}
