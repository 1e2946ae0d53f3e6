"""What a report holds: samples and comparisons, to be told in words or as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.experiment import Limits, Sample, quantile

if TYPE_CHECKING:
    from tamshy.experiment import Comparison, Shortfall
    from tamshy.language.model import Measure

LIFT: Final = 0.2
"""The difference that a plan is made for, where the shop names none: a fifth more, which the method is sharpest for."""
CONFIDENCE: Final = 0.95
_WIDTH: Final = quantile(CONFIDENCE)


def limits(sample: Sample) -> Limits:
    """What a person did on average, with the limits of a single look."""
    return sample.limits(_WIDTH)


@dataclass(frozen=True, slots=True)
class Mail:
    """A step that sends: how often it did, to how many people, how many of them opened and clicked it, orders that count for it."""

    step: str
    message: str
    sent: int
    opened: Sample
    clicked: Sample
    orders: int = 0
    worth: float = 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """Two groups compared; ``comparison`` None: nothing can be said yet. ``shortfall``: until a difference of `LIFT` would show.

    ``shortfall`` None: it cannot be planned, nobody has done anything yet.
    """

    comparison: Comparison | None
    shortfall: Shortfall | None

    @property
    def proven(self) -> bool:
        """There is a difference, whenever one looks."""
        return self.comparison is not None and (self.comparison.more or self.comparison.less)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a flow by one measure: of those mailed, of those held out, and what the mails brought, a thousand people."""

    measure: Measure
    mailed: Sample
    held_out: Sample
    difference: Difference | None
    """None: nobody is held out."""


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment. ``against``: the leader compared with each other arm. ``why``: as in a look, or ``one_arm``.

    ``detectable``: the smallest lift that these people would have shown; None: none that can be.
    """

    name: str
    measure: Measure
    arms: dict[str, Sample]
    leader: str | None
    against: dict[str, Comparison | None]
    winner: str | None
    why: str
    shortfall: Shortfall | None
    detectable: float | None
    weights: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class FlowReport:
    """One flow. ``entries`` of ``people``, of whom ``held_out`` were kept out."""

    flow: str
    people: int
    entries: int
    held_out: int
    mails: tuple[Mail, ...]
    outcomes: tuple[Outcome, ...]
    trials: tuple[Trial, ...]
