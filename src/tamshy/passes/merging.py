"""Merging two profiles, when its turn has come for both: the one place where a pass works over two buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.advance import take_arms
from tamshy.commerce import fold_merged
from tamshy.enroll import hear_known, hold_out_again
from tamshy.sqlkit import queries
from tamshy.trigger import Planning, plan_merged_reorders, plan_occasions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from tamshy.passes.stage import Horizon
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.passes", "merging.sql")
_PASSES = queries("tamshy.passes")

MOVED: Final = (
    "event",
    "cart",
    "orders",
    "reorder",
    "enrollment",
    "entry",
    "arm",
    "conversion",
    "message",
    "content",
    "delivery",
    "settlement",
    "coupon",
    "errand",
    "engagement",
    "consent",
    "journal",
    "inbox",
    "membership",
    "best",
    "buyer",
)
"""The tables whose rows follow the profile that stays."""


def merge_ready(conn: Connection, book: Rulebook, horizon: Horizon, buckets: Sequence[int]) -> int:
    """Do every merge into these buckets whose turn has come; commits one bucket at a time. Returns how many pairs.

    What is due before a merge is worked before it, unless it is so late that it is worked at the horizon anyway, or its
    flow stands still.
    """
    params = {"buckets": list(buckets), "horizon": horizon.until}
    waiting = sorted(row[0] for row in conn.execute(_SQL["waiting"], params))
    merged = 0
    for bucket in waiting:
        merged += _merge_into(conn, book, bucket, horizon)
        conn.commit()
    return merged


def merging(conn: Connection, book: Rulebook, bucket: int, horizon: Horizon) -> list[UUID]:
    """Give the profiles into which a merge would be done now; the caller rolls back."""
    conn.execute(_SQL["prepare_pairs"])
    conn.execute("delete from pair")
    conn.execute(_SQL["ready"], _params(book, bucket, horizon))
    return [row[0] for row in conn.execute("select survivor from pair order by survivor")]


def _params(book: Rulebook, bucket: int, horizon: Horizon) -> dict[str, object]:
    return {
        "bucket": bucket,
        "horizon": horizon.until,
        "late_before": horizon.late_before,
        "paused": sorted(book.paused),
        "workspace": book.workspace,
        "zone": book.settings.timezone,
        "only": None if horizon.only is None else list(horizon.only),
    }


def _merge_into(conn: Connection, book: Rulebook, bucket: int, horizon: Horizon) -> int:
    """Merge all ready pairs whose survivor lives in ``bucket``."""
    conn.execute(_SQL["prepare_pairs"])
    conn.execute("delete from pair")
    conn.execute(_PASSES["clear_few"])
    params = _params(book, bucket, horizon)
    if not conn.execute(_SQL["ready"], params).rowcount:
        return 0
    buckets = [row[0] for row in conn.execute("select loser_bucket from pair union select survivor_bucket from pair")]
    conn.execute(_SQL["hold_both"], {"buckets": buckets})
    # A pass may have got in between: only what is still ready under the locks is merged.
    conn.execute("delete from pair")
    merged = conn.execute(_SQL["ready"], params).rowcount
    if not merged:
        return 0
    counted = conn.execute(_SQL["count_pass"], {"bucket": bucket, "buckets": buckets}).fetchone()
    params["pass"] = counted[0] if counted else 0
    # A handful of pairs against tables of any size: only by index.
    for way in ("seqscan", "hashjoin", "mergejoin"):
        conn.execute(f"set local enable_{way} = off".encode())
    conn.execute(_SQL["drop_merges"], params)
    conn.execute(_SQL["end_doubles"], params)
    conn.execute(_SQL["join_profiles"], params)
    hold_out_again(conn, book, bucket)
    conn.execute(_SQL["drop_occasions"])
    take_arms(conn, book, bucket)
    for table in MOVED:
        conn.execute(_moving(conn, table))
    fold_merged(conn, book, bucket)
    plan_merged_reorders(conn, book, bucket)
    if conn.execute(_SQL["rename_merges"]).rowcount:
        conn.execute(_SQL["drop_empty_merges"])
    conn.execute(_SQL["bury"], params)
    plan_occasions(conn, book, bucket, Planning.MERGED)
    conn.execute(_SQL["freshen"], params)
    if book.tracked:
        conn.execute(_SQL["review"], params)
    hear_known(conn, book, bucket, int(str(params["pass"])))
    conn.execute(_SQL["withdraw"], params)
    conn.execute(_PASSES["clear_few"])
    return merged


def _moving(conn: Connection, table: str) -> str:
    """The statement that re-inserts a table's rows of the profiles that went under those that stay."""
    if table not in _MOVING:
        columns = ", ".join(row[0] for row in conn.execute(_SQL["columns"], {"table": table}))
        _MOVING[table] = _moving_sql(table, columns)
    return _MOVING[table]


_MOVING: dict[str, str] = {}
"""The statements of a table's move, once made: all schemas of one version have the same columns."""


def _moving_sql(table: str, columns: str) -> str:
    return f"""
with gone as (
    delete from {table} t using pair r
    where t.bucket = r.loser_bucket and t.profile = r.loser
    returning r.survivor_bucket, r.survivor, t.*
)
insert into {table} (bucket, profile, {columns})
select survivor_bucket, survivor, {columns} from gone
on conflict do nothing"""
