"""Looks daily at each experiment that has a winner rule or a bandit: what its arms have brought, and what that means for newcomers.

Reads ``arm``, ``enrollment``, ``message``, ``event`` and ``conversion``; leaves ``look``, by which `advance` draws the arms of
newcomers from then on. Who is in an arm stays there.
"""

from __future__ import annotations

from tamshy.look.sampling import samples
from tamshy.look.stage import (
    FEWEST_ARMS,
    Look,
    catch_up,
    counted_since,
    experiments,
    is_of,
    measure_of,
    newest,
    run,
    watched,
)
from tamshy.look.trials import first_due, settle_trials, settled, trials

__all__ = [
    "FEWEST_ARMS",
    "Look",
    "catch_up",
    "counted_since",
    "experiments",
    "first_due",
    "is_of",
    "measure_of",
    "newest",
    "run",
    "samples",
    "settle_trials",
    "settled",
    "trials",
    "watched",
]
