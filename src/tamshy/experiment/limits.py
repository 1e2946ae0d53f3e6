"""Limits of a figure, and those of a difference and a ratio of two figures, recovered from the limits of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Limits:
    """A figure as estimated, with the limits between which the true one lies; an infinite limit: not known yet."""

    estimate: float
    low: float
    high: float

    def times(self, factor: float) -> Limits:
        """The same per ``factor`` people, say 1,000; the factor is positive."""
        return Limits(self.estimate * factor, self.low * factor, self.high * factor)

    def plus(self, shift: float) -> Limits:
        """The same, moved by ``shift``."""
        return Limits(self.estimate + shift, self.low + shift, self.high + shift)


def quantile(confidence: float) -> float:
    """How many standard errors to either side hold the true value with this confidence, for **one** look: 1.96 for 0.95.

    Raises:
        ValueError: the confidence does not lie between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence lies between 0 and 1, both excluded: {confidence}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def difference(one: Limits, other: Limits) -> Limits:
    """Limits of ``one`` less ``other``, of two figures of different people (MOVER).

    For rates with Wilson's limits it is method 10 of Newcombe (1998), *Statistics in Medicine* 17, 873-890; for
    means see Zou and Donner (2008), *Statistics in Medicine* 27, 1693-1702.
    """
    middle = one.estimate - other.estimate
    return Limits(
        middle,
        middle - math.hypot(one.estimate - one.low, other.high - other.estimate),
        middle + math.hypot(one.high - one.estimate, other.estimate - other.low),
    )


def ratio(one: Limits, other: Limits) -> Limits | None:
    """Limits of ``one`` over ``other`` (MOVER-R: Donner and Zou (2012), *Statistical Methods in Medical Research* 21, 347-359).

    They are the ratios R for which the limits of ``one - R × other`` hold zero; so the ratio's limits leave out 1 exactly
    where the difference's leave out 0, and for limits of equal arms it is Fieller's interval. None where a ratio says
    nothing: ``other`` is not above zero, or ``one`` is below it.
    """
    if (
        other.estimate <= 0
        or one.estimate < 0
        or not all(map(math.isfinite, (one.low, one.high, other.low, other.high)))
    ):
        return None
    return Limits(one.estimate / other.estimate, _lowest(one, other), _highest(one, other))


def _lowest(one: Limits, other: Limits) -> float:
    product = one.estimate * other.estimate
    constant = one.low * (2 * one.estimate - one.low)
    if constant == 0:
        return 0.0
    # below zero the other's own lower limit is the one that pulls the ratio down
    reach = other.high if constant > 0 else other.low
    inside = product**2 - reach * (2 * other.estimate - reach) * constant
    return constant / (product + math.sqrt(inside)) if inside >= 0 else -math.inf


def _highest(one: Limits, other: Limits) -> float:
    square = other.low * (2 * other.estimate - other.low)
    if square <= 0:
        return math.inf
    product = one.estimate * other.estimate
    inside = product**2 - square * one.high * (2 * one.estimate - one.high)
    return (product + math.sqrt(max(inside, 0.0))) / square
