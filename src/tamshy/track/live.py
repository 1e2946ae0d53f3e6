"""Opens, clicks and looks at our pages as they come in over HTTP, one at a time.

A person's hit reaches the engine ten seconds after it came: that long others may still show it to be a scanner's,
and then it is taken back before anything was made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tamshy import sqlkit
from tamshy.track.hits import Did, Hit, Page, Request
from tamshy.track.machines import Machine
from tamshy.track.stage import record
from tamshy.track.visits import BURST_WINDOW, MEMORY, MOST_TOGETHER, Visit, judge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from tamshy.sqlkit import Connection
    from tamshy.track.subjects import Found

_QUERIES: Final = sqlkit.queries(__package__)
BURST: Final = BURST_WINDOW
_REASONS: Final = {machine.value: machine for machine in Machine}
_TOLD: Final = frozenset({Did.OPENED, Did.CLICKED})


@dataclass(frozen=True, slots=True)
class Touched:
    """What was made of a hit: why it is a machine's, or None, and where a click leads."""

    machine: Machine | None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """A hit that was recorded before."""

    id: UUID
    visit: Visit


def opened(conn: Connection, found: Found, request: Request, now: datetime) -> Touched:
    """Record an open. The caller commits."""
    return _touched(conn, found, Visit(now, Did.OPENED, request))


def clicked(conn: Connection, found: Found, number: int, request: Request, now: datetime) -> Touched | None:
    """Record a click on link `number` of the message; None where it has no such link. The caller commits."""
    if not 0 <= number < len(found.links):
        return None
    return _touched(conn, found, Visit(now, Did.CLICKED, request, found.links[number]))


def looked(conn: Connection, found: Found, page: Page, request: Request, now: datetime) -> Touched:
    """Record a look at a page of ours, which counts nowhere and shows what others are. The caller commits."""
    return _touched(conn, found, Visit(now, Did.LOOKED, request, page.value))


def _touched(conn: Connection, found: Found, visit: Visit) -> Touched:
    """Judge a hit together with those of the last minute, and record it."""
    key = {"bucket": found.bucket, "profile": found.profile, "message": found.message}
    conn.execute(_QUERIES["hold_message"], key)
    recent = conn.execute(_QUERIES["recent"], key | {"since": visit.at - MEMORY, "most": MOST_TOGETHER}).fetchall()
    before = [_known(*row) for row in reversed(recent)]
    visits = [*(known.visit for known in before), visit]
    links = len(set(found.links))
    *earlier, machine = judge(visits, found.handed_over_at, links, handing_over=found.handing_over)
    people = [known for known, why in zip(before, earlier, strict=True) if why is None]
    exposed = [
        (known, why)
        for known, why in zip(before, earlier, strict=True)
        if why is not None and known.visit.known is None
    ]
    if exposed:
        _mark(conn, found, exposed)
        # Hits of one minute are one event, which stands as long as one of them is a person's.
        back = _events(found, (known for known, _ in exposed)) - _events(found, people)
        _take_back(conn, found, back, visit.at)
    record(conn, [_hit(found, visit, machine)])
    return Touched(machine, visit.url)


def _known(id_: UUID, at: datetime, kind: str, url: str | None, facts: dict[str, Any]) -> _Known:
    return _Known(id_, Visit(at, Did(kind), Request.of(facts), url, _REASONS.get(facts.get("why", ""))))


def _mark(conn: Connection, found: Found, exposed: list[tuple[_Known, Machine]]) -> None:
    """Mark hits that turned out to be a machine's."""
    rows = sqlkit.rows_json([{"hit": known.id, "why": why} for known, why in exposed])
    conn.execute(_QUERIES["mark"], {"bucket": found.bucket, "profile": found.profile, "rows": rows})


def _take_back(conn: Connection, found: Found, events: set[UUID], now: datetime) -> None:
    """Take back what the engine was not told yet, so that a person's hit may tell it."""
    key = {"bucket": found.bucket, "profile": found.profile, "now": now, "events": list(events)}
    back = [id_ for (id_,) in conn.execute(_QUERIES["take_back"], key)]
    if back:
        conn.execute(_QUERIES["unsee"], {"workspace": found.workspace, "events": back})


def _events(found: Found, hits: Iterable[_Known]) -> set[UUID]:
    return {_hit(found, known.visit, None).event_id for known in hits if known.visit.did in _TOLD}


def _hit(found: Found, visit: Visit, machine: Machine | None) -> Hit:
    return Hit(
        found.bucket,
        found.profile,
        found.message,
        visit.did,
        at=visit.at,
        arrived_at=visit.at,
        worked_at=visit.at + BURST_WINDOW,
        url=visit.url,
        machine=machine is not None,
        facts=visit.request.facts() | ({} if machine is None else {"why": machine.value}),
    )
