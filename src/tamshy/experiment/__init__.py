"""What an experiment and a holdout show, and how sure that is: from counts, by numbers alone.

Reads samples (how many people, and the sums of what they did) and gives intervals, findings, plans and weights. No tables, no
clock, no chance: the same counts always give the same answer. ``docs/explanation/experiments.md`` says what is claimed,
ADR 78 why it is done so. Which arm a profile is in is drawn by ``domain/arm.py``.

One person is one observation, in the arm of their first entry: who enters a flow five times is counted once, with everything that
they did. Enrollments would not do: those of one person go the same way, and five of them are not five people's word.
"""

from tamshy.experiment.bandit import FLOOR, weights
from tamshy.experiment.comparing import Comparison, compare, effect, multiplier
from tamshy.experiment.limits import Limits, difference, quantile, ratio
from tamshy.experiment.planning import Shortfall, chance, detectable, needed, shortfall
from tamshy.experiment.sample import Sample
from tamshy.experiment.winner import Finding, Why, WinnerRule, chosen, proven

__all__ = [
    "FLOOR",
    "Comparison",
    "Finding",
    "Limits",
    "Sample",
    "Shortfall",
    "Why",
    "WinnerRule",
    "chance",
    "chosen",
    "compare",
    "detectable",
    "difference",
    "effect",
    "multiplier",
    "needed",
    "proven",
    "quantile",
    "ratio",
    "shortfall",
    "weights",
]
