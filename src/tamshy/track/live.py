"""Opens and clicks as they come in over HTTP, one at a time.

A person's hit reaches the engine ten seconds after it came: that long a burst of clicks may still show it to be a
scanner's, and then it is taken back before anything was made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.track.hits import Did, Hit, Request
from tamshy.track.machines import BURST_WINDOW, Machine, by_burst, by_request, by_timing
from tamshy.track.stage import record

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.sqlkit import Connection
    from tamshy.track.subjects import Found

_QUERIES: Final = sqlkit.queries(__package__)
BURST: Final = BURST_WINDOW
_LONGEST_AGENT: Final = 300


@dataclass(frozen=True, slots=True)
class Touched:
    """What was made of a hit: why it is a machine's, or None, and where a click leads."""

    machine: Machine | None
    url: str | None = None


def opened(conn: Connection, found: Found, request: Request, now: datetime) -> Touched:
    """Record an open. The caller commits."""
    machine = by_request(request) or by_timing(now, found.handed_over_at)
    record(conn, [_hit(found, Did.OPENED, request, now, machine)])
    return Touched(machine)


def clicked(conn: Connection, found: Found, number: int, request: Request, now: datetime) -> Touched | None:
    """Record a click on link `number` of the message; None where it has no such link. The caller commits."""
    if not 0 <= number < len(found.links):
        return None
    url = found.links[number]
    machine = by_request(request) or by_timing(now, found.handed_over_at)
    if machine is None:
        machine = _burst(conn, found, url, now)
    record(conn, [_hit(found, Did.CLICKED, request, now, machine, url)])
    return Touched(machine, url)


def _burst(conn: Connection, found: Found, url: str, now: datetime) -> Machine | None:
    """Look at the clicks just before; where this one makes them a burst, take back what was thought of them."""
    key = {"bucket": found.bucket, "profile": found.profile, "message": found.message, "since": now - BURST_WINDOW}
    recent = [(at, link) for at, link in conn.execute(_QUERIES["recent_clicks"], key)]
    machine = by_burst(now, url, recent, len(set(found.links)))
    if machine is not None:
        conn.execute(_QUERIES["mark_burst"], key | {"why": machine.value})
        conn.execute(_QUERIES["take_back"], key | {"now": now})
    return machine


def _hit(
    found: Found, did: Did, request: Request, now: datetime, machine: Machine | None, url: str | None = None
) -> Hit:
    facts: dict[str, object] = {"user_agent": _printable(request.user_agent)[:_LONGEST_AGENT], "method": request.method}
    if machine is not None:
        facts["why"] = machine.value
    return Hit(
        found.bucket,
        found.profile,
        found.message,
        did,
        at=now,
        arrived_at=now,
        worked_at=now + BURST_WINDOW,
        url=url,
        machine=machine is not None,
        facts=facts,
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
