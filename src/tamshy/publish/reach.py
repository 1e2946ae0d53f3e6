# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""To whom a broadcast would go, counted beforehand, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy.language.model import All, AnyOf, In, MessageKind, Subscribed
from tamshy.rulebook import Rulebook
from tamshy.rulebook.weaver import Weaver

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tamshy.language.model import Broadcast, Condition, Workspace
    from tamshy.sqlkit import Connection


@dataclass(frozen=True, slots=True)
class Reach:
    """How many a broadcast would go to at a moment: ``members`` of its segment, and those of them who may be mailed.

    Not mailed is who has no address, is suppressed, or has not consented to the topic. Caps and quiet hours may hold some back.
    """

    broadcast: str
    members: int
    mailed: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"broadcast/{self.broadcast}: would go to {self.mailed} of {self.members} members now"


def reach(
    conn: Connection, span: tuple[int, int, int], workspace: Workspace, names: Iterable[str], at: datetime
) -> list[Reach]:
    """Count to whom these broadcasts of a folder would go at a moment.

    ``span``: the workspace's id, its first bucket and how many it has.
    """
    id_, first, buckets = span
    segments = {name: segment.where for name, segment in workspace.segments.items()}
    book = Rulebook(id_, "", first, buckets, workspace.settings, (), {}, segments=segments)
    found = []
    for name in sorted(names):
        broadcast = workspace.broadcasts[name]
        members, mailed = 0, 0
        sql, params = _count(book, workspace, broadcast)
        for bucket in range(first, first + buckets):
            row = conn.execute(sql.encode(), params | {"bucket": bucket, "at": at, "workspace": id_}).fetchone()
            members, mailed = (members + row[0], mailed + row[1]) if row is not None else (members, mailed)
        found.append(Reach(name, members, mailed))
    return found


def _count(book: Rulebook, workspace: Workspace, broadcast: Broadcast) -> tuple[str, dict[str, object]]:
    """The statement that counts in one bucket."""
    weave = Weaver(book)
    moment = "%(at)s::timestamptz"
    condition = In(broadcast.segment)
    members = weave.question(broadcast.segment, moment)
    allowed = weave.ask(All((condition, *_consent(book, workspace, broadcast))), moment)
    sql = f"""
select count(*)::integer, (count(*) filter (
    where p.address is not null and p.suppressed is null and q.profile in ({allowed})))::integer
from ({members}) q
join profile p on p.bucket = %(bucket)s and p.id = q.profile"""
    return sql, weave.params


def _consent(book: Rulebook, workspace: Workspace, broadcast: Broadcast) -> tuple[Condition, ...]:
    names = [broadcast.message] if broadcast.trial is None else [arm.message for arm in broadcast.trial.arms]
    messages = [workspace.messages[name] for name in names if name is not None]
    topics = {one.topic or book.default_topic for one in messages if one.kind is not MessageKind.TRANSACTIONAL}
    if broadcast.topic is not None and topics:
        topics = {broadcast.topic}
    return (AnyOf(tuple(map(Subscribed, sorted(topics)))),) if topics else ()
