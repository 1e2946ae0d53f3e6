"""A year of a shop that has all campaigns: it keeps what it must, and its lines are the oracle's.

The workspace is the one that `tamshy add whole-lifecycle` writes, the history what `tests/oracle/year.py` makes. ``PROVE_SHOPPERS``
asks for more shoppers than the proof takes by itself: the oracle looks at one after the other, and takes its time.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.oracle.lines import read_history
from tests.oracle.year import WEEKS, end_of, stamp, write_shop, write_year
from tests.prove.keeping import broken, lines_of
from tests.prove.playing import expected, run, same

from tamshy.language import all_flows, read_folder, read_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHOPPERS = int(os.environ.get("PROVE_SHOPPERS", "300"))
FEW, FEW_WEEKS = 100, 2


def played(folder: Path, shoppers: int, seed: int, weeks: int, say: Callable[[str], None]) -> str:
    """Play it through the whole lifecycle, and give the lines, which keep what they must."""
    shop, path, until = folder / "shop", folder / "year.jsonl", stamp(end_of(weeks))
    write_shop(shop)
    write_year(path, shoppers, seed, weeks=weeks)
    got = run(shop, path, "--until", until)
    history, lines = read_history(path), lines_of(got.text)
    say(f"{shoppers} shoppers, {weeks} weeks, seed {seed}, {len(history)} lines in: {got.took()}")
    assert broken(shop, history, lines) == {}
    return got.text


def by_the_oracle(folder: Path, weeks: int, say: Callable[[str], None]) -> str:
    """What the oracle says must come out of the same."""
    begun = time.process_time()
    wanted = expected(folder / "shop", folder / "year.jsonl", until=stamp(end_of(weeks)))
    say(f"the oracle: {time.process_time() - begun:.0f} s of a processor")
    return wanted


def compared(text: str) -> str:
    """The lines without enrollments in broadcasts: whether there are any the language does not say, and the oracle has none."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not ('"kind":"enrollment"' in line and '"flow":"broadcast/' in line))


@pytest.mark.slow
def test_the_first_weeks_are_the_oracles_to_the_byte(tmp_path: Path, say: Callable[[str], None]) -> None:
    got = played(tmp_path, FEW, 1, FEW_WEEKS, say)
    same(by_the_oracle(tmp_path, FEW_WEEKS, say), compared(got))
    assert Counter(line.get("decision") for line in lines_of(got))["sent"] > FEW / 4


@pytest.mark.prove
@pytest.mark.minutes(5)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in (2, 3))])
def test_a_year_keeps_what_it_must_and_is_the_oracles_to_the_byte(
    seed: int, tmp_path: Path, say: Callable[[str], None]
) -> None:
    got = played(tmp_path, SHOPPERS, seed, WEEKS, say)
    lines = lines_of(got)
    flows = all_flows(read_workspace(read_folder(tmp_path / "shop"))[0])
    assert {line["flow"] for line in lines if line.get("state") == "entered"} == flows.keys()
    sent = Counter(line["flow"] for line in lines if line.get("decision") == "sent")
    assert all(sent[f"win-back-{group}"] for group in ("best", "regular", "once"))
    assert {line["reason"] for line in lines if "reason" in line} >= {
        "frequency_cap",
        "quiet_hours",
        "exit_on",
        "held_out",
    }
    same(by_the_oracle(tmp_path, WEEKS, say), compared(got))
