"""Made-up experiments: people come every day, chance sends each to an arm, and some of them do something. Everything by seed."""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from random import Random
from typing import TYPE_CHECKING

from tamshy.experiment import Sample, WinnerRule, proven

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DAYS = 30
NAMES = "abcdef"


def dice(*seed: object) -> Random:
    """Chance, by seed."""
    return Random(":".join(map(str, seed)))  # noqa: S311 - dice of a test, no secrets


@dataclass(frozen=True)
class Shoppers:
    """Of the people in an arm ``rate`` do it; ``spread`` None: a yes, else an order of a lognormal value with that sigma.

    ``dearer`` multiplies the orders of an arm.
    """

    rate: float
    spread: float | None = None
    dearer: float = 1.0

    def __call__(self, chance: Random, people: int) -> Sample:
        did = binomial(chance, people, self.rate)
        if self.spread is None:
            return Sample.rate(did, people)
        return Sample.values(
            [self.dearer * chance.lognormvariate(4.0, self.spread) for _ in range(did)],
            people,
        )

    def moments(self, people: int = 10**7) -> Sample:
        """What so many people would do on average, exactly."""
        if self.spread is None:
            return Sample.rate(round(self.rate * people), people)
        first, second, third = (
            self.rate * people * self.dearer**k * math.exp(4.0 * k + k * k * self.spread**2 / 2) for k in (1, 2, 3)
        )
        return Sample(people, first, second, third, first)


@lru_cache(maxsize=100_000)
def _steps(people: int, rate: float) -> list[float]:
    chances = (
        math.exp(
            math.lgamma(people + 1)
            - math.lgamma(did + 1)
            - math.lgamma(people - did + 1)
            + did * math.log(rate)
            + (people - did) * math.log1p(-rate),
        )
        for did in range(people + 1)
    )
    return list(accumulate(chances))


def binomial(chance: Random, people: int, rate: float) -> int:
    """How many of ``people`` do what each does with the chance ``rate``."""
    return min(bisect(_steps(people, rate), chance.random()), people)


def days(
    chance: Random, arms: Sequence[Shoppers], newcomers: int, shares: Sequence[float]
) -> Iterator[dict[str, Sample]]:
    """The arms as they stand at the end of each day."""
    stand = {name: shoppers(chance, 0) for name, shoppers in zip(NAMES, arms, strict=False)}
    for _ in range(DAYS):
        left, rest = newcomers, sum(shares)
        for name, shoppers, share in zip(NAMES, arms, shares, strict=False):
            here = left if share == rest else binomial(chance, left, share / rest)
            stand[name] += shoppers(chance, here)
            left, rest = left - here, rest - share
        yield dict(stand)


def winner(
    chance: Random,
    arms: Sequence[Shoppers],
    newcomers: int,
    shares: Sequence[float],
    rule: WinnerRule,
) -> str | None:
    """The arm that is declared the winner on any of the days, looked at daily; None: none."""
    for stand in days(chance, arms, newcomers, shares):
        finding = proven(stand, rule)
        if finding.arm:
            return finding.arm
    return None


def cumulative(numbers: Sequence[float]) -> bool:
    """Whether they never fall."""
    return all(one <= other for one, other in pairwise(numbers))
