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
    """By its own name, and not because something breaks; without it the very same run finds nothing."""
    with open_ground(dsn) as ground:
        assert judge(ground, planted.case()).wrong == []
        planted.plant(monkeypatch, ground)
        assert planted.says in "; ".join(judge(ground, planted.case()).wrong)
