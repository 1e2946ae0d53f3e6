"""Comparing two samples at any time and as often as one likes, without the error of peeking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.experiment.limits import difference, ratio
from tamshy.experiment.sample import FEWEST

if TYPE_CHECKING:
    from tamshy.experiment.limits import Limits
    from tamshy.experiment.sample import Sample

_USUAL_LIFT: Final = 0.2
"""The lifts that the method is sharpest for; for a quarter of it or four times as much it is a little less sharp."""

TUNING: Final = _USUAL_LIFT**-2


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one sample has more than another, a person, and by how much more in proportion (0.2: a fifth more).

    ``lift`` is None where proportions say nothing: the other has nothing, or one of them is negative.
    """

    extra: Limits
    lift: Limits | None

    @property
    def more(self) -> bool:
        """The one sample is proven to have more than the other."""
        return self.extra.low > 0

    @property
    def less(self) -> bool:
        """The one sample is proven to have less than the other."""
        return self.extra.high < 0


def multiplier(information: float, error: float, tuning: float = TUNING) -> float:
    """How many standard errors wide an interval is that holds the truth **at every look**, now and for ever.

    Robbins' two-sided normal mixture, as in Howard, Ramdas, McAuliffe and Sekhon (2021), *Annals of Statistics* 49,
    1055-1080; the mixture sequential probability ratio test of Johari, Koomen, Pekelis and Walsh (2022), *Operations
    Research* 70, 1806-1821. With variances that are estimated it holds as samples grow (Waudby-Smith, Arbour, Sinha,
    Kennedy and Ramdas (2024), *Annals of Statistics* 52, 2613-2640).

    Args:
        information: The inverse of the variance of what is estimated, in the unit in which ``tuning`` is given; above 0.
        error: How often, of all comparisons, the truth may lie outside at some time: 0.05.
        tuning: The information at which the interval begins to be sharp.

    Raises:
        ValueError: information or tuning that is not above zero, or an error that does not lie between 0 and 1.
    """
    if information <= 0 or tuning <= 0 or not 0 < error < 1:
        raise ValueError(f"no interval for information {information}, error {error} and tuning {tuning}")
    return math.sqrt((1 + tuning / information) * (math.log1p(information / tuning) - 2 * math.log(error)))


def compare(one: Sample, other: Sample, error: float) -> Comparison | None:
    """Compare two samples of different people, who were told apart by chance and over the same time.

    Over all looks together, the true difference lies outside of the limits with a chance of at most ``error``.
    Information is counted relative to the mean: 100 is a standard error of a tenth of what a person does on average.

    Returns:
        None where nothing can be said yet: nobody has done anything, everybody has, or a sample has fewer than two people.

    Raises:
        ValueError: see ``multiplier``.
    """
    if one.people < FEWEST or other.people < FEWEST:
        return None
    pool = one + other
    noise = sum(max(sample.variance, pool.variance) / sample.people for sample in (one, other))
    if noise <= 0:
        return None
    width = multiplier((pool.magnitude / pool.people) ** 2 / noise, error)
    ones, others = one.limits(width, pool), other.limits(width, pool)
    share = ratio(ones, others)
    return Comparison(difference(ones, others), share and share.plus(-1))


def effect(mailed: Sample, held_out: Sample, confidence: float = 0.95, people: float = 1000) -> Comparison | None:
    """What the mails brought: what ``people`` of those mailed did more than as many of those held out, and the lift.

    Like every comparison here it may be looked at daily.

    Raises:
        ValueError: a confidence that does not lie between 0 and 1.
    """
    comparison = compare(mailed, held_out, 1 - confidence)
    return comparison and Comparison(comparison.extra.times(people), comparison.lift)
