"""No engine code reads a clock, the environment or chance: they are handed in."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from tests.contract.statements import EDGE, PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMPURE = (
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.sleep",
    "random",
    "secrets",
    "os.environ",
    "os.getenv",
    "os.urandom",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid7",
)
EXCEPTIONS = {
    ("sqlkit/postmaster.py", "time.monotonic"): "waits for a server that starts or stops, with a limit",
    ("sqlkit/template.py", "os.environ.get"): "where the machine keeps caches; makes a start faster, changes nothing",
    ("errand/connecting.py", "time.monotonic"): "the one limit on connecting to however many addresses",
    ("render/children.py", "time.monotonic"): "the limit on a child's running time",
    ("render/children.py", "time.sleep"): "lets a child's answers come together for 3 ms; what they say is the same",
    ("simulate/command.py", "secrets.token_hex"): "a name for a scratch schema, so that two simulations do not meet",
}
"""(file, what) -> why this may be there: nothing that is decided depends on it."""


def engine() -> list[Path]:
    return sorted(file for file in PACKAGE.rglob("*.py") if file.relative_to(PACKAGE).parts[0] not in EDGE)


def named_things(tree: ast.Module) -> Iterator[str]:
    """Every imported thing that a module uses, by its full name, the longest form of it once."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                alias.asname or alias.name.partition(".")[0]: (alias.asname and alias.name)
                or alias.name.partition(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner:
            full = _dotted(node, names)
            if full:
                yield full


def _dotted(node: ast.expr, names: dict[str, str]) -> str | None:
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return base and f"{base}.{node.attr}"
    return names.get(node.id) if isinstance(node, ast.Name) else None


def impure(thing: str) -> bool:
    return any(thing == name or thing.startswith(f"{name}.") for name in IMPURE)


def test_the_scan_sees_what_it_looks_for() -> None:
    text = (
        "import os, random as r, time\nfrom datetime import datetime as d\nfrom secrets import token_hex\n"
        "d.now(); r.choice([1]); time.monotonic(); os.environ['A']; token_hex(); time.strftime('%Y')\n"
    )
    assert sorted(filter(impure, named_things(ast.parse(text)))) == [
        "datetime.datetime.now",
        "os.environ",
        "random.choice",
        "secrets.token_hex",
        "time.monotonic",
    ]


@pytest.mark.parametrize("file", engine(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_engine_is_handed_time_surroundings_and_chance(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    place = str(file.relative_to(PACKAGE))
    assert [what for what in named_things(tree) if impure(what) and (place, what) not in EXCEPTIONS] == []


def test_no_exception_is_left_over() -> None:
    used = {
        (str(file.relative_to(PACKAGE)), what)
        for file in engine()
        for what in named_things(ast.parse(file.read_text(encoding="utf-8")))
    }
    assert EXCEPTIONS.keys() <= used
