# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""Who is in a segment now: how many, some of them, and all of them as SQL for other stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.rulebook.weaver import Weaver

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def members_sql(weave: Weaver, book: Rulebook, name: str, moment: str) -> str:
    """A query of one column, ``profile``: who is in the segment, in the bucket ``%(bucket)s``, each once.

    ``moment``: SQL of the moment of asking (timestamptz), without columns. Kept segments are read, others asked of everybody.
    """
    if name in book.tracked:
        segment = weave.literal(name, "text")
        return f"select m.profile from membership m where m.bucket = %(bucket)s and m.segment = {segment}"
    return weave.question(name, moment)


def count(conn: Connection, book: Rulebook, name: str, at: datetime) -> int:
    """How many people are in a segment, whether it is kept or not; asked bucket by bucket."""
    weave = Weaver(book)
    sql = f"select count(*) from ({members_sql(weave, book, name, '%(at)s::timestamptz')}) m"
    buckets = range(book.first_bucket, book.first_bucket + book.buckets)
    rows = [conn.execute(sql.encode(), weave.params | {"bucket": bucket, "at": at}).fetchone() for bucket in buckets]
    return sum(int(row[0]) for row in rows if row is not None)


def sample(conn: Connection, book: Rulebook, name: str, at: datetime, limit: int) -> list[tuple[int, UUID]]:
    """Some of the people in a segment, by bucket and id: from each bucket the first, until there are enough."""
    weave = Weaver(book)
    sql = f"select m.profile from ({members_sql(weave, book, name, '%(at)s::timestamptz')}) m order by m.profile limit %(limit)s"
    found: list[tuple[int, UUID]] = []
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        if len(found) >= limit:
            break
        params = weave.params | {"bucket": bucket, "at": at, "limit": limit - len(found)}
        found += [(bucket, row[0]) for row in conn.execute(sql.encode(), params)]
    return found
