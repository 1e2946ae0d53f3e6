"""The simulator of faults finds the bugs that it is there to find: each is put in, and some seed says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.faults.ground import open_ground
from tests.prove.faults.planted import PLANTED
from tests.prove.faults.verdict import judge

if TYPE_CHECKING:
    from tests.prove.faults.planted import Planted

pytestmark = pytest.mark.minutes(1.5)

OFTEN = {"no_fence", "commit_before_the_outbox", "no_key_of_message_ids", "an_order_at_the_moment_of_the_reminder"}
"""These are put in at every change; the others when all is proven."""
MOST = 40
"""Seeds that are tried: a change of the statements moves what goes wrong, and a bug is found by another seed than it was."""


@pytest.mark.parametrize(
    "planted",
    [pytest.param(one, id=name, marks=() if name in OFTEN else pytest.mark.prove) for name, one in PLANTED.items()],
)
def test_a_bug_that_is_put_in_is_found(planted: Planted, dsn: str) -> None:
    """By its own name, and not because something breaks; without it the very same run finds nothing."""
    with open_ground(dsn) as ground:
        for seed in range(planted.seed, planted.seed + MOST):
            with pytest.MonkeyPatch.context() as patch:
                planted.plant(patch, ground)
                found = planted.says in "; ".join(judge(ground, planted.case(seed)).wrong)
            if planted.undo:
                ground.look.execute(planted.undo)
            assert judge(ground, planted.case(seed)).wrong == []
            if found:
                return
    pytest.fail(f"none of {MOST} seeds says {planted.says!r}")
