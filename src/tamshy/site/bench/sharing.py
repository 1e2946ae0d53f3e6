"""Workers: the same backlog of the busy shop, worked by one worker process, by two, and by three."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.site.bench import busy
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.living import configured, workers
from tamshy.site.bench.shop import SQL, people
from tamshy.site.clock import Clock

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_EVENTS: Final = {"tiny": 200, "short": 2000, "full": 20_000}
_ROUNDS: Final = {"tiny": 1, "short": 3, "full": 5}
_MOST: Final = 3
_PEOPLE: Final = 20_000
_PAST: Final = 10
_LOOK_S: Final = 0.02
_WITHIN_S: Final = 600.0


def share(ground: Ground, size: Size) -> list[Figure]:
    """Measure what a second worker does on top of one, and what a third does to two."""
    events, rounds = _EVENTS[size.name], _ROUNDS[size.name]
    took: dict[int, list[Cost]] = {count: [] for count in range(1, _MOST + 1)}
    with ground.shop("share") as (conn, _):
        book = busy.open_shop(conn)
        people(conn, book, min(size.profiles, _PEOPLE), _PAST)
        configuration, _key = configured(conn, book, ground.dsn)
        number = 0
        for _ in range(rounds):
            for count, costs in took.items():
                number += 1
                conn.execute(SQL["end_all"])
                clean(conn, "profile", "event", "entry", "enrollment", "message", "inbox", "journal")
                with workers(configuration, count):
                    costs.append(ground.meter.of(_Backlog(conn, book, events, number).worked))
    return [
        _figure(
            events, "two workers over one backlog, received to rendered", took[2], "one worker over as much", took[1]
        ),
        _figure(events, "three workers over one backlog", took[3], "two workers over as much", took[2]),
    ]


def _figure(events: int, what: str, ours: list[Cost], limit: str, limits: list[Cost]) -> Figure:
    return Figure(
        stage="workers",
        what=what,
        unit="events",
        items=events,
        rounds=ours,
        limit=limit,
        limit_items=events,
        limits=limits,
    )


class _Backlog:
    """So many events that arrive at once, and the wait until all that follows from them at once is done."""

    def __init__(self, conn: Connection, book: Rulebook, events: int, number: int) -> None:
        self._conn = conn
        self._book = book
        self._events = events
        self._number = number

    def worked(self) -> None:
        """Let them arrive, and wait.

        Raises:
            RuntimeError: it takes too long, or something else was worked than has arrived.
        """
        moment = Clock().real()
        given = {"moment": moment, "round": self._number, "count": self._events}
        filled = self._conn.execute(SQL["fill_busy"], given).rowcount
        self._conn.commit()
        begun = time.monotonic()
        with sqlkit.connect(self._conn.info.dsn, autocommit=True) as looking:
            # What waits in a flow until later is no part of it, however long this takes.
            while not self._done(looking, moment):
                if time.monotonic() - begun > _WITHIN_S:
                    raise RuntimeError(f"after {_WITHIN_S:.0f} s the backlog is not worked")
                time.sleep(_LOOK_S)
        if filled != self._events:
            raise RuntimeError(f"{filled} events arrived, and {self._events} were meant to")

    def _done(self, looking: Connection, moment: datetime) -> bool:
        row = looking.execute(SQL["done"], {"horizon": moment}).fetchone()
        return bool(row and row[0])
