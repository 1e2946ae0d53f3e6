"""When schedules come: readings of a clock, in order, and none that never comes."""

from __future__ import annotations

from datetime import datetime

import pytest

from tamshy.domain.ticks import cron_fault, cron_readings, readings_between, yearly


def reading(text: str) -> datetime:
    return datetime.fromisoformat(text)


def texts(expression: str, first: str, last: str, more: int = 0) -> list[str]:
    found = readings_between(cron_readings(expression, reading(first)), reading(first), reading(last), more)
    return [one.isoformat(" ", "minutes") for one in found]


@pytest.mark.parametrize(
    ("expression", "first", "last", "expected"),
    [
        (
            "0 9 * * mon",
            "2026-03-02T09:00",
            "2026-03-16T09:00",
            ["2026-03-02 09:00", "2026-03-09 09:00", "2026-03-16 09:00"],
        ),
        ("0 9 * * mon", "2026-03-02T09:00:00.000001", "2026-03-09T09:00", ["2026-03-09 09:00"]),
        # where neither day begins with a star, either will do
        ("30 8 1 * fri", "2026-05-01T00:00", "2026-05-08T23:00", ["2026-05-01 08:30", "2026-05-08 08:30"]),
        ("0 10 l * *", "2026-02-01T00:00", "2026-03-31T23:00", ["2026-02-28 10:00", "2026-03-31 10:00"]),
        ("0 12 * * fri#2", "2026-03-01T00:00", "2026-04-30T00:00", ["2026-03-13 12:00", "2026-04-10 12:00"]),
        ("0 */12 1 1 *", "2026-01-01T00:00", "2026-12-31T00:00", ["2026-01-01 00:00", "2026-01-01 12:00"]),
    ],
)
def test_a_cron_comes(expression: str, first: str, last: str, expected: list[str]) -> None:
    assert cron_fault(expression) is None
    assert texts(expression, first, last) == expected


def test_further_ones_stand_behind_the_last() -> None:
    assert texts("0 9 29 2 *", "2026-01-01T00:00", "2027-01-01T00:00", 2) == ["2028-02-29 09:00", "2032-02-29 09:00"]
    assert readings_between([reading("2026-01-01")], reading("2026-01-02"), reading("2026-02-01"), 2) == []


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("0 9 * *", "has five fields: minute, hour, day of the month, month, weekday"),
        ("0 0 9 * * mon", "has five fields: minute, hour, day of the month, month, weekday"),
        ("60 9 * * *", "is wrong in its minute"),
        ("0 24 * * *", "is wrong in its hour"),
        ("0 9 30 2 *", "is wrong in its day-of-month"),
        ("0 9 * foo *", "is wrong in its month"),
        ("0 9 * * day", "is wrong in its day-of-week"),
        ("0 9 29 2 mon#5", None),
        ("*/30 9 * * *", "comes once an hour at most: its minute is one number"),
        ("0 9 * jan-foo *", "is wrong in its month"),
    ],
)
def test_what_is_no_cron_says_where(expression: str, fault: str | None) -> None:
    assert cron_fault(expression) == fault


def test_29_february_comes_on_the_28th_where_there_is_none() -> None:
    assert [day.isoformat() for day in yearly(2, 29, range(2027, 2030))] == ["2027-02-28", "2028-02-29", "2029-02-28"]
