"""Mailboxes that are gone, and those that have been full for so long that nobody reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.deliver.reasons import Reason
from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tamshy.deliver.ledger import Mark
    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)
LEAST: Final = 3
"""So many messages in a row that a full mailbox did not take …"""
SPAN: Final = timedelta(days=7)
"""… over at least so long suppress an address."""


def note(conn: Connection, bucket: int, marks: Sequence[Mark], now: datetime) -> None:
    """Keep full mailboxes, and tell the engine whom not to write to any more; in the transaction that writes the marks."""
    full = [mark for mark in marks if mark.soft and mark.address]
    worn: set[tuple[int, str | None]] = set()
    if full:
        rows = sqlkit.rows_json(
            [{"workspace": m.workspace, "address": m.address, "message": m.message} for m in full],
        )
        conn.execute(_QUERIES["soften"], {"rows": rows, "now": now})
        found = conn.execute(_QUERIES["worn_out"], {"rows": rows, "least": LEAST, "span": SPAN})
        worn = {(workspace, address) for workspace, address in found}
    gone = [mark for mark in marks if mark.reason == Reason.HARD_BOUNCE or (mark.workspace, mark.address) in worn]
    if not gone:
        return
    told = [
        {
            "profile": mark.profile,
            "message": mark.message,
            "id": named("bounced", str(mark.message)),
            "reply": mark.reply,
            "soft": mark.reason != Reason.HARD_BOUNCE,
        }
        for mark in gone
    ]
    conn.execute(_QUERIES["bounce"], {"bucket": bucket, "now": now, "rows": sqlkit.rows_json(told)})
