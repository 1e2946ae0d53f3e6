"""Weights that lean to the arms that do better, while it is still open which is best."""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamshy.experiment.sample import Sample

FLOOR: Final = 0.05
"""Every arm keeps at least this share, so that one with bad luck early is not given up for ever."""

_NORMAL: Final = NormalDist()
_STEPS: Final = 1600
_GRID: Final = tuple((step - _STEPS / 2) / 100 for step in range(_STEPS + 1))


def weights(arms: Mapping[str, Sample], floor: float = FLOOR) -> dict[str, float]:
    """Give each arm the chance that it is the best one, of what the floor leaves; they add up to 1.

    Thompson's rule (1933, *Biometrika* 25, 285-294), with the chance reckoned instead of drawn: by quadrature over
    normal beliefs. A rate's belief has the mean and variance of its Beta posterior under the uniform prior; a mean's
    begins with one person like the average of all, and has the larger of its own variance and everybody's.

    Args:
        arms: At least one.
        floor: The least share of an arm; with many arms an equal share, if that is less.

    Raises:
        ValueError: no arm, or a floor that does not lie in 0 to 1.
    """
    if not arms or not 0 <= floor <= 1:
        raise ValueError(f"weights need arms, and a floor from 0 to 1: {list(arms)}, {floor}")
    least = min(floor, 1 / len(arms))
    chances = _chances(_beliefs(list(arms.values())))
    return {name: least + (1 - least * len(arms)) * chance for name, chance in zip(arms, chances, strict=True)}


def _beliefs(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """The mean and the standard error that each arm is believed to have."""
    everybody = reduce(add, samples)
    beliefs = []
    for sample in samples:
        if sample.yes_no:
            mean = (sample.total + 1) / (sample.people + 2)
            variance = mean * (1 - mean) / (sample.people + 3)
        else:
            mean = (sample.total + everybody.mean) / (sample.people + 1)
            variance = max(sample.variance, everybody.variance) / (sample.people + 1)
        beliefs.append((mean, math.sqrt(variance)))
    return beliefs


def _chances(beliefs: Sequence[tuple[float, float]]) -> list[float]:
    """The chance of each to be the largest; they add up to 1."""
    if any(error == 0 for _, error in beliefs):
        # nobody did anything, or everybody the same: nothing tells the arms apart
        return [1 / len(beliefs)] * len(beliefs)
    sums = []
    for at, (mean, error) in enumerate(beliefs):
        others = [belief for place, belief in enumerate(beliefs) if place != at]
        total = 0.0
        for point in _GRID:
            product = _NORMAL.pdf(point)
            for their_mean, their_error in others:
                product *= _NORMAL.cdf((mean + error * point - their_mean) / their_error)
            total += product
        sums.append(total)
    return [total / sum(sums) for total in sums]
