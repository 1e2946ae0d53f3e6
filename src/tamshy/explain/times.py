"""Moments and spans as a person says them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import datetime

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS: Final = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Times:
    """Says moments in one zone; ``own``: it is where the person lives."""

    zone: str
    own: bool

    @property
    def whose(self) -> str:
        """Whose times they are."""
        return f"times of {self.zone}, {'where they live' if self.own else 'not their own'}"

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone))

    def day(self, at: datetime) -> str:
        """``Mon 2 Mar 2026``."""
        local = self._local(at)
        return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"

    def clock(self, at: datetime) -> str:
        """``14:05``; with seconds where they are not zero."""
        local = self._local(at)
        return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"

    def full(self, at: datetime) -> str:
        """``2 Mar 2026, 14:05``."""
        return f"{self.day(at).partition(' ')[2]}, {self.clock(at)}"

    def until(self, at: datetime, now: datetime) -> str:
        """The time of day while it is less than a day away, else the day too; and that it is their own."""
        near = timedelta() <= at - now < timedelta(days=1)
        return (self.clock(at) if near else self.full(at)) + (" their time" if self.own else "")


def span(length: timedelta) -> str:
    """The two largest units of a length: ``2 hours 5 minutes``."""
    left = round(length.total_seconds())
    parts = []
    for name, seconds in _UNITS:
        number, left = divmod(left, seconds)
        if number:
            parts.append(f"{number} {name}{'' if number == 1 else 's'}")
        elif parts:
            break
    return " ".join(parts[:2]) or "a moment"
