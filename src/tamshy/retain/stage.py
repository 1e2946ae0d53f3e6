"""One bite: the next few people of a bucket, each looked at once a day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.domain.shopping import CART_EVENTS
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.retain.needs import Limits
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.retain")
ROUND: Final = timedelta(days=1)
"""How long after the beginning of a round through a bucket the next one begins, at the earliest."""
_FIRST: Final = UUID(int=0)


@dataclass(slots=True)
class Gone:
    """What went: rows of each kind. ``people``: how many were looked at."""

    people: int = 0
    carts: int = 0
    events: int = 0
    entries: int = 0
    messages: int = 0
    bodies: int = 0
    decisions: int = 0

    @property
    def rows(self) -> int:
        """All rows that went or were emptied."""
        return self.carts + self.events + self.entries + self.messages + self.bodies + self.decisions

    def add(self, other: Gone) -> None:
        """Count another bite's in."""
        self.people += other.people
        self.carts += other.carts
        self.events += other.events
        self.entries += other.entries
        self.messages += other.messages
        self.bodies += other.bodies
        self.decisions += other.decisions


def let_go(conn: Connection, limits: Limits, bucket: int, fence: int, now: datetime, limit: int) -> Gone:
    """Let go of what the next `limit` people of a bucket need no more; the caller commits.

    Does nothing where all is kept, where the bucket is another's, or where everybody was looked at within the day.
    """
    gone = Gone()
    if limits.nothing or conn.execute(_SQL["hold"], {"bucket": bucket, "fence": fence}).rowcount == 0:
        return gone
    after, began = conn.execute(_SQL["progress"], {"bucket": bucket}).fetchone() or (None, None)
    if after is None:
        if began is not None and now - began < ROUND:
            return gone
        after, began = _FIRST, now
    found = conn.execute(_SQL["people"], {"bucket": bucket, "after": after, "limit": limit}).fetchall()
    people = [row[0] for row in found]
    over = len(people) < limit
    conn.execute(_SQL["keep_progress"], {"bucket": bucket, "after": None if over else people[-1], "began": began})
    if people:
        _remove(conn, limits, {"bucket": bucket, "people": people}, gone)
    gone.people = len(people)
    return gone


def _remove(conn: Connection, limits: Limits, given: dict[str, object], gone: Gone) -> None:
    if limits.carts is not None:
        gone.carts = conn.execute(_SQL["carts"], given | {"carts": limits.carts}).rowcount
    if limits.events is not None:
        names = {name: None if before is None else before.isoformat() for name, before in limits.names.items()}
        gone.events = conn.execute(
            _SQL["events"],
            given | {"events": limits.events, "kept": json.dumps(names), "cart_events": sorted(CART_EVENTS)},
        ).rowcount
    if limits.entries is not None:
        gone.entries = conn.execute(_SQL["entries"], given | {"entries": limits.entries}).rowcount
    if limits.decisions is not None:
        gone.decisions = conn.execute(_SQL["decisions"], given | {"decisions": limits.decisions}).rowcount
    if limits.messages is not None:
        row = conn.execute(_SQL["messages"], given | {"messages": limits.messages}).fetchone()
        gone.messages = row[0] if row else 0
    if limits.bodies is not None:
        gone.bodies = conn.execute(_SQL["bodies"], given | {"bodies": limits.bodies}).rowcount
