"""The oracle's own calendar: instants are whole milliseconds since 1970 in UTC.

Rules of the section *Values* (durations, gaps, folds, clamping) and numbers 8, 11 and 19.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks are naive here on purpose
_FIRST = -62_000_000_000_000  # in the year 5
_LAST = 253_300_000_000_000  # in the year 9996
_PART = re.compile(r"(\d+)(mo|y|w|d|h|m|s)")
_DURATION = re.compile(r"-?(?:\d+(?:mo|y|w|d|h|m|s))+")
_STAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?\s*([Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?"
)
_MONTH_DAY = re.compile(r"(\d{2})-(\d{2})")


@dataclass(frozen=True)
class Duration:
    """A duration: calendar months and days, then elapsed milliseconds (rule 11)."""

    months: int
    days: int
    millis: int


@cache
def duration(text: object) -> Duration:
    """Read ``1d12h``; a leading minus turns every part round. Raises ValueError on anything else."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        message = f"not a duration: {text!r}"
        raise ValueError(message)
    sign = -1 if text.startswith("-") else 1
    months = days = millis = 0
    for digits, unit in _PART.findall(text):
        n = sign * int(digits)
        if unit == "y":
            months += 12 * n
        elif unit == "mo":
            months += n
        elif unit == "w":
            days += 7 * n
        elif unit == "d":
            days += n
        else:
            millis += n * {"h": 3_600_000, "m": 60_000, "s": 1_000}[unit]
    return Duration(months, days, millis)


def negated(length: Duration) -> Duration:
    """The same length backwards."""
    return Duration(-length.months, -length.days, -length.millis)


@cache
def _zone_names() -> frozenset[str]:
    text = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(text.split())


@cache
def zone(name: object) -> ZoneInfo | None:
    """The zone of that name in the program's own tzdata (rule 11), or None where it is unknown."""
    if not isinstance(name, str) or name not in _zone_names():
        return None
    *folders, last = name.split("/")
    package = ".".join(["tzdata", "zoneinfo", *folders])
    with importlib.resources.files(package).joinpath(last).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def wall(moment: int, tz: ZoneInfo) -> datetime:
    """The wall clock (naive) in a zone at an instant, kept off the ends of the calendar."""
    moment = max(_FIRST, min(_LAST, moment))
    return (_EPOCH + timedelta(milliseconds=moment)).astimezone(tz).replace(tzinfo=None, fold=0)


def _offset(clock: datetime, tz: ZoneInfo, fold: int) -> int:
    found = clock.replace(tzinfo=tz, fold=fold).utcoffset()
    assert found is not None
    return round(found.total_seconds() * 1000)


def _offset_at(moment: int, tz: ZoneInfo) -> int:
    found = (_EPOCH + timedelta(milliseconds=moment)).astimezone(tz).utcoffset()
    assert found is not None
    return round(found.total_seconds() * 1000)


@cache
def instant(clock: datetime, tz: ZoneInfo) -> int:
    """The instant of a wall clock: the first of two, and the end of the gap where there is none."""
    naive = (clock - _NAIVE_EPOCH) // timedelta(milliseconds=1)
    before, after = _offset(clock, tz, 0), _offset(clock, tz, 1)
    if before >= after:  # an ordinary time, or one that exists twice: the first
        return naive - before
    # A gap: halve the span in which the offset changes until the very moment of change is left.
    low, high = naive - after, naive - before
    while high - low > 1:
        middle = (low + high) // 2
        if _offset_at(middle, tz) == _offset_at(low, tz):
            low = middle
        else:
            high = middle
    return high


def _clamped(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def moved(day: date, length: Duration) -> date:
    """The day a duration's calendar parts later."""
    return _clamped(day, length.months) + timedelta(days=length.days)


def add(moment: int, length: Duration, tz: ZoneInfo) -> int:
    """The instant a duration later: calendar parts first, in the zone, then the elapsed ones."""
    if length.months or length.days:
        clock = wall(moment, tz)
        moment = instant(datetime.combine(moved(clock.date(), length), clock.time()), tz)
    return moment + length.millis


def back(moment: int, length: Duration, tz: ZoneInfo) -> int:
    """The instant a duration earlier."""
    return add(moment, negated(length), tz)


def changes(moment: int, tz: ZoneInfo) -> list[tuple[int, int]]:
    """The change of the zone's offset within three hours of a moment, if there is one, and by how much."""
    low, high = moment - 3 * 3_600_000, moment + 3 * 3_600_000
    before, after = _offset_at(low, tz), _offset_at(high, tz)
    if before == after:
        return []
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset_at(middle, tz) == before else (low, middle)
    return [(high, abs(after - before))]


def lets_go(moment: int, length: Duration, tz: ZoneInfo, after: int) -> int:
    """The first instant after ``after`` from which a duration back is no earlier than the moment: looked for, minute by minute.

    The way back is not always the way there: an hour may come twice or be left out in between, and months clamp.
    """
    usual = add(moment, length, tz)
    if not (length.months or length.days):
        return max(usual, after + 1)
    before = max(after, usual - 2 * 3_600_000)
    tried = before + 1
    while back(tried, length, tz) < moment:
        before, tried = tried, (tried // 60_000 + 1) * 60_000
    while tried - before > 1:
        middle = (tried + before) // 2
        before, tried = (middle, tried) if back(middle, length, tz) < moment else (before, middle)
    return tried


@cache
def clock_time(text: str) -> time:
    """A time of day such as ``09:00``."""
    hours, minutes = text.split(":")[:2]
    return time(int(hours), int(minutes))


def next_clock(moment: int, at: time, days: list[str] | None, tz: ZoneInfo) -> int:
    """When that local time next comes round, on one of the weekdays; exactly then counts."""
    first = wall(moment, tz).date() - timedelta(days=1)
    for n in range(20):
        day = first + timedelta(days=n)
        if days and WEEKDAYS[day.weekday()] not in days:
            continue
        candidate = instant(datetime.combine(day, at), tz)
        if candidate >= moment:
            return candidate
    message = f"no such day in {days!r}"
    raise ValueError(message)


def quiet_until(moment: int, start: time, end: time, tz: ZoneInfo) -> int | None:
    """The end of the quiet hours the instant lies in (from included, to excluded), else None."""
    if start == end:
        return None
    today = wall(moment, tz).date()
    for n in (-1, 0):
        day = today + timedelta(days=n)
        closing = day if start < end else day + timedelta(days=1)
        begins = instant(datetime.combine(day, start), tz)
        ends = instant(datetime.combine(closing, end), tz)
        if begins <= moment < ends:
            return ends
    return None


def stamp(text: object, tz: ZoneInfo) -> int | None:
    """An instant from ISO 8601 text; without an offset it is in the zone given. None: no moment."""
    if not isinstance(text, str):
        return None
    found = _STAMP.fullmatch(text.strip())
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    try:
        clock = datetime(  # noqa: DTZ001 - a wall clock
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    millis = int(((fraction or "") + "000")[:3])
    if offset is None:
        return instant(clock, tz) + millis
    shift = 0
    if offset not in {"Z", "z"}:
        digits = offset[1:].replace(":", "")
        shift = int(digits[:2]) * 60 + int(digits[2:] or 0)
        shift = -shift if offset[0] == "-" else shift
    naive = (clock - _NAIVE_EPOCH) // timedelta(milliseconds=1)
    return naive + millis - shift * 60_000


@cache
def _read_day(value: str, profile_zone: ZoneInfo, shop_zone: ZoneInfo) -> date | None:
    if found := _MONTH_DAY.fullmatch(value):
        month, day = int(found[1]), int(found[2])
        if (month, day) == (2, 29):
            return date(4, 2, 29)  # the first leap year: year 1 has none
        return _date_or_none(1, month, day)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return _date_or_none(*(int(part) for part in value.split("-")))
    moment = stamp(value, shop_zone)
    return None if moment is None else wall(moment, profile_zone).date()


def day_of(value: object, profile_zone: ZoneInfo, shop_zone: ZoneInfo) -> date | None:
    """The date a value holds: a plain date itself, a moment's local date; ``MM-DD`` is year 1."""
    return _read_day(value, profile_zone, shop_zone) if isinstance(value, str) else None


def _date_or_none(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def comes_round(born: date, first: date, last: date) -> bool:
    """Does the date's month and day return within the days given, both ends in (rule 19)?"""
    for year in range(first.year, last.year + 1):
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        on_leap_day = (born.month, born.day) == (2, 29)
        returns = date(year, 2, 28) if on_leap_day and not leap else date(year, born.month, born.day)
        if first <= returns <= last and returns > born:
            return True
    return False


def iso(moment: int) -> str:
    """UTC with ``Z``; milliseconds only where they are not zero."""
    clock = _EPOCH + timedelta(milliseconds=moment)
    text = clock.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment % 1000:03d}Z" if moment % 1000 else f"{text}Z"
