"""Calendar time: what a local date, hour and duration mean in a zone (spec: *Values*, rules 8, 11 and 19).

Pure values: no clock, no time zone of the machine. Zones are those of the program's own `tzdata` package, so that two
machines with different systems decide alike. `sqlkit.calendar` says the same in SQL, over a table filled from
`zone_spans`; a property test holds the two equal.

Everywhere: `moment` is an aware datetime and results are in UTC; `zone` is the name of a zone for which `known_zone`
holds; a local time that does not exist moves forward to the first that does, one that exists twice means the first.
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from tamshy.domain import tzif
from tamshy.domain.duration import Duration

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2100
"""Before the one and after the other a zone keeps the offset it has at that edge."""

_ZONES: Final = "tzdata.zoneinfo"
# In the list of the package, and no place: it stands for a zone that was never set.
_UNSET: Final = "Factory"
_NAIVE_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - local and UTC readings are naive inside this module
_EARLIEST: Final = datetime.min  # noqa: DTZ901
_LATEST: Final = datetime.max  # noqa: DTZ901
_DAY: Final = timedelta(days=1)
_MONTHS_A_YEAR: Final = 12
DAILY_AT: Final = time(3)
"""When figures, looks and what is learnt are made anew, by the workspace's clock (rule 29)."""
_WEEK: Final = frozenset(range(1, 8))

# A duration beyond these means "for ever"; bounded, it cannot leave the years that PostgreSQL and datetime know.
_MOST_MONTHS: Final = 12 * 2000
_MOST_DAYS: Final = 366 * 2000
_MOST_SECONDS: Final = _MOST_DAYS * 86_400


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which a zone keeps one offset: from `utc_from` (in) to `utc_until` (out).

    Both are naive UTC; None stands for "always before" in the first span and "always after" in the last.
    `offset_seconds` counts east of UTC. `local_until` is the latest local reading that any span up to this one ends
    at, so that it never falls from one span to the next (a clock set back twice in short order would make it).
    """

    utc_from: datetime | None
    utc_until: datetime | None
    offset_seconds: int
    local_until: datetime | None


def known_zone(name: str) -> bool:
    """Tell whether `name` is a zone of the program's own tzdata, spelt as there (`Asia/Almaty`)."""
    return name in zone_names()


@cache
def zone_names() -> frozenset[str]:
    """Give the names of all zones of the program's own tzdata."""
    listed = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return frozenset(listed) - {_UNSET}


@cache
def zone_spans(zone: str) -> tuple[Span, ...]:
    """Give a zone's spans in order, without gaps, over `FIRST_YEAR` to `LAST_YEAR`.

    Raises:
        ValueError: `zone` is not known; callers ask `known_zone` first.
    """
    if not known_zone(zone):
        msg = f"there is no time zone {zone!r}; names are those of the IANA list, as in Asia/Almaty"
        raise ValueError(msg)
    return _spans(files(_ZONES).joinpath(zone).read_bytes())


@cache
def _spans(data: bytes) -> tuple[Span, ...]:
    """Make spans of a zone file; cached by content, because a third of the names are other names for the same."""
    found = tzif.changes(data, FIRST_YEAR, LAST_YEAR)
    spans: list[Span] = []
    highest = _EARLIEST
    for index, (moment, offset) in enumerate(found):
        begin = None if index == 0 else _NAIVE_EPOCH + timedelta(seconds=moment)
        if index + 1 == len(found):
            spans.append(Span(begin, None, offset, None))
            break
        end = _NAIVE_EPOCH + timedelta(seconds=found[index + 1][0])
        highest = max(highest, end + timedelta(seconds=offset))
        spans.append(Span(begin, end, offset, highest))
    return tuple(spans)


@cache
def _edges(zone: str) -> tuple[list[datetime], list[datetime]]:
    """Give what the searches run over: the starts of all spans but the first, the local ends of all but the last."""
    spans = zone_spans(zone)
    return (
        [span.utc_from for span in spans if span.utc_from is not None],
        [span.local_until for span in spans if span.local_until is not None],
    )


def local(moment: datetime, zone: str) -> datetime:
    """Give the naive reading of a local clock at a moment."""
    utc = _naive_utc(moment)
    starts, _ = _edges(zone)
    return _shift(utc, timedelta(seconds=zone_spans(zone)[bisect_right(starts, utc)].offset_seconds))


def resolve(local_naive: datetime, zone: str) -> datetime:
    """Give the first moment at which a local clock shows this naive reading, or has passed it where it is left out."""
    _, ends = _edges(zone)
    span = zone_spans(zone)[bisect_right(ends, local_naive)]
    utc = _shift(local_naive, -timedelta(seconds=span.offset_seconds))
    if span.utc_from is not None:
        utc = max(utc, span.utc_from)
    return utc.replace(tzinfo=UTC)


def add(moment: datetime, duration: Duration, zone: str) -> datetime:
    """Add a duration, which may be negative: its calendar part on the local clock first, then the elapsed part.

    A month's end clamps (31 January + 1mo = 28 or 29 February). Results stay within the years 1 to 9999.
    """
    length = bounded(duration)
    utc = _naive_utc(moment)
    if not length.is_elapsed:
        utc = _naive_utc(resolve(_shift(_add_months(local(moment, zone), length.months), length.days * _DAY), zone))
    return _shift(utc, timedelta(seconds=length.seconds)).replace(tzinfo=UTC)


def bounded(duration: Duration) -> Duration:
    """Give the duration with each part at most some 2000 years long, so that no sum leaves what a database can hold."""
    return Duration(
        max(-_MOST_MONTHS, min(_MOST_MONTHS, duration.months)),
        max(-_MOST_DAYS, min(_MOST_DAYS, duration.days)),
        max(-_MOST_SECONDS, min(_MOST_SECONDS, duration.seconds)),
    )


def next_time_of_day(moment: datetime, at: time, weekdays: AbstractSet[int], zone: str) -> datetime:
    """Give the first moment not before `moment` at which it is `at` in the zone, on one of `weekdays`.

    Args:
        moment: reached exactly at that time, it is the answer itself.
        at: the naive time of day.
        weekdays: ISO weekdays 1 (Monday) to 7 of the local date; empty: any day.
        zone: the zone.

    Raises:
        ValueError: `weekdays` holds none of 1 to 7, or `moment` lies at the end of the calendar.
    """
    wanted = weekdays or _WEEK
    today = local(moment, zone).date()
    # From yesterday on: where a whole date is left out, its times mean the midnight after it.
    for days in range(-1, 9):
        day = today + timedelta(days=days)
        if day.isoweekday() in wanted:
            candidate = resolve(datetime.combine(day, at), zone)
            if candidate >= moment:
                return candidate
    msg = f"no weekday among {sorted(weekdays)} comes round; use 1 (Monday) to 7 (Sunday)"
    raise ValueError(msg)


def next_daily(moment: datetime, zone: str) -> datetime:
    """The first moment after ``moment`` at which what is made once a day is made."""
    return next_time_of_day(moment + timedelta(microseconds=1), DAILY_AT, frozenset(), zone)


def last_daily(moment: datetime, zone: str) -> datetime:
    """The newest such moment that is not after ``moment``."""
    at = next_daily(moment - 3 * _DAY, zone)
    while (following := next_daily(at, zone)) <= moment:
        at = following
    return at


def next_hour(moment: datetime, hour: int, zone: str) -> datetime:
    """Give the first moment not before `moment` at which a local clock stands in an hour of the day, 0 to 23.

    In that hour it is the answer itself, whatever the minute.
    """
    reading = local(moment, zone)
    if reading.hour == hour:
        return moment.astimezone(UTC)
    day = reading.date() + (_DAY if reading.hour > hour else timedelta())
    return max(resolve(datetime.combine(day, time(hour)), zone), moment.astimezone(UTC))


def quiet_until(moment: datetime, start: time, end: time, zone: str) -> datetime | None:
    """Give the end of the quiet hours that `moment` lies in, or None outside them.

    Each night's quiet hours are the stretch from the moment that `start` means (in) to the one that `end` means (out);
    where the two are equal there are none. So the end lies always after `moment`, in a doubled hour too.
    """
    if start == end:
        return None
    today = local(moment, zone).date()
    over_midnight = int(start > end)
    # Tomorrow's may have begun too, where the clock is set back over midnight.
    for days in (-1, 0, 1):
        day = today + timedelta(days=days)
        until = resolve(datetime.combine(day + over_midnight * _DAY, end), zone)
        if resolve(datetime.combine(day, start), zone) <= moment < until:
            return until
    return None


def anniversary_between(day: date, first: date, last: date) -> bool:
    """Tell whether month and day of `day` come round from `first` to `last`, both in, in a year after its own.

    29 February comes round on 28 February in other years.
    """
    begin = max(first.year, day.year + 1)
    return any(first <= _in_year(day, year) <= last for year in (begin, begin + 1) if year <= date.max.year)


def _in_year(day: date, year: int) -> date:
    return date(year, day.month, min(day.day, monthrange(year, day.month)[1]))


def _add_months(reading: datetime, months: int) -> datetime:
    if months == 0:
        return reading
    count = reading.year * _MONTHS_A_YEAR + reading.month - 1 + months
    year, month = divmod(count, _MONTHS_A_YEAR)
    if year < _EARLIEST.year:
        return _EARLIEST
    if year > _LATEST.year:
        return _LATEST
    return reading.replace(year=year, month=month + 1, day=min(reading.day, monthrange(year, month + 1)[1]))


def _shift(reading: datetime, by: timedelta) -> datetime:
    """Add, staying at the edge of the calendar where the sum lies beyond it."""
    try:
        return reading + by
    except OverflowError:
        return _LATEST if by > timedelta() else _EARLIEST


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
