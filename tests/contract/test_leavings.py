"""A run of the tests leaves nothing for a later one to clear away: that would do so behind its last test, and nobody would know."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.contract.statements import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
def test_good(tmp_path):
    (tmp_path / "large").write_text("x")

def test_bad(tmp_path):
    (tmp_path / "kept").write_text("x")
    assert not {bad}
"""


def left_by(place: Path, *, bad: bool) -> set[str]:
    """Run two tests by this project's settings, one of which fails if told so; gives the files that are left."""
    place.mkdir()
    (place / "test_some.py").write_text(TESTS.format(bad=bad))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    given = {**os.environ, "PYTEST_DEBUG_TEMPROOT": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*command, "--rootdir", str(place), "test_some.py"], cwd=place, env=given, stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == int(bad), done.stdout.decode()
    return {path.name for path in place.rglob("*") if path.is_file() and path.name != "test_some.py"} - {".lock"}


def test_what_passed_leaves_nothing_and_what_failed_leaves_what_it_made(tmp_path: Path) -> None:
    assert left_by(tmp_path / "good", bad=False) == set()
    assert left_by(tmp_path / "bad", bad=True) == {"kept"}
