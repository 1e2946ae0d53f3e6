"""A sample: how many people there are, and the sums of what they did."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.experiment.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable

FEWEST: Final = 2
"""A spread takes two people."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The people of an arm, or of a holdout, and the sums over them of one measure, a value for each person, most often 0.

    ``total``, ``squares`` and ``cubes`` are the sums of the values, of their squares and of their third powers;
    ``magnitude`` is the sum of their absolute values (for ``profit``, which may be negative). ``yes_no``: every value is 0
    or 1, as for ``opened``, ``clicked`` and ``conversion``; then all four sums are the number of those who did.

    Raises:
        ValueError: a number of people, or a sum, that no people can have.
    """

    people: int
    total: float
    squares: float
    cubes: float
    magnitude: float
    yes_no: bool = False

    def __post_init__(self) -> None:
        sums = (self.total, self.squares, self.cubes, self.magnitude)
        if self.people < 0 or not all(map(math.isfinite, sums)):
            raise ValueError(f"not a sample: {self}")
        if self.yes_no and not 0 <= self.total <= self.people:
            raise ValueError(f"{self.total:g} of {self.people} people is not a rate")
        if self.squares < 0 or self.magnitude < abs(self.total) * (1 - 1e-9) or (not self.people and any(sums)):
            raise ValueError(f"not the sums of {self.people} values: {self}")

    @classmethod
    def rate(cls, did: int, people: int) -> Sample:
        """Of so many people so many did it."""
        return cls(people, did, did, did, did, yes_no=True)

    @classmethod
    def values(cls, values: Iterable[float], people: int) -> Sample:
        """The values that are not 0 (others may be among them), and how many people there are in all."""
        kept = list(values)
        return cls(
            people,
            math.fsum(kept),
            math.fsum(value * value for value in kept),
            math.fsum(value**3 for value in kept),
            math.fsum(map(abs, kept)),
        )

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.people + other.people,
            self.total + other.total,
            self.squares + other.squares,
            self.cubes + other.cubes,
            self.magnitude + other.magnitude,
            self.yes_no and other.yes_no,
        )

    @property
    def mean(self) -> float:
        """What a person did on average; nobody: 0."""
        return self.total / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """The spread of a person's value, squared; of fewer than two people: 0."""
        if self.people < FEWEST:
            return 0.0
        within = max(self.squares / self.people - self.mean**2, 0.0)
        # what is left of rounding is no spread
        return 0.0 if within < 1e-12 * self.squares / self.people else within * self.people / (self.people - 1)

    @property
    def skewness(self) -> float:
        """How far the values lean to the right: 0 where they lie evenly, around 10 for revenue; no spread: 0."""
        if not self.variance:
            return 0.0
        mean = self.mean
        third = self.cubes / self.people - 3 * mean * self.squares / self.people + 2 * mean**3
        return float(third / self.variance**1.5)

    def limits(self, width: float, pool: Sample | None = None) -> Limits:
        """The mean with its limits, ``width`` standard errors to either side, as far as the values lie evenly.

        Rates have Wilson's score interval (1927, *Journal of the American Statistical Association* 22, 209-212). Means
        have Hall's, by the monotone cubic that takes the skewness out (Hall (1992), *Journal of the Royal Statistical
        Society* B 54, 221-228; T3 in Zhou and Dinh (2005), *Biostatistics* 6, 187-200): money leans to the right, and the
        symmetric interval lies below the true mean up to seven times as often as it says. ``pool`` are all people of a
        comparison: a mean then has the larger of its own variance and theirs, and their skewness, because a small arm
        that had no large order yet believes that there are none.

        Returns:
            Both limits infinite where nothing is known of the spread.
        """
        if self.yes_no:
            return self._wilson(width) if self.people else Limits(0.0, 0.0, 1.0)
        variance = max(self.variance, pool.variance if pool else 0.0)
        if variance <= 0 or not self.people:
            return Limits(self.mean, -math.inf, math.inf)
        error = math.sqrt(variance / self.people)
        lean = (pool or self).skewness / (3 * math.sqrt(self.people))
        return Limits(self.mean, self.mean - error * straight(width, lean), self.mean - error * straight(-width, lean))

    def _wilson(self, width: float) -> Limits:
        rate, more = self.mean, width * width / self.people
        middle = (rate + more / 2) / (1 + more)
        half = math.sqrt(more * (rate * (1 - rate) + more / 4)) / (1 + more)
        # nobody, or everybody: the limit is the rate itself, whatever rounding says
        return Limits(rate, max(middle - half, 0.0) if self.total else 0.0, middle + half if rate < 1 else 1.0)


def straight(width: float, lean: float) -> float:
    """Hall's cubic backwards: the studentised mean that lies at ``width`` once skewness is out; ``lean`` = skewness / 3√n."""
    if abs(lean) < 1e-9:  # noqa: PLR2004 - the limit of the expression below, without its cancelling
        return width
    return (math.cbrt(1 + 3 * lean * (width - lean / 2)) - 1) / lean
