"""Publishing: one transaction from a folder's texts to live versions, with the people inside moved along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tamshy import segment
from tamshy.advance import arrive
from tamshy.commerce import FOUNDING, Word, tell
from tamshy.coupon import stock
from tamshy.language import all_flows, file_of, kept_steps, read_workspace, step_mapping
from tamshy.language.model import InFlight, Repeat
from tamshy.language.workspace import CATALOGUE
from tamshy.publish.holding import buckets_inside, call_in, hold_buckets, prepare_moves, span_of, take_turns
from tamshy.publish.loading import load_rulebook, published_files
from tamshy.sqlkit import queries, rows_json
from tamshy.trigger import plan_everybody

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from tamshy.language.model import Message, Problem, Settings, Workspace
    from tamshy.language.program import Program
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.publish")


class CompileMessage(Protocol):
    """Compiles a message into what rendering works from (JSON), with the problems that forbid it."""

    def __call__(self, message: Message, settings: Settings, /) -> tuple[Mapping[str, object], list[Problem]]:
        """Compile one message."""


class Unpublishable(Exception):
    """The folder has problems; nothing was changed."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep every problem, in order of place."""
        super().__init__("\n".join(str(problem) for problem in sorted(problems)))
        self.problems = sorted(problems)


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did: the flows with a new version, the messages with a new version, the flows archived.

    ``moved``: people inside who went on elsewhere. ``backfilled``: people inside a segment already of whom a flow was told.
    """

    flows: tuple[str, ...]
    messages: tuple[str, ...]
    archived: tuple[str, ...]
    moved: int
    backfilled: int = 0


def create_workspace(conn: Connection, name: str, *, buckets: int) -> int:
    """Make the workspace of that name, if it is not there; returns its id."""
    row = conn.execute(_SQL["create_workspace"], {"name": name, "buckets": buckets}).fetchone()
    if row is None:
        row = conn.execute(_SQL["workspace"], {"name": name}).fetchone()
    if row is None:
        msg = f"the workspace {name!r} was removed while it was being made"
        raise LookupError(msg)
    conn.execute(_SQL["create_leases"], {"first": row[1], "last": row[1] + row[2] - 1})
    return int(row[0])


def publish(
    conn: Connection,
    name: str,
    files: Mapping[str, str],
    *,
    at: datetime,
    compile_message: CompileMessage,
    secret: bytes = b"",
    backfill: Collection[str] = (),
) -> Published:
    """Publish the texts of a folder in the workspace of that name; the caller commits.

    ``secret``: what codes of new patterns are drawn by; in life one that nobody outside knows. Raises ValueError where there are
    pools and none is given.

    Publishers take turns, and no pass over the workspace is under way meanwhile: the next one works by the new rules.
    What is published already, and compiles to the same, changes nothing. ``backfill``: flows that are told of everybody who is
    inside a segment that starts them.

    Raises Unpublishable (nothing is changed) where the texts have problems, LookupError where there is no such workspace, or
    no segment starts a flow of ``backfill``.
    """
    workspace, problems = read_workspace(files)
    compiled: dict[str, Mapping[str, object]] = {}
    if not problems:
        for message in workspace.messages.values():
            compiled[message.name], found = compile_message(message, workspace.settings)
            problems += found
    if problems:
        raise Unpublishable(problems)
    if workspace.pools and not secret:
        msg = "codes that are drawn by no secret are everybody's: `publish` is given none"
        raise ValueError(msg)
    take_turns(conn)
    span = span_of(conn, name)
    passes = hold_buckets(conn, span)
    before = load_rulebook(conn, name)
    laid_in = _coupons(published_files(conn, before.workspace))
    _tell_catalogue(conn, before.workspace, workspace, at)
    number = _write_texts(conn, before.workspace, workspace, at)
    if laid_in != _coupons(workspace.sources):
        stock(conn, before.workspace, workspace.pools, secret)
    messages = _write_messages(conn, before.workspace, compiled, at)
    flows, archived = _write_flows(conn, before.workspace, workspace, number, at)
    moved = _move_people(conn, before, name, flows, archived, at, passes)
    now = load_rulebook(conn, name)
    segment.build(conn, now, before, at)
    if flows or archived:
        plan_everybody(conn, before, now, at)
    told = sum(segment.backfill(conn, now, flow, at) for flow in sorted(backfill))
    call_in(conn, span)
    return Published(tuple(flows), tuple(messages), tuple(archived), moved, told)


def _coupons(files: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.startswith("coupons/")}


def _tell_catalogue(conn: Connection, id_: int, workspace: Workspace, at: datetime) -> None:
    """Take in the products of the folder, where its files of them say something else than before."""
    before = published_files(conn, id_)
    files = {path: text for path, text in workspace.sources.items() if path.startswith(f"{CATALOGUE}/")}
    if workspace.products and any(before.get(path) != text for path, text in files.items()):
        tell(conn, id_, [Word(product, at) for product in workspace.products], at, FOUNDING)


def _write_texts(conn: Connection, id_: int, workspace: Workspace, at: datetime) -> int:
    """Keep the texts, and the publication that they are; the number of the last one where nothing has changed."""
    newest = conn.execute(_SQL["newest_publication"], {"workspace": id_}).fetchone()
    if newest is not None and published_files(conn, id_) == dict(workspace.sources):
        return int(newest[0])
    rows = [{"path": path, "content": content} for path, content in sorted(workspace.sources.items())]
    conn.execute(_SQL["drop_files"], {"workspace": id_, "paths": list(workspace.sources)})
    conn.execute(_SQL["write_files"], {"workspace": id_, "rows": rows_json(rows)})
    number = 1 if newest is None else int(newest[0]) + 1
    conn.execute(
        _SQL["write_publication"],
        {"workspace": id_, "number": number, "at": at, "files": json.dumps(workspace.sources)},
    )
    return number


def _write_messages(conn: Connection, id_: int, compiled: dict[str, Mapping[str, object]], at: datetime) -> list[str]:
    """A version for each message that compiles to something else than before."""
    before = {row[0]: row[2] for row in conn.execute(_SQL["newest_messages"], {"workspace": id_})}
    changed: list[str] = []
    for name, parts in sorted(compiled.items()):
        text = rows_json([parts])[1:-1]
        if before.get(name) != json.loads(text):
            changed.append(name)
            conn.execute(_SQL["write_message"], {"workspace": id_, "message": name, "compiled": text, "at": at})
    return changed


def _write_flows(
    conn: Connection, id_: int, workspace: Workspace, number: int, at: datetime
) -> tuple[list[str], list[str]]:
    """A version for each flow whose text has changed; flows whose text is gone are archived."""
    live = {row[0]: row for row in conn.execute(_SQL["live_versions"], {"workspace": id_}).fetchall()}
    changed: list[str] = []
    wanted = all_flows(workspace)
    for name in sorted(wanted):
        source = workspace.sources[file_of(name)]
        if name in live and live[name][3] == source and not live[name][4]:
            continue
        changed.append(name)
        conn.execute(_SQL["register_flow"], {"workspace": id_, "flow": name})
        row = conn.execute(
            _SQL["write_version"],
            {"workspace": id_, "flow": name, "source": source, "publication": number, "at": at},
        ).fetchone()
        conn.execute(_SQL["write_flow"], {"workspace": id_, "flow": name, "version": row[0] if row else None})
    archived = sorted(name for name, row in live.items() if name not in wanted and not row[4])
    for name in archived:
        conn.execute(_SQL["archive"], {"workspace": id_, "flow": name})
    return changed, archived


def _move_people(
    conn: Connection,
    before: Rulebook,
    name: str,
    flows: list[str],
    archived: list[str],
    at: datetime,
    passes: dict[int, int],
) -> int:
    """People inside changed flows follow into the new version, those inside archived ones leave."""
    if not before.flows or not (flows or archived):
        return 0
    prepare_moves(conn)
    now = load_rulebook(conn, name)
    newest = {running.name: running for running in now.flows if running.live}
    moved = 0
    for running in before.flows:
        if running.name in archived:
            moved += _empty(conn, now, running.name, at, passes)
        elif running.name in flows and newest[running.name].flow.in_flight is InFlight.FOLLOW:
            moved += _follow(conn, now, running, newest[running.name], at, passes)
    return moved


def _follow(
    conn: Connection, book: Rulebook, old: RunningFlow, new: RunningFlow, at: datetime, passes: dict[int, int]
) -> int:
    """Everybody inside a version goes on in the new one, at the step that theirs has become."""
    mapping = step_mapping(old.flow, new.flow)
    kept = kept_steps(old.flow, new.flow)
    places = {node.step.id: node.index for node in new.program.nodes}
    before = {now: was for was, now in kept.items()}
    rows: list[dict[str, object]] = []
    for node in old.program.nodes:
        to = mapping[node.step.id]
        row: dict[str, object] = {
            "step": node.index,
            "target": None if to is None else places[to],
            "same": node.step.id in kept,
            "rounds": [] if to is None else _rounds(new.program, places[to], before),
        }
        rows.append(row)
    params = {"old": old.version, "version": new.version, "rows": rows_json(rows), "at": at}
    moved = 0
    for bucket in buckets_inside(conn, book, old.name):
        conn.execute(_SQL["follow"], params | {"bucket": bucket, "priority": new.flow.priority})
        moved += _arrive(conn, book, bucket, passes)
    return moved


def _rounds(program: Program, index: int, before: dict[str, str]) -> list[dict[str, object]]:
    """The repeats whose rounds go on for those at a step: those around it, and itself where they have had rounds of it."""
    node = program.nodes[index]
    found = [(repeat, True) for repeat in program.rounds_around(index)]
    if isinstance(node.step, Repeat):
        found.append((node, False))
    return [{"id": repeat.step.id, "was": before.get(repeat.step.id), "inside": inside} for repeat, inside in found]


def _empty(conn: Connection, book: Rulebook, flow: str, at: datetime, passes: dict[int, int]) -> int:
    """Everybody inside a flow that is gone leaves it; what is not handed over yet is withdrawn."""
    moved = 0
    for bucket in buckets_inside(conn, book, flow):
        params = {"bucket": bucket, "flow": flow, "workspace": book.workspace, "at": at}
        conn.execute(_SQL["leave_archived"], params)
        conn.execute(_SQL["withdraw"], params)
        moved += _arrive(conn, book, bucket, passes)
    return moved


def _arrive(conn: Connection, book: Rulebook, bucket: int, passes: dict[int, int]) -> int:
    """Apply the moves. What was accepted and is not rendered yet is decided anew, by the new rules, where there is a step."""
    conn.execute(_SQL["take_back"], {"bucket": bucket})
    moved = arrive(conn, book, bucket, passes[bucket], anywhere=True)
    conn.execute(_SQL["drop_moves"])
    return moved
