"""``python -m tests.oracle.reduce DIR --events FILE``: the fewest lines on which Tamshy and the oracle still differ.

Lines are left out by halves, quarters and so on, then the keys of each that is left, as long as the two differ. What
remains is written to standard output as a history, with the lines that each of the two makes of it on standard error.
Starts from the people that differ, and goes back to all lines where those alone do not.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.oracle.compare import differences, report
from tests.oracle.lines import read_history
from tests.oracle.lines import simulate as oracle

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder, read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import open_stage
from tamshy.simulate.playing import set_scene
from tamshy.sqlkit import scratch_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.oracle.reading import Json

Body = dict[str, "Json"]
Lines = list[dict[str, "Json"]]

REQUIRED = frozenset({"type", "timestamp", "event", "userId", "anonymousId", "previousId", "topic", "did", "message"})
"""Keys without which a line is no line any more, or another one's."""


@contextmanager
def engine(folder: Path) -> Iterator[Callable[[list[Body]], Lines]]:
    """Give what plays a history through the folder's flows on one stage, again and again."""
    files = read_folder(folder)
    workspace, problems = read_workspace(files)
    if problems:
        raise ValueError("\n".join(str(problem) for problem in problems))
    zone = ZoneInfo(workspace.settings.timezone)
    with scratch_server() as server, open_stage(server.dsn, "reduce") as stage:
        scene = set_scene(stage.conn, files, compile_message=compile_message, renderer=InProcess())

        def play(bodies: list[Body]) -> Lines:
            return scene.play(calls_from_lines([json.dumps(body) for body in bodies], zone=zone))

        yield play


def fewest(items: list[Body], differ: Callable[[list[Body]], bool]) -> list[Body]:
    """Leave out as many items as can be while ``differ`` holds (delta debugging)."""
    size = max(1, len(items) // 2)
    while True:
        place, before = 0, len(items)
        while place < len(items):
            rest = items[:place] + items[place + size :]
            if rest and differ(rest):
                items = rest
            else:
                place += size
        if size == 1 and len(items) == before:
            return items
        size = max(1, size // 2)


def plainest(items: list[Body], differ: Callable[[list[Body]], bool]) -> list[Body]:
    """Leave out keys of the lines, and of their properties, traits and contexts, while ``differ`` holds."""
    for place in range(len(items)):
        for path in list(_paths(items[place])):
            tried = [*items[:place], _without(items[place], path), *items[place + 1 :]]
            if differ(tried):
                items = tried
    return items


def _paths(body: Body) -> Iterator[tuple[str, ...]]:
    for key, value in body.items():
        if key in REQUIRED:
            continue
        yield (key,)
        if isinstance(value, dict):
            for inner in value:
                yield (key, inner)


def _without(body: Body, path: tuple[str, ...]) -> Body:
    if len(path) == 1:
        return {key: value for key, value in body.items() if key != path[0]}
    inner = body.get(path[0])
    if not isinstance(inner, dict):
        return body
    return {**body, path[0]: _without(inner, path[1:])}


def _names(body: Body) -> set[str]:
    found = {body.get(key) for key in ("userId", "anonymousId", "previousId")}
    email = (body.get("traits") or {}).get("email")
    found.add(email.lower() if isinstance(email, str) else None)
    return {str(name) for name in found if name is not None}


def of_people(bodies: list[Body], people: set[str]) -> list[Body]:
    """Give the lines of these people, and of all whom lines tie to them."""
    names, size = set(people), -1
    while len(names) != size:
        size = len(names)
        for body in bodies:
            found = _names(body)
            if found & names:
                names |= found
    return [body for body in bodies if _names(body) & names]


def reduce(folder: Path, bodies: list[Body], *, people: set[str] | None = None) -> tuple[list[Body], str]:
    """Give the fewest lines that differ, and the report of how; no lines where nothing differs."""
    with engine(folder) as play:

        def both(some: list[Body]) -> tuple[Lines, Lines]:
            return oracle(folder, some, report=io.StringIO()), play(some)

        def differ(some: list[Body]) -> bool:
            return bool(differences(*both(some)))

        start = of_people(bodies, people) if people else bodies
        if people and not differ(start):
            start = bodies
        if not differ(start):
            return [], ""
        left = plainest(fewest(start, differ), differ)
        return left, report(*both(left))


def main() -> None:
    """Print the lines that are left; exit 1 where there are some."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.reduce", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--people", nargs="*", default=[], help="the people that differ, as their lines call them")
    given = parser.parse_args()
    left, text = reduce(given.folder, read_history(given.events), people=set(given.people))
    for body in left:
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
    sys.stderr.write(text or "nothing differs\n")
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main()
