"""Telling places and versions apart in SQL, with what many of them share written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.domain import calendar
from tamshy.sqlkit.calendar import add_lengths_sql, add_sql, calendar_interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tamshy.domain.duration import Duration


def by_number(subject: str, pairs: Iterable[tuple[int, str]], otherwise: str) -> str:
    """An expression that depends on a number: ``subject`` in SQL, for each number its SQL, and what holds for others.

    Numbers with the same SQL share one arm: a plan is set up anew at every run, arm by arm, and the waits of one day of
    twenty flows are one arm.
    """
    arms: dict[str, list[int]] = {}
    for number, sql in pairs:
        arms.setdefault(sql, []).append(number)
    if not arms:
        return f"({otherwise})"
    whens = " ".join(f"when {subject} in ({', '.join(map(str, numbers))}) then {sql}" for sql, numbers in arms.items())
    return f"case {whens} else {otherwise} end"


def later_by_number(
    subject: str, moment: str, zone: str, lengths: Iterable[tuple[int, Duration]], clock: str = ""
) -> list[tuple[int, str]]:
    """Pairs for `by_number` that give ``moment`` a duration later, which depends on the number.

    All durations with days, weeks, months or years in them have the same SQL, with their length as data: looking a zone's
    clock up is a plan of its own, and is set up once instead of once for each length. ``clock``: as for `add_sql`.
    """
    given = list(lengths)
    dated = [(number, length) for number, length in given if not calendar.bounded(length).is_elapsed]
    days = _one_or_by_number(subject, [(number, calendar_interval(length)) for number, length in dated])
    seconds = _one_or_by_number(
        subject, [(number, f"interval '{calendar.bounded(length).seconds} seconds'") for number, length in dated]
    )
    shared = add_lengths_sql(moment, zone, days, seconds, clock)
    numbers = {number for number, _ in dated}
    return [(number, shared if number in numbers else add_sql(moment, zone, length)) for number, length in given]


def _one_or_by_number(subject: str, pairs: list[tuple[int, str]]) -> str:
    if len({sql for _, sql in pairs}) == 1:
        return pairs[0][1]
    return by_number(subject, pairs, "interval '0'")
