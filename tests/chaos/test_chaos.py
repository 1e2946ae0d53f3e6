"""Twenty kills over a thousand enrollments, and deaths at places of which the program knows nothing.

Nothing that was acknowledged is lost, nothing is decided twice, and whatever is handed over twice was in doubt first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.chaos import Chaos
from tests.prove.points import POINTS, resolve
from tests.prove.rig import Plan, Rig

if TYPE_CHECKING:
    from pathlib import Path

# Leases of a worker and of a delivery, and the pause before another try, so that nobody waits for a minute.
QUICK = (3.0, 4.0, 1.0)
# One death of each kind of place is enough here; `make prove` has five at every place.
PLACES = (
    "after ingest: commit",
    "before track: commit of an opening",
    "before pass: commit",
    "after render: what is said to the child",
    "after claim: commit",
    "before smtp: the dot",
    "after smtp: the dot",
    "before record: commit",
    "publish: people moved",
)


def test_there_are_places_enough_and_all_are_still_there() -> None:
    assert len({point.name for point in POINTS}) == len(POINTS) >= 25
    assert set(PLACES) <= {point.name for point in POINTS}
    for point in POINTS:
        holder, name = resolve(point.target)
        assert callable(getattr(holder, name)), point


@pytest.mark.slow
@pytest.mark.minutes(2)
def test_twenty_kills_over_a_thousand_enrollments_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    with Rig(Plan(carts=600, seconds=8, thinks_s=0.02, leases=QUICK), tmp_path) as rig:
        rig.crowd.start()
        chaos = Chaos(rig, kills=20, places=PLACES, least_s=0.1, most_s=0.4, double=0.5)
        chaos.run()
        rig.settle_down(400)
        found = rig.judge()
        print(rig.deaths(), found.told(), f"{rig.crowd.failed} calls were made again", sep="; ")  # noqa: T201 - if it fails
        assert found.faults == {}
        assert rig.crowd.odd == []
        assert chaos.missed == []
        assert found.figures["enrollments"] > 1000
        assert min(found.figures[kind] for kind in ("ordered at once", "ordered later", "opened", "clicked")) > 20
        assert rig.kills.total() >= 20 + len(PLACES)
        # Every place is on the way of what happened here, also where nobody died.
        assert {point.name for point in POINTS} - rig.reached() == set()
        rig.shop.close()
