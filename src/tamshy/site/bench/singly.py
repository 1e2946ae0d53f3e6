"""The step that most tools make: one person, one transaction. What a set at a time is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.site.bench.ground import clean
from tamshy.site.bench.shop import NOON, SQL

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_WINDOW: Final = Duration(days=-60)
_ENOUGH: Final = 2
_TARGETS: Final = {True: (2, Duration(days=30)), False: (3, Duration(days=31))}
"""Where the branch of the bench's flow leads, whether its condition holds or not: the step, and how long it waits there."""


class _Passing(Protocol):
    def passed(self, due: int) -> Cost:
        """Work what is due, a set at a time."""

    def put_back(self, due: int) -> Cost:
        """Set back what a round has changed."""


class Singly:
    """Works the bench's branch person by person: claims one, reads the profile, asks for events, writes where it goes, commits.

    On one connection with prepared statements, by the same keys and with the same settings as the passes beside it.
    """

    def __init__(self, conn: Connection, book: Rulebook) -> None:
        self._conn = conn
        self._book = book
        (self._version,) = (running.version for running in book.flows if running.name == "waiting")

    def round(self, passing: _Passing, ground: Ground, size: Size) -> Cost:
        """Work some of those due one by one and all others a set at a time, unmeasured; then put them back."""
        passing.passed(size.due)
        self._conn.commit()
        done = 0

        def work() -> None:
            nonlocal done
            bucket = self._book.first_bucket
            while done < size.singly:
                if self._step(bucket):
                    done += 1
                else:
                    bucket += 1

        cost = ground.meter.of(work)
        passing.passed(size.due - size.singly)
        clean(self._conn, "enrollment")
        passing.put_back(size.due)
        clean(self._conn, "enrollment")
        return cost

    def _step(self, bucket: int) -> bool:
        """One step of one person, if anybody is due in the bucket."""
        conn = self._conn
        given = {"bucket": bucket, "horizon": NOON, "version": self._version}
        claimed = conn.execute(SQL["singly_claim"], given).fetchone()
        if claimed is None:
            conn.commit()
            return False
        profile, enrollment, due_at, zone = claimed
        since = calendar.add(NOON, _WINDOW, zone)
        seen = conn.execute(
            SQL["singly_ask"], {"bucket": bucket, "profile": profile, "since": since, "horizon": NOON}
        ).fetchone()
        step, length = _TARGETS[seen is not None and seen[0] >= _ENOUGH]
        conn.execute(
            SQL["singly_move"],
            {
                "bucket": bucket,
                "profile": profile,
                "enrollment": enrollment,
                "step": step,
                "reached_at": due_at,
                "due_at": calendar.add(due_at, length, zone),
            },
        )
        conn.commit()
        return True
