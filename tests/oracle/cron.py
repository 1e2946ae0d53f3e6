"""Times of a cron expression: minute, hour, day of the month, month, weekday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from functools import cache

from tests.oracle.almanac import WEEKDAYS

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True)
class Cron:
    """What the five fields allow."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 1 is Monday, 7 Sunday
    any_day: bool
    any_weekday: bool

    def times(self, day: date) -> list[time]:
        """The times of a day, none where it is not the day; a day of both kinds that are given is one of either."""
        of_month, of_week = day.day in self.days, day.isoweekday() in self.weekdays
        fits = of_month or of_week if not (self.any_day or self.any_weekday) else of_month and of_week
        if day.month not in self.months or not fits:
            return []
        return [time(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)]


@cache
def cron(text: str) -> Cron:
    """Read ``0 9 * * mon``."""
    minute, hour, day, month, weekday = text.lower().split()
    named = {name: n + 1 for n, name in enumerate(WEEKDAYS)}
    return Cron(
        _field(minute, 0, 59, {}),
        _field(hour, 0, 23, {}),
        _field(day, 1, 31, {}),
        _field(month, 1, 12, {name: n + 1 for n, name in enumerate(MONTHS)}),
        frozenset(n or 7 for n in _field(weekday, 0, 7, named)),
        day.startswith("*"),
        weekday.startswith("*"),
    )


def _field(text: str, low: int, high: int, named: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first == "*" else named.get(first) or int(first)
        end = high if first == "*" or (step and not dash) else begin
        end = (named.get(last) or int(last)) if dash else end
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)
