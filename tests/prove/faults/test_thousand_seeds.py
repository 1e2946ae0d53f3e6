"""A thousand seeds of faults: whatever goes wrong, the lines are the oracle's, and nothing is lost, doubled or left over."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.prove.faults.ground import open_ground
from tests.prove.faults.verdict import drawn, judge, told

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.prove

SEEDS = 1000


@pytest.mark.minutes(17)
def test_a_thousand_seeds_agree_with_the_oracle(dsn: str, say: Callable[[str], None]) -> None:
    begun, statements, lines, faults = time.monotonic(), 0, 0, 0
    failed = []
    with open_ground(dsn) as ground:
        for seed in range(SEEDS):
            case = drawn(seed)
            verdict = judge(ground, case)
            statements, lines = statements + verdict.statements, lines + verdict.lines
            faults += sum(fault.at <= verdict.statements for fault in case.faults)
            if verdict.wrong:
                failed.append((seed, verdict))
    took = time.monotonic() - begun
    say(
        f"{SEEDS} seeds, {faults} faults, {lines} lines, {statements} statements: {took:.0f} s, {SEEDS / took:.1f} a second"
    )
    assert not failed, told(failed)
