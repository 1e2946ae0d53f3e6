"""What the published rules may still ask of history: per event name, of messages, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.language import walk
from tamshy.language.model import Behaviour, Engaged, Engagement, Recency, Ref, Root, Top

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.language.model import Window
    from tamshy.rulebook import Rulebook

FOREVER: Final = timedelta.max
_SLACK: Final = timedelta(days=2)
"""Days that are 25 hours long, zones in which it is yesterday, and items that are worked late."""
_OPENS: Final = {Engaged.OPENED: "Message Opened", Engaged.CLICKED: "Message Clicked"}


@dataclass(frozen=True, slots=True)
class Needs:
    """How far back the rules look. Spans are at least as long as the calendar can make them.

    ``events``: event name → how far back (`FOREVER`: a condition without a window); ``since``: event name → the moment from
    which on (`after:`). ``messages``: sent messages, for caps and for `received`. ``entries``: what started those who have
    left, for conversions that still count. ``carts``: whether a rule asks for open carts, however old. ``because``: event name
    (empty: messages) → the flow that asks for the most.
    """

    events: dict[str, timedelta] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    messages: timedelta = timedelta()
    entries: timedelta = timedelta()
    carts: bool = False
    because: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Before which moment history may go; None: it is kept. ``names`` has event names with an earlier one, or None."""

    events: datetime | None = None
    carts: datetime | None = None
    names: dict[str, datetime | None] = field(default_factory=dict)
    entries: datetime | None = None
    messages: datetime | None = None
    bodies: datetime | None = None
    decisions: datetime | None = None

    @property
    def nothing(self) -> bool:
        """Whether all is kept."""
        return not any((self.events, self.messages, self.bodies, self.decisions))


def longest(span: Duration) -> timedelta:
    """Give as much elapsed time as a duration can last anywhere."""
    return timedelta(days=span.months * 31 + span.days, seconds=span.seconds) + _SLACK


def needs(book: Rulebook) -> Needs:
    """Find out what the flows that run ask of history, the caps included."""
    found = _Gathering()
    asked = [(running.name, running.flow) for running in book.flows]
    for whose, asking in [*asked, *((f"segments/{name}", one) for name, one in sorted(book.segments.items()))]:
        for part in walk(asking):
            found.ask(part, whose)
    for running in book.flows:
        conversion = running.flow.conversion
        if conversion is not None:
            span = FOREVER if conversion.within is None else longest(conversion.within)
            found.entries = max(found.entries, span)
    for _, per in book.caps():
        found.far("", longest(per), "caps")
    messages = found.events.pop("", timedelta())
    if "" in found.since:
        # Rare enough: a moment that conditions on messages begin at keeps them all.
        messages = FOREVER
        found.since.pop("")
    return Needs(found.events, found.since, messages, found.entries, found.carts, found.because)


def limits(book: Rulebook, now: datetime) -> Limits:
    """Give the moments before which history may go: what the shop keeps, or what its rules need where that is longer."""
    keep, asked = book.settings.keep, needs(book)
    events = _before(now, keep.events)
    names: dict[str, datetime | None] = {}
    for name in sorted(asked.events.keys() | asked.since.keys()) if events is not None else ():
        limit = _earlier(events, now, asked.events.get(name, timedelta()))
        begins = asked.since.get(name)
        names[name] = limit if limit is None or begins is None else min(limit, begins)
    return Limits(
        events=events,
        carts=None if asked.carts else events,
        names=names,
        entries=_earlier(events, now, asked.entries),
        messages=_earlier(_before(now, keep.messages), now, asked.messages),
        bodies=_before(now, keep.bodies),
        decisions=_before(now, keep.decisions),
    )


def _before(now: datetime, span: Duration | None) -> datetime | None:
    return None if span is None else now - longest(span)


def _earlier(limit: datetime | None, now: datetime, needed: timedelta) -> datetime | None:
    if limit is None or needed == FOREVER:
        return None
    return min(limit, now - needed)


class _Gathering:
    """Needs as they are gathered: the longest of each wins."""

    def __init__(self) -> None:
        self.events: dict[str, timedelta] = {}
        self.since: dict[str, datetime] = {}
        self.because: dict[str, str] = {}
        self.entries = timedelta()
        self.carts = False

    def ask(self, part: object, whose: str) -> None:
        """What one part of a condition asks for."""
        if isinstance(part, Ref):
            self.carts |= part.root is Root.CART
        elif isinstance(part, Behaviour):
            self.add(part.event, part.window, whose)
        elif isinstance(part, Recency):
            # The newest may be years old, and "over 90 days ago" holds of it.
            self.far(part.event, FOREVER, whose)
        elif isinstance(part, Engagement):
            self.add(_OPENS.get(part.kind, ""), part.window, whose)
        elif isinstance(part, Top) and part.event:
            self.far(part.event, FOREVER if part.within is None else longest(part.within), whose)

    def add(self, name: str, window: Window, flow: str) -> None:
        if window.within is not None:
            self.far(name, longest(window.within), flow)
        elif window.after is not None:
            self.since[name] = min(window.after, self.since.get(name, window.after))
            self.because.setdefault(name, flow)
        elif window.since is None:
            self.far(name, FOREVER, flow)
        # Since the entry or a step: those who are inside keep all that has happened since.

    def far(self, name: str, span: timedelta, flow: str) -> None:
        if span > self.events.get(name, timedelta()):
            self.events[name] = span
            self.because[name] = flow
