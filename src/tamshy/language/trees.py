"""YAML text to a plain tree with positions: YAML 1.2, core schema, nothing that can surprise.

Works on the parser's events rather than on its constructed values: ``on``, ``no``, ``10:00`` and dates stay text,
fractions become Decimal, and anchors, aliases, tags, directives, second documents and duplicate keys are refused with
their place (spec: *Exactly*, rule 20).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from tamshy.language.model import Position, Problem, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 40
KEPT = 1024
"""Files whose trees are kept in memory: those of several large shops."""
_LONGEST_NUMBER = 40  # digits; PostgreSQL's numeric and every reader of JSON can hold it
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPE_LENGTH = {"x": 4, "u": 6, "U": 10}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar. ``text`` as written without quotes; ``style`` is ``''`` for plain, else one of ``' " | >``.

    ``start`` and ``end`` are offsets into the file's text and enclose the scalar with its quotes.
    """

    value: Scalar
    text: str
    at: Position
    style: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Tree, ...]
    at: Position


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a mapping; ``at`` is the place of its key."""

    at: Position
    value: Tree


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping in the order as written; its keys are the text as written."""

    entries: dict[str, Entry]
    at: Position


@dataclass(frozen=True, slots=True)
class Broken:
    """Something refused already; whoever meets it says nothing more."""

    at: Position


Tree = Leaf | Items | Mapping | Broken


def read_tree(text: str, file: str) -> tuple[Tree, list[Problem]]:
    """Read one YAML document. A file without one gives an empty leaf; broken YAML gives ``Broken`` and the reason."""
    tree, problems = _read(text, file)
    return tree, list(problems)


@lru_cache(KEPT)
def _read(text: str, file: str) -> tuple[Tree, tuple[Problem, ...]]:
    """Read a document once: who checks, publishes and loads rules meets the same text each time, and trees do not change."""
    builder = _Builder(file)
    try:
        yaml = YAML(typ="safe", pure=True)
        builder.events = iter(yaml.parse(text))
        return builder.document(), tuple(builder.problems)
    except _TooDeep as error:
        problem = Problem(builder.place(error.mark), f"nested more than {DEEPEST} deep")
    except MarkedYAMLError as error:
        at = builder.place(error.problem_mark or error.context_mark)
        what = error.problem or error.context or "cannot be read"
        within = f" while {error.context.removeprefix('while ')}" if error.context and error.problem else ""
        problem = Problem(at, f"broken YAML: {what}{within}")
    except ReaderError as error:
        problem = Problem(place_in(text, error.position, file), "broken YAML: a character that text must not hold")
    except (YAMLError, ValueError, OverflowError) as error:
        # The last two: escapes such as "\UFFFFFFFF", which the parser hands to chr() unseen.
        at = Position(file, 1, 1)
        problem = Problem(at, f"broken YAML: {str(error).splitlines()[0] if str(error) else 'cannot be read'}")
    return Broken(problem.position), (*builder.problems, problem)


def place_in(text: str, offset: int, file: str) -> Position:
    """The line and column of the character at ``offset`` of ``text``."""
    before = text[:offset]
    return Position(file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def place_in_leaf(source: str, leaf: Leaf, offset: int) -> Position:
    """The place in the file of the character at ``offset`` of ``leaf.text``, with ``source`` the file's text.

    Quotes, escapes, indentation and folded lines are walked over: each character of the value is sought in the source.
    """
    at = leaf.start + (1 if leaf.style in {"'", '"'} else 0)
    if leaf.style in {"|", ">"}:
        at = source.find("\n", leaf.start) + 1
    for wanted in leaf.text[:offset]:
        at = _seek(source, at, leaf, wanted) + _length(source, at, leaf)
    return place_in(source, min(_seek(source, at, leaf, leaf.text[offset : offset + 1]), leaf.end), leaf.at.file)


def _length(source: str, at: int, leaf: Leaf) -> int:
    if leaf.style == '"' and source[at : at + 1] == "\\":
        return _ESCAPE_LENGTH.get(source[at + 1 : at + 2], 2)
    return 1


def _seek(source: str, at: int, leaf: Leaf, wanted: str) -> int:
    if leaf.style == '"' and source[at : at + 1] == "\\":
        return at
    while at < leaf.end and source[at] != wanted and not (wanted.isspace() and source[at].isspace()):
        at += 1
    return at


class _TooDeep(Exception):
    """Nested beyond all sense; reading on would cost the square of what is left."""

    def __init__(self, mark: StreamMark) -> None:
        super().__init__()
        self.mark = mark


class _Builder:
    """Makes the tree from the events of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.events: Iterator[Event] = iter(())

    def place(self, mark: StreamMark | None) -> Position:
        return Position(self.file, mark.line + 1, mark.column + 1) if mark else Position(self.file, 1, 1)

    def refuse(self, event: Event, text: str) -> Broken:
        at = self.place(event.start_mark)
        self.problems.append(Problem(at, text))
        return Broken(at)

    def document(self) -> Tree:
        found: Tree = Leaf(None, "", Position(self.file, 1, 1))
        for count, event in enumerate(self._documents()):
            if count:
                self.refuse(event, "a second document in one file; each file holds one thing")
                break
            if event.version not in {None, (1, 2)} or event.tags:
                self.refuse(event, "directives are not taken: the file is YAML 1.2")
            found = self.tree(next(self.events), 1)
        return found

    def _documents(self) -> Iterator[DocumentStartEvent]:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                yield event
            elif isinstance(event, StreamEndEvent):
                return

    def tree(self, event: Event, depth: int) -> Tree:
        if isinstance(event, AliasEvent):
            return self.refuse(event, f"the alias '*{event.anchor}' is not taken; write it out")
        refused = None
        if isinstance(event, ScalarEvent | CollectionStartEvent):
            if event.anchor is not None:
                refused = self.refuse(
                    event, f"the anchor '&{event.anchor}' is not taken; write it out where it is used"
                )
            if event.tag is not None:
                refused = self.refuse(event, f"the tag '{event.tag}' is not taken; write plain values")
        if isinstance(event, ScalarEvent):
            return refused or self.leaf(event)
        found: Tree = self.items(event, depth) if isinstance(event, SequenceStartEvent) else self.mapping(event, depth)
        return refused or found

    def items(self, start: Event, depth: int) -> Tree:
        found: list[Tree] = []
        if depth > DEEPEST:
            raise _TooDeep(start.start_mark)
        while not isinstance(event := next(self.events), SequenceEndEvent):
            found.append(self.tree(event, depth + 1))
        return Items(tuple(found), self.place(start.start_mark))

    def mapping(self, start: Event, depth: int) -> Tree:
        entries: dict[str, Entry] = {}
        if depth > DEEPEST:
            raise _TooDeep(start.start_mark)
        while not isinstance(event := next(self.events), MappingEndEvent):
            key, value = self.tree(event, depth + 1), self.tree(next(self.events), depth + 1)
            if isinstance(key, Leaf) and isinstance(value, Leaf) and value.start == value.end:
                value = replace(value, at=key.at)  # the parser puts what is not written at the next thing that is
            if isinstance(key, Leaf) and key.value is not None:
                if key.text in entries:
                    first = entries[key.text].at
                    self.refuse(event, f"the key '{key.text}' stands here already, in line {first.line}")
                entries.setdefault(key.text, Entry(key.at, value))
            elif not isinstance(key, Broken):
                self.refuse(event, "a key must be a word")
        return Mapping(entries, self.place(start.start_mark))

    def leaf(self, event: ScalarEvent) -> Tree:
        text: str = event.value
        if _UNPRINTABLE.search(text):
            return self.refuse(event, "text must not hold the character NUL or half a surrogate pair")
        value: Scalar = text
        if event.style is None or event.style == "":
            if _NOT_FINITE.fullmatch(text) or _too_long(text):
                return self.refuse(
                    event, f"{text[:20]} is not a number that can be worked with; quote it if it is text"
                )
            value = _core(text)
        start, end = event.start_mark, event.end_mark
        return Leaf(value, text, self.place(start), event.style or "", start.index, end.index)


def _too_long(text: str) -> bool:
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        return len(text) > _LONGEST_NUMBER
    fraction = _FRACTION.fullmatch(text)
    if fraction is None:
        return False
    exponent = fraction[3] or "e0"
    return len(text) > _LONGEST_NUMBER or abs(int(exponent[1:])) > _LONGEST_NUMBER


def _core(text: str) -> Scalar:
    """The value of a plain scalar in the core schema."""
    if text in _NULL:
        return None
    if text in _TRUTH:
        return _TRUTH[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return Decimal(text) if _FRACTION.fullmatch(text) else text
