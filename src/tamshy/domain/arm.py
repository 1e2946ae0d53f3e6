"""Which arm of an experiment a profile is in: drawn from a hash, so that it is the same whenever it is asked."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

_DIGITS: Final = 13
"""Of the hash: 52 bits, which a double holds exactly, with half a step more."""

_STEPS: Final = 16**_DIGITS


def arm_of(die: str, experiment: str, weights: Mapping[str, float | Decimal], seed: int = 0) -> str:
    """The arm of the profile that first came into being under ``die``.

    Each arm has a number between 0 and 1 of its own for the profile; the arm with the least ``-ln(number) / weight`` is
    the one, and each arm gets the share that its weight says. Where weights change, arms come or go, a profile moves only
    from one arm to another whose weight rose relative to the first, and as few move as can where nothing is remembered:
    maximally consistent sampling (Moulton and Jiang (2018), *IEEE International Conference on Data Mining*, 347-356;
    Bavarian and others (2020), *Theory of Computing* 16, 12). The order of the arms does not matter.

    SQL draws the same, see ``tests/engine/test_arm_sql.py``.

    Args:
        die: As in ``domain/ids.py``: ``user_id:u1``.
        experiment: The experiment's name, unique in the workspace.
        weights: Relative weights by the arms' names; an arm of weight 0 gets nobody.
        seed: Moves every draw; life uses 0.

    Raises:
        ValueError: a weight that is negative or no number, or none above 0.
    """
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights.values()) or not any(weights.values()):
        raise ValueError(f"weights are numbers from 0 on, at least one of them above: {dict(weights)}")
    return min(
        (-math.log(_number(f"{seed}:split:{experiment}:{arm}:{die}")) / float(weight), arm.encode(), arm)
        for arm, weight in weights.items()
        if weight
    )[2]


def _number(text: str) -> float:
    """A number strictly between 0 and 1, evenly spread over all texts."""
    digits = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:_DIGITS]
    return (int(digits, 16) + 0.5) / _STEPS
