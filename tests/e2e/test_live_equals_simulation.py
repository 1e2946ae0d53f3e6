"""A shop that lives on a fast clock decides what a simulation of its history decides, also where it is killed midway.

Real processes, real HTTP, real mail links; the small size of what `make prove` does with 2,000 shoppers.
"""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.oracle.compare import report
from tests.oracle.history import write_workspace
from tests.prove.feeding import Feeder, Plan
from tests.prove.living import all_ended, lived, once_each, simulated, work_off
from tests.prove.serving import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracle.reading import Json

pytestmark = [pytest.mark.slow, pytest.mark.minutes(1.5)]

BEGIN = datetime(2026, 3, 28, 4, tzinfo=UTC)
"""Berlin changes its clocks some hours later."""
SPEED = 1200.0
FASTEST = 100_000.0
MARGIN = timedelta(minutes=40)
"""Two seconds of real time, in which a bucket sees far more than ten passes."""
FAR = datetime(2027, 3, 28, tzinfo=UTC)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    write_workspace(tmp_path / "shop", 1)
    with Shop(tmp_path / "shop", tmp_path) as made:
        made.open(BEGIN, SPEED)
        yield made


def feeder(shop: Shop, *, shoppers: int, calls: int, seconds: float, seed: int) -> Feeder:
    length = timedelta(seconds=SPEED * seconds)
    return Feeder(shop, Plan(shoppers, calls, shop.clock.now(), length, seed), MARGIN)


def same(simulation: list[dict[str, Json]], life: list[dict[str, Json]]) -> None:
    if life != simulation:
        raise AssertionError(report(simulation, life) + "(or the order of lines)")


def test_life_and_simulation_are_the_same_line_by_line(shop: Shop, tmp_path: Path) -> None:
    # Long enough that a slow machine opens more mails than are asked for below.
    fed = feeder(shop, shoppers=60, calls=8, seconds=20, seed=1)
    fed.feed()
    until = (shop.clock.now() + timedelta(hours=1)).replace(microsecond=0)
    work_off(shop, until, 60)
    life = lived(shop, until)
    same(simulated(fed, tmp_path / "history.jsonl", until), life)
    assert fed.refused == 0
    assert fed.hits() > 20
    assert {line.get("decision") for line in life} == {None, "sent", "skipped", "postponed"}
    assert {line.get("state") for line in life} == {None, "entered", "refused", "exited"}
    shop.close()


@pytest.mark.prove  # twenty kills over a thousand enrollments are made each time, in tests/chaos
def test_killed_at_any_time_nothing_is_lost_and_nothing_done_twice(shop: Shop, tmp_path: Path) -> None:
    fed = feeder(shop, shoppers=40, calls=7, seconds=8, seed=2)
    for victim in ("web", "postgres", "worker", "postgres"):
        assert fed.feed(most=20)
        killed = shop.processes(victim)
        assert killed, victim
        os.kill(killed[0], signal.SIGKILL)
    fed.feed()
    assert fed.refused > 0
    now = shop.clock.now()
    shop.close()
    # It goes on where it was stopped, faster, until nobody is inside any flow.
    shop.open(now, FASTEST)
    all_ended(shop, 60)
    life = lived(shop, FAR)
    same(simulated(fed, tmp_path / "history.jsonl", FAR), life)
    once_each(shop)
    shop.close()
