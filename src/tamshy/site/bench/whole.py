"""The whole way of a letter: accepted, rendered, handed over to Postfix's smtp-sink, recorded; by the product's own workers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Final

from tamshy.passes import Horizon, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.mailing import length_of_letter
from tamshy.site.bench.shop import NOON, SQL, enrolled, people
from tamshy.site.bench.sink import ABSENT, programs, sink
from tamshy.site.clock import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost, Meter
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sink import Sink
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_CONNECTIONS: Final = 16
"""As one would set them for a relay of one's own; Tamshy's default is 8."""
_LIMIT: Final = 5000
_LOOK_S: Final = 0.05
_STILL_S: Final = 60.0
"""Seconds without a mail after which a run is given up."""
_SAMPLES: Final = 10


def mail(ground: Ground, size: Size, say: Callable[[str], None]) -> list[Figure]:
    """Measure it, beside smtp-source into the same sink; nothing where Postfix is not installed.

    Raises:
        RuntimeError: a mail was lost, or handed over twice, or a worker ended: the figure would mean nothing.
    """
    found = programs()
    if found is None:
        say(f"mail: {ABSENT}")
        return []
    workers = os.cpu_count() or 1
    many = size.letters * size.growth
    with ground.shop("mail") as (conn, book), sink(found) as made:
        _decided(conn, book, size.letters * (1 + size.rounds) + many)
        length = length_of_letter()
        with _workers(ground.address("mail"), made.port, workers) as crew:
            way = _Way(conn, made, crew, ground.meter)
            way.go(size.letters)
            ours, limits = [], []
            for _ in range(size.rounds):
                ours.append(way.go(size.letters))
                limits.append(ground.meter.of(lambda: way.load(size.letters, length)))
            grown = way.go(many, sampled=True)
            way.check()
    return [
        Figure(
            stage="mail",
            what=f"a letter of {length / 1000:.0f} kB, from accepted to recorded as sent, {workers} workers",
            unit="mails",
            items=size.letters,
            rounds=ours,
            limit=f"smtp-source -s {_CONNECTIONS}, the same size",
            limit_items=size.letters,
            limits=limits,
            grown=[grown],
            grown_items=many,
            growth=size.growth,
            growing="accepted at once",
            memory=way.memory,
            note=f"{way.shown} mails in the ledger, each handed over once, and as many in the sink",
        )
    ]


@dataclass(slots=True)
class _Way:
    """A run: letters are let onto the way, and waited for at its end."""

    conn: Connection
    sink: Sink
    crew: _Crew
    meter: Meter
    shown: int = 0
    loaded: int = 0
    memory: dict[str, list[float]] = field(default_factory=dict)
    """Private memory in MiB, by what holds it, from the first mail of the largest go to its last."""

    def go(self, count: int, *, sampled: bool = False) -> Cost:
        """Let so many letters be found accepted, all at once, and wait until every one is settled."""
        return self.meter.of(lambda: self._go(count, sampled=sampled))

    def load(self, count: int, length: int) -> None:
        """Have smtp-source hand over so many messages."""
        self.sink.load(count, length, _CONNECTIONS)
        self.loaded += count

    def _go(self, count: int, *, sampled: bool) -> None:
        shown = self.conn.execute(SQL["show_messages"], {"count": count}).rowcount
        self.conn.commit()
        self.shown += shown
        if shown != count:
            raise RuntimeError(f"{shown} letters were accepted, and {count} should be")
        begin = before = self.sink.taken()
        moved, next_sample = time.monotonic(), 0.0
        # The database is asked only at the end: being asked is work too.
        while before - begin < count or self._under_way():
            time.sleep(_LOOK_S)
            self.crew.look()
            taken, now = self.sink.taken(), time.monotonic()
            if taken > before:
                before, moved = taken, now
            elif now - moved > _STILL_S:
                raise RuntimeError(f"no mail for {_STILL_S:.0f} seconds; the workers say: {self.crew.said()}")
            if sampled and taken - begin >= next_sample:
                self._sample()
                next_sample += count / _SAMPLES
        if sampled:
            self._sample()

    def _under_way(self) -> bool:
        row = self.conn.execute(SQL["mail_under_way"]).fetchone()
        self.conn.commit()
        return row is not None and bool(row[0])

    def _sample(self) -> None:
        for name, held in self.meter.held(self.crew.pids()).items():
            self.memory.setdefault(name, []).append(held)

    def check(self) -> None:
        """Count mails in the ledger and in the sink.

        Raises:
            RuntimeError: one was handed over twice, or not at all.
        """
        row = self.conn.execute(SQL["count_mails"]).fetchone()
        sent, decisions, attempts, doubts = row or (0, 0, 0, 0)
        taken = self.sink.taken() - self.loaded
        if (sent, decisions, attempts, doubts, taken) != (self.shown, self.shown, self.shown, 0, self.shown):
            raise RuntimeError(
                f"of {self.shown} letters {sent} were sent for {decisions} decisions, in {attempts} attempts with {doubts} doubts; "
                f"the sink has {taken}"
            )


def _decided(conn: Connection, book: Rulebook, count: int) -> None:
    """Have so many letters decided, by passes as in life, and keep them out of the press's sight."""
    people(conn, book, count, 0)
    enrolled(conn, book, "deciding", 1, count, 1)
    conn.execute(SQL["fill_baskets"], {})
    clean(conn, "profile", "entry", "enrollment")
    prepare(conn)
    horizon = Horizon(NOON, NOON - timedelta(seconds=60), _LIMIT)
    values = LiquidValues(book.settings)
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        while run(conn, book, bucket, 0, horizon, values).due:
            conn.commit()
        conn.commit()
    conn.execute(SQL["hide_messages"])
    clean(conn, "profile", "entry", "enrollment", "message")


@dataclass(frozen=True, slots=True)
class _Crew:
    """Worker processes, and the file that they write what they say into."""

    processes: list[subprocess.Popen[bytes]]
    words: IO[bytes]

    def pids(self) -> list[int]:
        """Their process ids."""
        return [process.pid for process in self.processes]

    def said(self) -> str:
        """The last of what they have said."""
        size = os.fstat(self.words.fileno()).st_size
        return os.pread(self.words.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")

    def look(self) -> None:
        """Make sure that all are there.

        Raises:
            RuntimeError: one has ended.
        """
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError(f"a worker has ended; it said: {self.said()}")


@contextmanager
def _workers(dsn: str, port: int, count: int) -> Iterator[_Crew]:
    """Run worker processes, as `tamshy serve` does, for a `with` block; they end in order, with nothing in hand."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TAMSHY_")},
        "DATABASE_URL": dsn,
        "TAMSHY_SECRET_KEY": "a secret of a benchmark, long enough",
        "TAMSHY_BASE_URL": "https://mail.bench.example",
        "TAMSHY_SMTP_URL": f"smtp://127.0.0.1:{port}?connections={_CONNECTIONS}",
        "TAMSHY_CLOCK": running(NOON, 1.0).text(),
        # The letters wait here on purpose; the ramp would take those that wait for ten minutes for a backlog, and spread them.
        "TAMSHY_RAMP": "off",
    }
    command = [sys.executable, "-m", "tamshy.site.cli", "worker", "--follow", str(os.getpid())]
    with tempfile.TemporaryFile() as words:
        processes = [subprocess.Popen(command, env=environment, stderr=words) for _ in range(count)]
        try:
            yield _Crew(processes, words)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
