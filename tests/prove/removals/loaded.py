"""Edits of a program that is loaded already: in a process that was forked for it and ends with it.

A function keeps its place and gets the new code, so that whoever holds it is changed too. What a module makes of what was
changed is made again. What cannot be changed like that (a class with other bases, a table of the database) is for a copy of the
program.
"""

from __future__ import annotations

import ast
import importlib
import sys
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from tamshy.sqlkit import queries
from tamshy.sqlkit.named import parse_queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.prove.removals.removal import Removal

_DEFINITION: Final = (ast.FunctionDef, ast.ClassDef)
_LANGUAGE: Final = "tamshy.language."


class NotInPlace(Exception):
    """The edit is not one that a loaded program can take."""


def take_out(removal: Removal, texts: Mapping[str, str]) -> None:
    """Edit the loaded program.

    Raises:
        NotInPlace: it cannot be done here.
    """
    for file, text in removal.files(texts).items():
        if file.endswith(".py"):
            name = f"tamshy/{file}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            importlib.import_module(name)
            _Change(sys.modules[name], texts[file], text).make()
        elif file.startswith("schema/"):
            raise NotInPlace(file)
        else:
            package, _, name = f"tamshy/{file}".rpartition("/")
            _requery(package.replace("/", "."), name, text)


def _requery(package: str, file: str, text: str) -> None:
    after = MappingProxyType({query.name: query.sql for query in parse_queries(text, file)})
    # Who names no file has asked for the one of this name.
    for before in (queries(package, file), *((queries(package),) if file == "queries.sql" else ())):
        _hand_round(before, after)


def _hand_round(before: object, after: object, but: ModuleType | None = None) -> None:
    """Whoever has the one under some name, ``but`` one, has the other from now on."""
    for module in _program():
        for name, value in list(vars(module).items()) if module is not but else ():
            if value is before:
                setattr(module, name, after)


def _program() -> Iterator[ModuleType]:
    yield from [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "tamshy"]


@cache
def _statements(text: str) -> tuple[tuple[ast.stmt, str], ...]:
    """The statements of a text, each with all that it says."""
    return tuple((statement, ast.dump(statement)) for statement in ast.parse(text).body)


class _Change:
    """What differs between two texts of a module, statement by statement."""

    def __init__(self, module: ModuleType, before: str, after: str) -> None:
        self._module = module
        self._before = _statements(before)
        behind = after.startswith(before)
        self._after = (*self._before, *_statements(after[len(before) :])) if behind else _statements(after)
        self._changed: set[str] = set()

    def make(self) -> None:
        was, now = ([dumped for _, dumped in body] for body in (self._before, self._after))
        for tag, begin, end, first, beyond in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
            gone = [statement for statement, _ in self._before[begin:end]]
            if tag == "delete":
                raise NotInPlace(self._module.__name__)
            if tag in {"replace", "insert"}:
                known = {one.name for one in gone if isinstance(one, _DEFINITION)}
                for statement, _ in self._after[first:beyond]:
                    self._run(statement, in_place=isinstance(statement, _DEFINITION) and statement.name in known)
        if self._module.__name__.startswith(_LANGUAGE):
            self._remake()

    def _run(self, statement: ast.stmt, *, in_place: bool) -> None:
        """Run one statement in the module; ``in_place``: of a definition what it defines keeps its identity."""
        space = vars(self._module)
        before = dict(space)
        exec(compile(ast.Module([statement], []), str(self._module.__file__), "exec"), space)  # noqa: S102 - the program's own text
        for name in [name for name in space if space[name] is not before.get(name)]:
            if name in before and in_place:
                self._swap(before[name], space[name])
                space[name] = before[name]
            elif name in before and before[name] is not None and not isinstance(before[name], str | int):
                # Here the old one may have been kept under another name.
                _hand_round(before[name], space[name], self._module)
        if isinstance(statement, _DEFINITION):
            self._changed |= set() if in_place else {statement.name}
        else:
            # What is changed within, by `del` or by a call, is named in the statement.
            self._changed |= {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and one.id in space}

    def _swap(self, old: Any, new: Any) -> None:  # noqa: ANN401 - whatever a definition makes
        if isinstance(old, type):
            if [one.__name__ for one in old.__bases__] != [one.__name__ for one in new.__bases__]:
                raise NotInPlace(old.__name__)
            for name, value in vars(new).items():
                mine = vars(old).get(name)
                if isinstance(value, FunctionType) and isinstance(mine, FunctionType):
                    self._swap(mine, value)
                elif isinstance(value, property) and isinstance(mine, property) and mine.fget and value.fget:
                    self._swap(mine.fget, value.fget)
                elif isinstance(value, FunctionType):
                    setattr(old, name, value)
            return
        if hasattr(old, "cache_clear"):
            old.cache_clear()
        old, new = getattr(old, "__wrapped__", old), getattr(new, "__wrapped__", new)
        if not isinstance(old, FunctionType) or len(old.__code__.co_freevars) != len(new.__code__.co_freevars):
            raise NotInPlace(repr(old))
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__

    def _remake(self) -> None:
        """Make again what the other modules of the language have made of what was changed, and what was made of that."""
        changed = self._changed - {"_told"}
        for module in _program() if changed else ():
            if not module.__name__.startswith(_LANGUAGE) or module is self._module:
                continue
            for statement, used in made(str(module.__file__)):
                if used.isdisjoint(changed):
                    continue
                space = vars(module)
                before = dict(space)
                exec(compile(ast.Module([statement], []), str(module.__file__), "exec"), space)  # noqa: S102
                for name in [name for name in space if space[name] is not before.get(name)]:
                    changed.add(name)
                    if name in before and before[name] is not None and not isinstance(before[name], str | int):
                        _hand_round(before[name], space[name])


@cache
def made(file: str) -> tuple[tuple[ast.stmt, frozenset[str]], ...]:
    """The statements of a module that make something, each with the names that it makes it of."""
    found = []
    for statement in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            names = {one.id for one in ast.walk(statement.value) if isinstance(one, ast.Name)}
            names |= {one.attr for one in ast.walk(statement.value) if isinstance(one, ast.Attribute)}
            found.append((statement, frozenset(names)))
    return tuple(found)


def prepare() -> None:
    """Read what every edit looks at, so that no forked process has to."""
    for module in _program():
        if module.__name__.startswith(_LANGUAGE):
            made(str(module.__file__))
