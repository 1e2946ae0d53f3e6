# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""Finding the members of a segment that is published, in silence; and telling a flow of them where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.conditions import nested
from tamshy.language.model import SEGMENT_BACKFILLED, SEGMENT_ENTERED, EventTrigger
from tamshy.predict import asked
from tamshy.predict import forget as forget_buyers
from tamshy.rulebook.weaver import Weaver
from tamshy.segment.ranking import daily, foresee, forget_unused, measured, note_ranking, rank
from tamshy.segment.reasons import reasons
from tamshy.segment.stage import rows
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.segment")


def build(conn: Connection, book: Rulebook, before: Rulebook, at: datetime) -> None:
    """Find the members of what is newly kept, or has changed; nobody enters or leaves by that. The caller holds all buckets."""
    forget(conn, book)
    forget_unused(conn, book)
    forget_buyers(conn, book)
    if asked(book) and not asked(before):
        foresee(conn, book, at)
    fresh = {one: condition for one, condition in measured(book).items() if one not in measured(before)}
    rank(conn, book, at, fresh)
    if daily(book) and not daily(before):
        # It is newer than what 03:00 of that day would say, and stays until the next.
        note_ranking(conn, book, at)
    changed = [
        one
        for one in reasons(book)
        if one.name not in before.tracked or _text(book, one.name) != _text(before, one.name)
    ]
    if not changed:
        return
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        conn.execute(_SQL["place_all"], {"bucket": bucket})
        for one in changed:
            _build_one(conn, book, one.name, bucket, at, timed=one.timed)


def forget(conn: Connection, book: Rulebook) -> None:
    """Let go of segments that nobody listens to any more."""
    span = {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets, "kept": sorted(book.tracked)}
    conn.execute(_SQL["forget_members"], span)
    conn.execute(_SQL["forget_flips"], span)


def backfill(conn: Connection, book: Rulebook, flow: str, at: datetime) -> int:
    """Tell a flow of everybody who is in the segments that start it; returns how many were told. The caller holds all buckets.

    Raises LookupError where no such flow is live, or no segment starts it.
    """
    running = next((one for one in book.flows if one.live and one.name == flow), None)
    triggers = [] if running is None else [one for one in running.flow.triggers if isinstance(one, EventTrigger)]
    names = [one.segment for one in triggers if one.segment is not None and one.event == SEGMENT_ENTERED]
    if not names:
        msg = f"no segment starts a flow {flow!r}, so nobody is inside already"
        raise LookupError(msg)
    span = {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}
    params = span | {"flow": flow, "names": names, "at": at, "workspace": book.workspace, "event": SEGMENT_BACKFILLED}
    return conn.execute(_SQL["backfill"], params).rowcount


def _text(book: Rulebook, name: str) -> str:
    """All that a segment is made of, to compare; its topics' defaults and the workspace's zone among it."""
    settings = book.settings
    inner = [(one, book.segments[one]) for one in nested(book.segments, name)]
    return repr((inner, [(topic.name, topic.default) for topic in settings.topics], settings.timezone))


def _build_one(conn: Connection, book: Rulebook, name: str, bucket: int, at: datetime, *, timed: bool) -> None:
    params = {"bucket": bucket, "segment": name, "at": at}
    conn.execute(_SQL["drop_members"], params)
    conn.execute(_SQL["drop_flips"], params)
    weave = Weaver(book)
    people = weave.question(name, "%(at)s::timestamptz")
    sql = f"""
insert into membership (bucket, profile, segment, since)
select %(bucket)s, m.profile, %(segment)s, %(at)s from ({people}) m"""
    conn.execute(sql.encode(), weave.params | params)
    if timed:
        weave = Weaver(book)
        turn = weave.turn(name)
        everybody = "(select p.id as profile, %(at)s::timestamptz as moment from profile p where p.bucket = %(bucket)s)"
        sql = f"""
insert into flip (bucket, profile, segment, at)
select %(bucket)s, t.profile, %(segment)s, t.at from (
    select x.profile, {turn} as at from ({rows(everybody)}) x offset 0
) t where t.at is not null"""
        conn.execute(sql.encode(), weave.params | params)
