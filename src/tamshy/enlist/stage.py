"""Putting one person into one flow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from tamshy.explain import whoever
from tamshy.language.model import ManualTrigger
from tamshy.publish import load_rulebook
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.enlist")


class Unknown(LookupError):
    """There is no such flow, or nobody goes by the name; the message says which, and what would be right."""


class NoManualTrigger(ValueError):
    """The flow is not entered by hand."""


class SeveralPeople(ValueError):
    """Several people go by the name; the message lists the ids to choose from."""


@dataclass(frozen=True, slots=True)
class Enlisted:
    """Who is on the way into which flow; ``anew`` False: the same was asked before, with the same key, and nothing was done."""

    flow: str
    profile: UUID
    anew: bool


def enlist(
    conn: Connection, workspace: str, flow: str, name: str, event: Mapping[str, object], *, key: str, at: datetime
) -> Enlisted:
    """Put somebody on the way into a flow; the caller commits.

    Args:
        conn: a connection to the database.
        workspace: the workspace's name.
        flow: a live flow with the trigger ``manual``.
        name: a user id, an address, an anonymous id or a profile's own id.
        event: what ``event.…`` holds in the flow (rule 22), free of what PostgreSQL does not store.
        key: asked again with the same key for the same flow, nothing happens.
        at: the moment it is asked; the enrollment's own time.

    Raises:
        Unknown: no such workspace or flow, or nobody goes by the name.
        NoManualTrigger: the flow has no such trigger.
        SeveralPeople: more than one profile goes by the name.
    """
    try:
        book = load_rulebook(conn, workspace)
    except LookupError as exc:
        raise Unknown(str(exc)) from exc
    live = {running.name: running.flow for running in book.flows if running.live}
    if flow not in live:
        raise Unknown(f"there is no flow {flow!r}; there are {', '.join(sorted(live)) or 'none'}")
    if not any(isinstance(trigger, ManualTrigger) for trigger in live[flow].triggers):
        raise NoManualTrigger(f"{flow} is not entered by hand; give it the trigger {{manual: true}}")
    people = whoever(conn, book.workspace, name)
    if not people:
        raise Unknown(f"nobody goes by {name!r}; give a user id, an address, an anonymous id or a profile's id")
    if len(people) > 1:
        ids = ", ".join(str(profile) for _, profile in people)
        raise SeveralPeople(f"several people go by {name!r}; give the id of one of them: {ids}")
    ((bucket, profile),) = people
    digest = UUID(hashlib.md5(f"by hand|{flow}|{key}".encode(), usedforsecurity=False).hexdigest())
    given = {
        "workspace": book.workspace,
        "bucket": bucket,
        "profile": profile,
        "flow": flow,
        "digest": digest,
        "at": at,
    }
    taken = conn.execute(_SQL["take"], given | {"event": rows_json([dict(event)])[1:-1]}).rowcount
    return Enlisted(flow, profile, anew=bool(taken))
