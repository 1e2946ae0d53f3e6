"""Restarts by the book, in the midst of work: nobody who calls or is written to can tell that there was one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.rig import Plan, Rig
from tests.prove.rolling import Clients, roll

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_rolling_restarts_lose_no_call_and_leave_no_mail_in_doubt(tmp_path: Path) -> None:
    plan = Plan(carts=160, seconds=8, thinks_s=0.05)
    with Rig(plan, tmp_path) as rig, Clients(rig.shop.port) as clients:
        rig.crowd.start()
        longest = roll(rig, 3)
        clients.finish()
        rig.settle_down(400)
        found = rig.judge()
        print(rig.deaths(), found.told(), clients.sent, f"{longest:.1f} s to end", sep="; ")  # noqa: T201 - if it fails
        assert clients.failures == []
        with rig.shop.connect() as conn:
            assert clients.lost(conn) == {"python": [], "node": []}
        assert min(clients.sent.values()) > 100
        assert found.faults == {}
        assert (found.figures["in doubt at some time"], found.figures["second copies"]) == (0, 0)
        assert longest <= 30
        rig.shop.close()
