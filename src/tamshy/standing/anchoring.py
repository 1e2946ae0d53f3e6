"""How a machine's time stood against its seconds since it was started: kept, so that a process started later knows it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL: Final = sqlkit.queries(__package__)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment by the clock, and the seconds since the machine was started at which it was read."""

    since_boot: float
    at: datetime


def anchor(conn: Connection, boot: str) -> Anchor | None:
    """What was kept for this start of the machine; None where nothing was, or a person has confirmed since."""
    row = conn.execute(_SQL["anchor"], {"boot": boot}).fetchone()
    return None if row is None else Anchor(*row)


def drop_anchor(conn: Connection, boot: str, kept: Anchor) -> None:
    """Keep an anchor for this start of the machine; the caller commits."""
    conn.execute(_SQL["drop_anchor"], {"boot": boot, "since_boot": kept.since_boot, "at": kept.at})
