"""`tamshy simulate`, as a user runs it, against the oracle: the small size of what `make prove` does at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.oracle.history import write_history, write_workspace
from tests.prove.playing import expected, run, same, shuffled

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SHOPPERS, EVENTS = 120, 2_400


@pytest.mark.parametrize(
    ("variety", "delayed", "seed"),
    [
        pytest.param(0, 0.0, 0, id="in-time"),
        pytest.param(1, 0.1, 7, id="delayed"),
        pytest.param(2, 0.0, 0, id="caps-by-the-calendar"),
    ],
)
def test_the_lines_are_the_oracles_to_the_byte(variety: int, delayed: float, seed: int, tmp_path: Path) -> None:
    folder, path = tmp_path / "shop", tmp_path / "history.jsonl"
    write_workspace(folder, variety)
    write_history(path, SHOPPERS, EVENTS, seed=variety + 21, delayed=delayed)
    got = run(folder, shuffled(path, 1), "--seed", str(seed))
    same(expected(folder, path, seed=seed), got.text)
    assert got.text.count("\n") > EVENTS / 2
