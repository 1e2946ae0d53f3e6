"""On hold, or clear: looked at before anything is worked, written down by whoever finds a reason, ended by a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.publish import load_rulebook, next_send, workspace_names
from tamshy.standing.whereabouts import Whereabouts, differing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from tamshy.sqlkit import Connection

_SQL: Final = sqlkit.queries(__package__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an installation stands: clear to work and to mail, or on hold for these reasons.

    ``id`` is the installation's, made anew by every confirming; None before the founding. ``since`` is None where nobody has
    written the hold down yet.
    """

    id: UUID | None = None
    reasons: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def clear(self) -> bool:
        """Whether work may be done and mail may leave."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Waiting:
    """What would leave, or be decided, if work went on at this moment.

    ``queued``: messages that are decided and wait for their hand-over; ``handing_over``: those that were being handed over;
    ``uncertain``: those whose answer was lost, which a person settles; ``due``: people with a step due; ``messages``: of these,
    people whose very next step is a message.
    """

    queued: int = 0
    handing_over: int = 0
    uncertain: int = 0
    due: int = 0
    messages: int = 0

    @property
    def leaving(self) -> int:
        """Messages that would leave at most: handed over, or decided now."""
        return self.queued + self.messages


def founded(conn: Connection, here: Whereabouts, id_: UUID, at: datetime) -> None:
    """Write down where a database lies that has not been asked before; the caller commits. ``id_`` names the installation."""
    params = {"id": id_, "whereabouts": json.dumps(here), "at": at}
    conn.execute(_SQL["found"], params)


def look(conn: Connection, here: Whereabouts) -> Standing:
    """Tell how the installation stands; nothing is written. A database that was never founded is clear."""
    row = conn.execute(_SQL["installation"]).fetchone()
    if row is None:
        return Standing()
    id_, known, since, reasons, seen = row
    found = differing(known | seen if since else known, here)
    return Standing(id_, tuple(sorted({*reasons, *found})), since)


def learn(conn: Connection, here: Whereabouts) -> None:
    """Keep what was not known of the whereabouts of a clear installation; the caller commits."""
    conn.execute(_SQL["learn"], {"whereabouts": json.dumps(here)})


def hold(conn: Connection, reasons: Iterable[str], at: datetime, seen: Whereabouts | None = None) -> bool:
    """Let nothing leave from now on; the caller commits. Returns False where it was so already.

    ``seen``: what this process alone can see of the whereabouts, so that another can confirm it.
    """
    params = {"reasons": sorted(set(reasons)), "at": at, "seen": json.dumps(seen or {})}
    return bool(conn.execute(_SQL["hold"], params).rowcount)


def release(conn: Connection, reason: str) -> bool:
    """Take one reason back that has gone by itself; the caller commits. Returns False where it was none."""
    return bool(conn.execute(_SQL["release"], {"reason": reason}).rowcount)


def confirm(conn: Connection, here: Whereabouts, id_: UUID, at: datetime, *, skip: bool = False) -> None:
    """Take a person's word that this is the installation that mails; the caller commits.

    ``skip``: what was decided or due before now is not sent, because the original may have sent it: queued deliveries are
    withdrawn, webhooks and notices given up, and sends that were due are skipped as ``expired``.
    """
    conn.execute(_SQL["confirm"], {"id": id_, "whereabouts": json.dumps(here), "at": at})
    conn.execute(_SQL["forget_anchors"])
    if skip:
        conn.execute(_SQL["withdraw_queued"], {"at": at})
        conn.execute(_SQL["fail_errands"], {"at": at})
        conn.execute(_SQL["skip_due"], {"at": at})


def waiting(conn: Connection, at: datetime) -> Waiting:
    """Count what would leave, or be decided, if work went on at this moment."""
    row = conn.execute(_SQL["waiting"]).fetchone() or (0, 0, 0)
    due = messages = 0
    for name in workspace_names(conn):
        book = load_rulebook(conn, name)
        running = {flow.version: flow for flow in book.flows}
        span = {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets, "at": at}
        for version, step, met, people in conn.execute(_SQL["due"], span):
            due += people
            messages += people if next_send(running[version], step, met=met) else 0
    return Waiting(row[0], row[1], row[2], due, messages)
