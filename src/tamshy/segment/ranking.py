# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""What is computed daily at 03:00 of the workspace, of all at once (rule 29): who is among the best, what buyers are like."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.conditions import measure, nested, total_sql
from tamshy.domain import calendar
from tamshy.language import walk
from tamshy.language.model import Ref, Root, Top
from tamshy.predict import asked, bury, foreseen, reckon
from tamshy.rulebook.weaver import Weaver
from tamshy.segment.reasons import reasons
from tamshy.segment.stage import rows
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.segment.reasons import Reasons
    from tamshy.sqlkit import Connection

_SQL: Final = queries("tamshy.segment")


def measured(book: Rulebook) -> dict[str, Top]:
    """What the segments of a workspace take the best by, by the name it is kept under."""
    return {
        measure(part): part for condition in book.segments.values() for part in walk(condition) if isinstance(part, Top)
    }


def daily(book: Rulebook) -> bool:
    """Whether anything has to be computed daily for a workspace."""
    return bool(measured(book)) or asked(book)


def rankings(conn: Connection, book: Rulebook, until: datetime, since: datetime | None = None) -> Iterator[datetime]:
    """The moments up to ``until`` at which it is computed, while a history is worked: from one to the next with anything.

    Asked for the next one, all before it has been worked. Days on which nobody does anything are left out where no window moves,
    and where what is foreseen brings nobody into a segment. ``since``: up to when it was worked before, by whoever goes on now; of
    what happened last the hour may have come only since.
    """
    moving = _moving(book)
    row = conn.execute(_SQL["ranked_at"], {"workspace": book.workspace}).fetchone()
    at: datetime | None = None if row is None else row[0]
    owed = None if since is None else calendar.next_daily(since, book.settings.timezone)
    if owed is not None and owed <= until and (at is None or at < owed):
        at = owed
        yield at
    while True:
        row = conn.execute(_SQL["next_moment"], _span(book)).fetchone()
        conn.commit()
        waiting = None if row is None else row[0]
        anything = row is not None and row[1]
        if at is not None and moving and anything:
            at = calendar.next_daily(at, book.settings.timezone)
        elif waiting is not None and waiting <= until:
            at = _for(book, waiting, at)
        else:
            return
        if at > until:
            return
        yield at


def _moving(book: Rulebook) -> bool:
    """Whether the passing of a day alone can bring somebody into a segment that is kept, or among the best."""
    if any(top.within is not None or not top.event for top in measured(book).values()):
        return True
    parts = (part for name in nested(book.segments, *book.tracked) for part in walk(book.segments[name]))
    return any(isinstance(part, Ref) and part.root is Root.PREDICTED for part in parts)


def _for(book: Rulebook, waiting: datetime, at: datetime | None) -> datetime:
    """The next moment of computing for whoever waits: the last before theirs, where what is foreseen is asked for."""
    zone = book.settings.timezone
    following = calendar.next_daily(waiting if at is None else max(waiting, at), zone)
    if not foreseen(book):
        return following
    before = calendar.last_daily(waiting, zone)
    return before if at is None or before > at else following


def note_ranking(conn: Connection, book: Rulebook, at: datetime) -> bool:
    """Write down that it is computed for this moment; False: somebody has done so already."""
    return bool(conn.execute(_SQL["rank_now"], {"workspace": book.workspace, "at": at}).rowcount)


def rank_when_due(conn: Connection, book: Rulebook, now: datetime) -> bool:
    """Compute all of it if its hour has come and nobody else has; the caller commits. Says whether that was so."""
    if not daily(book):
        return False
    row = conn.execute(_SQL["ranked_at"], {"workspace": book.workspace}).fetchone()
    zone = book.settings.timezone
    due = calendar.next_daily(now - timedelta(days=2) if row is None else row[0], zone)
    if due > now:
        return False
    due = max(due, calendar.last_daily(now, zone))
    if not note_ranking(conn, book, due):
        return False
    conn.execute(_SQL["hold_buckets"], _span(book))
    compute(conn, book, due)
    return True


def compute(conn: Connection, book: Rulebook, at: datetime) -> None:
    """Compute what buyers are like and who is among the best, by what is known of the time up to a moment; the caller commits.

    Those for whom a kept segment may be another by that are looked at at that moment.
    """
    if not asked(book):
        rank(conn, book, at)
        return
    foresee(conn, book, at)
    rank(conn, book, at)
    for one in reasons(book):
        if one.buyers:
            for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
                _look_again(conn, book, one, bucket, at)
    bury(conn, book)


def foresee(conn: Connection, book: Rulebook, at: datetime) -> None:
    """Compute what buyers are like, and nothing that follows of it."""
    _of_everybody(conn)
    reckon(conn, book, at)


def rank(conn: Connection, book: Rulebook, at: datetime, measures: Mapping[str, Top] | None = None) -> None:
    """Compute who is among the best at a moment, by what is known; those who come or go are looked at at that moment."""
    _of_everybody(conn)
    for name, top in (measured(book) if measures is None else measures).items():
        weave = Weaver(book)
        kept = [one.name for one in reasons(book) if name in one.measures]
        conn.execute(_ranking(weave, name, top, kept).encode(), weave.params | _span(book) | {"at": at})


def forget_unused(conn: Connection, book: Rulebook) -> None:
    """Let go of measures that no segment goes by any more."""
    conn.execute(_SQL["forget_measures"], _span(book) | {"kept": sorted(measured(book))})


def _span(book: Rulebook) -> dict[str, object]:
    return {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}


def _of_everybody(conn: Connection) -> None:
    """What a pass's session is kept from is the right thing here."""
    for way in ("seqscan", "bitmapscan", "mergejoin"):
        conn.execute(f"set local enable_{way} = on".encode())


def _look_again(conn: Connection, book: Rulebook, one: Reasons, bucket: int, at: datetime) -> None:
    """Have those looked at whom a segment has, or lacks, otherwise than its condition says; and find the turns of the others anew.

    Nobody else is: what is foreseen of nearly everybody is another every day, and that is no reason to ask about each of them.
    """
    weave = Weaver(book)
    called = weave.literal(one.name, "text")
    sql = f"""
select coalesce(q.profile, m.profile) as profile, %(at)s::timestamptz as at
    from ({weave.question(one.name, "%(at)s::timestamptz")}) q
    full join (select m.profile from membership m where m.bucket = %(bucket)s and m.segment = {called}) m on m.profile = q.profile
    where q.profile is null
        -- Whoever is not placed yet is looked at when the first of their items is worked, and in a history not before.
        or m.profile is null and (
            select p.placed from profile p where p.bucket = %(bucket)s and p.id = q.profile)"""
    if one.timed:
        since = "" if one.drifts else " and b.since = %(at)s"
        changed = f"(select b.profile, %(at)s::timestamptz as moment from buyer b where b.bucket = %(bucket)s{since})"
        sql += f"""
    union all
    select t.profile, t.at
    from (select x.profile, {weave.turn(one.name)} as at from ({rows(changed)}) x offset 0) t
    where t.at is not null"""
    sql = f"""
insert into flip (bucket, profile, segment, at)
select %(bucket)s, c.profile, {called}, min(c.at) from ({sql}) c group by c.profile
on conflict (bucket, profile, segment) do update set at = excluded.at where excluded.at < flip.at"""
    conn.execute(sql.encode(), weave.params | {"bucket": bucket, "at": at})


def _measured(weave: Weaver, top: Top) -> str:
    """What everybody measures: bucket, profile, value."""
    if not top.event:
        return """
    select b.bucket, b.profile, b.clv as value
    from buyer b
    where b.bucket >= %(first)s and b.bucket < %(beyond)s"""
    total = total_sql(top.ref, "e", "v")
    since = (
        "" if top.within is None else f" and e.occurred_at > {add_sql('%(at)s::timestamptz', 'p.zone', -top.within)}"
    )
    return f"""
    select p.bucket, p.id as profile, {total.value} as value
    from profile p
    join event e on e.bucket = p.bucket and e.profile = p.id{total.joined}
    where p.bucket >= %(first)s and p.bucket < %(beyond)s and p.merged_into is null
        and e.name = {weave.literal(top.event, "text")} and e.occurred_at <= %(at)s{since}
    group by p.bucket, p.id"""


def _ranking(weave: Weaver, name: str, top: Top, kept: list[str]) -> str:
    """The best by one measure: the share rounded up of those who measure more than zero, ties at the edge in."""
    called = weave.literal(name, "text")
    return f"""
with measured as materialized ({_measured(weave, top)}
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
