"""The shared table of cases: small workspaces, a few calls, and the lines that must come out.

A case is ``{name, rule, files, events, args, expect}``. ``files`` are texts by path; where a case
names no ``tamshy.yaml`` or a message, the plain ones below stand in. ``events`` are lines of the
history. ``expect`` is one mapping per line of output: each must be part of the line at its place,
and there must be no further line.

The same table is run against the real engine (``tests/engine/test_cases.py``), but for what lies in ``cases/ahead``: cases of
what the engine cannot do yet, a folder for each piece. The oracle alone is held to them; a piece that is done moves its file
up beside the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.oracle.reading import Json, yaml

FOLDER = Path(__file__).parent / "cases"
AHEAD = FOLDER / "ahead"

# What stands in where a case does not say otherwise: a workspace in UTC that may mail everybody.
PLAIN_SETTINGS = """\
name: Plain shop
locale: en
timezone: UTC
currency: EUR
url: https://shop.example
from: Plain shop <hello@shop.example>
topics: {offers: {name: Offers, default: opt_out}, news: {name: News}}
"""
PLAIN_MESSAGE = 'subject: {en: "About MESSAGE"}\n'
PLAIN_BODY = "Hello.\n"


@dataclass(frozen=True)
class Case:
    """One case of the table."""

    name: str
    rule: str
    files: dict[str, str]
    events: list[dict[str, Json]]
    args: dict[str, Json]
    expect: list[dict[str, Json]]

    def write(self, folder: Path) -> None:
        """Write the workspace, with the plain texts where the case names none."""
        files = {"tamshy.yaml": PLAIN_SETTINGS, **self.files}
        for message in sorted(_sent(self.files)):
            if f"messages/{message}/message.yaml" not in files:
                files[f"messages/{message}/message.yaml"] = PLAIN_MESSAGE.replace("MESSAGE", message)
            if not any(path.startswith(f"messages/{message}/") and _is_body(path) for path in files):
                files[f"messages/{message}/en.md"] = PLAIN_BODY
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")


def _is_body(path: str) -> bool:
    return path.endswith((".md", ".html", ".mjml"))


def _sent(files: dict[str, str]) -> set[str]:
    """The messages that the flows and broadcasts send."""
    found: set[str] = set()

    def look(value: Json, verb: str) -> None:
        if isinstance(value, dict):
            if isinstance(value.get(verb), str):
                found.add(value[verb])
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                look(item, verb)

    for path, text in files.items():
        if path.startswith(("flows/", "broadcasts/")):
            look(yaml(text), "send" if path.startswith("flows/") else "message")
    return found


def names() -> list[str]:
    """The names of all cases that the engine and the oracle both go through, in the order of file and place.

    Looked for in the text: reading all of it takes seconds, and whoever only counts the tests needs no more than the names.
    """
    return [name for path in _files() for name in _NAME.findall(path.read_text(encoding="utf-8"))]


def names_ahead() -> list[str]:
    """The names of the cases of what the engine cannot do yet, which the oracle alone goes through."""
    return [name for path in _files_ahead() for name in _NAME.findall(path.read_text(encoding="utf-8"))]


def find(name: str) -> Case:
    """The case of a name; its file is read, once."""
    return _read(_places()[name])[name]


def load() -> list[Case]:
    """All cases that the engine and the oracle both go through, in the order of file and place."""
    return [case for path in _files() for case in _read(path).values()]


def load_ahead() -> list[Case]:
    """The cases of what the engine cannot do yet, which the oracle alone goes through."""
    return [case for path in _files_ahead() for case in _read(path).values()]


_NAME: Final = re.compile(r"^- name: (\S+)$", re.MULTILINE)


def _files() -> list[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def _files_ahead() -> list[Path]:
    return sorted(AHEAD.glob("*/*.yaml"))


@cache
def _places() -> dict[str, Path]:
    return {
        name: path for path in (*_files(), *_files_ahead()) for name in _NAME.findall(path.read_text(encoding="utf-8"))
    }


@cache
def _read(path: Path) -> dict[str, Case]:
    return {
        raw["name"]: Case(
            name=raw["name"],
            rule=str(raw["rule"]),
            files=raw["files"],
            events=raw["events"],
            args=raw.get("args") or {},
            expect=raw["expect"] or [],
        )
        for raw in yaml(path.read_text(encoding="utf-8"))
    }


def differences(expect: list[dict[str, Json]], lines: list[dict[str, Json]]) -> list[str]:
    """What is wrong with the lines: empty when each expected mapping is part of its line."""
    wrong = [
        f"line {n + 1}: expected {wanted}, got {line}"
        for n, (wanted, line) in enumerate(zip(expect, lines, strict=False))
        if not wanted.items() <= line.items()
    ]
    if len(expect) != len(lines):
        wrong.append(f"expected {len(expect)} lines, got {len(lines)}")
        wrong += [f"  unexpected {line}" for line in lines[len(expect) :]]
        wrong += [f"  missing {wanted}" for wanted in expect[len(lines) :]]
    return wrong
