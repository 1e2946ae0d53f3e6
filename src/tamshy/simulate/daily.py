"""A play from one look at experiments to the next: nothing between profiles interferes meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.advance import asks_for_best_hour, find_best_hour
from tamshy.domain.calendar import next_daily
from tamshy.look import run as look
from tamshy.look import trials, watched
from tamshy.simulate.settling import next_settling
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
    before: int = 0,
    since: datetime | None = None,
) -> Play:
    """Work as `work` does, with a stop wherever what some have done decides what becomes of others.

    That is a look at experiments and best hours at each 03:00 of the workspace, and whenever the rest of a broadcast learns what
    its trial has shown. What lies before a stop is all worked by then. A day on which nothing happens would show the same as the
    one before, and is not looked at.
    """
    timed = asks_for_best_hour(book)
    looks = timed or bool(watched(book))
    played = Play(until, 0, 0)
    conn = hands[0][0]
    done: datetime | None = None
    while looks or trials(book):
        coming = _coming(conn)
        if coming is None or coming > until:
            break
        done = coming if done is None else max(coming, done)
        daily = next_daily(done, book.settings.timezone) if looks else None
        stops = [at for at in (daily, next_settling(conn, book, done)) if at is not None]
        conn.commit()
        if not stops or min(stops) > until:
            break
        done = min(stops)
        made = before + played.passes // len(hands)
        played = both(played, work(book, done - _JUST_BEFORE, hands, progress, made, since), until)
        since = done - _JUST_BEFORE
        if done == daily:
            look(conn, book, done)
            if timed:
                find_best_hour(conn, book, done)
            conn.commit()
    return both(played, work(book, until, hands, progress, before + played.passes // len(hands), since), until)


def _coming(conn: Connection) -> datetime | None:
    row = conn.execute(_SQL["coming"]).fetchone()
    conn.commit()
    return row[0] if row is not None else None


def both(one: Play, other: Play, until: datetime) -> Play:
    """Two parts of a play as one."""
    return Play(until, one.passes + other.passes, one.items + other.items, one.missed + other.missed)
