"""Between all parts lie links that break as links do: nothing acknowledged is lost by that, and nothing is done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.rig import Plan, Rig
from tests.prove.weather import Weather

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_twenty_one_faults_of_the_links_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    """Each of seven kinds three times, on one of three links."""
    with Rig(Plan(carts=200, seconds=15, thinks_s=0.1, leases=(3.0, 4.0, 1.0), links=True), tmp_path) as rig:
        rig.crowd.start()
        Weather(rig, turns=21).run()
        rig.settle_down(300)
        found = rig.judge()
        print(rig.deaths(), found.told(), f"{rig.crowd.failed} calls were made again", sep="; ")  # noqa: T201 - if it fails
        assert found.faults == {}
        assert rig.crowd.odd == []
        assert rig.kills.keys() == {"link database", "link mail", "link web", "settled by a person"}
        # The shop heard of it, and its processes lived through it.
        assert rig.crowd.failed > 0
        assert '"process_died"' not in (tmp_path / "serve.log").read_text()
        rig.shop.close()
