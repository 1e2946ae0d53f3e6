"""What arrives, cut into requests: people who have nothing to do with one another are told of in any order.

What concerns the same people, by any of the names they ever go by, is told in the order of its arrival: one request is
answered before the next is made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from datetime import datetime

    from tamshy.domain.call import Call


@dataclass(eq=False)
class Part:
    """Some people's calls in order, as far as they have not been accepted; ``asked``: the requests that are to be made."""

    left: deque[Call] = field(default_factory=deque)
    asked: deque[Batch] = field(default_factory=deque)
    under_way: Batch | None = None

    def ask(self, until: datetime, die: random.Random) -> bool:
        """Make requests of what arrives by a moment; says whether there are any."""
        calls: list[Call] = []
        while self.left and self.left[0].received_at <= until:
            calls.append(self.left.popleft())
        while calls:
            size = die.randrange(1, len(calls) + 1)
            self.asked.append(Batch(self, calls[:size]))
            calls = calls[size:]
        return bool(self.asked)


@dataclass(eq=False)
class Batch:
    """The calls of one request."""

    part: Part
    calls: list[Call]
    copy: bool = False
    """Sent once more, by a client that has not heard the answer."""


def in_parts(calls: Sequence[Call]) -> list[Part]:
    """Group calls by people; each group in order of arrival."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for call in calls:
        first, *others = _names(call)
        for other in others:
            leader[find(other)] = find(first)
    parts: dict[str, Part] = {}
    for call in calls:
        parts.setdefault(find(_names(call)[0]), Part()).left.append(call)
    return list(parts.values())


def _names(call: Call) -> list[str]:
    email = call.properties.get("email")
    named = [("user", call.user_id), ("user", call.previous_id), ("device", call.anonymous_id), ("email", email)]
    return [f"{kind} {value}" for kind, value in named if isinstance(value, str)]
