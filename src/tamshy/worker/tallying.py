"""Counts for operators, kept as things happen: a few rows for each bucket, whatever the journal grows to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.worker", "tally.sql")
SETTLED: Final = timedelta(minutes=3)
"""Real time after which nothing is written into the journal for a moment any more: what is later is written for its own moment
(a minute), and no transaction lasts longer than two minutes without a word."""


def count_journal(conn: Connection, buckets: Sequence[int], now: datetime, speed: float) -> None:
    """Count what is new in the journals of these buckets; the caller commits. ``now``: the shop's, ``speed`` times life's."""
    conn.execute(_SQL["count_journal"], {"buckets": sorted(buckets), "until": now - SETTLED * speed})


def count_deliveries(conn: Connection, states: Mapping[str, int]) -> None:
    """Count how hand-overs ended, by state; the caller commits."""
    rows = [{"outcome": state, "count": count} for state, count in states.items() if count]
    if rows:
        conn.execute(_SQL["count_deliveries"], {"rows": rows_json(rows)})
