"""Waits in every zone against a calendar written apart: 100,000 at random, and every change of offset of five years."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

import pytest
from tests.oracle import almanac

from tamshy.domain import calendar
from tamshy.domain.duration import Duration

pytestmark = pytest.mark.prove

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2033, 1, 1, tzinfo=UTC)
WAITS = 100_000


def millis(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def test_a_hundred_thousand_waits_end_to_the_millisecond_where_the_other_calendar_says() -> None:
    """Half of them near a change of offset; calendar parts, elapsed parts, and both."""
    dice = random.Random(2031)  # noqa: S311 - cases, no secrets
    zones = sorted(calendar.zone_names())
    changes = {
        zone: [
            span.utc_from.replace(tzinfo=UTC)
            for span in calendar.zone_spans(zone)
            if span.utc_from is not None and FIRST.replace(tzinfo=None) <= span.utc_from < LAST.replace(tzinfo=None)
        ]
        for zone in zones
    }
    differing = []
    for _ in range(WAITS):
        zone = dice.choice(zones)
        at = FIRST + timedelta(milliseconds=dice.randrange(millis(LAST) - millis(FIRST)))
        if changes[zone] and dice.random() < 0.5:
            at = dice.choice(changes[zone]) + timedelta(milliseconds=dice.randrange(-172_800_000, 172_800_000))
        months, days = dice.choice([(0, 0), (0, 1), (0, 7), (1, 0), (12, 0), (0, 30), (2, 3), (0, -1), (-1, 0)])
        seconds = dice.choice([0, 1, 3600, 7200, 43_200, 86_400, dice.randrange(10**6)])
        tz = almanac.zone(zone)
        assert tz is not None
        told = calendar.add(at, Duration(months=months, days=days, seconds=seconds), zone)
        expected = almanac.add(millis(at), almanac.Duration(months, days, seconds * 1000), tz)
        if millis(told) != expected:
            differing.append((zone, at, months, days, seconds, told, expected))
    assert differing == []


@pytest.mark.parametrize("at", [time(9), time(2, 30), time(0), time(23, 59)], ids=str)
def test_a_time_of_day_comes_once_each_day_over_every_change_of_every_zone(at: time) -> None:
    """In a gap at the first minute that there is, in a doubled hour the first time; never twice, never not at all."""
    looked_at = 0
    for zone in sorted(calendar.zone_names()):
        for span in calendar.zone_spans(zone):
            if span.utc_from is None or not datetime(2026, 1, 1) <= span.utc_from < datetime(2031, 1, 1):  # noqa: DTZ001
                continue
            looked_at += 1
            change = span.utc_from.replace(tzinfo=UTC)
            moment, end = change - timedelta(days=3), change + timedelta(days=3)
            days: list[date] = []
            while (moment := calendar.next_time_of_day(moment, at, frozenset(), zone)) < end:
                reading = calendar.local(moment, zone)
                wanted = datetime.combine(reading.date(), at)
                before = calendar.local(moment - timedelta(microseconds=1), zone)
                # There at that time, or put there by a gap that the time lies in.
                assert (
                    reading == wanted or before < wanted < reading or before < wanted + timedelta(days=-1) < reading
                ), (
                    zone,
                    moment,
                )
                days.append((wanted if reading >= wanted else wanted - timedelta(days=1)).date())
                moment += timedelta(microseconds=1)
            assert len(days) == len(set(days)), (zone, change, days)
            expected = {days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)}
            assert set(days) == expected, (zone, change, days)
    assert looked_at > 1000


def test_the_ends_of_months_and_leap_days_are_where_the_language_says() -> None:
    """31 January and a month, from 2024 to 2032: the last of February, once a year; and so for every month's end."""
    for year in range(2024, 2033):
        at = datetime(year, 1, 31, 12, tzinfo=UTC)
        for months in range(1, 13):
            found = calendar.add(at, Duration(months=months), "UTC")
            following = date(year + (months + 1) // 12, (months + 1) % 12 + 1, 1)
            last = following - timedelta(days=1)
            assert (found.date(), found.time()) == (min(last, last.replace(day=min(31, last.day))), time(12))
    leap = datetime(2024, 2, 29, 8, tzinfo=UTC)
    days = [calendar.add(leap, Duration(months=12 * n), "UTC").strftime("%m-%d") for n in range(9)]
    assert days == ["02-29", "02-28", "02-28", "02-28", "02-29", "02-28", "02-28", "02-28", "02-29"]
