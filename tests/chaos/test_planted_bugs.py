"""The rig is worth nothing if it finds nothing: bugs that are planted into a running shop, and what the judge says."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from tests.prove.rig import Plan, Rig
from tests.prove.serving import wait_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        wait_out(0.02)


def test_calls_answered_before_they_are_stored_and_mails_said_to_be_sent_before_they_are(tmp_path: Path) -> None:
    plant = "sent_before_handed_over,answered_before_stored"
    with Rig(Plan(carts=80, seconds=3, leases=(3.0, 4.0, 1.0), plant=plant), tmp_path) as rig:
        rig.crowd.start()
        for _ in range(3):
            known = len(rig.witness.seen("call"))
            until(lambda seen=known: len(rig.witness.seen("call")) > seen)  # type: ignore[misc]
            for pid in rig.processes("web"):
                os.kill(pid, signal.SIGKILL)
        rig.kill("worker")
        rig.settle_down(300)
        found = rig.judge()
    assert {
        "nothing acknowledged is lost",
        "whoever triggered is enrolled",
        "what was sent was handed over",
    } <= found.faults.keys()
    # What is not broken is not called broken.
    assert {"one decision for each visit", "one enrollment for each flow and key"}.isdisjoint(found.faults)
