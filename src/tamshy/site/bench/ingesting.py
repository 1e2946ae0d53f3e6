"""Ingest: requests of 100 calls read, tied to their people and stored, beside COPY of the same rows into the same tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.ingest import WorkspaceRef, read_calls, store
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.shop import NAME, NOON, SQL, event_properties, people

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_BATCH: Final = 100
_PEOPLE: Final = 20_000
_SEEN: Final = "workspace, md5(digest::text)::uuid, seen_at"
_INBOX: Final = (
    "bucket, profile, moment, emitted, ord, id, workspace, kind, origin, name, occurred_at, properties, context, facts"
)
_COPIED: Final = _INBOX.replace(" id,", " md5(id::text)::uuid,")


def ingest(ground: Ground, size: Size) -> list[Figure]:
    """Measure storing, as a whole and by the hundred."""
    with ground.shop("ingest") as (conn, book):
        knowing = min(size.profiles, _PEOPLE)
        people(conn, book, knowing, 0)
        _backlog(conn, book, 1, size.backlog)
        work = _Ingest(conn, book, ground, size.events, knowing)
        for number in range(size.rounds):
            work.round(number)
        _backlog(conn, book, size.backlog + 1, size.backlog * size.growth)
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


def _backlog(conn: Connection, book: Rulebook, first: int, last: int) -> None:
    given = {"workspace": book.workspace, "first": first, "last": last, "noon": NOON}
    conn.execute(SQL["fill_inbox"], given)
    conn.execute(SQL["fill_seen"], given)
    clean(conn, "inbox", "seen_message", "profile", "identifier")


class _Ingest:
    """The rounds of one run: what we took, and what COPY took for the same rows under other ids."""

    def __init__(self, conn: Connection, book: Rulebook, ground: Ground, events: int, knowing: int) -> None:
        self._conn = conn
        self._ref = WorkspaceRef(
            book.workspace, NAME, book.buckets, "Asia/Almaty", topic="offers", first_bucket=book.first_bucket
        )
        self._meter = ground.meter
        self._events = events
        self._knowing = knowing
        self.ours: list[Cost] = []
        self.at_once: list[Cost] = []
        self.by_hundred: list[Cost] = []

    def round(self, number: int) -> None:
        """Store a round's events, then copy their rows twice."""
        cost, since = self.stored(number)
        self.ours.append(cost)
        rows = self._rows(since)
        self.at_once.append(self._copied([rows]))
        rows = self._rows(since, twice=True)
        pieces = [
            (rows[0][place : place + _BATCH], rows[1][place : place + _BATCH])
            for place in range(0, self._events, _BATCH)
        ]
        self.by_hundred.append(self._copied(pieces))

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

    def _rows(self, since: datetime, *, twice: bool = False) -> tuple[list[bytes], list[bytes]]:
        """Read back what storing has left, under new ids."""
        seen = _SEEN.replace("digest::text", "digest::text || 'again'") if twice else _SEEN
        inbox = _COPIED.replace("id::text", "id::text || 'again'") if twice else _COPIED
        span = f"between '{since.isoformat()}' and '{(since + timedelta(minutes=59)).isoformat()}'"
        limit = f"limit {self._events}"
        # Of this module's own words alone; COPY takes no parameters.
        found = (
            self._out(f"select {seen} from seen_message where seen_at {span} order by ctid {limit}"),  # noqa: S608
            self._out(f"select {inbox} from inbox where moment {span} order by ctid {limit}"),  # noqa: S608
        )
        self._conn.rollback()
        return found

    def _out(self, query: str) -> list[bytes]:
        with self._conn.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout".encode()) as copy:
            return b"".join(bytes(piece) for piece in copy).splitlines(keepends=True)

    def _copied(self, pieces: Sequence[tuple[list[bytes], list[bytes]]]) -> Cost:
        texts = [(b"".join(seen), b"".join(inbox)) for seen, inbox in pieces]

        def work() -> None:
            for seen, inbox in texts:
                with self._conn.cursor() as cursor:
                    with cursor.copy(b"copy seen_message from stdin") as copy:
                        copy.write(seen)
                    with cursor.copy(f"copy inbox ({_INBOX}) from stdin".encode()) as copy:
                        copy.write(inbox)
                self._conn.commit()

        return self._meter.of(work)


def _bodies(number: int, events: int, knowing: int) -> Iterator[bytes]:
    """Requests of one hundred calls each, of known people, about 600 bytes a call."""
    at = NOON.isoformat()
    for first in range(0, events, _BATCH):
        calls = []
        for place in range(first, min(first + _BATCH, events)):
            person = 1 + (place * 7919 + number) % knowing
            properties = event_properties(place)
            properties["products"] = properties["products"][:1]  # type: ignore[index]  # a list, as made above
            calls.append(
                {
                    "type": "track",
                    "messageId": f"m-{number}-{place}",
                    "userId": f"p{person}",
                    "event": "Product Added",
                    "timestamp": at,
                    "properties": properties,
                    "context": {"library": {"name": "bench"}, "page": {"url": "https://bench.example/p/1"}},
                }
            )
        yield json.dumps({"batch": calls}).encode()
