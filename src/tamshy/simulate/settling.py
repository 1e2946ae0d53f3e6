"""How far a play may go before the rest of a broadcast learns what its trial has shown."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tamshy.look import first_due, settled, trials
from tamshy.sqlkit import queries
from tamshy.trigger import marks_of

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.simulate")


def next_settling(conn: Connection, book: Rulebook, done: datetime) -> datetime | None:
    """A moment after ``done``, up to which all is worked, before which no trial can be settled; None: none ever is.

    It is the earliest at which somebody of a rest can be due: who waits already, and whoever may begin to wait, so long after that.
    """
    found: list[datetime] = []
    for place, split in trials(book):
        if split.winner is None or split.winner.after is None or settled(conn, book, split):
            continue
        after = split.winner.after
        # A day may be 23 hours, or begin elsewhere.
        slack = timedelta() if after.is_elapsed else timedelta(hours=2)
        least = timedelta(days=28 * after.months + after.days, seconds=after.seconds) - slack
        due = first_due(conn, book, place)
        params = {"marks": marks_of(place.running), "workspace": book.workspace, "done": done}
        row = conn.execute(_SQL["begins"], params).fetchone()
        found += [] if due is None else [due]
        found += [row[0] + least] if row is not None and row[0] is not None else []
    return min((at for at in found if at > done), default=None)
