"""``{event, where, same}``: the events that exits, conversions and ``wait_for`` look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_condition, read_event_name, read_event_refs
from tamshy.language.model import EventMatch
from tamshy.language.trees import Mapping

if TYPE_CHECKING:
    from tamshy.language.conditions import Scope
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree


def read_match(reading: Reading, tree: Tree, scope: Scope) -> EventMatch | None:
    """``{event, where, same}``; a segment in its place is not yet supported."""
    if isinstance(tree, Mapping) and "segment" in tree.entries and "event" not in tree.entries:
        keys = fields.mapping(reading, tree, vocabulary.SEGMENT_MATCH) or {}
        fields.name(reading, keys["segment"], "segment")
        reading.later(tree.entries["segment"].at, "'segment'")
        return None
    found = fields.mapping(reading, tree, vocabulary.EVENT_MATCH)
    return None if found is None else match_of(reading, found, scope)


def match_of(reading: Reading, keys: dict[str, Tree], scope: Scope) -> EventMatch | None:
    """The match that the keys of a mapping make, once they are known to be the right ones."""
    event = read_event_name(reading, keys["event"], "event") if "event" in keys else None
    where = read_condition(reading, keys["where"], scope) if "where" in keys else None
    same = read_event_refs(reading, keys["same"], "same") if "same" in keys else ()
    return None if event is None else EventMatch(event, where, same)
