"""Learning how long products last from the shop's repeat orders; of what was bought again too rarely nothing is claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.commerce", "learning.sql")
LEAST_PAIRS: Final = 20
"""Purchases with a next one by the same person, from which on an interval is believed."""


def learn_intervals(conn: Connection, book: Rulebook, now: datetime) -> int:
    """Work out anew how long each product lasts by the orders up to now; the caller commits. Returns for how many it is known."""
    span = {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}
    params = {"workspace": book.workspace, "now": now, "pairs": LEAST_PAIRS, **span}
    conn.execute(_SQL["forget_learnt"], params)
    return conn.execute(_SQL["learn"], params).rowcount
