"""What an explanation holds: values only, with every time as a moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class Consent:
    """What was said of a topic last, and whether that allows mail now; nothing said: ``granted`` is None."""

    topic: str
    allowed: bool
    granted: bool | None = None
    at: datetime | None = None
    source: str = ""
    evidence: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Why nothing is written to an address any more, since when, and what showed it."""

    reason: str
    since: datetime | None = None
    evidence: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the explanation is about. ``identifiers``: kind and value, the longest known first."""

    bucket: int
    profile: UUID
    first_known_as: str
    identifiers: tuple[tuple[str, str], ...]
    address: str | None
    zone: str
    consents: tuple[Consent, ...]
    suppressed: Suppressed | None

    @property
    def name(self) -> str:
        """The user id, else the address, else the anonymous id, else the profile's own id."""
        known = dict(reversed(self.identifiers))
        return known.get("user_id") or self.address or known.get("anonymous_id") or str(self.profile)


@dataclass(frozen=True, slots=True)
class Cause:
    """The event behind a line of the journal: its name, when it happened and when it arrived."""

    name: str
    occurred_at: datetime
    received_at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where the hand-over of a sent message stands."""

    state: str
    attempts: int
    next_at: datetime
    settled_at: datetime | None
    reason: str | None
    reply: str | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of the journal, with the event that caused it and the hand-over that followed it."""

    at: datetime
    kind: str
    flow: str
    outcome: str
    reason: str | None
    key: str | None
    step: str | None
    message: str | None
    until: datetime | None
    address: str | None
    locale: str | None
    subject: str | None
    facts: dict[str, object]
    rule: str = ""
    """What of the flow's own rules stands behind the reason, in its own words: `7d after the last entry`."""
    cause: Cause | None = None
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where somebody stands in a flow. ``goes_on``: when something can happen next; None: as soon as a mail is rendered."""

    flow: str
    key: str
    step: str
    doing: str
    entered_at: datetime
    since: datetime
    due_at: datetime | None
    goes_on: datetime | None
    held_back: bool
    held_out: bool
    paused: bool
    then: tuple[str, ...]
    arms: dict[str, str] = field(default_factory=dict)
    """Experiment -> arm, of the splits that were passed."""
    rounds: dict[str, int] = field(default_factory=dict)
    """Step id -> round, of the repeats that they are inside of."""


@dataclass(frozen=True, slots=True)
class Coming:
    """A date of somebody's, or a schedule, that comes round next and may start a flow. ``key``: which of them, and which year."""

    flow: str
    key: str
    at: datetime


class Absent(StrEnum):
    """Why somebody has never been in a flow."""

    NO_EVENT = "no_event"
    """None of the events that start it has come."""
    BEFORE = "before"
    """They came before the flow was there."""
    NO_MATCH = "no_match"
    """They came, but not as the trigger asks."""
    REFUSED = "refused"
    """A trigger fired, and the flow refused: the story says when and why."""


@dataclass(frozen=True, slots=True)
class Absence:
    """A flow that somebody has never been in. ``events``: the names that start it; how many of them came, and when last."""

    flow: str
    why: Absent
    events: tuple[str, ...]
    came: int = 0
    last: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a segment's condition, and whether it holds."""

    condition: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Belonging:
    """A segment, and whether somebody is in it now; since when, where that is kept; when time alone may change it; and why.

    ``figures``: what it reads of what is found of buyers daily, by reference, a value None where there is no
    figure; None: it reads none.
    """

    segment: str
    inside: bool
    since: datetime | None
    may_turn_at: datetime | None
    parts: tuple[Part, ...]
    figures: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of why: what happened, where the person stands, what they have never been in, and their segments."""

    person: Person
    now: datetime
    story: tuple[Happening, ...]
    standing: tuple[Standing, ...]
    absences: tuple[Absence, ...]
    coming: tuple[Coming, ...] = ()
    belongings: tuple[Belonging, ...] = ()
