"""The oracle against the table of cases, each worked out by hand from the specification."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.oracle.lines import jsonl, simulate
from tests.oracle.table import Case, differences, load, load_ahead

if TYPE_CHECKING:
    from pathlib import Path

CASES = load() + load_ahead()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, tmp_path: Path) -> None:
    """The lines are exactly the expected ones, and no order of the calls changes them."""
    case.write(tmp_path)
    lines = simulate(tmp_path, case.events, **case.args)
    assert differences(case.expect, lines) == []
    shuffled = list(case.events)
    for seed in range(3):
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, not a secret
        again = simulate(tmp_path, shuffled, **case.args)
        assert jsonl(again) == jsonl(lines)


def test_names_are_unique() -> None:
    """A case is named after its rule, once."""
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
