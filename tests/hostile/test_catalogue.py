"""Every promise has its cases, and the page that lists them lists these."""

from __future__ import annotations

from pathlib import Path

from tests.hostile.catalogue import FEWEST, PROMISES, cases, tables

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "hostile.md"


def test_every_promise_has_twenty_cases_or_more() -> None:
    found = cases()
    assert set(found) == set(PROMISES)
    names = {number: [name for each in files.values() for name in each] for number, files in found.items()}
    assert [number for number, all_ in names.items() if len(all_) < FEWEST] == []
    assert [number for number, all_ in names.items() if len(set(all_)) < len(all_)] == []


def test_the_page_lists_the_cases_that_there_are() -> None:
    """`python -m tests.hostile.catalogue` prints what has to stand there."""
    assert PAGE.read_text(encoding="utf-8").endswith(tables())
