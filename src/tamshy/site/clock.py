"""The clock: the only place that reads time. The composition root hands one to the worker and to the HTTP edge."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_SHAPE: Final = "2026-03-02T09:00:00Z@2026-11-23T02:30:00Z*600"
_TEXT: Final = re.compile(r"(?P<origin>[^@*]+)@(?P<begin>[^@*]+)\*(?P<speed>[0-9.]+)")
_FASTEST: Final = 100_000.0


class BadClock(ValueError):
    """The text describes no clock; the message says what one looks like."""


@dataclass(slots=True)
class Clock:
    """The shop's time: `origin` at the machine's moment `begin`, and from there on `speed` times as fast as life.

    Without a begin it is the machine's own time. All processes of one installation are given the same three figures, so
    that they agree on every moment.
    """

    speed: float = 1.0
    origin: datetime | None = None
    begin: datetime | None = None

    def now(self) -> datetime:
        """Give the shop's time, in UTC."""
        real = self.real()
        if self.origin is None or self.begin is None:
            return real
        return self.origin + (real - self.begin) * self.speed

    def real(self) -> datetime:
        """Give the machine's time, in UTC: what leases and locks go by."""
        return datetime.now(tz=UTC)

    def monotonic(self) -> float:
        """Give seconds that only grow, for measuring and waiting."""
        return time.monotonic()

    def text(self) -> str:
        """Write the clock down, for other processes; empty: the machine's own time."""
        if self.origin is None or self.begin is None:
            return ""
        return f"{_written(self.origin)}@{_written(self.begin)}*{self.speed:g}"


def running(origin: datetime, speed: float) -> Clock:
    """Make a clock that stands at `origin` now, and runs `speed` times as fast as life."""
    return Clock(speed=speed, origin=origin, begin=datetime.now(tz=UTC))


def clock_from(text: str) -> Clock:
    """Read what `Clock.text` wrote; empty: the machine's own time.

    Raises:
        BadClock: it is something else.
    """
    if not text:
        return Clock()
    found = _TEXT.fullmatch(text)
    if found is None:
        raise BadClock(f"TAMSHY_CLOCK looks like {_SHAPE}: the shop's time, the machine's at that moment, speed")
    try:
        origin, begin = (datetime.fromisoformat(found[part]) for part in ("origin", "begin"))
        speed = float(found["speed"])
    except ValueError as exc:
        raise BadClock(f"TAMSHY_CLOCK: {exc}; it looks like {_SHAPE}") from exc
    if origin.tzinfo is None or begin.tzinfo is None or not 0 < speed <= _FASTEST:
        raise BadClock(f"TAMSHY_CLOCK needs moments with an offset and a speed up to {_FASTEST:g}, as in {_SHAPE}")
    return Clock(speed=speed, origin=origin.astimezone(UTC), begin=begin.astimezone(UTC))


def _written(at: datetime) -> str:
    return (at - timedelta(microseconds=at.microsecond % 1000)).isoformat().replace("+00:00", "Z")
