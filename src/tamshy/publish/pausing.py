"""Letting a flow stand still, and go on (rule 33)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.advance import arrive
from tamshy.publish.holding import Span, buckets_inside, call_in, hold_buckets, prepare_moves, span_of, take_turns
from tamshy.publish.loading import load_rulebook
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.publish")


class Overdue(StrEnum):
    """What becomes of what was due while a flow stood still; without a word, ``expires`` decides for each send."""

    SKIP = "skip"
    """Its sends are skipped as ``expired``; people go on behind them."""
    SEND = "send"
    """It is due at the moment of resuming, whatever ``expires`` says."""
    SHIFT = "shift"
    """Everybody's wait goes on from where it stood when the flow was paused."""


def pause(conn: Connection, workspace: str, flow: str, *, at: datetime) -> bool:
    """Let a flow enroll nobody and advance nobody, from the next pass on; the caller commits.

    Exits, conversions and awaited events are taken in all the same. Returns False where it stood still already.
    Raises LookupError where there is no such workspace or flow.
    """
    span = span_of(conn, workspace)
    take_turns(conn)
    if _paused(conn, span, flow):
        return False
    hold_buckets(conn, span)
    conn.execute(_SQL["pause"], span.params(flow=flow, at=at))
    call_in(conn, span)
    return True


def resume(conn: Connection, workspace: str, flow: str, *, at: datetime, overdue: Overdue | None = None) -> int:
    """Let a flow go on; the caller commits. Returns for how many people something was due meanwhile.

    ``overdue``: see `Overdue`; None: as ``expires`` says. Raises LookupError where there is no such workspace or flow.
    """
    span = span_of(conn, workspace)
    take_turns(conn)
    if not _paused(conn, span, flow):
        return 0
    passes = hold_buckets(conn, span)
    params = span.params(flow=flow, at=at)
    counted = conn.execute(_SQL["count_overdue"], params).fetchone()
    if overdue is Overdue.SHIFT:
        _shift(conn, workspace, flow, at, passes)
    else:
        conn.execute(_SQL["go_on"], params | {"send": overdue is Overdue.SEND, "skip": overdue is Overdue.SKIP})
    conn.execute(_SQL["resume"], params)
    call_in(conn, span)
    return int(counted[0]) if counted else 0


def _paused(conn: Connection, span: Span, flow: str) -> bool:
    row = conn.execute(_SQL["flow_paused"], span.params(flow=flow)).fetchone()
    if row is None:
        msg = f"there is no flow {flow!r} in this workspace; publish it first"
        raise LookupError(msg)
    return bool(row[0])


def _shift(conn: Connection, workspace: str, flow: str, at: datetime, passes: dict[int, int]) -> None:
    """Everybody arrives at their step again, as much later as the flow stood still."""
    prepare_moves(conn)
    book = load_rulebook(conn, workspace)
    for bucket in buckets_inside(conn, book, flow):
        params = {"bucket": bucket, "flow": flow, "workspace": book.workspace, "at": at}
        conn.execute(_SQL["go_on_met"], params)
        conn.execute(_SQL["shift_rounds"], params)
        conn.execute(_SQL["shift"], params)
        arrive(conn, book, bucket, passes[bucket], anywhere=True)
        conn.execute(_SQL["drop_moves"])
