"""Ticks: when schedules come, worked out ahead and written down, so that a pass looks them up for a whole set."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.domain.ticks import cron_readings, readings_between, weekly, yearly
from tamshy.language.model import MonthDay, NewArrivals
from tamshy.sqlkit import queries, rows_json
from tamshy.trigger.sources import schedules, ticking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tamshy.language.model import ScheduleTrigger
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.trigger")
AHEAD: Final = timedelta(days=400)
"""How far ahead ticks are written in life; two more stand behind, so that the next is there for the rarest schedule."""
_RENEWED: Final = timedelta(days=370)
_MORE: Final = 2
_AROUND: Final = timedelta(days=2)
"""No clock is farther from UTC."""


def write_ticks(conn: Connection, book: Rulebook, first: datetime, last: datetime) -> int:
    """Write down when the schedules come from ``first`` to ``last`` in whatever zone, and twice after; returns how many are new."""
    begin, end = (moment.astimezone(UTC).replace(tzinfo=None) for moment in (first, last))
    rows = [
        {"mark": one.mark, "reading": reading.isoformat()}
        for one, trigger in ticking(book)
        for reading in readings_of(trigger, begin - _AROUND, end + _AROUND, _MORE)
    ]
    if not rows:
        return 0
    return conn.execute(_SQL["write_ticks"], {"workspace": book.workspace, "rows": rows_json(rows)}).rowcount


def renew_ticks(conn: Connection, book: Rulebook, now: datetime) -> int:
    """Write further ticks down where those that are there end too soon; returns how many."""
    ended = {one.mark for one, trigger in schedules(book) if trigger.times}
    marks = [one.mark for one, _ in ticking(book) if one.mark not in ended]
    if not marks:
        return 0
    soon = (now + _RENEWED).astimezone(UTC).replace(tzinfo=None)
    params = {"workspace": book.workspace, "marks": marks, "soon": soon}
    row = conn.execute(_SQL["ticks_end"], params).fetchone()
    return write_ticks(conn, book, now, now + AHEAD) if row is not None and row[0] else 0


def readings_of(trigger: ScheduleTrigger | NewArrivals, first: datetime, last: datetime, more: int) -> list[datetime]:
    """The naive readings at which a schedule comes from ``first`` to ``last``, both in, and ``more`` behind them.

    An offset in hours or less is not in them: it is elapsed time, and belongs to the moment.
    """
    if isinstance(trigger, NewArrivals):
        # Who was told at the last of them has the next one too: where there is none, it is forgotten that they were told.
        beyond = calendar.add(last.replace(tzinfo=UTC), calendar.bounded(trigger.every), "UTC").replace(tzinfo=None)
        return readings_between(weekly(trigger.on, trigger.at, first.date()), first, beyond, more)
    if trigger.cron is not None:
        return readings_between(cron_readings(trigger.cron, first), first, last, more)
    if trigger.times:
        return readings_between(sorted(set(trigger.times)), first, last, more)
    away = Duration(trigger.offset.months, trigger.offset.days)
    # An offset of so many years brings the days of other years here.
    years = abs(away.months) // 12 + abs(away.days) // 365 + 2
    days = _days(trigger, range(max(first.year - years, 1), min(last.year + years + more, 9998)))
    readings = {calendar.add(datetime.combine(day, trigger.at, UTC), away, "UTC").replace(tzinfo=None) for day in days}
    return readings_between(sorted(readings), first, last, more)


def _days(trigger: ScheduleTrigger, years: Iterable[int]) -> list[date]:
    found: list[date] = []
    for day in trigger.dates:
        found += list(yearly(day.month, day.day, years)) if isinstance(day, MonthDay) else [day]
    return found
