"""Wrong keys from one place wait longer and longer."""

from __future__ import annotations

import ipaddress
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FREE: Final = 5
"""Wrong tries without a wait."""
LONGEST_S: Final = 300.0
FORGOTTEN_S: Final = 900.0
_MOST_REMEMBERED: Final = 10_000


class Tries:
    """Counts wrong tries by where they come from. Safe for several threads at once; each process counts by itself."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take seconds that only grow."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._wrong: dict[str, tuple[int, float]] = {}

    def wait_s(self, address: str) -> float:
        """How long this place has to wait before it may try again; 0: not at all."""
        with self._lock:
            count, at = self._wrong.get(_place(address), (0, 0.0))
        if count < FREE:
            return 0.0
        pause = min(2.0 ** (count - FREE), LONGEST_S)
        return max(0.0, at + pause - self._monotonic())

    def wrong(self, address: str) -> None:
        """Note a wrong try."""
        place, now = _place(address), self._monotonic()
        with self._lock:
            if len(self._wrong) >= _MOST_REMEMBERED:
                self._wrong = {p: (c, at) for p, (c, at) in self._wrong.items() if now - at < LONGEST_S}
            if len(self._wrong) >= _MOST_REMEMBERED:
                self._wrong.clear()
            count, at = self._wrong.get(place, (0, now))
            self._wrong[place] = (1 if now - at > FORGOTTEN_S else count + 1, now)

    def right(self, address: str) -> None:
        """Forget the wrong ones: somebody there has a key."""
        with self._lock:
            self._wrong.pop(_place(address), None)


def _place(address: str) -> str:
    """One machine, or one network of IPv6: whoever has one address of that has all of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:  # noqa: PLR2004 - the protocol's number
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
