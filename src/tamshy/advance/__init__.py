"""Moves due enrollments on: waits that are over, branches, splits, rounds, awaited events, exits, and steps that change something.

Reads ``agenda`` and ``enrollment``; leaves a ``move`` for each enrollment that goes on, and what the step did: properties,
consent, emitted events, the arm of an experiment. ``arrive`` applies the moves: it says when the step reached is due (rule 6).
"""

from __future__ import annotations

from tamshy.advance.arriving import arrive
from tamshy.advance.best_hour import asks_for_best_hour, find_best_hour
from tamshy.advance.changing import Evaluate, Evaluation, Failure, change
from tamshy.advance.going import leave
from tamshy.advance.splitting import take_arms

__all__ = [
    "Evaluate",
    "Evaluation",
    "Failure",
    "arrive",
    "asks_for_best_hour",
    "change",
    "find_best_hour",
    "leave",
    "take_arms",
]
