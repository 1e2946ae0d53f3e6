"""``wait`` in its forms: a duration, a time of day, a moment that the data holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_ref
from tamshy.language.model import Position, Ref, Root, Step, Wait, WaitUntilMoment, WaitUntilTime
from tamshy.language.trees import Leaf, Mapping

if TYPE_CHECKING:
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree


_MOMENTS: Final = {Root.CART: Ref(Root.CART, ("updated_at",)), Root.ORDER: Ref(Root.ORDER, ("last_at",))}


@dataclass(frozen=True, slots=True)
class StepHead:
    """What every step has."""

    id: str
    position: Position
    note: str


def read_wait(reading: Reading, tree: Tree, head: StepHead) -> Step | None:
    """Read what stands behind ``wait``; None where it was refused."""
    if not isinstance(tree, Mapping):
        length = fields.duration(reading, tree, "wait", zero=True)
        return None if length is None else Wait(head.id, length, head.position, head.note)
    until = tree.entries["until"].value if "until" in tree.entries else None
    if isinstance(until, Leaf) and until.text == "best_hour":
        fields.mapping(reading, tree, vocabulary.WAIT_BEST_HOUR)
        reading.later(until.at, "'best_hour'")
        return None
    if until is None or fields.is_time(until):
        return _wait_time(reading, tree, head)
    return _wait_moment(reading, tree, head)


def _wait_time(reading: Reading, tree: Mapping, head: StepHead) -> Step | None:
    keys = fields.mapping(reading, tree, vocabulary.WAIT_TIME) or {}
    at = fields.time_of_day(reading, keys["until"], "until") if "until" in keys else None
    days = fields.weekdays(reading, keys["on"], "on") if "on" in keys else frozenset()
    zone: str | None = None
    if "zone" in keys:
        given = keys["zone"]
        word = given.text if isinstance(given, Leaf) else ""
        if word == "workspace":
            zone = reading.zone
        elif word != "profile":
            zone = fields.zone(reading, given, "zone")
    return None if at is None else WaitUntilTime(head.id, at, days, zone, head.position, head.note)


def _wait_moment(reading: Reading, tree: Mapping, head: StepHead) -> Step | None:
    keys = fields.mapping(reading, tree, vocabulary.WAIT_MOMENT) or {}
    offset = Duration()
    if "offset" in keys:
        offset = fields.duration(reading, keys["offset"], "offset", negative=True) or offset
    text = fields.text(reading, keys["until"], "until") if "until" in keys else None
    if text is None:
        return None
    if "." not in text:
        expected = 'a time of day such as "10:00", a reference such as event.delivery_at, or best_hour'
        fields.wrong(reading, keys["until"], "until", expected)
        return None
    ref = read_ref(reading, text, keys["until"], (Root.EVENT, Root.PROFILE, Root.CART, Root.ORDER, Root.VARS))
    if ref is not None and ref.root in _MOMENTS and ref != _MOMENTS[ref.root]:
        reading.refuse(keys["until"].at, f"'{ref}' is no moment; {_MOMENTS[ref.root]} is one")
        return None
    return None if ref is None else WaitUntilMoment(head.id, ref, offset, head.position, head.note)
