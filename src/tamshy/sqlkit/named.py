"""Named queries: SQL lives in `queries.sql` beside the stage that runs it.

The form of such a file, refused when broken:

    -- name: claim_due
    -- Takes what is due in one bucket, oldest first, past rows that another worker holds.
    select …

A name is a Python identifier, once per file. The comment lines right under it say what the statement is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit.failures import QueryFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = re.compile(r"^--\s*name:\s*(?P<name>.*?)\s*$")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One statement of a `queries.sql`: its name, what it is for, its text, and the line its name stands on."""

    name: str
    intent: str
    sql: str
    line: int


@cache
def queries(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """Load the named statements of a package: name → SQL text without its comment head.

    Args:
        package: dotted name of the package the file lies in; a stage passes `__package__`.
        file: another name for the file, for packages with several.

    Raises:
        QueryFileError: the file is missing or breaks the form, with file and line.
    """
    return MappingProxyType({query.name: query.sql for query in named_queries(package, file)})


@cache
def named_queries(package: str, file: str = "queries.sql") -> tuple[NamedQuery, ...]:
    """Load the same statements with name, intent and line, in the order of the file, for tests and documentation."""
    where = f"{package}/{file}"
    try:
        text = files(package).joinpath(file).read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        msg = f"{where}: there is no such file; a package that asks for queries carries it beside its modules"
        raise QueryFileError(msg) from exc
    return parse_queries(text, where)


def parse_queries(text: str, where: str) -> tuple[NamedQuery, ...]:
    """Cut the text of a query file into statements; `where` is named in errors."""
    found: dict[str, NamedQuery] = {}
    for start, name, lines in _blocks(text, where):
        if name in found:
            msg = f"{where}:{start}: the name `{name}` stands on line {found[name].line} already; give this one its own"
            raise QueryFileError(msg)
        found[name] = _query(name, start, lines, where)
    return tuple(found.values())


def _blocks(text: str, where: str) -> list[tuple[int, str, list[str]]]:
    """Split at the name lines: (line of the name, name, the lines under it)."""
    blocks: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        head = _NAME.match(line)
        if head is not None:
            name = head["name"]
            if not name.isidentifier():
                msg = f"{where}:{number}: `{name}` is no name; use letters, digits and underscores, as in claim_due"
                raise QueryFileError(msg)
            blocks.append((number, name, []))
        elif blocks:
            blocks[-1][2].append(line)
        elif line.strip() and not line.startswith("--"):
            msg = f"{where}:{number}: SQL before the first name; put a line `-- name: …` above it"
            raise QueryFileError(msg)
    return blocks


def _query(name: str, start: int, lines: list[str], where: str) -> NamedQuery:
    """Part one block into its intent (the comment lines right under the name) and its SQL."""
    count = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    intent = " ".join(line.lstrip("-").strip() for line in lines[:count]).strip()
    if not intent:
        msg = f"{where}:{start}: `{name}` says no intent; put a comment line that says what it is for under its name"
        raise QueryFileError(msg)
    sql = "\n".join(lines[count:]).strip().removesuffix(";").rstrip()
    if not sql:
        msg = f"{where}:{start}: `{name}` has no statement under its comment"
        raise QueryFileError(msg)
    return NamedQuery(name, intent, sql, start)
