"""Lag: a steady stream of calls over HTTP, of a usual day and of a rush, into a shop with twenty flows: from arrival to decision.

Web process, as many workers as there are processors, PostgreSQL and the client share the machine. Watched are some of the orders,
each answered by a receipt at once: from the arrival that Tamshy has written down to the look at the database that finds the mail
decided and rendered.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Final, Self

import orjson

from tamshy import sqlkit
from tamshy.domain.ids import bucket_of, event_id, profile_id
from tamshy.site.bench import busy
from tamshy.site.bench.cost import Cost
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.living import WRITE_KEY, configured, web, workers
from tamshy.site.bench.shop import NAME, SQL, people
from tamshy.site.clock import Clock

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.site.configuration import Configuration

_SECONDS: Final = {"tiny": 2, "short": 60, "full": 600}
_RATES: Final = {"tiny": 200}
_RATE: Final = 1000
"""Calls a second."""
_TOGETHER: Final = 20
"""Calls in a request."""
_CONNECTIONS: Final = 8
_PEOPLE: Final = 20_000
_PAST: Final = 10
_WARM_S: Final = 5
_WORKERS: Final = os.cpu_count() or 1
_LOOK_S: Final = 0.1
"""Seconds between two looks: fifty of them a second took a tenth of what PostgreSQL did."""
_LATE_S: Final = 120.0
"""How long after the last call everything watched has to be decided."""


def lag(ground: Ground, size: Size) -> list[Figure]:
    """Measure how long a decision takes to follow its event, under a steady stream: of a usual day, and of a rush."""
    return [
        _measured(ground, size, busy.USUAL, "of a usual day"),
        _measured(ground, size, busy.RUSH, "of a rush"),
    ]


def _measured(ground: Ground, size: Size, day: busy.Day, name: str) -> Figure:
    seconds, rate = _SECONDS[size.name], _RATES.get(size.name, _RATE)
    with ground.shop("lag") as (conn, _):
        book = busy.open_shop(conn)
        knowing = min(size.profiles, _PEOPLE)
        people(conn, book, knowing, _PAST)
        clean(conn, "profile", "identifier", "event")
        configuration, key = configured(conn, book, ground.dsn)
        with web(configuration) as port, workers(configuration, _WORKERS):
            stream = _Stream(configuration, book, port, day, knowing, rate, str(key))
            stream.run(min(_WARM_S, seconds))
            lags: list[float] = []
            before = _decisions(conn)
            cost = ground.meter.of(lambda: lags.extend(stream.run(seconds)))
            decided = (_decisions(conn) - before) / cost.wall
    return _figure(seconds, rate, name, cost, sorted(lags), stream.sent_in, decided)


def _decisions(conn: sqlkit.Connection) -> int:
    row = conn.execute("select count(*) from message").fetchone()
    conn.commit()
    return 0 if row is None else int(row[0])


def _figure(
    seconds: int, rate: int, name: str, cost: Cost, lags: list[float], sent_in: float, decided: float
) -> Figure:
    p50, p99 = (lags[min(len(lags) - 1, int(len(lags) * part))] for part in (0.5, 0.99))
    return Figure(
        stage="lag",
        what=(
            f"{rate:,} calls a second {name} for {seconds} s, 20 flows, {_WORKERS} workers, event to decision: p50 {p50:.2f} s,"
            f" p99 {p99:.2f} s, longest {lags[-1]:.2f} s"
        ),
        unit="calls",
        items=seconds * rate,
        rounds=[cost],
        limit="the pace that was asked for",
        limit_items=seconds * rate,
        limits=[Cost(float(seconds), None, None)],
        note=f"{len(lags)} decisions watched of {decided:.0f} mails a second; sent in {sent_in:.1f} s",
    )


class _Stream:
    """Calls at a steady pace, and what became of those that are watched."""

    def __init__(
        self,
        configuration: Configuration,
        book: Rulebook,
        port: int,
        day: busy.Day,
        knowing: int,
        rate: int,
        source: str,
    ) -> None:
        self._configuration = configuration
        self._book = book
        self._port = port
        self._day = day
        self._knowing = knowing
        self._rate = rate
        self._source = source
        self._next = 0
        self._links = threading.local()
        self._opened: list[HTTPConnection] = []
        self.sent_in = 0.0

    def run(self, seconds: int) -> list[float]:
        """Send for so long, and wait until all that is watched is decided; gives the lags in seconds.

        Raises:
            RuntimeError: a call was refused, or something watched is not decided, so that the figure would mean nothing.
        """
        requests = seconds * self._rate // _TOGETHER
        with _Watch(self._configuration.database_url, self._book) as watch, ThreadPoolExecutor(_CONNECTIONS) as threads:
            begun = time.monotonic()
            answers = []
            for place in range(requests):
                due = begun + place * _TOGETHER / self._rate
                time.sleep(max(0.0, due - time.monotonic()))
                watched = watch if place % self._day.watched == 0 else None
                answers.append(threads.submit(self._send, self._next, watched))
                self._next += _TOGETHER
            for answer in answers:
                answer.result()
            for link in self._opened:
                link.close()
            self.sent_in = time.monotonic() - begun
            return watch.finished()

    def _send(self, first: int, watch: _Watch | None) -> None:
        link = getattr(self._links, "link", None)
        if link is None:
            link = self._links.link = HTTPConnection("127.0.0.1", self._port, timeout=_LATE_S)
            self._opened.append(link)
        body = orjson.dumps({"batch": list(busy.calls(first, _TOGETHER, self._knowing, self._day))})
        link.request("POST", "/v1/batch", body, {"Content-Type": "application/json", "X-Write-Key": WRITE_KEY})
        answer = link.getresponse()
        said = answer.read()
        if answer.status != 200:  # noqa: PLR2004 - as clients read it
            raise RuntimeError(f"a request was answered {answer.status}: {said[:200]!r}")
        if watch is not None:
            number = next((number for number in range(first, first + _TOGETHER) if self._day.is_order(number)), None)
            if number is None:
                return
            profile = profile_id(NAME, f"user_id:{busy.person(number, self._knowing)}")
            watch.add(profile, event_id(self._source, f"busy-{number}"))


class _Watch:
    """Looks again and again whether orders have been answered."""

    def __init__(self, dsn: str, book: Rulebook) -> None:
        self._dsn = dsn
        self._book = book
        self._open: dict[UUID, dict[str, object]] = {}
        self._lags: list[float] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread = threading.Thread(target=self._look, name="watch")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join()

    def add(self, profile: UUID, event: UUID) -> None:
        """Watch an order of a profile."""
        bucket = bucket_of(profile, self._book.first_bucket, self._book.buckets)
        with self._changed:
            self._open[event] = {"bucket": bucket, "profile": profile, "event": event}

    def finished(self) -> list[float]:
        """Wait until everything watched is decided; gives the lags in seconds.

        Raises:
            RuntimeError: that takes too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open or not self._thread.is_alive(), _LATE_S):
                raise RuntimeError(f"{len(self._open)} orders are not answered {_LATE_S:.0f} s after the last call")
            return list(self._lags)

    def _look(self) -> None:
        clock = Clock()
        with sqlkit.connect(self._dsn, autocommit=True, application="tamshy bench") as conn:
            while not self._stop.wait(_LOOK_S):
                with self._changed:
                    rows = list(self._open.values())
                if not rows:
                    continue
                given = {"rows": sqlkit.rows_json(rows), "flow": busy.RECEIPT}
                found = conn.execute(SQL["answered"], given).fetchall()
                now = clock.real()
                with self._changed:
                    for event, received_at in found:
                        del self._open[event]
                        self._lags.append((now - received_at).total_seconds())
                    self._changed.notify_all()
