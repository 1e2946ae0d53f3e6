"""Durations: every unit, joined, negative, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamshy.domain.duration import Duration
from tamshy.language import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", Duration(seconds=90)),
        ("15m", Duration(seconds=900)),
        ("2h", Duration(seconds=7200)),
        ("3d", Duration(days=3)),
        ("2w", Duration(days=14)),
        ("1mo", Duration(months=1)),
        ("1y", Duration(months=12)),
        ("1d12h", Duration(days=1, seconds=43200)),
        ("12h1d", Duration(days=1, seconds=43200)),
        ("1mo1m", Duration(months=1, seconds=60)),
        ("1m1mo", Duration(months=1, seconds=60)),
        ("1y2mo3w4d5h6m7s", Duration(months=14, days=25, seconds=18367)),
        ("0d", Duration()),
        ("-7d", Duration(days=-7)),
        ("-1d12h", Duration(days=-1, seconds=-43200)),
        ("0002h", Duration(seconds=7200)),
    ],
)
def test_a_duration_is_read(text: str, expected: Duration) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2H", "1.5h", "+2h", "2h-1m", "2hours", "--2h", "٢h", "2h "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["101y", "36526d", "9" * 5000 + "s", "3155760001s36525d"])
def test_more_than_a_hundred_years_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than a hundred years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (Duration(), "0s"),
        (Duration(months=14, days=14, seconds=3661), "1y2mo2w1h1m1s"),
        (Duration(days=8), "8d"),
        (Duration(days=-7, seconds=-60), "-1w1m"),
    ],
)
def test_a_duration_is_written_in_its_largest_units(duration: Duration, text: str) -> None:
    assert format_duration(duration) == text


@given(months=st.integers(0, 100), days=st.integers(0, 5000), seconds=st.integers(0, 10**6), negative=st.booleans())
def test_what_is_written_is_read_back(*, months: int, days: int, seconds: int, negative: bool) -> None:
    duration = Duration(months, days, seconds)
    duration = -duration if negative else duration
    assert parse_duration(format_duration(duration)) == duration
