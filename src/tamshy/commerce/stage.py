"""Keeping carts and orders current, a set at a time, in the pass that takes their events in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.commerce import carts, orders
from tamshy.domain.shopping import CART_EVENTS, ORDER_EVENTS

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def fold(conn: Connection, book: Rulebook, bucket: int, names: AbstractSet[str]) -> None:
    """Bring the carts and orders that the agenda's events are about to where these events have them; they are in ``event`` already.

    ``names``: those of the events on the agenda.
    """
    params = {"bucket": bucket}
    if not CART_EVENTS.isdisjoint(names):
        statement = book.statement("carts", carts.build)
        if statement is not None:
            statement.run(conn, params)
    if not ORDER_EVENTS.isdisjoint(names):
        statement = book.statement("orders", orders.build)
        if statement is not None:
            statement.run(conn, params)


def fold_merged(conn: Connection, book: Rulebook, bucket: int) -> None:
    """Fold all carts and orders of the profiles in ``pair`` that stay, once the events of both are theirs."""
    for name, build in (("merged_carts", carts.build_merged), ("merged_orders", orders.build_merged)):
        statement = book.statement(name, build)
        if statement is not None:
            statement.run(conn, {"bucket": bucket})
