"""Telling places and versions apart in SQL, with what many of them share written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
