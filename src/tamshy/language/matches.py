"""``{event, where, same}``: the events that exits, conversions and ``wait_for`` look for."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_condition, read_event_name, read_event_refs
from tamshy.language.model import NOWHERE, SEGMENT_ENTERED, SEGMENT_LEFT, EventMatch
from tamshy.language.reading import Thing
from tamshy.language.trees import Mapping

if TYPE_CHECKING:
    from tamshy.language.conditions import Scope
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree


class Flip(StrEnum):
    """Which way a profile crosses the border of a segment."""

    ENTER = "enter"
    LEAVE = "leave"


_FLIPS: Final = {Flip.ENTER: SEGMENT_ENTERED, Flip.LEAVE: SEGMENT_LEFT}


def read_match(reading: Reading, tree: Tree, scope: Scope) -> EventMatch | None:
    """``{event, where, same}``, or ``{segment, on}`` in its place."""
    if by_segment(tree):
        return segment_match(reading, fields.mapping(reading, tree, vocabulary.SEGMENT_MATCH) or {})
    found = fields.mapping(reading, tree, vocabulary.EVENT_MATCH)
    return None if found is None else match_of(reading, found, scope)


def match_of(reading: Reading, keys: dict[str, Tree], scope: Scope) -> EventMatch | None:
    """The match that the keys of a mapping make, once they are known to be the right ones."""
    event = read_event_name(reading, keys["event"], "event") if "event" in keys else None
    where = read_condition(reading, keys["where"], scope) if "where" in keys else None
    same = read_event_refs(reading, keys["same"], "same") if "same" in keys else ()
    return None if event is None else EventMatch(event, where, same)


def by_segment(tree: Tree) -> bool:
    """Whether a mapping looks for a segment, and not for an event."""
    return isinstance(tree, Mapping) and "segment" in tree.entries and "event" not in tree.entries


def segment_match(reading: Reading, keys: dict[str, Tree]) -> EventMatch | None:
    """The entering or leaving of a segment; None where it was refused."""
    segment = fields.name(reading, keys["segment"], "segment") if "segment" in keys else None
    reading.use(Thing.SEGMENT, segment, keys["segment"].at if "segment" in keys else NOWHERE)
    on = fields.choice(reading, keys["on"], "on", Flip) if "on" in keys else Flip.ENTER
    return None if segment is None or on is None else EventMatch(_FLIPS[on], segment=segment)
