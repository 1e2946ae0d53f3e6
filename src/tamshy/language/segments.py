"""Segments: a file for each, and that none is made of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.conditions import Scope, read_condition
from tamshy.language.model import Segment

if TYPE_CHECKING:
    from tamshy.language.reading import Nesting, Reading
    from tamshy.language.trees import Tree


def read_segment(reading: Reading, name: str, tree: Tree) -> Segment | None:
    """Read a segment; None where its condition was refused."""
    keys = fields.mapping(reading, tree, vocabulary.SEGMENT)
    if keys is None:
        return None
    title = fields.line(reading, keys["name"], "name") if "name" in keys else None
    scope = Scope("", entered=False, segment=name)
    where = read_condition(reading, keys["where"], scope) if "where" in keys else None
    return None if where is None else Segment(name, title or name, where, tree.at)


def check_nesting(reading: Reading) -> None:
    """Refuse segments that are made of themselves, said once for each circle: in the one that comes first in the alphabet."""
    inside: dict[str, list[Nesting]] = {}
    for nesting in reading.nestings:
        inside.setdefault(nesting.outer, []).append(nesting)
    for start in sorted(inside):
        for nesting in inside[start]:
            way = _way(nesting.inner, start, inside)
            if way is not None and start == min(way):
                circle = " → ".join([start, *way])
                reading.refuse(nesting.at, f"the segment is made of itself ({circle})")


def _way(start: str, goal: str, inside: dict[str, list[Nesting]]) -> list[str] | None:
    """The shortest way from segment to segment, both in; None where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        for nesting in inside.get(way[-1], ()):
            if nesting.inner not in seen:
                seen.add(nesting.inner)
                ways.append([*way, nesting.inner])
    return None
