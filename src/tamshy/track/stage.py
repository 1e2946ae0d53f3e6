"""Writes hits down, a set at a time: the raw hit always, and what it means to the engine where a person did it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.track.hits import Did, Hit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from tamshy.sqlkit import Connection

_QUERIES: Final = sqlkit.queries(__package__)
_ONCE_A_MINUTE: Final = frozenset({Did.OPENED, Did.CLICKED})


def record(conn: Connection, hits: Iterable[Hit]) -> int:
    """Record hits in the caller's transaction; gives how many items the engine will take in.

    A repeated hit is written once, and opens and clicks of one link within a minute are one event. Machines' opens and
    clicks, and anybody's looks at our pages, are kept as hits and mean nothing to the engine. Hits on messages that are
    not there do nothing.
    """
    buckets: dict[int, list[Hit]] = {}
    for hit in hits:
        buckets.setdefault(hit.bucket, []).append(hit)
    return sum(_record(conn, bucket, group) for bucket, group in buckets.items())


def _record(conn: Connection, bucket: int, hits: list[Hit]) -> int:
    rows = [_row(hit) for hit in hits]
    conn.execute(_QUERIES["keep"], {"bucket": bucket, "rows": sqlkit.rows_json(rows)})
    meant = [hit for hit in hits if hit.did is not Did.LOOKED and not (hit.machine and hit.did in _ONCE_A_MINUTE)]
    # The first of those that count as one; they differ in their moments, so the inbox would take each.
    first = {hit.event_id: hit for hit in reversed(meant)}
    fresh = _fresh(conn, bucket, first)
    written = conn.execute(
        _QUERIES["tell"],
        {"bucket": bucket, "rows": sqlkit.rows_json([_row(hit) for event, hit in first.items() if event in fresh])},
    )
    return written.rowcount


def _fresh(conn: Connection, bucket: int, hits: dict[UUID, Hit]) -> set[UUID]:
    """Give the events that have not been told yet; of two processes that tell the same one, one is told it is late."""
    if not hits:
        return set()
    rows = [
        {"digest": event, "seen_at": hit.arrived_at, "message": hit.message, "profile": hit.profile}
        for event, hit in hits.items()
    ]
    found = conn.execute(_QUERIES["seen"], {"bucket": bucket, "rows": sqlkit.rows_json(rows)})
    return {digest for (digest,) in found}


def _row(hit: Hit) -> dict[str, object]:
    return {
        "profile": hit.profile,
        "message": hit.message,
        "did": hit.did,
        "at": hit.at,
        "arrived_at": hit.arrived_at,
        "worked_at": hit.worked_at or hit.arrived_at,
        "url": hit.url,
        "machine": hit.machine,
        "ord": hit.ord,
        "event": hit.event_id,
        "hit": hit.hit_id,
        "source": hit.source,
        "facts": hit.facts,
    }
