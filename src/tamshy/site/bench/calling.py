"""Ingest as a shop's clients see it: over HTTP, by a web process, beside COPY; and on to the flows, by a worker.

Load generator, web process, worker and PostgreSQL share the machine, and all of them count.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Final, Self

from tamshy import sqlkit
from tamshy.accounts import KeyKind, add_key
from tamshy.site.bench.copying import Copying
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.ingesting import backlog
from tamshy.site.bench.living import web, workers
from tamshy.site.bench.loading import Load, loader
from tamshy.site.bench.shop import SQL, people
from tamshy.site.clock import Clock
from tamshy.site.configuration import Configuration
from tamshy.site.founding import found

if TYPE_CHECKING:
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.loading import Answered
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_CLOCK: Final = Clock()
_KEY: Final = "bench-write-key"
_PEOPLE: Final = 20_000
_TOGETHER: Final = 100
_BATCHES_AT_ONCE: Final = 8
_SINGLES_AT_ONCE: Final = 32
_RATE: Final = 8000
"""Events a second that are sent while a worker takes them in."""
_NAMES: Final = ("Product Viewed", "Product Added", "Product Viewed", "Product Added", "Checkout Started")
"""What they are: of five, one may start a flow."""
_LOOK_S: Final = 0.25
_LATE_S: Final = 120.0
"""How long after the last answer everything has to be taken in."""


def http(ground: Ground, size: Size) -> list[Figure]:
    """Measure requests over HTTP: batches, single calls, and what a worker makes of them meanwhile."""
    with ground.shop("http") as (conn, book), ExitStack() as stack:
        knowing = min(size.profiles, _PEOPLE)
        people(conn, book, knowing, 0)
        backlog(conn, book, 1, size.backlog)
        dsn = ground.address("http")
        configuration = Configuration(database_url=dsn, secret_key=secrets.token_hex(32))
        found(dsn, configuration, _CLOCK.real())
        add_key(conn, book.workspace, KeyKind.WRITE, _KEY, name="bench", now=_CLOCK.real())
        conn.commit()
        port = stack.enter_context(web(configuration))
        run = _Run(conn, ground, port, knowing)
        batches = [run.beside_copy(size.events * 4, _TOGETHER, _BATCHES_AT_ONCE) for _ in range(size.rounds)]
        singles = [run.beside_copy(size.events, 1, _SINGLES_AT_ONCE) for _ in range(size.rounds)]
        conn.execute(SQL["empty_inbox"])
        clean(conn, "inbox", "seen_message")
        through = run.taken_in(configuration, size.events * 16)
    whole = _figure(f"requests of {_TOGETHER}, {_BATCHES_AT_ONCE} at once", size.events * 4, batches)
    return [
        replace(whole, limit="COPY of all into the same tables"),
        replace(
            _figure(f"single calls, {_SINGLES_AT_ONCE} at once", size.events, singles),
            limit="COPY of all into the same tables",
        ),
        through,
    ]


@dataclass(frozen=True, slots=True)
class _Round:
    """One round: what it took, what was answered, and what COPY took for the same rows."""

    cost: Cost
    answered: Answered
    copied: Cost


def _figure(what: str, events: int, rounds: list[_Round]) -> Figure:
    answered = [one.answered for one in rounds]
    p50, p99 = (median(values) for values in ([one.p50 for one in answered], [one.p99 for one in answered]))
    return Figure(
        stage="http",
        what=f"{what}, until 200: p50 {p50:.0f} ms, p99 {p99:.0f} ms",
        unit="events",
        items=events,
        rounds=[one.cost for one in rounds],
        limit="",
        limit_items=events,
        limits=[one.copied for one in rounds],
        note=f"longest answers in ms: {', '.join(f'{one.longest:.0f}' for one in answered)}",
    )


class _Run:
    """The rounds over one web process."""

    def __init__(self, conn: Connection, ground: Ground, port: int, knowing: int) -> None:
        self._conn = conn
        self._ground = ground
        self._port = port
        self._knowing = knowing
        self._number = 0
        self._copying = Copying(conn, ground.meter)
        self._sent(_TOGETHER, 1, _TOGETHER)

    def beside_copy(self, events: int, together: int, at_once: int) -> _Round:
        """Send events, and copy the same rows."""
        since = _CLOCK.real()
        cost, answered = self._sent(events, together, at_once)
        rows = self._copying.rows(since, _CLOCK.real(), events, "copied")
        return _Round(cost, answered, self._copying.copied(rows))

    def taken_in(self, configuration: Configuration, events: int) -> Figure:
        """Send events at a steady rate while a worker takes them in, until it has them all."""
        with workers(configuration, 1), _Lag(configuration.database_url) as lag:
            self._sent(events // 8, _TOGETHER, _BATCHES_AT_ONCE, _RATE // 4)
            lag.wait_until_empty()
            lag.seen.clear()
            answered: list[Answered] = []

            def work() -> None:
                answered.append(self._sent(events, _TOGETHER, _BATCHES_AT_ONCE, _RATE)[1])
                lag.wait_until_empty()

            cost = self._ground.meter.of(work)
        seen = sorted(lag.seen)
        rows = self._copying_of(events)
        return Figure(
            stage="http",
            what=(
                f"{_RATE:,} events a second sent for {events / _RATE:.0f} s, to trigger and enroll: lag p50"
                f" {seen[len(seen) // 2]:.1f} s, longest {seen[-1]:.1f} s"
            ),
            unit="events",
            items=events,
            rounds=[cost],
            limit="COPY of all into the same tables",
            limit_items=events,
            limits=[rows],
            note=f"answers in ms: p50 {answered[0].p50:.0f}, p99 {answered[0].p99:.0f}",
        )

    def _copying_of(self, events: int) -> Cost:
        """Send as many once more with no worker, for the rows to copy: those before have been taken in."""
        return self.beside_copy(events, _TOGETHER, _BATCHES_AT_ONCE).copied

    def _sent(self, events: int, together: int, at_once: int, rate: int = 0) -> tuple[Cost, Answered]:
        self._number += 1
        names = _NAMES if rate else ("Product Added",)
        load = Load(
            self._port,
            _KEY,
            self._number,
            events,
            together,
            at_once,
            self._knowing,
            _CLOCK.real().isoformat(),
            names,
            rate,
        )
        answered: list[Answered] = []
        with loader(load) as ready:
            cost = self._ground.meter.of(lambda: answered.append(ready.go()))
        return cost, answered[0]


@dataclass
class _Lag:
    """Looks, a few times a second, for how long the oldest event has been waiting in the inbox."""

    dsn: str
    seen: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._stop = threading.Event()
        self._empty = threading.Event()
        self._thread = threading.Thread(target=self._look, name="lag")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def wait_until_empty(self) -> None:
        """Wait until nothing is left in the inbox.

        Raises:
            RuntimeError: that took too long, so that the figure would mean nothing.
        """
        self._empty.clear()
        if not self._empty.wait(_LATE_S):
            raise RuntimeError(f"after {_LATE_S:.0f} s there are still events that nobody has taken in")

    def _look(self) -> None:
        with sqlkit.connect(self.dsn, autocommit=True) as conn:
            while not self._stop.wait(_LOOK_S):
                row = conn.execute(SQL["oldest"]).fetchone()
                oldest = row[0] if row else None
                self.seen.append((_CLOCK.real() - oldest).total_seconds() if oldest else 0.0)
                if oldest is None:
                    self._empty.set()
