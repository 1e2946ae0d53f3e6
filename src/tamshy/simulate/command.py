"""The commands that play: ``simulate`` over a history, ``backtest`` over the shop's own, ``test`` over the stories of a folder."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO
from zoneinfo import ZoneInfo

import orjson

from tamshy.ingest import calls_from_lines
from tamshy.language import all_flows, read_folder, read_workspace
from tamshy.publish import Unpublishable
from tamshy.render.children import RenderChild
from tamshy.render.compile import compile_message
from tamshy.simulate.backtest import Stretch, compared, outcome, print_compared
from tamshy.simulate.lines import journal_lines, line_text, moment_text
from tamshy.simulate.past import past
from tamshy.simulate.playing import WORKSPACE, Hand, Stage, open_stage, play, set_scene
from tamshy.simulate.stories import Told, tell
from tamshy.sqlkit import scratch_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from tamshy.ingest import History
    from tamshy.language.model import Workspace
    from tamshy.simulate.past import Extent
    from tamshy.sqlkit import Connection

_DONE, _NOT_SO, _WRONG = 0, 1, 2
_FOR_ONE = 5000
_MOST_HANDS = 4


@dataclass(frozen=True, slots=True)
class Shop:
    """The shop whose past is played: a connection to its database, its name, and what of it is read and compared."""

    conn: Connection
    name: str
    extent: Extent
    since: datetime


@contextmanager
def _stage(dsn: str | None) -> Iterator[Stage]:
    """An empty stage: in a schema of its own of the given database, else on a throwaway server."""
    with ExitStack() as stack:
        address = dsn if dsn is not None else stack.enter_context(scratch_server()).dsn
        yield stack.enter_context(open_stage(address, f"tamshy_play_{secrets.token_hex(6)}", drop=dsn is not None))


def _hands(history: History) -> int:
    """How many buckets are worked side by side: a short history is done before a second hand is ready."""
    return min(_MOST_HANDS, os.cpu_count() or 1) if len(history.calls) > _FOR_ONE else 1


def _workspace(folder: Path, err: TextIO) -> tuple[dict[str, str], Workspace] | None:
    files = read_folder(folder)
    workspace, problems = read_workspace(files)
    for problem in sorted(problems):
        print(problem, file=err)
    return None if problems else (files, workspace)


def _history(events: Path, workspace: Workspace) -> History:
    with events.open("rb") as lines:
        return calls_from_lines(lines, zone=ZoneInfo(workspace.settings.timezone))


def simulate(
    folder: Path,
    events: Path,
    *,
    out: TextIO,
    err: TextIO,
    dsn: str | None = None,
    until: datetime | None = None,
    seed: int = 0,
    progress: Callable[[datetime, int], None] = lambda _moment, _items: None,
) -> int:
    """Play a history through a folder's flows and print what would have happened; returns the exit code."""
    read = _workspace(folder, err)
    if read is None:
        return _WRONG
    files, workspace = read
    with ExitStack() as stack:
        # The history is read while the database starts.
        reading = stack.enter_context(ThreadPoolExecutor(1)).submit(_history, events, workspace)
        stage = stack.enter_context(_stage(dsn))
        conn = stage.conn
        history = reading.result()
        for problem in history.problems:
            print(f"{events}:{problem.line}: {problem.text}", file=err)
        hands = [Hand(stage.another(), stack.enter_context(RenderChild(1))) for _ in range(_hands(history) - 1)]
        try:
            played = play(
                conn,
                files,
                history,
                compile_message=compile_message,
                renderer=stack.enter_context(RenderChild(1)),
                until=until,
                seed=seed,
                hands=hands,
                progress=progress,
            )
        except Unpublishable as exc:
            print(exc, file=err)
            return _WRONG
        for _, at, did, message in played.missed:
            print(f"{events}: {message} was {did} at {at}, but had not been sent by then; left out", file=err)
        for line in journal_lines(conn, played.until):
            print(line_text(line), file=out)
    return _DONE


def backtest(  # noqa: PLR0913 - the command's own options
    folder: Path,
    shop: Shop,
    *,
    out: TextIO,
    err: TextIO,
    dsn: str | None = None,
    seed: int = 0,
    lines: TextIO | None = None,
    as_json: bool = False,
    progress: Callable[[datetime, int], None] = lambda _moment, _items: None,
) -> int:
    """Play a shop's own past through a folder's flows, and print what they would have sent beside what was; returns the exit code.

    ``lines``: where the lines of the stretch go, as ``simulate`` writes them.
    """
    read = _workspace(folder, err)
    if read is None:
        return _WRONG
    files, _ = read
    stretch = Stretch(shop.since, shop.extent.until)
    with ExitStack() as stack:
        reading = stack.enter_context(ThreadPoolExecutor(1)).submit(past, shop.conn, shop.extent)
        stage = stack.enter_context(_stage(dsn))
        history = reading.result()
        was = outcome(shop.conn, shop.name, stretch)
        hands = [Hand(stage.another(), stack.enter_context(RenderChild(1))) for _ in range(_hands(history) - 1)]
        try:
            play(
                stage.conn,
                files,
                history,
                compile_message=compile_message,
                renderer=stack.enter_context(RenderChild(1)),
                until=stretch.until,
                seed=seed,
                hands=hands,
                progress=progress,
            )
        except Unpublishable as exc:
            print(exc, file=err)
            return _WRONG
        would_be = outcome(stage.conn, WORKSPACE, stretch)
        if lines is not None:
            since = moment_text(stretch.since)
            for line in journal_lines(stage.conn, stretch.until):
                if str(line["at"]) > since:
                    print(line_text(line), file=lines)
    if as_json:
        said = {"since": moment_text(stretch.since), "until": moment_text(stretch.until)}
        print(orjson.dumps({**said, "messages": compared(was, would_be, stretch)}).decode(), file=out)
    else:
        print_compared(was, would_be, stretch, out)
    return _DONE


def test(
    folder: Path,
    *,
    out: TextIO,
    err: TextIO,
    dsn: str | None = None,
    only: Sequence[str] = (),
    as_json: bool = False,
) -> int:
    """Run the stories of a folder; prints each, and the whole timeline of one that fails. Returns the exit code."""
    read = _workspace(folder, err)
    if read is None:
        return _WRONG
    files, workspace = read
    stories = [story for name, story in sorted(workspace.stories.items()) if not only or name in only]
    missing = [name for name in only if name not in workspace.stories]
    if missing:
        print(f"there is no story {', '.join(missing)} in {folder / 'stories'}", file=err)
        return _WRONG
    with _stage(dsn) as stage, RenderChild(1) as renderer:
        try:
            scene = set_scene(stage.conn, files, compile_message=compile_message, renderer=renderer)
        except Unpublishable as exc:
            print(exc, file=err)
            return _WRONG
        told = [
            tell(story, workspace.settings, scene.of(story.flows or all_flows(workspace)).play)
            for story in sorted(stories, key=lambda each: each.name)
        ]
    for one in told:
        _print_story(one, out, as_json=as_json)
    failed = sum(not one.passed for one in told)
    if not as_json:
        print(f"{len(told) - failed} passed, {failed} failed" if told else "no stories", file=out)
    return _NOT_SO if failed else _DONE


def _print_story(told: Told, out: TextIO, *, as_json: bool) -> None:
    if as_json:
        row = {"story": told.story.name, "passed": told.passed, "wrong": told.wrong, "timeline": told.timeline}
        print(orjson.dumps(row).decode(), file=out)
        return
    if told.passed:
        print(f"ok    {told.story.name}", file=out)
        return
    print(f"FAIL  {told.story.name}", file=out)
    for wrong in told.wrong:
        print(f"      {wrong}", file=out)
    print("      what happened:", file=out)
    for line in told.timeline:
        print(f"        {_in_words(line)}", file=out)


def _in_words(line: dict[str, object]) -> str:
    """A line of the timeline as a person reads it."""
    what = f"{line.get('message', '')} {line.get('decision', line.get('state'))}".strip()
    details = [f"{key} {line[key]}" for key in ("reason", "until", "to", "locale", "subject", "key") if line.get(key)]
    arms = line.get("arm")
    details += [f"arm {arm} of {name}" for name, arm in (arms.items() if isinstance(arms, dict) else ())]
    return f"{line['at']}  {line['flow']}: {what}{' (' + ', '.join(details) + ')' if details else ''}"
