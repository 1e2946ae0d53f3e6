"""When a pass raises: whose item it was, found by halves, and set aside so that nobody else waits for it.

The others' items are worked on the way. Whoever is set aside is tried again twice, and then waits for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.render.children import RendererUnavailable
from tamshy.sqlkit import is_retryable, queries, rows_json, sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.worker")
AGAIN: Final = (timedelta(seconds=5), timedelta(minutes=1))
"""How long somebody is set aside after the first and the second failure; after the third for good. Real time."""
MOST: Final = 50
"""So many failures, and more than went well: then it is not the items that are at fault."""
_ERROR: Final = 500
_RESOURCES: Final = ("53", "58")
"""Classes of PostgreSQL's codes for a machine without room, and for one whose files cannot be read."""


def is_the_machines(exc: BaseException) -> bool:
    """Tell whether a machine without room for a process, a file or a row is at fault, and nobody's item: it passes by itself."""
    return isinstance(exc, OSError | RendererUnavailable) or (sqlstate(exc) or "").startswith(_RESOURCES)


def sift(profiles: Sequence[UUID], work: Callable[[Sequence[UUID]], int]) -> tuple[int, dict[UUID, Exception]]:
    """Work the items of all these profiles but those that raise. Returns how many were worked, and who raised what.

    ``work`` takes some of the profiles; what it has committed when it raises is done. An error that a new connection may mend
    is raised on, and so are the machine's own and one of many when most go wrong.
    """
    worked = 0
    poison: dict[UUID, Exception] = {}
    stack = [list(profiles)] if profiles else []
    while stack:
        part = stack.pop()
        try:
            worked += work(part)
        except Exception as exc:
            if is_retryable(exc) or is_the_machines(exc):
                raise
            half = len(part) // 2
            if half:
                stack += [part[half:], part[:half]]
                continue
            poison[part[0]] = exc
            if len(poison) >= MOST and len(poison) > worked:
                raise
    return worked, poison


def set_aside(conn: Connection, bucket: int, poison: Mapping[UUID, Exception], now: datetime, speed: float) -> None:
    """Set these profiles aside, each with its error; commits. ``now``: the shop's time, ``speed`` times as fast as life."""
    rows = [{"profile": profile, "error": _told(exc)} for profile, exc in poison.items()]
    first, second = (now + pause * speed for pause in AGAIN)
    params = {
        "bucket": bucket,
        "now": now,
        "first": first,
        "second": second,
        "rows": rows_json(rows),
    }
    conn.execute(_SQL["set_aside"], params)
    conn.commit()


def _told(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}".replace("\0", "").split("\nCONTEXT")[0][:_ERROR]


@dataclass(frozen=True, slots=True)
class Aside:
    """Somebody who is set aside. ``until`` is None for who waits for a person."""

    profile: UUID
    since: datetime
    tries: int
    until: datetime | None
    error: str


def aside(conn: Connection, first_bucket: int, buckets: int) -> list[Aside]:
    """Tell who is set aside in a workspace, given by its buckets, longest first."""
    rows = conn.execute(_SQL["aside"], {"first_bucket": first_bucket, "buckets": buckets}).fetchall()
    return [Aside(profile, since, tries, until, error) for profile, since, tries, until, error in rows]


def let_in(conn: Connection, first_bucket: int, buckets: int, profile: UUID | None = None) -> int:
    """Let this profile of a workspace in again, or everybody; the caller commits. Returns how many were set aside."""
    params = {"first_bucket": first_bucket, "buckets": buckets, "profile": profile}
    return conn.execute(_SQL["let_in_now"], params).rowcount
