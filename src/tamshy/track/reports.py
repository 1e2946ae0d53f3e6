"""What a mail provider reports of a message after it was handed over: bounces and complaints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy.track.hits import Did, Hit
from tamshy.track.stage import record

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.sqlkit import Connection
    from tamshy.track.subjects import Found


@dataclass(frozen=True, slots=True)
class Report:
    """A hard bounce or a complaint, with the provider's own words."""

    did: Did
    at: datetime
    words: str


def report(conn: Connection, found: Found, said: Report, now: datetime) -> bool:
    """Record a report once, however often it comes; the caller commits."""
    hit = Hit(
        found.bucket,
        found.profile,
        found.message,
        said.did,
        at=min(said.at, now),
        arrived_at=now,
        key="reported",
        facts={"words": said.words[:500]},
    )
    return record(conn, [hit]) > 0
