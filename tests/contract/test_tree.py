"""What is in the tree belongs there: no names of the machine or place that it was written on, and nothing without a home."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from tests.contract.statements import PACKAGE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

SKIPPED: Final = {".git", ".venv", "node_modules", "__pycache__", "tamshy-data", "build", "dist"}
TEXT: Final = {
    ".py",
    ".sql",
    ".md",
    ".toml",
    ".yaml",
    ".yml",
    ".json",
    ".lock",
    ".mjs",
    ".js",
    ".css",
    ".html",
    ".sh",
    "",
}
FOREIGN: Final = re.compile(
    # paths of one machine, and hosts that packages came from
    r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/|(?<![\w.])/tmp/\w"
    r"|\b(?:pypi|npmjs|artifactory|jfrog|devpi)\.\w+|--(?:extra-)?index-url[ =]\S",
    re.IGNORECASE,
)
BANNED: Final = re.compile(r"^(?:utils?|helpers?|common|misc|manager|stuff)$")
"""Names that say nothing of what a module holds."""


def files() -> list[Path]:
    """Every text file of the project, but for this one, which has to name what it looks for."""
    found = []
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part not in {".ci", ".npmrc", ".gitignore"} for part in parts)
        if hidden or SKIPPED & set(parts) or not path.is_file() or path.suffix not in TEXT:
            continue
        found.append(path)
    return [path for path in found if path.name != "test_tree.py"]


def test_the_scan_sees_what_it_looks_for() -> None:
    seen = [
        "see /home/aia/shop",
        "see /root/shop",
        "in /tmp/x",
        "from https://devpi.example/simple",
        "--index-url https://x",
    ]
    assert [text for text in seen if not FOREIGN.search(text)] == []
    fine = ["./home/aia/shop", "tmp/x", "workspace/", "--no-emit-index-url", "homework/", "pypi"]
    assert [text for text in fine if FOREIGN.search(text)] == []


def test_nothing_tells_of_the_place_it_was_written_at() -> None:
    found = []
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if FOREIGN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


def test_every_module_is_named_for_what_it_holds() -> None:
    assert [str(path) for path in PACKAGE.rglob("*.py") if BANNED.match(path.stem)] == []


@pytest.mark.parametrize("folder", [".", "src", "docs"])
def test_nothing_lies_about(folder: str) -> None:
    homes = {
        ".": {"src", "tests", "docs", "examples", "benchmarks", "build", "dist", "tamshy-data", "node_modules"}
        | {"CHANGELOG.md", "CONTEXT.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md"}
        | {"package.json", "package-lock.json", "pyproject.toml", "requirements.lock", "requirements-dev.lock"},
        "src": {"tamshy"},
        "docs": {"README.md", "quickstart.md", "contracts.md", "adr", "explanation", "how-to", "images", "reference"},
    }
    there = {path.name for path in (ROOT / folder).iterdir() if not path.name.startswith(".")}
    assert there - homes[folder] == set()
