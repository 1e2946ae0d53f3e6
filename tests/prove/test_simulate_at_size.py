"""10,000 shoppers and 200,000 events: `tamshy simulate` gives the lines of the oracle, to the byte, in time.

The oracle plays each history once; the history of the first variety then goes through the engine in three orders of
its lines, one of them twice, and once more with a tenth of its lines arriving late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.oracle.history import write_history, write_workspace
from tests.prove.playing import expected, run, same, shuffled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.prove, pytest.mark.alone]

SHOPPERS, EVENTS = 10_000, 200_000
LIMIT_S = 120.0
SEED = 11


def history(folder: Path, variety: int, *, delayed: float = 0.0) -> Path:
    """A workspace and a history for it."""
    write_workspace(folder / "shop", variety)
    path = folder / "history.jsonl"
    write_history(path, SHOPPERS, EVENTS, seed=SEED + variety, delayed=delayed)
    return path


def test_three_orders_of_the_lines_give_what_the_oracle_gives(tmp_path: Path, say: Callable[[str], None]) -> None:
    path = history(tmp_path, 0)
    wanted = expected(tmp_path / "shop", path)
    took = []
    for order in (1, 2, 3):
        got = run(tmp_path / "shop", shuffled(path, order))
        say(f"order {order}: {got.took()}")
        same(wanted, got.text)
        took.append(got.seconds)
    again = run(tmp_path / "shop", shuffled(path, 1))
    say(f"order 1 again: {again.took()}")
    assert again.text == wanted
    assert max(took) < LIMIT_S


def test_late_arrivals_give_what_the_oracle_gives(tmp_path: Path, say: Callable[[str], None]) -> None:
    path = history(tmp_path, 0, delayed=0.1)
    got = run(tmp_path / "shop", shuffled(path, 4))
    say(f"a tenth late: {got.took()}")
    same(expected(tmp_path / "shop", path), got.text)
    assert got.seconds < LIMIT_S


@pytest.mark.full
@pytest.mark.parametrize("variety", [1, 2])
def test_other_workspaces_give_what_the_oracle_gives(variety: int, tmp_path: Path, say: Callable[[str], None]) -> None:
    path = history(tmp_path, variety)
    got = run(tmp_path / "shop", shuffled(path, 5))
    say(f"workspace {variety}: {got.took()}")
    same(expected(tmp_path / "shop", path), got.text)
    assert got.seconds < LIMIT_S
