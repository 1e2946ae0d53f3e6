"""Which arm of a split a profile is in.

The specification says only that a hash fixes it; which one is ``tamshy.domain.arm``'s to say, and written down here anew.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.oracle.reading import Json


def weights_of(arms: dict[str, dict[str, Json]]) -> dict[str, float]:
    """Rule 32: weights are relative, all given or none."""
    return {name: arm.get("weight", 1) for name, arm in arms.items()}


def arm_of(die: str, experiment: str, weights: dict[str, float], seed: int) -> str:
    """The arm whose waiting time is the shortest: each waits for a time drawn from the hash, divided by its weight."""
    times = []
    for arm, weight in weights.items():
        if weight > 0:
            text = f"{seed}:split:{experiment}:{arm}:{die}"
            digits = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:13]
            times.append((-math.log((int(digits, 16) + 0.5) / 16**13) / weight, arm))
    return min(times)[1]
