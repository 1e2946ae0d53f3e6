"""Sending domains that a server refuses for what they are: paused until a person says that they are mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.deliver.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from tamshy.deliver.ledger import Mark, Row
    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)


@dataclass(frozen=True, slots=True)
class PausedDomain:
    """A sending domain for which nothing is handed over now: since when, the server's words, and to which message."""

    domain: str
    paused_at: datetime
    reply: str
    message: UUID


def pause(conn: Connection, told: Iterable[tuple[Mark, Row]], now: datetime) -> None:
    """Pause the domains of what was refused for reasons of the sender's; in the transaction that records it."""
    refused = [
        {"workspace": row.workspace, "domain": row.domain, "reply": mark.reply or "", "message": mark.message}
        for mark, row in told
        if mark.reason == Reason.POLICY
    ]
    if refused:
        conn.execute(_QUERIES["pause_domains"], {"rows": sqlkit.rows_json(refused), "now": now})


def paused_domains(conn: Connection, workspace: int) -> list[PausedDomain]:
    """List the sending domains of a workspace that are paused now."""
    return [PausedDomain(*row) for row in conn.execute(_QUERIES["paused_domains"], {"workspace": workspace})]


def resume_domain(conn: Connection, workspace: int, domain: str, by: str, now: datetime) -> bool:
    """Hand over for a domain again; False where it is not paused. What waited is due at once. The caller commits."""
    if "\0" in domain:
        # No text of PostgreSQL holds U+0000; asked for it, it raises an error.
        return False
    params = {"workspace": workspace, "domain": domain.lower(), "by": by, "now": now}
    if conn.execute(_QUERIES["resume_domain"], params).rowcount == 0:
        return False
    conn.execute(_QUERIES["hasten"], params)
    return True
