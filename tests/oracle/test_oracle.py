"""The oracle against the table of cases, each worked out by hand from the specification."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.oracle.lines import jsonl, simulate
from tests.oracle.table import differences, find, load, load_ahead, names, names_ahead

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", names() + names_ahead())
def test_case(name: str, tmp_path: Path) -> None:
    """The lines are exactly the expected ones, and another order of the calls does not change them."""
    case = find(name)
    case.write(tmp_path)
    lines = simulate(tmp_path, case.events, **case.args)
    assert differences(case.expect, lines) == []
    shuffled = list(case.events)
    random.Random(1).shuffle(shuffled)  # noqa: S311 - an order, not a secret
    assert jsonl(simulate(tmp_path, shuffled, **case.args)) == jsonl(lines)


@pytest.mark.prove
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_no_order_of_the_calls_changes_any_case(seed: int, tmp_path: Path) -> None:
    changed = []
    for name in names() + names_ahead():
        case, folder = find(name), tmp_path / name
        case.write(folder)
        shuffled = list(case.events)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, not a secret
        if jsonl(simulate(folder, shuffled, **case.args)) != jsonl(simulate(folder, case.events, **case.args)):
            changed.append(name)
    assert changed == []


def test_every_case_is_found_by_a_name_of_its_own() -> None:
    """No case is left out for the way its name is written, and none hides another."""
    found = names() + names_ahead()
    assert found == [case.name for case in load() + load_ahead()]
    assert len(found) == len(set(found))
