"""Moves due enrollments on: waits that are over, branches, awaited events, exits, and steps that change something.

Reads ``agenda`` and ``enrollment``; leaves a ``move`` for each enrollment that goes on, and what the step did: properties,
consent, emitted events. ``arrive`` applies the moves: it says when the step reached is due (rule 6).
"""

from __future__ import annotations

from tamshy.advance.arriving import arrive
from tamshy.advance.best_hour import find_best_hour
from tamshy.advance.changing import Evaluate, Evaluation, Failure, change
from tamshy.advance.leaving import leave

__all__ = ["Evaluate", "Evaluation", "Failure", "arrive", "change", "find_best_hour", "leave"]
