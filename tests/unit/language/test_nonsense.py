"""Whatever stands in the files, reading them gives problems with places and never raises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.unit.language.shop import BODY, FLOW, MESSAGE, SETTINGS, files

from tamshy.language import read_workspace
from tamshy.language.model import Operator
from tamshy.language.vocabulary import BEHAVIOUR_KEYS, EXPECTATION, STORY, VERBS, WAIT_FOR
from tamshy.language.vocabulary import FLOW as FLOW_FORM
from tamshy.language.vocabulary import MESSAGE as MESSAGE_FORM
from tamshy.language.vocabulary import SETTINGS as SETTINGS_FORM

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMS = (FLOW_FORM, SETTINGS_FORM, MESSAGE_FORM, STORY, EXPECTATION, WAIT_FOR)
LISTS: tuple[Iterable[str], ...] = (*(form.names for form in FORMS), VERBS, BEHAVIOUR_KEYS, Operator)
PLAIN = "if where same profile.a event.b cart.value within since ago on zone offset per messages en properties all not"
WORDS = sorted({*PLAIN.split(), *(word for words in LISTS for word in words)})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.sampled_from(
        ["1d", "-2h", "10:00", "10%", "2026-03-02", "offers", "hello", "cart", "entry", "{{ event.x }}", "{{ x"]
    ),
    st.sampled_from(
        ["event.a", "profile.b", "vars.c", "order.total", "best_hour", "once", "opt_in", "any", "a@b.example"]
    ),
    st.text(max_size=8),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), inner, max_size=5),
    ),
    max_leaves=25,
)
PATHS = st.sampled_from(
    [
        "tamshy.yaml", "flows/cart.yaml", "messages/hello/message.yaml", "stories/s.yaml", "segments/s.yaml",
        "broadcasts/b.yaml", "coupons/c.yaml",
    ],
)  # fmt: skip


def flow_yaml(value: object) -> str:
    """A tree as YAML in flow style, written independently of the reader under test."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow_yaml(key)}: {flow_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow_yaml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(c if c.isalnum() or c in " .:{}|%-" else f"\\U{ord(c):08x}" for c in value) + '"'
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value)


def read_all(changes: dict[str, str | None]) -> None:
    given_files = files(changes)
    workspace, problems = read_workspace(given_files)
    assert workspace.sources == given_files
    assert problems == sorted(problems)
    for problem in problems:
        assert problem.text
        assert problem.position.line >= 1
        assert problem.position.column >= 1
        assert problem.position.file in given_files or problem.position.file.endswith(("tamshy.yaml", "/message.yaml"))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PATHS, TREES)
def test_any_tree_gives_problems_and_no_exception(path: str, tree: object) -> None:
    read_all({path: flow_yaml(tree)})


HEADS = st.dictionaries(st.sampled_from(FLOW_FORM.names), TREES, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HEADS)
def test_any_values_under_a_flow_s_keys_give_no_exception(head: dict[str, object]) -> None:
    read_all({"flows/cart.yaml": flow_yaml({"trigger": {"event": "E"}, "steps": [], **head})})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PATHS, st.text(max_size=60))
@example("flows/cart.yaml", '"\\UFFFFFFFF"')
@example("flows/cart.yaml", "\x00")
@example("flows/cart.yaml", "%YAML 1.1\n---\na")
@example("flows/cart.yaml", "[" * 3000)
@example("flows/cart.yaml", "a: " * 3000)
def test_any_text_gives_problems_and_no_exception(path: str, text: str) -> None:
    read_all({path: text})


ORIGINALS = {
    "tamshy.yaml": SETTINGS,
    "flows/cart.yaml": FLOW,
    "messages/hello/message.yaml": MESSAGE,
    "messages/hello/en.md": BODY,
}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ORIGINALS)), st.integers(0, 250), st.integers(0, 6), st.text(max_size=4))
def test_a_slip_of_the_pen_gives_no_exception(path: str, at: int, length: int, typed: str) -> None:
    text = ORIGINALS[path]
    at %= len(text)
    read_all({path: text[:at] + typed + text[at + length :]})


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "{{",
                "}}",
                "{%",
                "%}",
                " if ",
                " endif ",
                " for x in ",
                "endfor",
                "event.a",
                " | ",
                "default",
                ":",
                "'",
                "[",
                "]",
                "(",
                ")",
                "..",
                "raw",
                "comment",
                "liquid",
                "\n",
                "case",
                "when",
                "1",
                "-",
                "x",
            ]
        ),
        max_size=14,
    )
)
def test_any_liquid_gives_problems_and_no_exception(pieces: list[str]) -> None:
    read_all({"messages/hello/en.md": "a" + "".join(pieces)})
