"""Codes that come back with an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.coupon")
ORDER: Final = "Order Completed"
"""The event whose ``coupon`` (or its products') says which codes were used: Segment's e-commerce spec v2."""


def redeem(conn: Connection, book: Rulebook, bucket: int, pass_: int) -> int:
    """Mark the codes that the agenda's orders carry, each once, and emit ``Coupon Redeemed``; gives how many."""
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "order": ORDER}
    return conn.execute(_SQL["redeem"], params).rowcount
