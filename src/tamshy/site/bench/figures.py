"""What was measured: medians beside their limit, as a table and as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import linear_regression, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamshy.site.bench.cost import Cost


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured, round by round, each round beside its limit.

    ``items`` are what was done in each round, ``limit_items`` what the limit did. ``grown``: the rounds with ``growth`` times as
    much waiting, of as many items each.
    """

    stage: str
    what: str
    unit: str
    items: int
    rounds: Sequence[Cost]
    limit: str
    limit_items: int
    limits: Sequence[Cost]
    grown: Sequence[Cost] = field(default=())
    grown_items: int = 0
    growth: int = 1
    growing: str = ""
    note: str = ""
    memory: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Private memory in MiB, by what holds it: samples over the rounds with more waiting."""

    @property
    def per_second(self) -> float:
        """Items a second, by the clock."""
        return self.items / median(cost.wall for cost in self.rounds)

    @property
    def limit_per_second(self) -> float:
        """The limit's items a second, by the clock."""
        return self.limit_items / median(cost.wall for cost in self.limits)

    @property
    def ratio(self) -> float:
        """The part of the limit that is reached, by the clock: the median of the rounds' own ratios."""
        return median(
            (self.items / ours.wall) / (self.limit_items / limit.wall)
            for ours, limit in zip(self.rounds, self.limits, strict=True)
        )

    @property
    def micros(self) -> float | None:
        """Microseconds of all processors for an item."""
        return _micros(self.rounds, self.items)

    @property
    def limit_micros(self) -> float | None:
        """The same of the limit."""
        return _micros(self.limits, self.limit_items)

    @property
    def slower(self) -> float | None:
        """How many times as much processor time an item takes with more waiting; None: not measured."""
        if not self.grown:
            return None
        before, after = self.micros, _micros(self.grown, self.grown_items)
        if before and after:
            return after / before
        wall = median(cost.wall for cost in self.grown) / self.grown_items
        return wall * self.per_second

    def data(self) -> dict[str, object]:
        """Give all of it as JSON values; seconds, and microseconds an item."""
        return {
            "stage": self.stage,
            "what": self.what,
            "unit": self.unit,
            "per_second": round(self.per_second, 1),
            "micros_per_item": _rounded(self.micros),
            "limit": self.limit,
            "limit_per_second": round(self.limit_per_second, 1),
            "limit_micros_per_item": _rounded(self.limit_micros),
            "ratio": float(f"{self.ratio:.4g}"),
            "growth": {"times": self.growth, "of": self.growing, "micros_times": _rounded(self.slower)},
            "items": self.items,
            "limit_items": self.limit_items,
            "grown_items": self.grown_items,
            "rounds": [_cost(cost) for cost in self.rounds],
            "limits": [_cost(cost) for cost in self.limits],
            "grown": [_cost(cost) for cost in self.grown],
            "note": self.note,
            "memory": {name: [round(sample, 2) for sample in samples] for name, samples in self.memory.items()},
        }

    @property
    def remembered(self) -> str:
        """Tell how memory went, in a line; empty: not measured."""
        if not self.memory:
            return ""
        parts = [
            f"{name} {samples[0]:.1f} to {samples[-1]:.1f} MiB ({_slope(samples, self.grown_items):+.1f} KiB for 1,000 more)"
            for name, samples in self.memory.items()
        ]
        return f"{self.stage}: private memory over {self.grown_items:,} {self.unit}: {', '.join(parts)}."


HEAD = (
    "| stage | what | a second | µs an item | limit | a second | µs an item | ratio | with more waiting |",
    "|---|---|--:|--:|---|--:|--:|--:|---|",
)


def table(figures: Sequence[Figure]) -> str:
    """Write figures as a Markdown table."""
    return "\n".join([*HEAD, *(_row(figure) for figure in figures)])


def _row(figure: Figure) -> str:
    grown = "–" if figure.slower is None else f"{figure.growth}× {figure.growing}: {figure.slower:.2f}×"
    cells = (
        figure.stage,
        figure.what,
        f"{figure.per_second:,.0f} {figure.unit}",
        _shown(figure.micros),
        figure.limit,
        f"{figure.limit_per_second:,.0f}",
        _shown(figure.limit_micros),
        f"{figure.ratio:.2f}" if figure.ratio >= 0.1 else f"{figure.ratio:.2g}",  # noqa: PLR2004 - two places that say something
        grown,
    )
    return f"| {' | '.join(cells)} |"


def _micros(costs: Sequence[Cost], items: int) -> float | None:
    known = [cost.processor for cost in costs if cost.processor is not None]
    return median(known) / items * 1e6 if known else None


def _slope(samples: Sequence[float], items: int) -> float:
    """Give the KiB that 1,000 more items cost: the slope of a straight line through the samples of the later half.

    In the earlier half caches fill, of statements, of locales, of addresses.
    """
    later = samples[len(samples) // 2 :]
    if len(later) < 2:  # noqa: PLR2004 - through one point there are many lines
        return 0.0
    slope = linear_regression(range(len(later)), later).slope
    return slope * 1024 * 1000 * (len(samples) - 1) / items


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - two digits that say something


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _cost(cost: Cost) -> dict[str, float | None]:
    return {"wall": _rounded(cost.wall), "ours": _rounded(cost.ours), "server": _rounded(cost.server)}
