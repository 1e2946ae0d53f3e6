"""Every numbered rule of the language that is in scope has a test named after it."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.contract.statements import ROOT
from tests.oracle.table import load

LATER: dict[int, str] = {}
"""The rules that are not there yet, each with the reason."""

UNPRINTED = {
    27: "the oracle knows no carts and orders yet",
    28: "a conversion is counted and no line tells of it, so the oracle has no word on it",
    31: "the oracle does not know `repeat` yet",
    32: "the oracle does not know `split` yet",
    33: "no history pauses a flow",
}
"""Rules in scope that the lines of a simulation do not show: tests/engine holds them."""

RULES = range(1, 39)


def by_cases() -> dict[int, list[str]]:
    """Rule -> the names of its cases, which the engine and the oracle both go through."""
    found: dict[int, list[str]] = defaultdict(list)
    for case in load():
        named = re.match(r"rule_(\d+)_", case.name)
        if named:
            found[int(named[1])].append(case.name)
    return found


def by_tests() -> dict[int, list[str]]:
    """Rule -> the functions named after it anywhere under tests."""
    found: dict[int, list[str]] = defaultdict(list)
    for file in (ROOT / "tests").rglob("test_*.py"):
        for number, name in re.findall(r"def (?:test_rule_(\d+)_(\w+))", file.read_text(encoding="utf-8")):
            found[int(number)].append(name)
    return found


def test_every_rule_in_scope_has_a_case_named_after_it() -> None:
    assert sorted(set(RULES) - by_cases().keys()) == sorted(LATER.keys() | UNPRINTED.keys())


def test_what_no_line_shows_has_a_test_named_after_it() -> None:
    assert UNPRINTED.keys() <= by_tests().keys()


def test_a_case_says_of_which_rule_it_is() -> None:
    named = {name: number for number, names in by_cases().items() for name in names}
    assert {case.name: str(case.rule) for case in load() if case.name in named} == {
        name: str(number) for name, number in named.items()
    }


def test_the_pages_say_which_rules_are_not_there_yet() -> None:
    page = (ROOT / "docs/explanation/where-we-stand.md").read_text(encoding="utf-8")
    told = re.search(r"Rules not there yet: ([\d, ]+|none)", page)
    assert told is not None
    assert [int(number) for number in re.findall(r"\d+", told[1])] == sorted(LATER)
