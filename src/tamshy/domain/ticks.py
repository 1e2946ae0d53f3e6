"""When a schedule comes round: local readings of a clock, in whatever zone that is. Pure values; no clock, no zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from datetime import time

_FIELDS = 5
_ANY_DAY = datetime(2026, 1, 1)  # noqa: DTZ001 - readings of a local clock are naive
_SECOND = timedelta(seconds=1)


def cron_fault(expression: str) -> str | None:
    """What is wrong with a cron expression, or None: five fields, at most once an hour, and some day must fit it."""
    fields = expression.split()
    if len(fields) != _FIELDS:
        return "has five fields: minute, hour, day of the month, month, weekday"
    try:
        read = CronSim(expression, _ANY_DAY)
        if len(read.minutes) != 1:
            return "comes once an hour at most: its minute is one number"
        next(read)
    except CronSimError as error:
        return f"is wrong in its {str(error).removeprefix('Bad ')}"
    except StopIteration:
        return "never comes"
    return None


def cron_readings(expression: str, first: datetime) -> Iterator[datetime]:
    """The readings at which a good cron expression comes, from ``first`` on, which is in."""
    return iter(CronSim(expression, first - _SECOND))


def readings_between(readings: Iterable[datetime], first: datetime, last: datetime, more: int) -> list[datetime]:
    """Of readings in order those from ``first`` to ``last``, both in, and ``more`` behind them."""
    found: list[datetime] = []
    for reading in readings:
        if reading < first:
            continue
        if reading > last:
            if more <= 0:
                break
            more -= 1
        found.append(reading)
    return found


def yearly(month: int, day: int, years: Iterable[int]) -> Iterator[date]:
    """A date without a year in each of some years; 29 February on the 28th where there is none."""
    for year in years:
        try:
            yield date(year, month, day)
        except ValueError:
            yield date(year, month, day - 1)


def weekly(weekdays: AbstractSet[int], at: time, first: date) -> Iterator[datetime]:
    """The readings of a time of day on some ISO weekdays (empty: any), from the day ``first`` on, without an end."""
    day = first
    while True:
        if not weekdays or day.isoweekday() in weekdays:
            yield datetime.combine(day, at)
        day += timedelta(days=1)
