"""The shared table of cases, run against the real engine: each numbered rule and each form has at least one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.table import differences, find, names

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder, read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.minutes(0.7)


@pytest.mark.parametrize("name", names())
def test_case(name: str, stage: Connection, tmp_path: Path) -> None:
    """The engine gives the lines that the table expects."""
    case = find(name)
    case.write(tmp_path)
    files = read_folder(tmp_path)
    workspace, problems = read_workspace(files)
    assert problems == []
    history = calls_from_lines([json.dumps(line) for line in case.events], zone=ZoneInfo(workspace.settings.timezone))
    until = case.args.get("until")

    played = play(
        stage,
        files,
        history,
        compile_message=compile_message,
        renderer=InProcess(),
        seed=case.args.get("seed", 0),
        until=None if until is None else parse(until),
    )

    assert differences(case.expect, list(journal_lines(stage, played.until))) == []


def parse(text: str) -> datetime:
    """A moment of a case's arguments."""
    return datetime.fromisoformat(text)
