"""Durations as the flow language writes them: ``90s 15m 2h 3d 2w 1mo 1y``, joined ``1d12h``, negative ``-7d``."""

from __future__ import annotations

import re

from tamshy.domain.duration import Duration
from tamshy.language.vocabulary import UNITS

_PART = re.compile(rf"([0-9]+)({'|'.join(sorted(UNITS, reverse=True, key=len))})")
_WHOLE = re.compile(rf"(-?)((?:{_PART.pattern.replace('(', '(?:')})+)")
_GREATEST_DAYS = 36_525  # a hundred years: what lies beyond is a slip of the pen and overflows calendars
_DAYS_A_MONTH = 31
_SECONDS_A_DAY = 86_400
_MOST_DIGITS = 12


def parse_duration(text: str) -> Duration:
    """Read ``text`` (``2h``, ``1d12h``, ``-7d``); parts of one unit add up, their order does not matter.

    Raises ValueError, saying what a duration looks like, where the text is none or is longer than a hundred years.
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        msg = f"{text!r} is not a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h"
        raise ValueError(msg)
    months = days = seconds = 0
    for number, unit in _PART.findall(whole[2]):
        # A number of more digits is too long in any unit; it is not read, so that nonsense costs nothing.
        size, digits = UNITS[unit], number.lstrip("0")
        count = int(digits or "0") if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS
        months, days, seconds = months + count * size.months, days + count * size.days, seconds + count * size.seconds
    if months * _DAYS_A_MONTH + days + seconds // _SECONDS_A_DAY > _GREATEST_DAYS:
        msg = f"{text!r} is longer than a hundred years"
        raise ValueError(msg)
    found = Duration(months, days, seconds)
    return -found if whole[1] else found


def format_duration(duration: Duration) -> str:
    """Write ``duration`` so that ``parse_duration`` gives it back, in the largest whole units; nothing is ``0s``."""
    sign = "-" if min(duration.months, duration.days, duration.seconds) < 0 else ""
    years, months = divmod(abs(duration.months), 12)
    weeks, days = divmod(abs(duration.days), 7)
    if days:  # 8d reads better than 1w1d
        weeks, days = 0, abs(duration.days)
    hours, rest = divmod(abs(duration.seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((years, "y"), (months, "mo"), (weeks, "w"), (days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s"))
    return sign + ("".join(f"{count}{unit}" for count, unit in parts if count) or "0s")
