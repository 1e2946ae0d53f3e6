"""Whoever sleeps over its lease hands nothing over when it wakes up; and the rig would see it if it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.prove.sleeping import trials

if TYPE_CHECKING:
    from pathlib import Path

TRIALS = 5


def test_a_sender_that_slept_over_its_lease_hands_nothing_over(dsn: str, tmp_path: Path) -> None:
    late, in_hand, handed_over = trials(dsn, tmp_path, TRIALS)
    assert late == []
    assert in_hand >= TRIALS
    assert handed_over > in_hand


def test_without_the_look_at_the_claim_it_would_and_the_rig_sees_it(dsn: str, tmp_path: Path) -> None:
    late, _, _ = trials(dsn, tmp_path, 3, plant="no_fence")
    assert late
