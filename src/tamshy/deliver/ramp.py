"""How fast a backlog may leave: what is behind gets a moment of its own, one after the other, at a multiple of the usual rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.deliver.ledger import Mark
from tamshy.deliver.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.deliver.ledger import Row
    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)
LEAST_AN_HOUR: Final = 1000
"""The usual rate is never taken as less: a small or new shop need not wait."""
MEASURED: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_GRACE: Final = timedelta(minutes=1)
"""Who comes this much after their moment, or later, gets another: everybody's moments have gone by together."""


@dataclass(slots=True)
class Ramp:
    """The ramp of all processes, as one of them sees it; `times` None: none."""

    times: float | None
    again: timedelta = timedelta(minutes=10)
    """How long a measured rate is gone by."""
    _step: timedelta = field(default=timedelta(), init=False)
    _measured: datetime | None = field(default=None, init=False)

    def smoothed(self, conn: Connection, rows: Sequence[Row], marks: Sequence[Mark], now: datetime) -> list[Mark]:
        """Put off what is behind to moments of its own, in the transaction that claims it.

        What is in time, transactional, in doubt, or has come to its moment leaves at once.
        """
        late = [] if self.times is None else [n for n, mark in enumerate(marks) if _waits(rows[n], mark, now)]
        found = list(marks)
        if not late:
            return found
        if self._measured is None or now - self._measured > self.again:
            self._measure(conn, now)
        given = conn.execute(_QUERIES["next_moments"], {"now": now, "step": self._step, "count": len(late)}).fetchone()
        at = now if given is None else given[0]
        for number in late:
            if at > now:
                row = rows[number]
                found[number] = Mark(row.profile, row.message, "queued", Reason.SMOOTHED, at, row.fence, row.attempts)
            at += self._step
        return found

    @property
    def per_hour(self) -> float:
        """The rate as last measured, in messages an hour; 0 before that."""
        return _HOUR / self._step if self._step else 0.0

    def _measure(self, conn: Connection, now: datetime) -> None:
        row = conn.execute(_QUERIES["usual"], {"now": now, "since": now - MEASURED}).fetchone()
        usual = max(row[0] if row is not None else 0, LEAST_AN_HOUR)
        self._step = _HOUR / (usual * (self.times or 1.0))
        self._measured = now


def _waits(row: Row, mark: Mark, now: datetime) -> bool:
    """Whether a message that could leave has to wait for a moment, and is not at it."""
    if mark.state != "handing_over" or not row.behind:
        return False
    return not (row.smoothed and now - row.due_at < _GRACE)
