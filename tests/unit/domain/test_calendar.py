"""Calendar time in every zone, held to the standard library's reading of the same zone files."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from tamshy.domain import calendar
from tamshy.domain.duration import Duration

PARIS: Final = "Europe/Paris"
NEW_YORK: Final = "America/New_York"
ALMATY: Final = "Asia/Almaty"
LORD_HOWE: Final = "Australia/Lord_Howe"
APIA: Final = "Pacific/Apia"
YEARS: Final = (datetime(2026, 1, 1), datetime(2031, 1, 1))  # noqa: DTZ001 - spans are naive UTC


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


@cache
def library(zone: str) -> ZoneInfo:
    """Read the zone from the program's own tzdata with the standard library."""
    with files("tzdata.zoneinfo").joinpath(zone).open("rb") as file:
        return ZoneInfo.from_file(file, zone)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        (PARIS, True),
        ("Etc/GMT+5", True),
        ("UTC", True),
        ("GMT+5", False),
        ("posixrules", False),
        ("Factory", False),
        ("localtime", False),
        ("europe/paris", False),
        ("../zones", False),
        ("", False),
    ],
)
def test_rule_11_zones_are_those_of_the_program_s_own_tzdata(name: str, *, known: bool) -> None:
    assert calendar.known_zone(name) is known


def test_an_unknown_zone_has_no_spans() -> None:
    with pytest.raises(ValueError, match="no time zone 'Mars/Base'"):
        calendar.zone_spans("Mars/Base")


def test_spans_say_what_the_standard_library_says_at_every_change_of_every_zone() -> None:
    wrong = []
    for zone in sorted(calendar.zone_names()):
        spans = calendar.zone_spans(zone)
        for before, after in pairwise(spans):
            assert before.utc_until is not None
            assert before.utc_until == after.utc_from
            for seconds, span in ((-1, before), (0, after)):
                moment = (before.utc_until + timedelta(seconds=seconds)).replace(tzinfo=UTC)
                if moment.astimezone(library(zone)).utcoffset() != timedelta(seconds=span.offset_seconds):
                    wrong.append((zone, moment))
        assert (spans[0].utc_from, spans[-1].utc_until, spans[-1].local_until) == (None, None, None)
    assert wrong == []


def test_no_change_of_any_zone_is_missed() -> None:
    """Between two changes the library sees none either: probed every fortnight over the years that matter most."""
    probes = [utc("2024-01-01") + timedelta(days=14 * step) for step in range(26 * 12)]
    wrong = [
        (zone, moment)
        for zone in sorted(calendar.zone_names())
        for moment in probes
        if calendar.local(moment, zone) != moment.astimezone(library(zone)).replace(tzinfo=None)
    ]
    assert wrong == []


def changes() -> list[tuple[str, calendar.Span, calendar.Span]]:
    """List every change of offset of every zone in five years, as the spans before and after it."""
    return [
        (zone, before, after)
        for zone in sorted(calendar.zone_names())
        for before, after in pairwise(calendar.zone_spans(zone))
        if after.utc_from is not None and YEARS[0] <= after.utc_from < YEARS[1]
    ]


def test_left_out_times_move_to_the_first_that_exists_in_every_zone() -> None:
    gaps = [change for change in changes() if change[1].offset_seconds < change[2].offset_seconds]
    assert len(gaps) > 500
    for zone, before, after in gaps:
        assert after.utc_from is not None
        change = after.utc_from.replace(tzinfo=UTC)
        first_missing = after.utc_from + timedelta(seconds=before.offset_seconds)
        last_missing = after.utc_from + timedelta(seconds=after.offset_seconds - 1)
        assert calendar.resolve(first_missing, zone) == change, zone
        assert calendar.resolve(last_missing, zone) == change, zone
        assert calendar.resolve(first_missing - timedelta(seconds=1), zone) == change - timedelta(seconds=1), zone
        assert calendar.resolve(last_missing + timedelta(seconds=1), zone) == change, zone


def test_doubled_times_mean_the_first_in_every_zone() -> None:
    folds = [change for change in changes() if change[1].offset_seconds > change[2].offset_seconds]
    assert len(folds) > 500
    for zone, before, after in folds:
        assert after.utc_from is not None
        change = after.utc_from.replace(tzinfo=UTC)
        first_doubled = after.utc_from + timedelta(seconds=after.offset_seconds)
        end_of_doubled = after.utc_from + timedelta(seconds=before.offset_seconds)
        length = timedelta(seconds=before.offset_seconds - after.offset_seconds)
        assert calendar.resolve(first_doubled, zone) == change - length, zone
        assert calendar.resolve(end_of_doubled - timedelta(seconds=1), zone) == change - timedelta(seconds=1), zone
        assert calendar.resolve(end_of_doubled, zone) == change + length, zone


@pytest.mark.parametrize(
    ("zone", "moment", "duration", "expected"),
    [
        # One day after 10:00 is 10:00 tomorrow, over a change too; 24 hours after is not.
        (PARIS, "2026-03-28T09:00", Duration(days=1), "2026-03-29T08:00"),
        (PARIS, "2026-03-28T09:00", Duration(seconds=86_400), "2026-03-29T09:00"),
        (PARIS, "2026-10-24T08:00", Duration(days=1), "2026-10-25T09:00"),
        # 02:30 does not exist on 29 March 2026, and exists twice on 25 October.
        (PARIS, "2026-03-28T01:30", Duration(days=1), "2026-03-29T01:00"),
        (PARIS, "2026-10-24T00:30", Duration(days=1), "2026-10-25T00:30"),
        (PARIS, "2026-10-25T01:30", Duration(), "2026-10-25T01:30"),
        (PARIS, "2026-10-25T01:30", Duration(seconds=60), "2026-10-25T01:31"),
        # A month's end clamps, and joined durations apply the calendar first.
        (ALMATY, "2026-01-31T05:00", Duration(months=1), "2026-02-28T05:00"),
        (ALMATY, "2028-01-31T05:00", Duration(months=1), "2028-02-29T05:00"),
        (ALMATY, "2028-02-29T05:00", Duration(months=12), "2029-02-28T05:00"),
        (ALMATY, "2026-01-31T05:00", Duration(months=1, days=1), "2026-03-01T05:00"),
        (PARIS, "2026-03-28T00:30", Duration(days=1, seconds=43_200), "2026-03-29T12:30"),
        (PARIS, "2026-03-28T01:30", Duration(days=1, seconds=43_200), "2026-03-29T13:00"),
        # Negative ones too.
        (PARIS, "2026-03-30T00:30", Duration(days=-1), "2026-03-29T01:00"),
        (NEW_YORK, "2026-03-31T16:00", Duration(months=-1), "2026-02-28T17:00"),
        (NEW_YORK, "2026-03-09T13:00", Duration(days=-1, seconds=-3600), "2026-03-08T12:00"),
        # Half an hour of daylight saving.
        (LORD_HOWE, "2026-10-02T15:45", Duration(days=1), "2026-10-03T15:30"),
    ],
)
def test_rule_11_durations_apply_the_calendar_first(zone: str, moment: str, duration: Duration, expected: str) -> None:
    assert calendar.add(utc(moment), duration, zone) == utc(expected)


def test_sums_stay_inside_the_calendar() -> None:
    moment = utc("2026-03-02T12:00")
    assert calendar.add(moment, Duration(months=10**12), ALMATY).year == 4026
    assert calendar.add(moment, Duration(seconds=-(10**18)), ALMATY).year < 30
    for last in (Duration(months=12), Duration(days=1), Duration(seconds=86_400)):
        assert calendar.add(utc("9999-12-31T12:00"), last, ALMATY).year == 9999
        assert calendar.add(utc("0001-01-01T12:00"), -last, ALMATY).year == 1


def test_a_date_that_a_zone_left_out_means_the_midnight_after_it() -> None:
    assert calendar.resolve(naive("2011-12-30T10:00"), APIA) == utc("2011-12-30T10:00")
    assert calendar.local(utc("2011-12-30T10:00"), APIA) == naive("2011-12-31T00:00")
    assert calendar.add(utc("2011-12-29T20:00"), Duration(days=1), APIA) == utc("2011-12-30T10:00")


@pytest.mark.parametrize(
    ("zone", "moment", "at", "weekdays", "expected"),
    [
        (ALMATY, "2026-03-02T04:59:59", "10:00", (), "2026-03-02T05:00"),
        (ALMATY, "2026-03-02T05:00", "10:00", (), "2026-03-02T05:00"),
        (ALMATY, "2026-03-02T05:00:01", "10:00", (), "2026-03-03T05:00"),
        (ALMATY, "2026-03-02T05:00:01", "10:00", (1,), "2026-03-09T05:00"),
        (ALMATY, "2026-03-02T05:00", "10:00", (2, 7), "2026-03-03T05:00"),
        # The weekday is the local date's: Sunday evening in UTC is Monday in Almaty.
        (ALMATY, "2026-03-01T20:00", "02:00", (1,), "2026-03-01T21:00"),
        # Left out on 29 March: the first time that exists, and reached exactly there: at once.
        (PARIS, "2026-03-29T00:10", "02:30", (), "2026-03-29T01:00"),
        (PARIS, "2026-03-29T01:00", "02:30", (), "2026-03-29T01:00"),
        (PARIS, "2026-03-29T01:00:01", "02:30", (), "2026-03-30T00:30"),
        # Doubled on 25 October: the first; once that is past, tomorrow's.
        (PARIS, "2026-10-25T00:00", "02:30", (), "2026-10-25T00:30"),
        (PARIS, "2026-10-25T00:31", "02:30", (), "2026-10-26T01:30"),
        # A date left out: its 10:00 is the midnight after it.
        (APIA, "2011-12-30T09:59", "10:00", (5,), "2011-12-30T10:00"),
        (APIA, "2011-12-30T10:00", "10:00", (5,), "2011-12-30T10:00"),
        (APIA, "2011-12-30T10:01", "10:00", (5,), "2012-01-05T20:00"),
    ],
)
def test_the_next_time_of_day(zone: str, moment: str, at: str, weekdays: tuple[int, ...], expected: str) -> None:
    assert calendar.next_time_of_day(utc(moment), time.fromisoformat(at), set(weekdays), zone) == utc(expected)


def test_no_weekday_is_refused() -> None:
    with pytest.raises(ValueError, match="no weekday among"):
        calendar.next_time_of_day(utc("2026-03-02T12:00"), time(10), {8}, PARIS)


@pytest.mark.parametrize(
    ("zone", "moment", "start", "end", "expected"),
    [
        (ALMATY, "2026-03-02T15:59:59", "21:00", "09:00", None),
        (ALMATY, "2026-03-02T16:00", "21:00", "09:00", "2026-03-03T04:00"),
        (ALMATY, "2026-03-03T03:59:59", "21:00", "09:00", "2026-03-03T04:00"),
        (ALMATY, "2026-03-03T04:00", "21:00", "09:00", None),
        (ALMATY, "2026-03-03T08:00", "13:00", "14:00", "2026-03-03T09:00"),
        (ALMATY, "2026-03-03T09:00", "13:00", "14:00", None),
        (ALMATY, "2026-03-03T09:00", "13:00", "13:00", None),
        # Over the change to summer time the end is one hour sooner.
        (PARIS, "2026-03-28T22:00", "21:00", "09:00", "2026-03-29T07:00"),
        # An end that is left out moves forward; one that is doubled means the first, after which it is not quiet.
        (PARIS, "2026-03-29T00:59", "21:00", "02:30", "2026-03-29T01:00"),
        (PARIS, "2026-03-29T01:00", "21:00", "02:30", None),
        (PARIS, "2026-10-25T00:29", "21:00", "02:30", "2026-10-25T00:30"),
        (PARIS, "2026-10-25T01:10", "21:00", "02:30", None),
        # A beginning that is doubled means the first too.
        (PARIS, "2026-10-25T01:10", "02:30", "09:00", "2026-10-25T08:00"),
    ],
)
def test_quiet_hours(zone: str, moment: str, start: str, end: str, expected: str | None) -> None:
    found = calendar.quiet_until(utc(moment), time.fromisoformat(start), time.fromisoformat(end), zone)
    assert found == (utc(expected) if expected else None)


@pytest.mark.parametrize(
    ("day", "first", "last", "holds"),
    [
        ("1990-05-17", "2026-05-17", "2026-05-17", True),
        ("1990-05-17", "2026-05-18", "2026-05-24", False),
        ("1990-05-17", "2026-05-10", "2026-05-16", False),
        ("1990-01-03", "2026-12-30", "2027-01-05", True),
        # 29 February comes round on the 28th in other years.
        ("1992-02-29", "2026-02-28", "2026-02-28", True),
        ("1992-02-29", "2028-02-28", "2028-02-28", False),
        ("1992-02-29", "2028-02-29", "2028-02-29", True),
        # The day itself is no return, nor is a day to come.
        ("2026-05-17", "2026-05-17", "2026-05-17", False),
        ("2026-05-17", "2027-05-17", "2027-05-17", True),
        ("2030-05-17", "2026-05-17", "2026-05-17", False),
        ("2026-05-17", "2026-05-01", "2029-01-01", True),
        ("9999-05-17", "2026-05-01", "4029-01-01", False),
    ],
)
def test_rule_19_anniversaries_are_returns(day: str, first: str, last: str, *, holds: bool) -> None:
    given = [date.fromisoformat(text) for text in (day, first, last)]
    assert calendar.anniversary_between(given[0], given[1], given[2]) is holds


@pytest.mark.parametrize(
    ("zone", "moment", "last", "following"),
    [
        (ALMATY, "2026-03-02T21:59:59", "2026-03-01T22:00", "2026-03-02T22:00"),
        # Exactly then is the newest, and not the next.
        (ALMATY, "2026-03-02T22:00", "2026-03-02T22:00", "2026-03-03T22:00"),
        # The day on which clocks go forward from 02:00 to 03:00, and the one on which they go back from 03:00 to 02:00.
        (PARIS, "2026-03-29T00:59:59", "2026-03-28T02:00", "2026-03-29T01:00"),
        (PARIS, "2026-10-25T01:59:59", "2026-10-24T01:00", "2026-10-25T02:00"),
    ],
)
def test_rule_29_once_a_day_is_at_three_by_the_workspaces_clock(
    zone: str, moment: str, last: str, following: str
) -> None:
    assert calendar.last_daily(utc(moment), zone) == utc(last)
    assert calendar.next_daily(utc(moment), zone) == utc(following)
