"""Answers of webhooks between two passes: whoever waited for one moves on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy import errand
from tamshy.advance import arrive
from tamshy.passes.stage import clear, hold

if TYPE_CHECKING:
    from tamshy.passes.stage import Horizon
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def settle_answers(conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon) -> int:
    """Let those of a bucket move on whose webhook was answered, or given up; the caller commits. Gives how many."""
    pass_ = hold(conn, bucket, fence) if errand.any_answered(conn, book, bucket) else None
    if pass_ is None:
        return 0
    settled = errand.settle(conn, book, bucket, pass_, horizon.until, horizon.only)
    if settled:
        arrive(conn, book, bucket, pass_)
        clear(conn, settled)
    return settled
