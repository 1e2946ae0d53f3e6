"""Deliveries whose answer was lost: shown to a person with all that is known, and settled by one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)

Place = tuple[datetime, UUID]
"""A place in the list: when a delivery was queued, and its message."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final[Place] = _EPOCH, UUID(int=0)
_CURSOR_BYTES: Final = 24
# Beyond the year 3000 no moment of ours lies.
_LATEST: Final = 2**55


class BadCursor(ValueError):
    """A text that says where to go on in the list is none of ours."""


class Settlement(StrEnum):
    """What a person makes of an uncertain delivery."""

    SENT = "sent"
    """It was handed over: nothing more happens."""
    RESEND = "resend"
    """It is handed over again, with the same Message-ID and the same bytes; the recipient may have it twice."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One delivery whose answer was lost.

    ``queued_at``: when it was queued; ``begun_at``: when its last hand-over began; ``since``: when it was found that
    nobody knows how that ended. ``owner`` names the process, ``link`` the connection (None where the process is gone
    that knew it), ``reply`` what was heard last. ``expires_at``: after it the message is not handed over any more.
    """

    bucket: int
    profile: UUID
    message: UUID
    queued_at: datetime
    begun_at: datetime | None
    since: datetime
    attempts: int
    reason: str
    reply: str | None
    owner: str | None
    link: str | None
    address: str | None
    kind: str
    flow: str
    step: str
    name: str
    subject: str | None
    expires_at: datetime | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return self.queued_at, self.message

    @property
    def cursor(self) -> str:
        """The same as text that can stand in an address."""
        microseconds = (self.queued_at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(microseconds.to_bytes(8, "big") + self.message.bytes).decode("ascii")


@dataclass(frozen=True, slots=True)
class Settled:
    """A person's word on one delivery: what, who and when. ``anew``: it was said just now, not before."""

    did: Settlement
    by: str
    at: datetime
    anew: bool


@dataclass(frozen=True, slots=True)
class Counting:
    """What an operator watches: lost answers not settled, since when the oldest, and sending domains that are paused."""

    uncertain: int
    oldest: datetime | None
    paused_domains: int


def uncertain(conn: Connection, workspace: int, limit: int, after: Place | None = None) -> list[Uncertain]:
    """List the uncertain deliveries of a workspace, oldest first, behind the place given."""
    queued_at, message = after or _FIRST
    found = conn.execute(
        _QUERIES["uncertain"],
        {"workspace": workspace, "limit": limit, "after_queued_at": queued_at, "after_message": message},
    )
    return [Uncertain(*row) for row in found]


def place_of(cursor: str) -> Place | None:
    """Read the place that a cursor says; None for an empty one: the beginning.

    Raises:
        BadCursor: it is none.
    """
    if not cursor:
        return None
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadCursor(cursor) from exc
    microseconds = int.from_bytes(raw[:8], "big")
    if len(raw) != _CURSOR_BYTES or microseconds >= _LATEST:
        raise BadCursor(cursor)
    return _EPOCH + timedelta(microseconds=microseconds), UUID(bytes=raw[8:])


def in_doubt(conn: Connection, workspace: int) -> int:
    """How many deliveries of a workspace are uncertain."""
    row = conn.execute(_QUERIES["in_doubt"], {"workspace": workspace}).fetchone()
    return int(row[0]) if row else 0


def settle(
    conn: Connection, workspace: int, messages: Sequence[UUID], did: Settlement, by: str, now: datetime
) -> dict[UUID, Settled]:
    """Settle the uncertain ones among these messages, in the transaction of `conn`; saying it again changes nothing.

    The reason of a delivery stays as it was: the recipient may have it twice after a `RESEND`, or never after a `SENT`.

    Args:
        conn: the caller commits.
        workspace: whose messages they are; others' are left alone.
        messages: their ids.
        did: what is to become of them.
        by: who says so.
        now: the moment.

    Returns:
        What holds for each: said now, or by somebody before. A message that is not here was never uncertain.
    """
    params = {"workspace": workspace, "messages": list(messages), "did": did.value, "by": by, "now": now}
    fresh = {row[0] for row in conn.execute(_QUERIES["settle"], params)}
    found = conn.execute(_QUERIES["settled"], params)
    return {message: Settled(Settlement(said), who, at, anew=message in fresh) for message, said, who, at in found}


def counting(conn: Connection) -> Counting:
    """Count over all workspaces, for measurements."""
    row = conn.execute(_QUERIES["counting"]).fetchone()
    return Counting(*row) if row else Counting(0, None, 0)
