"""A flow and a few calls, and the lines that come out: short enough to stand inside a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.emptying import empty
from tests.engine.living import small

from tamshy.ingest import calls_from_lines
from tamshy.language import read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from tamshy.sqlkit import Connection


def clear(stage: Connection) -> None:
    """Leave nobody and nothing published on a stage, for another play."""
    empty(stage)


def lines_of(
    stage: Connection,
    flows: Mapping[str, str],
    events: Sequence[Mapping[str, object]],
    *,
    settings: str = "",
    until: datetime | None = None,
    seed: int = 0,
) -> list[dict[str, object]]:
    """Play events through flows on an empty stage."""
    files = small(flows, settings=settings)
    workspace, problems = read_workspace(files)
    assert problems == []
    history = calls_from_lines([json.dumps(line) for line in events], zone=ZoneInfo(workspace.settings.timezone))
    played = play(stage, files, history, compile_message=compile_message, renderer=InProcess(), until=until, seed=seed)
    return list(journal_lines(stage, played.until))


def told(lines: Sequence[Mapping[str, object]]) -> list[tuple[str, str]]:
    """Each line in short: when (without the date's year and the seconds), and what."""
    return [(str(line["at"])[5:16], f"{line.get('message', '')} {_what(line)}".strip()) for line in lines]


def _what(line: Mapping[str, object]) -> str:
    if line["kind"] == "message":
        return "sent" if line["decision"] == "sent" else f"{line['decision']}: {line['reason']}"
    return "entered" if line["state"] == "entered" else f"{line['state']}: {line['reason']}"


def person(user: str, at: str = "2026-03-02T08:00:00Z", **traits: object) -> dict[str, object]:
    """A call that makes somebody known."""
    return {"type": "identify", "userId": user, "traits": {"email": f"{user}@example.com", **traits}, "timestamp": at}


def event(user: str, name: str, at: str, **properties: object) -> dict[str, object]:
    """A call that something happened."""
    return {"type": "track", "userId": user, "event": name, "properties": properties, "timestamp": at}
