"""`check`, `plan`, `apply`, `export`: workspace folders and what is published."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tamshy.language import read_folder, read_workspace
from tamshy.site.commands.saying import data, out, remark

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tamshy.language.model import Problem, Workspace
    from tamshy.proofread import Remark
    from tamshy.publish import Published
    from tamshy.render.compiled import Compiled
    from tamshy.site.configuration import Configuration

_DONE: Final = 0
_NOT_SO: Final = 1


def check(options: argparse.Namespace) -> int:
    """Refuse or accept a folder: all problems at once, each with its place; and what a writer of mails would remark on."""
    workspace, compiled, problems = _checked(Path(options.dir))
    remarks = [] if problems else _read_over(workspace, compiled)
    if options.json:
        data({"problems": [_as_data(each) for each in problems], "warnings": [_as_data(each) for each in remarks]})
    elif problems:
        for problem in problems:
            out(problem)
    else:
        segments = f", {len(workspace.segments)} segments" if workspace.segments else ""
        for remark_ in remarks:
            out(remark_)
        out(
            f"{options.dir} is good: {len(workspace.flows)} flows, {len(workspace.messages)} messages{segments}{_in_all(remarks)}"
        )
    return _NOT_SO if problems else _DONE


def apply(options: argparse.Namespace) -> int:
    """Publish a folder, in one transaction."""
    from tamshy.publish import Unpublishable, publish  # noqa: PLC0415 - `check` does without the database
    from tamshy.render.compile import compile_message  # noqa: PLC0415
    from tamshy.site.clock import clock_from  # noqa: PLC0415
    from tamshy.site.commands.surroundings import configured, opened  # noqa: PLC0415

    files = read_folder(Path(options.dir))
    configuration = configured(options)
    now = clock_from(configuration.clock).now()
    secret = drawing_secret(configuration, files)
    with opened(options) as work:
        try:
            published = publish(
                work.conn,
                work.workspace,
                files,
                at=now,
                compile_message=compile_message,
                secret=secret,
                backfill=options.backfill,
            )
        except LookupError as exc:
            remark(exc)
            return _NOT_SO
        except Unpublishable as exc:
            for problem in exc.problems:
                remark(problem)
            return _NOT_SO
        work.conn.commit()
    _tell(published, as_json=options.json)
    return _DONE


def drawing_secret(configuration: Configuration, files: Mapping[str, str]) -> bytes:
    """Give what the codes of a folder are drawn by; nothing where it has no coupons.

    Raises:
        BadSetting: there is no secret key.
    """
    from tamshy.site.configuration import secret_key  # noqa: PLC0415 - only coupons need it

    return secret_key(configuration).encode() if any(path.startswith("coupons/") for path in files) else b""


def publish_folder(dsn: str, workspace: str, folder: Path, now: datetime, configuration: Configuration) -> Published:
    """Publish a folder in a workspace (empty: the first), all or nothing.

    Raises:
        Unpublishable: it has problems; nothing was changed.
        UnreadableFolder: it cannot be read.
    """
    from tamshy import sqlkit  # noqa: PLC0415 - `check` does without the database
    from tamshy.publish import publish, workspace_names  # noqa: PLC0415
    from tamshy.render.compile import compile_message  # noqa: PLC0415

    files = read_folder(folder)
    with sqlkit.connect(dsn) as conn:
        name = workspace or workspace_names(conn)[0]
        secret = drawing_secret(configuration, files)
        published = publish(conn, name, files, at=now, compile_message=compile_message, secret=secret)
        conn.commit()
    return published


def plan(options: argparse.Namespace) -> int:
    """Show what applying a folder would change, and the people it would move."""
    from tamshy.language import diff  # noqa: PLC0415 - `check` does without the rest
    from tamshy.publish import published_files, reach  # noqa: PLC0415
    from tamshy.site.clock import clock_from  # noqa: PLC0415
    from tamshy.site.commands.moving import moves, newly_inside  # noqa: PLC0415
    from tamshy.site.commands.surroundings import configured, opened  # noqa: PLC0415

    after, _, problems = _checked(Path(options.dir))
    if problems:
        for problem in problems:
            remark(problem)
        return _NOT_SO
    with opened(options) as work:
        before, _ = read_workspace(published_files(work.conn, work.id))
        changes = diff(before, after)
        people = moves(work, before, after)
        now = clock_from(configured(options).clock).now()
        inside = newly_inside(work, before, after, now)
        new = [name for name, one in after.broadcasts.items() if before.broadcasts.get(name) != one]
        mails = reach(work.conn, (work.id, work.first_bucket, work.buckets), after, new, now) if new else []
    if options.json:
        rows = [{**asdict(change), "kind": change.kind.value} for change in changes]
        lists: dict[str, Sequence[Any]] = {"moves": people, "segments": inside, "broadcasts": mails}
        data({"changes": rows, **{name: [asdict(one) for one in found] for name, found in lists.items()}})
        return _DONE
    if not changes:
        out("nothing would change")
    for change in changes:
        out(change)
    said: list[object] = [*people, *inside, *mails]
    for line in said:
        out(line)
    return _DONE


def export(options: argparse.Namespace) -> int:
    """Write what is published as a folder."""
    from tamshy.language import write_folder  # noqa: PLC0415 - `check` does without the rest
    from tamshy.publish import published_files  # noqa: PLC0415
    from tamshy.site.commands.surroundings import opened  # noqa: PLC0415

    with opened(options) as work:
        files = published_files(work.conn, work.id)
    write_folder(files, Path(options.dir))
    if options.json:
        data({"files": sorted(files)})
    else:
        out(f"{len(files)} files written to {options.dir}")
    return _DONE


def _checked(folder: Path) -> tuple[Workspace, Mapping[str, Compiled], list[Problem]]:
    """Read a folder and compile its messages: what it says, the messages as they would be sent, and all that is wrong."""
    workspace, problems = read_workspace(read_folder(folder))
    compiled: dict[str, Compiled] = {}
    if not problems:
        from tamshy.render.compile import compile_message  # noqa: PLC0415 - only what is right so far is compiled

        for message in workspace.messages.values():
            compiled[message.name], found = compile_message(message, workspace.settings)
            problems += found
    return workspace, compiled, sorted(problems)


def _read_over(workspace: Workspace, compiled: Mapping[str, Compiled]) -> list[Remark]:
    """What is sound, and could be better."""
    from tamshy.proofread import read_over, unknown_groups  # noqa: PLC0415 - only what is right so far is read over

    remarks = unknown_groups(workspace)
    for message in workspace.messages.values():
        remarks += read_over(message, compiled[message.name])
    return sorted(remarks)


def _in_all(remarks: list[Remark]) -> str:
    return f"; {len(remarks)} warning{'s' if len(remarks) != 1 else ''}" if remarks else ""


def _as_data(said: Problem | Remark) -> dict[str, object]:
    return {**asdict(said), "said": str(said)}


def _tell(published: Published, *, as_json: bool) -> None:
    if as_json:
        data(asdict(published))
        return
    for what, names in (("flows", published.flows), ("messages", published.messages), ("archived", published.archived)):
        if names:
            out(f"{what}: {', '.join(names)}")
    if published.backfilled:
        out(f"{published.backfilled} people were inside already, and are told of")
    out(f"{published.moved} people moved" if published.flows or published.archived else "nothing has changed")
