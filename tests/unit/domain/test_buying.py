"""The groups of buyers: each pair of fifths has one, and the page says which."""

from __future__ import annotations

import re
from pathlib import Path

from tamshy.domain.buying import AHEAD, APART, ENOUGH_GAPS, FIFTHS, GRID, GROUPS, RIPE

PAGE = (Path(__file__).parents[3] / "docs/reference/buyers.md").read_text(encoding="utf-8")


def test_each_pair_of_fifths_has_a_group_and_each_group_a_pair() -> None:
    assert [len(row) for row in GRID] == [FIFTHS] * FIFTHS
    assert {group for row in GRID for group in row} == set(GROUPS)
    assert len(GROUPS) == len(set(GROUPS)) == 10


def test_the_page_has_the_same_grid() -> None:
    rows = re.findall(r"^\| \*\*(\d)\*\* \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert {int(recency): tuple(re.findall(r"`(\w+)`", groups)) for recency, groups in rows} == dict(
        enumerate(GRID, start=1)
    )


def test_the_page_says_the_same_numbers() -> None:
    assert (APART.days, ENOUGH_GAPS, RIPE, AHEAD.days) == (1, 20, 4, 365)
    for said in ("one shorter than a day", "fewer than twenty gaps", "at least `4 × G` ago", "**next 365 days**"):
        assert said in PAGE
