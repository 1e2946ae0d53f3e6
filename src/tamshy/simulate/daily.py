"""A play from one daily look at experiments to the next: nothing between profiles interferes meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.look import next_look, watched
from tamshy.look import run as look
from tamshy.simulate.working import Play, work
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tamshy.passes.rendering import Press
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.simulate")
_JUST_BEFORE: Final = timedelta(microseconds=1)


def work_daily(
    book: Rulebook,
    until: datetime,
    hands: Sequence[tuple[Connection, Press]],
    progress: Callable[[datetime, int], None],
) -> Play:
    """Work as `work` does, with a look at the experiments at each 03:00 of the workspace.

    What lies before a look is all worked by then. A day on which nothing happens would show the same as the one before, and is not
    looked at.
    """
    looks = bool(watched(book))
    played = Play(until, 0, 0)
    conn = hands[0][0]
    looked: datetime | None = None
    while looks:
        coming = _coming(conn)
        if coming is None or coming > until:
            break
        at = next_look(coming if looked is None else max(coming, looked), book.settings.timezone)
        if at > until:
            break
        played = _both(played, work(book, at - _JUST_BEFORE, hands, progress, played.passes // len(hands)), until)
        look(conn, book, at)
        conn.commit()
        looked = at
    return _both(played, work(book, until, hands, progress, played.passes // len(hands)), until)


def _coming(conn: Connection) -> datetime | None:
    row = conn.execute(_SQL["coming"]).fetchone()
    conn.commit()
    return row[0] if row is not None else None


def _both(one: Play, other: Play, until: datetime) -> Play:
    return Play(until, one.passes + other.passes, one.items + other.items, one.missed + other.missed)
