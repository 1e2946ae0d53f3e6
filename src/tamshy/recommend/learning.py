"""Learning what goes with what, and what sells: item-to-item cosine over people and over orders, a set at a time (ADR 0110)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.shopping import ADDED, VIEWED, WHOLE
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Callable
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
KINDS: Final = ("similar", "together", "next")
_WORK_MEM: Final = "set local work_mem = '128MB'"
"""What counts millions of pairs had better not do on the disk."""


def learn(conn: Connection, book: Rulebook, now: datetime, between: Callable[[], None] = lambda: None) -> int:
    """Work out anew what goes with what and what sells, by all that is known up to ``now``; commits after each part.

    The times that are looked back over (a year, and 90 days for what sells) end with the newest order or look: where nothing
    happens, nothing changes.

    Args:
        conn: a connection.
        book: whose shop.
        now: nothing later is looked at.
        between: called behind each part, which may take minutes in a large shop.

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
    conn.execute(_SQL["prepare_dealings"])
    conn.execute("truncate dealing")
    conn.execute(_SQL["gather"], params)
    conn.execute("analyze dealing")
    found = 0
    for kind in KINDS:
        # Of what the statement makes itself the planner knows no sizes: pairs are found by hashes, never one by one.
        conn.execute("set local enable_nestloop = off")
        conn.execute(_WORK_MEM)
        conn.execute(_SQL["forget_neighbours"], params | {"kind": kind})
        found += conn.execute(_SQL["learn_neighbours"], params | {"kind": kind}).rowcount
        conn.commit()
        between()
    conn.execute(_SQL["forget_bestsellers"], params)
    conn.execute(_SQL["learn_bestsellers"], params)
    # Emptied, not dropped: psycopg forgets all it has prepared on a connection that drops something, and so would every pass.
    conn.execute("truncate dealing")
    # Nobody has looked at what was all written just now: picking from it would be planned for a table of nothing.
    conn.execute("analyze neighbour, bestseller")
    conn.commit()
    return found
