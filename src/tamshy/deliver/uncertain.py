"""Deliveries whose answer was lost: shown to a person, and settled by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy import sqlkit

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)


class Settlement(StrEnum):
    """What a person can make of an uncertain delivery, as the state it goes to."""

    MARK_SENT = "sent"
    RESEND = "queued"
    GIVE_UP = "failed"


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One delivery whose answer was lost."""

    bucket: int
    profile: UUID
    message: UUID
    queued_at: datetime
    attempts: int
    reason: str
    reply: str | None


def uncertain(
    conn: Connection,
    workspace: int,
    limit: int,
    after: Uncertain | None = None,
) -> list[Uncertain]:
    """List the uncertain deliveries of a workspace, oldest first, behind the one given."""
    queued_at, message = (after.queued_at, after.message) if after else _FIRST
    found = conn.execute(
        _QUERIES["uncertain"],
        {"workspace": workspace, "limit": limit, "after_queued_at": queued_at, "after_message": message},
    )
    return [Uncertain(*row) for row in found]


def settle(conn: Connection, which: tuple[int, UUID, UUID], settlement: Settlement, now: datetime) -> bool:
    """Settle one, by its (bucket, profile, message); False where it is not uncertain any more. The caller commits.

    The reason stays as it was: the recipient may have it twice after a `RESEND`, or never after a `MARK_SENT`.
    """
    bucket, profile, message = which
    written = conn.execute(
        _QUERIES["settle"],
        {
            "bucket": bucket,
            "profile": profile,
            "message": message,
            "state": settlement.value,
            "now": now,
            "settled_at": None if settlement is Settlement.RESEND else now,
        },
    )
    return written.rowcount == 1
