"""The figures of all buyers of a workspace, in one statement."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tamshy.domain.buying import AHEAD, APART, ENOUGH_GAPS, FIFTHS, GRID, RIPE, WEIGHT
from tamshy.language import walk
from tamshy.language.model import Ref, Root
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.predict")
_GIVEN: Final = {
    "fifths": FIFTHS,
    "grid": [group for row in GRID for group in row],
    "apart": APART.total_seconds(),
    "enough": ENOUGH_GAPS,
    "weight": WEIGHT,
    "ripe": RIPE,
    "ahead": AHEAD.total_seconds(),
}


@lru_cache(maxsize=8)
def asked(book: Rulebook) -> bool:
    """Whether any rule of a workspace reads a figure of buyers."""
    return _reads(book, {Root.RFM, Root.PREDICTED})


@lru_cache(maxsize=8)
def foreseen(book: Rulebook) -> bool:
    """Whether any reads one that the mere passing of time changes: what is predicted."""
    return _reads(book, {Root.PREDICTED})


def reckon(conn: Connection, book: Rulebook, at: datetime) -> None:
    """Compute the figures of everybody who has ordered, by what is known of the time up to ``at``; the caller commits.

    Who has no order left that counts keeps an empty row until `bury`, so that it can be seen that something has changed.
    """
    conn.execute(_SQL["reckon"], _GIVEN | _span(book) | {"at": at})


def bury(conn: Connection, book: Rulebook) -> None:
    """Let go of the rows of those whose figures have gone, once everybody who asks for them has heard of it."""
    conn.execute(_SQL["bury"], _span(book))


def forget(conn: Connection, book: Rulebook) -> None:
    """Let go of all figures where no rule asks for any."""
    if not asked(book):
        conn.execute(_SQL["forget"], _span(book))


def _reads(book: Rulebook, roots: set[Root]) -> bool:
    parts = [*(running.flow for running in book.flows), *book.segments.values()]
    return any(isinstance(one, Ref) and one.root in roots for part in parts for one in walk(part))


def _span(book: Rulebook) -> dict[str, object]:
    return {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}
