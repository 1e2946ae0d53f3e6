# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""What would be done if a flow went on, or an installation: counted beforehand, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy.language.model import (
    ChangeConsent,
    Notify,
    Send,
    SetProperties,
    TakeCoupon,
    Track,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilMoment,
    WaitUntilTime,
)
from tamshy.publish.holding import span_of
from tamshy.publish.loading import load_rulebook
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import RunningFlow
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.publish")
_WAITS = (Wait, WaitUntilTime, WaitUntilMoment, WaitBestHour)
_AT_ONCE = (SetProperties, Track, ChangeConsent, TakeCoupon, Notify)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who is overdue in a flow, and what each choice would do with them.

    ``inside``: people in the flow. ``overdue``: those for whom something was due by now. ``messages``: of these, those whose
    very next step is a message; ``in_time``: of those, where ``expires`` has not passed yet. ``shifted``: those whose wait would
    go on from where it stood.
    """

    flow: str
    paused: bool
    since: datetime | None
    inside: int = 0
    overdue: int = 0
    messages: int = 0
    in_time: int = 0
    shifted: int = 0

    @property
    def expired(self) -> int:
        """Messages that are too late by their own ``expires``."""
        return self.messages - self.in_time


def flow_names(conn: Connection, workspace: str) -> list[str]:
    """The flows of a workspace that are not gone. Raises LookupError where there is no such workspace."""
    return [row[0] for row in conn.execute(_SQL["flow_names"], span_of(conn, workspace).params())]


def outlook(conn: Connection, workspace: str, flow: str, *, at: datetime) -> Outlook:
    """Count what resuming the flow at this moment would do. Raises LookupError where there is no such workspace or flow."""
    span = span_of(conn, workspace)
    row = conn.execute(_SQL["flow_state"], span.params(flow=flow)).fetchone()
    if row is None:
        msg = f"there is no flow {flow!r} in this workspace; publish it first"
        raise LookupError(msg)
    paused, since = row
    params = span.params(flow=flow, at=at)
    inside, shifted = conn.execute(_SQL["inside"], params).fetchone() or (0, 0)
    book = load_rulebook(conn, workspace)
    programs = {running.version: running for running in book.flows if running.name == flow}
    overdue = messages = in_time = 0
    for version, step, met, people in conn.execute(_SQL["overdue_places"], params).fetchall():
        overdue += people
        send = next_send(programs[version], step, met=met)
        if send is not None:
            messages += people
            place = {"version": version, "step": step, "met": met}
            in_time += _in_time(conn, send, params | place)
    return Outlook(flow, paused, since, inside, overdue, messages, in_time, shifted)


def told(found: Outlook) -> dict[str, object]:
    """Give an outlook for programs."""
    return {
        "flow": found.flow,
        "paused": found.paused,
        "paused_at": found.since.isoformat() if found.since else None,
        "inside": found.inside,
        "overdue": found.overdue,
        "messages": found.messages,
        "choices": {
            "skip": {"skipped": found.messages},
            "send": {"decided": found.messages},
            "shift": {"shifted": found.shifted},
            "expires": {"decided": found.in_time, "skipped": found.expired},
        },
    }


def next_send(running: RunningFlow, step: int, *, met: bool = False) -> Send | None:
    """The message that is next for those who are due at a step; None where none is, or where a branch decides first."""
    nodes = running.program.nodes
    index: int | None = step if 0 <= step < len(nodes) else None
    started = True
    while index is not None:
        node = nodes[index]
        if isinstance(node.step, Send):
            return node.step
        if isinstance(node.step, WaitFor) and started:
            index = node.then if met else node.otherwise
        elif isinstance(node.step, _AT_ONCE) or (isinstance(node.step, _WAITS) and started):
            index = node.next
        else:
            return None
        started = False
    return None


def _in_time(conn: Connection, send: Send, params: dict[str, object]) -> int:
    """How many of those overdue at a place are not too late for the message that is next."""
    deadline = add_sql("e.due_at", "p.zone", send.expires)
    row = conn.execute(
        f"""
        select count(*) from enrollment e join profile p on p.bucket = e.bucket and p.id = e.profile
        where e.bucket >= %(first)s and e.bucket < %(beyond)s and e.flow = %(flow)s and e.active
            and e.work_at < %(at)s and e.version = %(version)s and e.step = %(step)s and (e.met_at is not null) = %(met)s
            and {deadline} >= %(at)s""".encode(),
        params,
    ).fetchone()
    return int(row[0]) if row else 0
