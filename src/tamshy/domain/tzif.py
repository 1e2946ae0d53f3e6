"""Reads one compiled zone file (TZif, RFC 9636) into the moments at which its offset from UTC changes.

The standard library reads the same files, but tells only the offset at a moment; the calendar needs the changes
themselves, and finding them by probing costs seconds over all zones.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeAlias

Change: TypeAlias = tuple[int, int]
"""Seconds since 1970 in UTC, and the offset in seconds east of UTC that holds from then on."""

_HEADER: Final = struct.Struct(">4sc15x6I")
_EPOCH: Final = date(1970, 1, 1)
_DAY_S: Final = 86_400
_NAME: Final = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]+>)"
_CLOCK: Final = r"[+-]?\d{1,3}(?::\d{2}){0,2}"
_RULE: Final = rf"M(\d+)\.(\d)\.(\d)(?:/({_CLOCK}))?"
_FOOTER: Final = re.compile(rf"{_NAME}({_CLOCK})(?:{_NAME}({_CLOCK})?,{_RULE},{_RULE})?")
_DEFAULT_CLOCK: Final = "2"
_LAST_WEEK: Final = 5
_DECEMBER: Final = 12

Rule: TypeAlias = tuple[str, str, str, str | None]


def changes(data: bytes, first_year: int, last_year: int) -> list[Change]:
    """List the changes of offset from the start of `first_year` to the end of `last_year` (both UTC), in order.

    The first entry carries the start of `first_year` and the offset in force then; entries that change only the name
    of the time are left out.

    Raises:
        ValueError: the data is no TZif file of version 2 or later, or its rule for the future is of an unknown form.
    """
    since, until = _year_start(first_year), _year_start(last_year + 1)
    known, initial, footer = _parse(data)
    every = known + _by_rule(footer, known, first_year, last_year)
    at = bisect_right([moment for moment, _ in every], since)
    found = [(since, every[at - 1][1] if at else initial)]
    for moment, offset in every[at:]:
        if moment < until and offset != found[-1][1]:
            found.append((moment, offset))
    return found


def _parse(data: bytes) -> tuple[list[Change], int, str]:
    """Read the 64-bit block: its changes, the offset before the first of them, and the footer."""
    magic, version, *_ = _HEADER.unpack_from(data)
    if magic != b"TZif" or version < b"2":
        msg = "this is no TZif file of version 2 or later; install the tzdata package anew"
        raise ValueError(msg)
    # The first block repeats the same in 32 bits for old readers.
    start = _HEADER.size + _block_size(data, 0, 4)
    times, types = _counts(data, start)
    body = start + _HEADER.size
    moments = struct.unpack_from(f">{times}q", data, body)
    kinds = struct.unpack_from(f">{times}B", data, body + 8 * times)
    offsets = [struct.unpack_from(">i", data, body + 9 * times + 6 * index)[0] for index in range(types)]
    footer = data[start + _HEADER.size + _block_size(data, start, 8) :].strip(b"\n").decode("ascii")
    return [(moment, offsets[kind]) for moment, kind in zip(moments, kinds, strict=True)], offsets[0], footer


def _counts(data: bytes, start: int) -> tuple[int, int]:
    """Give from a block's header how many changes and how many kinds of time it holds."""
    _, _, _, _, _, times, types, _ = _HEADER.unpack_from(data, start)
    return times, types


def _block_size(data: bytes, start: int, width: int) -> int:
    """Bytes of a block after its header, with times of `width` bytes."""
    _, _, utc, standard, leaps, times, types, chars = _HEADER.unpack_from(data, start)
    return int(times * (width + 1) + types * 6 + chars + leaps * (width + 4) + standard + utc)


def _by_rule(footer: str, known: list[Change], first_year: int, last_year: int) -> list[Change]:
    """Continue after the last known change by the footer's yearly rule."""
    match = _FOOTER.fullmatch(footer)
    if match is None:
        msg = f"the zone's rule for the future, {footer!r}, is of a form that is not known here"
        raise ValueError(msg)
    # POSIX counts offsets westwards.
    standard = -_seconds(match[1])
    last = known[-1][0] if known else None
    if match[3] is None:
        return [] if known else [(_year_start(first_year), standard)]
    summer = -_seconds(match[2]) if match[2] else standard + 3600
    found = []
    for year in range(first_year - 1, last_year + 2):
        found.append((_rule_moment(year, match.group(3, 4, 5, 6)) - standard, summer))
        found.append((_rule_moment(year, match.group(7, 8, 9, 10)) - summer, standard))
    return sorted(change for change in found if last is None or change[0] > last)


def _rule_moment(year: int, rule: Rule | tuple[str | None, ...]) -> int:
    """Give the local moment, in seconds since 1970, of `Mmonth.week.weekday/clock` in a year."""
    month, week, weekday = (int(part or 0) for part in rule[:3])
    first = date(year, month, 1)
    # POSIX weekdays begin with Sunday as 0, isoweekday gives it 7.
    day = first + timedelta(days=(weekday - first.isoweekday()) % 7 + 7 * (week - 1))
    if week == _LAST_WEEK and (day.month != month):
        day -= timedelta(days=7)
    return (day - _EPOCH).days * _DAY_S + _seconds(rule[3] or _DEFAULT_CLOCK)


def _seconds(clock: str) -> int:
    """Read `[+-]hh[:mm[:ss]]`, where hours may pass 24."""
    sign = -1 if clock.startswith("-") else 1
    parts = [int(part) for part in clock.lstrip("+-").split(":")]
    return sign * sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))


def _year_start(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
