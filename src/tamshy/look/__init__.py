"""Looks daily at each experiment that has a winner rule or a bandit: what its arms have brought, and what that means for newcomers.

Reads ``arm``, ``enrollment``, ``message``, ``event`` and ``conversion``; leaves ``look``, by which `advance` draws the arms of
newcomers from then on. Who is in an arm stays there.
"""

from __future__ import annotations

from tamshy.look.moments import HOUR, last_look, next_look
from tamshy.look.sampling import samples
from tamshy.look.stage import Look, catch_up, experiments, measure_of, newest, run
from tamshy.look.trials import first_due, settle_trials, settled, trials

__all__ = [
    "HOUR",
    "Look",
    "catch_up",
    "experiments",
    "first_due",
    "last_look",
    "measure_of",
    "newest",
    "next_look",
    "run",
    "samples",
    "settle_trials",
    "settled",
    "trials",
]
