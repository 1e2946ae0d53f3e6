"""The simulator of faults finds the bugs that it is there to find: each is put in, and some seed says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.faults.ground import open_ground
from tests.prove.faults.planted import PLANTED
from tests.prove.faults.verdict import judge

if TYPE_CHECKING:
    from tests.prove.faults.planted import Planted


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_bug_that_is_put_in_is_found(planted: Planted, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the same seed finds nothing without the bug is held beside all others, in `test_seeds`."""
    with open_ground(dsn) as ground:
        planted.plant(monkeypatch, ground)
        assert judge(ground, planted.case()).wrong
