"""When experiments are looked at."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final

from tamshy.domain.calendar import next_time_of_day

HOUR: Final = time(3)
"""Local to the workspace, when its other daily figures are made too (rule 29)."""


def next_look(after: datetime, zone: str) -> datetime:
    """The first look later than a moment."""
    return next_time_of_day(after + timedelta(microseconds=1), HOUR, frozenset(), zone)


def last_look(now: datetime, zone: str) -> datetime:
    """The newest look that is not later than a moment."""
    at = next_look(now - timedelta(days=3), zone)
    while (following := next_look(at, zone)) <= now:
        at = following
    return at
