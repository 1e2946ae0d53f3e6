# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""Who is among the best by a measure: of all people of a workspace at once, daily at 03:00 of the workspace (rule 29)."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.conditions import measure, total_sql, walk
from tamshy.domain import calendar
from tamshy.language.model import Top
from tamshy.rulebook.weaver import Weaver
from tamshy.segment.reasons import reasons
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.segment")
AT: Final = time(3)
"""The hour of the workspace at which the best are computed."""


def measured(book: Rulebook) -> dict[str, Top]:
    """What the segments of a workspace take the best by, by the name it is kept under."""
    return {
        measure(part): part for condition in book.segments.values() for part in walk(condition) if isinstance(part, Top)
    }


def next_ranking(book: Rulebook, moment: datetime) -> datetime:
    """The first moment after ``moment`` at which the best are computed."""
    return calendar.next_time_of_day(moment + timedelta(microseconds=1), AT, frozenset(), book.settings.timezone)


def rankings(conn: Connection, book: Rulebook, until: datetime) -> Iterator[datetime]:
    """The moments up to ``until`` at which the best are computed, while a history is worked: from one to the next with anything.

    Asked for the next one, all before it has been worked. Days on which nobody does anything are left out where no window moves.
    """
    moving = any(top.within is not None for top in measured(book).values())
    row = conn.execute(_SQL["ranked_at"], {"workspace": book.workspace}).fetchone()
    at: datetime | None = None if row is None else row[0]
    while True:
        row = conn.execute(_SQL["next_moment"], _span(book)).fetchone()
        conn.commit()
        waiting = None if row is None else row[0]
        anything = row is not None and row[1]
        if at is not None and moving and anything:
            at = next_ranking(book, at)
        elif waiting is not None and waiting <= until:
            at = next_ranking(book, waiting if at is None else max(waiting, at))
        else:
            return
        if at > until:
            return
        yield at


def note_ranking(conn: Connection, book: Rulebook, at: datetime) -> bool:
    """Write down that the best are computed for this moment; False: somebody has done so already."""
    return bool(conn.execute(_SQL["rank_now"], {"workspace": book.workspace, "at": at}).rowcount)


def rank_when_due(conn: Connection, book: Rulebook, now: datetime) -> bool:
    """Compute the best if their hour has come and nobody else has; the caller commits. Says whether that was so."""
    if not measured(book):
        return False
    row = conn.execute(_SQL["ranked_at"], {"workspace": book.workspace}).fetchone()
    due = next_ranking(book, now - timedelta(days=2)) if row is None else next_ranking(book, row[0])
    if due > now:
        return False
    while (following := next_ranking(book, due)) <= now:
        due = following
    if not note_ranking(conn, book, due):
        return False
    conn.execute(_SQL["hold_buckets"], _span(book))
    rank(conn, book, due)
    return True


def rank(conn: Connection, book: Rulebook, at: datetime, measures: Mapping[str, Top] | None = None) -> None:
    """Compute who is among the best at a moment, by what is known; those who come or go are looked at at that moment."""
    # Of everybody at once: what a pass's session is kept from is the right thing here.
    for way in ("seqscan", "bitmapscan", "mergejoin"):
        conn.execute(f"set local enable_{way} = on".encode())
    for name, top in (measured(book) if measures is None else measures).items():
        weave = Weaver(book)
        kept = [one.name for one in reasons(book) if name in one.measures]
        conn.execute(_ranking(weave, name, top, kept).encode(), weave.params | _span(book) | {"at": at})


def forget_unused(conn: Connection, book: Rulebook) -> None:
    """Let go of measures that no segment goes by any more."""
    conn.execute(_SQL["forget_measures"], _span(book) | {"kept": sorted(measured(book))})


def _span(book: Rulebook) -> dict[str, object]:
    return {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}


def _ranking(weave: Weaver, name: str, top: Top, kept: list[str]) -> str:
    """The best by one measure: the share rounded up of those who measure more than zero, ties at the edge in."""
    total = total_sql(top.ref, "e", "v")
    since = (
        "" if top.within is None else f" and e.occurred_at > {add_sql('%(at)s::timestamptz', 'p.zone', -top.within)}"
    )
    called = weave.literal(name, "text")
    return f"""
with measured as materialized (
    select p.bucket, p.id as profile, {total.value} as value
    from profile p
    join event e on e.bucket = p.bucket and e.profile = p.id{total.joined}
    where p.bucket >= %(first)s and p.bucket < %(beyond)s and p.merged_into is null
        and e.name = {weave.literal(top.event, "text")} and e.occurred_at <= %(at)s{since}
    group by p.bucket, p.id
), placed as (
    select bucket, profile, rank() over (order by value desc) as place, count(*) over () as people
    from measured where value > 0
), best_now as materialized (
    select bucket, profile from placed where place <= ceil({weave.literal(top.share, "numeric")} * people)
), gone as (
    delete from best b
    where b.bucket >= %(first)s and b.bucket < %(beyond)s and b.measure = {called}
        and not exists (select from best_now n where n.bucket = b.bucket and n.profile = b.profile)
    returning b.bucket, b.profile
), come as (
    insert into best (bucket, profile, measure) select bucket, profile, {called} from best_now
    on conflict do nothing
    returning bucket, profile
)
insert into flip (bucket, profile, segment, at)
select c.bucket, c.profile, s.segment, %(at)s
from (select bucket, profile from gone union all select bucket, profile from come) c
cross join unnest({weave.literal(kept, "text[]")}) as s (segment)
on conflict (bucket, profile, segment) do update set at = least(flip.at, excluded.at)"""
