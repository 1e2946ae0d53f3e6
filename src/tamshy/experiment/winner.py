"""The winner of an experiment: the arm that is proven better than every other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.experiment.comparing import compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.experiment.sample import Sample


@dataclass(frozen=True, slots=True)
class WinnerRule:
    """When a winner is proven: with what confidence, and not before every arm has ``at_least`` people.

    Raises:
        ValueError: a confidence that does not lie between 0 and 1, or fewer than no people.
    """

    confidence: float = 0.95
    at_least: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"a confidence lies between 0 and 1, both excluded: {self.confidence}")
        if self.at_least < 0:
            raise ValueError(f"at_least is a number of people: {self.at_least}")

    def error(self, arms: int) -> float:
        """The error that each pair may make, so that a false winner among all arms is no likelier than the confidence leaves.

        A false winner beats an arm that is at least as good: one event for each arm, and each happens to one side only.
        """
        return 2 * (1 - self.confidence) / arms


class Why(StrEnum):
    """Why there is a winner, or none."""

    PROVEN = "proven"
    TOO_FEW = "too_few"
    NOT_PROVEN = "not_proven"


@dataclass(frozen=True, slots=True)
class Finding:
    """The arm that newcomers go to, None: none yet, as before; and why."""

    arm: str | None
    why: Why


def proven(arms: Mapping[str, Sample], rule: WinnerRule) -> Finding:
    """The arm that is proven better than every other one, if there is one; to be asked as often as one likes.

    Of experiments whose best arm has an equal, a share of at most ``1 - rule.confidence`` ever gets a winner; the same
    bounds how often an arm wins that is worse than another. The arms need their people drawn by weights that stayed the same: where
    weights change with the season, the arm that was large in the better month looks better.

    Raises:
        ValueError: fewer than two arms.
    """
    if len(arms) < 2:  # noqa: PLR2004 - one arm wins against nobody
        raise ValueError(f"an experiment has two arms or more: {list(arms)}")
    if any(sample.people < rule.at_least for sample in arms.values()):
        return Finding(None, Why.TOO_FEW)
    leader = _best(arms)
    error = rule.error(len(arms))
    against = (compare(arms[leader], sample, error) for name, sample in arms.items() if name != leader)
    if all(comparison is not None and comparison.more for comparison in against):
        return Finding(leader, Why.PROVEN)
    return Finding(None, Why.NOT_PROVEN)


def chosen(arms: Mapping[str, Sample], rule: WinnerRule) -> Finding:
    """The arm that the rest of a broadcast gets: the proven winner, else the best measure (rule 32), else the first named.

    Raises:
        ValueError: fewer than two arms.
    """
    finding = proven(arms, rule)
    return finding if finding.arm is not None else Finding(_best(arms), finding.why)


def _best(arms: Mapping[str, Sample]) -> str:
    """The highest mean of those that anybody is in; of equals the first named."""
    return max(arms, key=lambda name: (arms[name].people > 0, arms[name].mean))
