"""The clock: the only place that reads time. The composition root hands one to the worker and to the HTTP edge."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SHAPE: Final = "2026-03-02T09:00:00Z@2026-11-23T02:30:00Z*600"
_TEXT: Final = re.compile(r"(?P<origin>[^@*]+)@(?P<begin>[^@*]+)\*(?P<speed>[0-9.]+)")
_FASTEST: Final = 100_000.0
BELIEVED: Final = timedelta(minutes=5)
"""How far the machine's clock may be put forward and still be believed."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


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
        return self.shop(self.real())

    def shop(self, real: datetime) -> datetime:
        """Give the shop's time at a moment of the machine's."""
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


def since_boot() -> float:
    """Give the seconds since the machine was started, those that it slept too where it can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot() -> str:
    """Give what this start of the machine is called; empty where it has no name."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SteadyClock:
    """A clock that is not believed when it is put forward by more than five minutes: time goes on as it went before.

    Held against the seconds since the machine was started. A clock that is put back is believed: what was done stays done, and
    what is to come waits for its moment. Safe for several threads at once.
    """

    def __init__(self, clock: Clock, seconds: Callable[[], float] = since_boot) -> None:
        """Take the clock as it stands; `seconds` only grow."""
        self.speed = clock.speed
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._at, self._since = clock.real(), seconds()
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Give the shop's time, in UTC."""
        return self._clock.shop(self.real())

    def real(self) -> datetime:
        """Give the machine's time, in UTC, as far as it is believed."""
        with self._lock:
            told, since = self._clock.real(), self._seconds()
            expected = self._at + timedelta(seconds=since - self._since)
            self._ahead = max(told - expected, timedelta())
            if self._ahead > BELIEVED:
                return expected
            if expected - told <= BELIEVED:
                # Drift and small corrections add up over months.
                self._at, self._since = told, since
            return told

    def monotonic(self) -> float:
        """Give seconds that only grow, for measuring and waiting."""
        return self._clock.monotonic()

    @property
    def ahead(self) -> timedelta:
        """By how much the clock was put forward; nothing where it is believed."""
        self.real()
        return self._ahead if self._ahead > BELIEVED else timedelta()

    @property
    def anchor(self) -> tuple[float, datetime]:
        """Seconds since the machine was started, and the moment that was believed at them."""
        with self._lock:
            return self._since, self._at

    def hold_to(self, since: float, at: datetime) -> None:
        """Go by what an earlier process believed at so many seconds after the machine was started."""
        with self._lock:
            self._since, self._at = since, at

    def believe(self) -> None:
        """Take the clock at its word: a person says that it is right."""
        with self._lock:
            self._at, self._since = self._clock.real(), self._seconds()
            self._ahead = timedelta()


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
