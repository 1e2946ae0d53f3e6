"""2,000 shoppers live over HTTP, 600 times as fast as life: the journal is that of `tamshy simulate`, line by line."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.oracle.compare import report
from tests.oracle.history import write_workspace
from tests.prove.feeding import Feeder, Plan
from tests.prove.living import lived, passes, simulated, work_off
from tests.prove.serving import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.prove, pytest.mark.minutes(12)]

BEGIN = datetime(2026, 3, 25, 4, tzinfo=UTC)
"""Berlin changes its clocks four days later."""
SPEED = 600.0
SHOPPERS, CALLS, SECONDS = 2_000, 10, 600.0
MARGIN = timedelta(minutes=30)


def test_life_and_simulation_are_the_same_line_by_line(tmp_path: Path, say: Callable[[str], None]) -> None:
    write_workspace(tmp_path / "shop", 1)
    with Shop(tmp_path / "shop", tmp_path) as shop:
        shop.open(BEGIN, SPEED)
        length = timedelta(seconds=SPEED * SECONDS)
        fed = Feeder(shop, Plan(SHOPPERS, CALLS, shop.clock.now(), length, seed=3), MARGIN)
        begun = time.monotonic()
        fed.feed()
        took = time.monotonic() - begun
        until = (shop.clock.now() + timedelta(hours=1)).replace(microsecond=0)
        say(f"{len(fed.fed)} calls fed in {took:.0f} s, {until - BEGIN} of the shop's time; {fed.refused} refused")
        work_off(shop, until, 300)
        say(f"{fed.hits()} openings, clicks and withdrawals")
        mean = (time.monotonic() - begun) / passes(shop)
        say(f"a pass with lines every {mean * 1000:.0f} ms, no due moment within {MARGIN / SPEED} of an arrival")
        assert mean * 10 < (MARGIN / SPEED).total_seconds()
        life = lived(shop, until)
        simulation = simulated(fed, tmp_path / "history.jsonl", until)
        say(f"{len(life)} lines in life, {len(simulation)} of the simulation")
        assert life == simulation, report(simulation, life)
        assert fed.refused == 0
        shop.close()
