"""How often one place may do something that costs others: so many times within a while, each process counting by itself."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from tamshy.domain.place import network_of

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_REMEMBERED: Final = 10_000


class Pace:
    """Lets so many through within so many seconds, by where they come from. Safe for several threads at once."""

    def __init__(self, monotonic: Callable[[], float], most: int, within_s: float) -> None:
        """Take seconds that only grow, and the limit."""
        self._monotonic = monotonic
        self._most = most
        self._within_s = within_s
        self._lock = threading.Lock()
        self._passed: dict[str, deque[float]] = {}

    def wait_s(self, address: str) -> float:
        """Count one more from there; gives how long it has to wait instead, 0: not at all."""
        place, now = network_of(address), self._monotonic()
        with self._lock:
            passed = self._passed.get(place)
            if passed is None:
                self._make_room(now)
                passed = self._passed.setdefault(place, deque())
            while passed and passed[0] <= now - self._within_s:
                passed.popleft()
            if len(passed) >= self._most:
                return passed[0] + self._within_s - now
            passed.append(now)
            return 0.0

    def _make_room(self, now: float) -> None:
        if len(self._passed) < _MOST_REMEMBERED:
            return
        self._passed = {place: at for place, at in self._passed.items() if at and at[-1] > now - self._within_s}
        if len(self._passed) >= _MOST_REMEMBERED:
            # So many places at once are one who has many: the oldest are forgotten, memory is not spent on them.
            self._passed.clear()
