"""Learning what goes with what, and what sells: item-to-item cosine over people and over orders, a set at a time (ADR 0110)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.shopping import ADDED, VIEWED, WHOLE
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.recommend")
NEIGHBOURS: Final = 20
"""Products that are kept beside each (K)."""
HISTORY: Final = 100
"""The newest products of each person that are looked at, and the most of an order: who buys everything says little."""
LEAST_PEOPLE: Final = 2
"""People, or orders, that must have a pair: what one person alone has done is shown to nobody."""
BESTSELLERS: Final = 200


def learn(conn: Connection, book: Rulebook, now: datetime) -> int:
    """Work out anew what goes with what and what sells, by all that is known up to ``now``; the caller commits.

    The times that are looked back over (a year, and 90 days for what sells) end with the newest order or look: where nothing
    happens, nothing changes.

    Returns:
        How many neighbours are kept.
    """
    params = {
        "workspace": book.workspace,
        "now": now,
        "first": book.first_bucket,
        "beyond": book.first_bucket + book.buckets,
        "shown": [VIEWED, *ADDED, *WHOLE],
        "history": HISTORY,
        "least": LEAST_PEOPLE,
        "neighbours": NEIGHBOURS,
        "bestsellers": BESTSELLERS,
    }
    conn.execute(_SQL["forget_neighbours"], params)
    conn.execute(_SQL["forget_bestsellers"], params)
    # Of what the statement makes itself the planner knows no sizes: pairs are found by hashes, never one by one.
    conn.execute("set local enable_nestloop = off")
    conn.execute(_SQL["learn_bestsellers"], params)
    found = conn.execute(_SQL["learn_neighbours"], params).rowcount
    conn.execute("set local enable_nestloop = on")
    return found
