"""Ingest: requests of 100 calls read, tied to their people and stored, beside COPY of the same rows into the same tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.ingest import WorkspaceRef, read_calls, store
from tamshy.site.bench.copying import Copying
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.shop import NAME, NOON, SQL, call, people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_BATCH: Final = 100
_PEOPLE: Final = 20_000


def ingest(ground: Ground, size: Size) -> list[Figure]:
    """Measure storing, as a whole and by the hundred."""
    with ground.shop("ingest") as (conn, book):
        knowing = min(size.profiles, _PEOPLE)
        people(conn, book, knowing, 0)
        backlog(conn, book, 1, size.backlog)
        work = _Ingest(conn, book, ground, size.events, knowing)
        for number in range(size.rounds):
            work.round(number)
        backlog(conn, book, size.backlog + 1, size.backlog * size.growth)
        grown = [work.stored(size.rounds + number)[0] for number in range(size.rounds)]
    whole = Figure(
        stage="ingest",
        what=f"requests of {_BATCH}: read, tied to people, stored, committed",
        unit="events",
        items=size.events,
        rounds=work.ours,
        limit="COPY of all into the same tables",
        limit_items=size.events,
        limits=work.at_once,
        grown=grown,
        grown_items=size.events,
        growth=size.growth,
        growing="inbox",
    )
    return [whole, replace(whole, limit=f"COPY of {_BATCH} a commit into the same tables", limits=work.by_hundred)]


def backlog(conn: Connection, book: Rulebook, first: int, last: int) -> None:
    """Fill in events that wait in the inbox, with their message ids; commits."""
    given = {"workspace": book.workspace, "first": first, "last": last, "noon": NOON}
    conn.execute(SQL["fill_inbox"], given)
    conn.execute(SQL["fill_seen"], given)
    clean(conn, "inbox", "seen_message", "profile", "identifier")


class _Ingest:
    """The rounds of one run: what we took, and what COPY took for the same rows."""

    def __init__(self, conn: Connection, book: Rulebook, ground: Ground, events: int, knowing: int) -> None:
        self._conn = conn
        self._ref = WorkspaceRef(
            book.workspace, NAME, book.buckets, "Asia/Almaty", topic="offers", first_bucket=book.first_bucket
        )
        self._meter = ground.meter
        self._copying = Copying(conn, ground.meter)
        self._events = events
        self._knowing = knowing
        self.ours: list[Cost] = []
        self.at_once: list[Cost] = []
        self.by_hundred: list[Cost] = []

    def round(self, number: int) -> None:
        """Store a round's events, then copy their rows twice."""
        cost, since = self.stored(number)
        self.ours.append(cost)
        until = since + timedelta(minutes=59)
        self.at_once.append(self._copying.copied(self._copying.rows(since, until, self._events, "once")))
        self.by_hundred.append(self._copying.copied(self._copying.rows(since, until, self._events, "again"), _BATCH))

    def stored(self, number: int) -> tuple[Cost, datetime]:
        """Store a round's events; gives what it took, and the arrival of the first.

        Raises:
            RuntimeError: not every event was accepted, so that the figure would mean nothing.
        """
        since = NOON + timedelta(hours=1 + number)
        bodies = list(_bodies(number, self._events, self._knowing))
        accepted = 0

        def work() -> None:
            nonlocal accepted
            for place, body in enumerate(bodies):
                at = since + timedelta(milliseconds=place)
                reading = read_calls(body, path_kind="batch", received_at=at, source_key="bench", zone="UTC")
                accepted += store(self._conn, self._ref, reading.calls).accepted
                self._conn.commit()

        cost = self._meter.of(work)
        if accepted != self._events:
            raise RuntimeError(f"{accepted} of {self._events} events were accepted")
        return cost, since


def _bodies(number: int, events: int, knowing: int) -> Iterator[bytes]:
    """Requests of one hundred calls each."""
    for first in range(0, events, _BATCH):
        calls = [call(number, place, knowing, NOON) for place in range(first, min(first + _BATCH, events))]
        yield json.dumps({"batch": calls}).encode()
