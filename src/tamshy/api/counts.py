"""Counters of this process, in Prometheus' text form."""

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

    def lines(self) -> list[str]:
        """Give all counters as lines of Prometheus' text form."""
        with self._lock:
            counters = sorted(self._counters.items())
        lines: list[str] = []
        last = ""
        for (name, labels), value in counters:
            if name != last:
                lines.append(f"# TYPE {name} counter")
                last = name
            written = ",".join(f'{key}="{text}"' for key, text in labels)
            lines.append(f"{name}{{{written}}} {value}" if written else f"{name} {value}")
        return lines
