"""Making the rulebook of what is published."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tamshy.language import all_flows, file_of, read_workspace
from tamshy.language.model import MessageKind
from tamshy.language.program import program
from tamshy.language.workspace import CATALOGUE
from tamshy.rulebook import PublishedMessage, Rulebook, RunningFlow
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.language.model import Workspace
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.publish")


def workspace_names(conn: Connection) -> list[str]:
    """The names of all workspaces, the first one made first."""
    return [row[0] for row in conn.execute(_SQL["workspaces"])]


def published_files(conn: Connection, workspace: int) -> dict[str, str]:
    """The published texts by path, exactly as written."""
    return dict(conn.execute(_SQL["files"], {"workspace": workspace}).fetchall())


def load_rulebook(conn: Connection, name: str, *, seed: int = 0) -> Rulebook:
    """Read the rulebook of a workspace: its settings, its messages, and every flow version that still matters.

    Raises LookupError where there is no such workspace.
    """
    row = conn.execute(_SQL["workspace"], {"name": name}).fetchone()
    if row is None:
        msg = f"there is no workspace {name!r}"
        raise LookupError(msg)
    id_, first, buckets = row
    # What is sold lies in tables of its own; a large catalogue would be read at every publishing and by every worker.
    files = {path: text for path, text in published_files(conn, id_).items() if not path.startswith(f"{CATALOGUE}/")}
    workspace, _ = read_workspace(files)
    span = {"workspace": id_, "first": first, "beyond": first + buckets}
    flows = all_flows(workspace)
    running: list[RunningFlow] = []
    sendable = dict(workspace.messages)
    pools = dict(workspace.pools)
    segments = {segment.name: segment.where for segment in workspace.segments.values()}
    older: dict[int, Workspace] = {}
    for version, flow_name, source, publication, live in conn.execute(_SQL["running_versions"], span).fetchall():
        if files.get(file_of(flow_name)) == source:
            flow = flows[flow_name]
        else:
            if publication not in older:
                older[publication] = _published_at(conn, id_, publication)
            flow = all_flows(older[publication])[flow_name]
            # Who finishes on an old version may still be sent what new ones send no more.
            for message in older[publication].messages.values():
                sendable.setdefault(message.name, message)
            for pool in older[publication].pools.values():
                pools.setdefault(pool.name, pool)
            for segment in older[publication].segments.values():
                segments.setdefault(segment.name, segment.where)
        running.append(RunningFlow(version, flow, program(flow), live))
    default = workspace.settings.topics[0].name if workspace.settings.topics else ""
    newest = {row[0]: (row[1], row[2]) for row in conn.execute(_SQL["newest_versions"], {"workspace": id_})}
    messages = {}
    for message in sendable.values():
        number, recommends = newest[message.name]
        marketing = message.kind is MessageKind.MARKETING
        messages[message.name] = PublishedMessage(number, message.name, marketing, message.topic or default, recommends)
    paused = frozenset(row[0] for row in conn.execute(_SQL["paused"], {"workspace": id_}))
    bare = {pool.name: replace(pool, codes=()) for pool in pools.values()}
    return Rulebook(
        id_, name, first, buckets, workspace.settings, tuple(running), messages, seed, paused, segments, bare
    )


def _published_at(conn: Connection, workspace: int, number: int) -> Workspace:
    """The workspace as a publication has written it."""
    row = conn.execute(_SQL["publication"], {"workspace": workspace, "number": number}).fetchone()
    files = {} if row is None else row[0]
    read, _ = read_workspace(files if isinstance(files, dict) else json.loads(files))
    return read
