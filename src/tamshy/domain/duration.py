"""Durations of the flow language: a calendar part and an elapsed part."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as the flow language counts it (spec: *Values*, rule 11).

    ``months`` and ``days`` are calendar time in a profile's own zone (``y`` is 12 months, ``w`` 7 days);
    ``seconds`` is elapsed time (``s m h``). The calendar part is applied first. All parts carry the same
    sign; a negative duration (an ``offset``) has no positive part.
    """

    months: int = 0
    days: int = 0
    seconds: int = 0

    @property
    def is_elapsed(self) -> bool:
        """True where no calendar part is present, so that no zone is needed."""
        return self.months == 0 and self.days == 0

    def __neg__(self) -> Duration:
        return Duration(-self.months, -self.days, -self.seconds)
