"""How many people an experiment needs before its winner rule finds a difference of a given size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.experiment.comparing import multiplier
from tamshy.experiment.sample import straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.experiment.sample import Sample
    from tamshy.experiment.winner import WinnerRule

POWER: Final = 0.8
_MOST: Final = 10**12
_STEPS: Final = 160
_GRID: Final = tuple((step - _STEPS / 2) / 10 for step in range(_STEPS + 1))
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Shortfall:
    """How far an experiment is: people it needs in all, how many are missing, and in how many days they are there.

    ``days`` is None where nobody comes.
    """

    needed: int
    missing: int
    days: int | None


class _Side(NamedTuple):
    mean: float
    variance: float
    magnitude: float
    skewness: float
    people: float


def needed(base: Sample, lift: float, shares: Sequence[float], rule: WinnerRule, power: float = POWER) -> int:
    """How many people all arms need together, so that an arm better by ``lift`` is proven the winner with a chance of ``power``.

    The rule is looked at once only, at the end, in this reckoning; looked at daily until then it finds the winner more often,
    never less. ``base`` is what is known of people without the difference: the arms so far taken together, or earlier
    ones. The other arms are equal; which arm is the better one is not known, so the one that is hardest to prove counts.

    Args:
        base: People as they are; their mean and spread are used.
        lift: The difference to be found, in proportion: 0.2 for a fifth more.
        shares: The arms' weights, relative to each other.
        rule: The winner rule.
        power: The chance to find it.

    Raises:
        ValueError: nothing is known of ``base`` (nobody did anything), a lift that is not above zero or that no rate
            can have, shares that are not above zero or fewer than two, a power out of (0, 1), or a number beyond 10¹².
    """
    _check(base, lift, shares)
    if not 0 < power < 1:
        raise ValueError(f"a power lies between 0 and 1, both excluded: {power}")
    fewest = math.ceil(max(2, rule.at_least) * sum(shares) / min(shares))
    high = fewest
    while chance(base, lift, shares, rule, high) < power:
        high *= 2
        if high > _MOST:
            raise ValueError(f"no number of people finds a lift of {lift:g} in {base}")
    low = max(high // 2, fewest - 1)
    while high - low > max(1, high // 10_000):
        middle = (low + high) // 2
        low, high = (middle, high) if chance(base, lift, shares, rule, middle) < power else (low, middle)
    return high


def detectable(
    base: Sample, people: int, shares: Sequence[float], rule: WinnerRule, power: float = POWER
) -> float | None:
    """The smallest lift that would be proven with a chance of ``power`` once so many people are in all arms together.

    Returns:
        None: not even a tenfold one, or the largest that a rate can have.

    Raises:
        ValueError: as ``needed``.
    """
    _check(base, 0.0 + 1e-9, shares)
    high = min(9.0, 1 / base.mean - 1) if base.yes_no else 9.0
    if people * min(shares) / sum(shares) < max(2, rule.at_least) or chance(base, high, shares, rule, people) < power:
        return None
    low = 0.0
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if chance(base, middle, shares, rule, people) < power else (low, middle)
    return high


def chance(base: Sample, lift: float, shares: Sequence[float], rule: WinnerRule, people: int) -> float:
    """The chance that one look, at so many people in all arms together, proves the arm that is better by ``lift``.

    Raises:
        ValueError: as ``needed``.
    """
    _check(base, lift, shares)
    sizes = [people * share / sum(shares) for share in shares]
    error = rule.error(len(sizes))
    return min(
        _found(_side(base, lift, size), [_side(base, 0.0, other) for other in sizes[:at] + sizes[at + 1 :]], error)
        for at, size in enumerate(sizes)
        if sizes.index(size) == at
    )


def shortfall(needed_people: int, people: int, newcomers: float) -> Shortfall:
    """In how many days the people needed are there, when so many new ones come a day.

    Raises:
        ValueError: a negative number.
    """
    if min(needed_people, people, newcomers) < 0:
        raise ValueError(f"numbers of people: {needed_people}, {people}, {newcomers}")
    missing = max(needed_people - people, 0)
    if not missing:
        return Shortfall(needed_people, 0, 0)
    return Shortfall(needed_people, missing, math.ceil(missing / newcomers) if newcomers else None)


def _check(base: Sample, lift: float, shares: Sequence[float]) -> None:
    if len(shares) < 2 or not all(share > 0 and math.isfinite(share) for share in shares):  # noqa: PLR2004 - two arms
        raise ValueError(f"an experiment has two arms or more, each with a share above zero: {list(shares)}")
    if base.variance <= 0 or base.mean <= 0:
        raise ValueError(f"nothing to plan from, a lift is relative to what people do now: {base}")
    if not 0 < lift < math.inf or (base.yes_no and base.mean * (1 + lift) > 1 + 1e-9):
        raise ValueError(f"a lift of {lift:g} is not possible on {base.mean:g}")


def _side(base: Sample, lift: float, people: float) -> _Side:
    """An arm as it will be. Money with a lift has each value larger: the widest spread that the lift can come with."""
    mean = base.mean * (1 + lift)
    variance = max(mean * (1 - mean), 0.0) if base.yes_no else base.variance * (1 + lift) ** 2
    skewness = 0.0 if base.yes_no else base.skewness
    return _Side(mean, variance, base.magnitude / base.people * (1 + lift), skewness, people)


def _found(better: _Side, others: Sequence[_Side], error: float) -> float:
    """The chance that ``better`` is found better than all others at once: integrated over its own chance error."""
    own = math.sqrt(better.variance / better.people)
    against = []
    for other in others:
        both = better.people + other.people
        between = better.people * other.people * (better.mean - other.mean) ** 2 / both**2
        pooled = (better.people * better.variance + other.people * other.variance) / both + between
        errors = [math.sqrt(max(side.variance, pooled) / side.people) for side in (better, other)]
        noise = math.hypot(*errors) ** 2
        scale = (better.people * better.magnitude + other.people * other.magnitude) / both
        width = multiplier(scale**2 / noise, error)
        down = errors[0] * straight(width, better.skewness / (3 * math.sqrt(better.people)))
        up = errors[1] * straight(-width, other.skewness / (3 * math.sqrt(other.people)))
        spare = better.mean - other.mean - math.hypot(down, up)
        against.append((spare, math.sqrt(other.variance / other.people)))
    total = 0.0
    for point in _GRID:
        product = _NORMAL.pdf(point)
        for spare, theirs in against:
            product *= _NORMAL.cdf((spare + own * point) / theirs)
        total += product
    return total / 10
