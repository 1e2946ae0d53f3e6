"""What can bring a profile into a segment, or out of it: event names, properties, flows, and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.conditions import is_timed, measure, nested
from tamshy.domain.shopping import CART_EVENTS, ORDER_EVENTS
from tamshy.language import walk
from tamshy.language.model import (
    Behaviour,
    Engaged,
    Engagement,
    Enrolled,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Subscribed,
    Top,
)

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook

_ENGAGED: Final = {
    Engaged.RECEIVED: "Message Sent",
    Engaged.OPENED: "Message Opened",
    Engaged.CLICKED: "Message Clicked",
}
# What a cart or the orders add up to changes with the events that they are folded from.
_FIGURES: Final = {Root.CART: CART_EVENTS, Root.ORDER: ORDER_EVENTS}

DRIFTING: Final = frozenset({"predicted.churn", "predicted.clv"})
"""What the mere passing of a day changes."""


@dataclass(frozen=True, slots=True)
class Reasons:
    """What a segment, with all within it, depends on.

    ``names``: of events. ``said``: on what is said of the profile, its zone among it, which moves windows. ``flows``: whose
    enrollments it asks for. ``timed``: time alone can turn it. ``measures``: what it takes the best by.
    ``buyers``: on what is found of buyers daily; ``drifts``: on what of it is another every day, for nearly everybody.
    """

    number: int
    name: str
    names: frozenset[str]
    said: bool
    flows: frozenset[str]
    timed: bool
    measures: frozenset[str]
    buyers: bool = False
    drifts: bool = False


def reasons(book: Rulebook) -> tuple[Reasons, ...]:
    """What each tracked segment depends on, numbered in the order of their names."""
    return tuple(_reasons(book, number, name) for number, name in enumerate(sorted(book.tracked), start=1))


def _reasons(book: Rulebook, number: int, name: str) -> Reasons:
    parts = [part for one in nested(book.segments, name) for part in walk(book.segments[one])]
    names: set[str] = set()
    for part in parts:
        if isinstance(part, Behaviour | Recency):
            names.add(part.event)
        elif isinstance(part, Engagement):
            names.add(_ENGAGED[part.kind])
        elif isinstance(part, Subscribed):
            names |= {"Subscribed", "Unsubscribed"}
        elif isinstance(part, PropertyTest):
            names |= _FIGURES.get(part.ref.root, frozenset())
    timed = name in book.segments and is_timed(book.segments[name], book.segments)
    said = timed or any(isinstance(part, PropertyTest) and part.ref.root is Root.PROFILE for part in parts)
    flows = frozenset(part.flow for part in parts if isinstance(part, Enrolled))
    measures = frozenset(measure(part) for part in parts if isinstance(part, Top))
    figures = {str(part) for part in parts if isinstance(part, Ref) and part.root in {Root.RFM, Root.PREDICTED}}
    drifts = not figures.isdisjoint(DRIFTING)
    return Reasons(number, name, frozenset(names), said, flows, timed, measures, bool(figures), drifts)
