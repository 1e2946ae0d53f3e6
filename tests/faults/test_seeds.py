"""The simulator of faults in its small size: some seeds, and every run that once failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.prove.faults.keeping import kept, read, written
from tests.prove.faults.planted import PLANTED
from tests.prove.faults.verdict import Verdict, drawn, judge

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prove.faults.ground import Ground

SEEDS = sorted({*range(8), *(planted.seed for planted in PLANTED.values())})
"""Those among them that find bugs which are put in find none without them."""


@pytest.mark.slow
def test_whatever_goes_wrong_the_lines_are_the_oracles(ground: Ground) -> None:
    found = {seed: judge(ground, drawn(seed)) for seed in SEEDS}
    assert {seed: verdict.wrong for seed, verdict in found.items() if verdict.wrong} == {}
    assert sum(verdict.lines for verdict in found.values()) > 200


# Of the second two people become one: a process learns at its first merge what a merge moves.
@pytest.mark.parametrize("seed", [3, 18])
def test_the_same_seed_is_the_same_run(seed: int, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["tamshy.passes.merging"], "_MOVING", {})
    first, second = (judge(ground, drawn(seed)) for _ in range(2))
    assert first == second
    assert first == Verdict([], first.statements, first.lines, first.locked_up)


@pytest.mark.parametrize("path", kept(), ids=lambda path: path.stem)
def test_what_failed_once_fails_no_more(path: Path, ground: Ground) -> None:
    assert judge(ground, read(path)).wrong == []


def test_a_case_that_is_written_down_is_the_same_case(tmp_path: Path) -> None:
    case = drawn(5)
    assert case.faults
    path = tmp_path / "case.yaml"
    path.write_text(written(case, "for example"), encoding="utf-8")
    assert read(path) == case
