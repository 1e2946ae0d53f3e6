"""Counters of this process."""

from __future__ import annotations

import threading
from collections import Counter


class Counts:
    """Counters by name and labels; safe for several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, name: str, by: int = 1, **labels: str) -> None:
        """Count `by` more of a thing."""
        with self._lock:
            self._counters[name, tuple(sorted(labels.items()))] += by

    def value(self, name: str, **labels: str) -> int:
        """Give a counter's value."""
        with self._lock:
            return self._counters[name, tuple(sorted(labels.items()))]

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        """Give all counters: name, labels, value."""
        with self._lock:
            counters = sorted(self._counters.items())
        return [(name, dict(labels), value) for (name, labels), value in counters]
