"""``wait`` in its forms: a duration, a time of day, a moment that the data holds, the best hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_ref
from tamshy.language.model import Position, Ref, Root, Step, Wait, WaitBestHour, WaitUntilMoment, WaitUntilTime
from tamshy.language.trees import Leaf, Mapping

if TYPE_CHECKING:
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree


_MOMENTS: Final = {
    Root.CART: Ref(Root.CART, ("updated_at",)),
    Root.ORDER: Ref(Root.ORDER, ("last_at",)),
    Root.PREDICTED: Ref(Root.PREDICTED, ("next_order_at",)),
}


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
    if isinstance(until, Leaf) and until.text == vocabulary.BEST_HOUR:
        return _wait_best_hour(reading, tree, head)
    if until is None or fields.is_time(until):
        return _wait_time(reading, tree, head)
    return _wait_moment(reading, tree, head)


def _wait_time(reading: Reading, tree: Mapping, head: StepHead) -> Step | None:
    keys = fields.mapping(reading, tree, vocabulary.WAIT_TIME) or {}
    at = fields.time_of_day(reading, keys["until"], "until") if "until" in keys else None
    days = fields.weekdays(reading, keys["on"], "on") if "on" in keys else frozenset()
    zone = read_zone(reading, keys["zone"]) if "zone" in keys else None
    return None if at is None else WaitUntilTime(head.id, at, days, zone, head.position, head.note)


def read_zone(reading: Reading, tree: Tree) -> str | None:
    """The zone that a clock stands in: ``profile`` (None), ``workspace`` or an IANA name."""
    word = tree.text if isinstance(tree, Leaf) and tree.text in vocabulary.CLOCKS else ""
    if word == "workspace":
        return reading.zone
    return None if word == "profile" else fields.zone(reading, tree, "zone")


def _wait_best_hour(reading: Reading, tree: Mapping, head: StepHead) -> Step:
    keys = fields.mapping(reading, tree, vocabulary.WAIT_BEST_HOUR) or {}
    bare = WaitBestHour(head.id, position=head.position, note=head.note)
    at_most = fields.duration(reading, keys["at_most"], "at_most") if "at_most" in keys else None
    return bare if at_most is None else replace(bare, at_most=at_most)


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
    ref = read_ref(reading, text, keys["until"], tuple(map(Root, vocabulary.MOMENT_ROOTS)))
    if ref is not None and ref.root in _MOMENTS and ref != _MOMENTS[ref.root]:
        reading.refuse(keys["until"].at, f"'{ref}' is no moment; {_MOMENTS[ref.root]} is one")
        return None
    return None if ref is None else WaitUntilMoment(head.id, ref, offset, head.position, head.note)
