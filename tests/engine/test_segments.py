"""Segments: entering and leaving at the exact moment, whatever brings it about, and membership that is never stale."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.reading import yaml
from tests.oracle.table import Case, differences

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder, read_workspace
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

CASES: Final = [
    Case(raw["name"], "segments", raw["files"], raw["events"], raw.get("args") or {}, raw["expect"])
    for raw in yaml((Path(__file__).parent / "segments.yaml").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, stage: Connection, tmp_path: Path) -> None:
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
        until=None if until is None else datetime.fromisoformat(until),
    )
    assert differences(case.expect, list(journal_lines(stage, played.until))) == []
