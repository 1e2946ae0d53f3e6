"""When to try again, and how fast to go. Pure values over the moments that are passed in; no chance in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from uuid import UUID

FIRST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY: Final = timedelta(minutes=30)
_SPREAD: Final = 0.2


def retry_after(
    key: UUID, attempts: int, first: timedelta = FIRST_RETRY, longest: timedelta = LONGEST_RETRY
) -> timedelta:
    """Give the pause before the next try: doubling from `first` to `longest`, and up to a fifth more.

    The addition is drawn from the key and the count of attempts, so that what failed together does not come back
    together, and a repeated run pauses alike.

    Args:
        key: what is tried (a message's id).
        attempts: tries so far, at least 1.
        first: the first pause.
        longest: the pause is never longer than this before the addition.
    """
    doublings = min(attempts - 1, 30)
    base = min(first * int(2**doublings), longest)
    share = int(named("retry", key.hex, str(attempts)).hex[:8], 16) / 0xFFFFFFFF
    return base + base * (_SPREAD * share)


@dataclass(slots=True)
class Pace:
    """At most so many a second (a token bucket). `per_second` None: no limit.

    It holds a twentieth of a second's worth, at least one, so that no second sees more than 5 % above the limit.
    """

    per_second: float | None
    _tokens: float = field(default=1.0, init=False)
    _since: datetime | None = field(default=None, init=False)

    def take(self, now: datetime, wanted: int) -> int:
        """Take leave to start up to `wanted` tries at this moment; gives how many."""
        if self.per_second is None:
            return wanted
        most = max(1.0, self.per_second / 20)
        if self._since is not None:
            passed = max(0.0, (now - self._since).total_seconds())
            self._tokens = min(most, self._tokens + passed * self.per_second)
        self._since = now
        granted = min(wanted, int(self._tokens + 1e-9))
        self._tokens -= granted
        return granted

    def give_back(self, count: int) -> None:
        """Return what was taken and not used."""
        self._tokens += count

    def next_at(self, now: datetime) -> datetime:
        """Give the moment at which one try may start."""
        if self.per_second is None or self._tokens >= 1:
            return now
        return now + timedelta(seconds=(1 - self._tokens) / self.per_second)


@dataclass(slots=True)
class ServerHold:
    """Keeps off a server that is away: pauses that grow, then one single try before all the others."""

    key: UUID
    first: timedelta = FIRST_RETRY
    longest: timedelta = LONGEST_RETRY
    failures: int = 0
    until: datetime | None = None

    def allowed(self, now: datetime, wanted: int) -> int:
        """How many may start: none while it is away, one to see whether it is back, else all."""
        if self.until is None:
            return wanted
        return 0 if now < self.until else min(wanted, 1)

    def failed(self, now: datetime) -> datetime:
        """Note that the server was away; gives the moment of the next try. Failures side by side count once."""
        if self.until is None or now >= self.until:
            self.failures += 1
            self.until = now + retry_after(self.key, self.failures, self.first, self.longest)
        return self.until

    def answered(self) -> None:
        """Note that the server speaks with us again."""
        self.failures = 0
        self.until = None
