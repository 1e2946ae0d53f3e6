"""What the oracle remembers: profiles, their events, enrollments, letters and consent."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracle.almanac import iso
from tests.oracle.shopping import ORDER, orders

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tests.oracle.reading import Flow, Json


@dataclass(eq=False)
class Event:
    """Something that happened to a profile, at its own time (ms); ``seq`` is the order taken in."""

    name: str
    at: int
    seq: int
    properties: dict[str, Json]
    context: dict[str, Json]

    def root(self) -> dict[str, Json]:
        """What ``event.`` reaches: the properties, its own time and the call's context."""
        return {**self.properties, "occurred_at": iso(self.at), "context": self.context}


@dataclass(eq=False)
class Letter:
    """A message that was sent, and what was done with it (by people, not by machines)."""

    at: int
    message: str
    flow: str
    step: str
    topic: str | None
    address: str
    marketing: bool
    enrollment: Enrollment
    opens: list[int] = field(default_factory=list)
    clicks: list[tuple[int, Json]] = field(default_factory=list)


@dataclass(frozen=True)
class Flip:
    """A profile enters a segment or leaves it."""

    at: int
    segment: str
    on: str  # enter or leave


@dataclass(eq=False)
class Frame:
    """A list of steps that somebody is in, with the place of the next; the rounds of ``repeat`` are one such list."""

    steps: list[dict[str, Json]]
    place: int = 0
    repeat: dict[str, Json] | None = None
    rounds: int = 0  # how many have begun
    began: int = 0  # when the newest of them began


@dataclass(eq=False)
class Enrollment:
    """One passage of a profile through a flow."""

    flow: Flow
    key: str
    entry: int
    event: Event  # what started it; made up where no event did (rule 22)
    origin: Json  # the event or the occurrence that started it: what duplicates are told by (rule 14)
    seq: int
    profile: Profile
    active: bool = True
    frames: list[Frame] = field(default_factory=list)  # where it stands, the innermost last
    step: dict[str, Json] = field(default_factory=dict)
    reached: int = 0  # when the current step was reached: what a wait counts from
    due: int = 0  # when it is to be done: what the order of things looks at
    wake: int = 0  # when it is next looked at: later than due after a postponement
    came: bool = False  # the event of the current wait_for has come
    reached_at: dict[str, int] = field(default_factory=dict)
    coupons: dict[str, Json] = field(default_factory=dict)  # what ``coupon.`` reaches
    arms: dict[str, str] = field(default_factory=dict)  # experiment -> arm, of the splits that it has gone through


@dataclass(eq=False)
class World:
    """What is true of all profiles together: segments, and who was best when that was last reckoned."""

    segments: dict[str, Json] = field(default_factory=dict)
    products: dict[str, dict[str, Json]] = field(default_factory=dict)  # by what they are told by
    since: dict[str, int] = field(default_factory=dict)  # when there first was any of each, where not from the first
    lasting: dict[str, str] = field(default_factory=dict)  # how long products last, as last learnt
    taken: dict[str, int] = field(default_factory=dict)  # how many codes of each pool are gone
    best: dict[str, set[Profile]] = field(default_factory=dict)  # the ``top`` condition as text -> the profiles
    buyers: dict[Profile, dict[str, Json]] = field(default_factory=dict)  # ``rfm`` and ``predicted`` as last reckoned

    drawn: dict[str, dict[Profile, tuple[str, int, bool]]] = field(default_factory=dict)
    """Who is in which arm of an experiment, since when, and whether held out; for a broadcast's test on a part."""
    settled: dict[str, str] = field(default_factory=dict)  # experiment -> the arm that its rest gets

    def absorb(self, stays: Profile, goes: Profile) -> None:
        """What was reckoned of one goes over to the other, who keeps what is their own."""
        for among in self.best.values():
            if goes in among:
                among.add(stays)
        if goes in self.buyers:
            self.buyers.setdefault(stays, self.buyers[goes])
        for drawn in self.drawn.values():
            if goes in drawn:
                drawn.setdefault(stays, drawn[goes])
                del drawn[goes]


@dataclass(eq=False)
class Profile:
    """A person, or a device of nobody known yet."""

    number: int
    die: str  # the identifier it came into being under: decides holdouts
    born: int  # own time of the first call (ms)
    user_ids: list[str] = field(default_factory=list)
    anonymous_ids: list[str] = field(default_factory=list)
    user_since: int = 0  # when its first user id came to be known, in the order taken in
    merged_into: Profile | None = None
    # property -> (own time, order taken in, value)
    properties: dict[str, tuple[int, int, Json]] = field(default_factory=dict)
    events: dict[str, list[tuple[int, int, Event]]] = field(default_factory=dict)
    # topic -> (own time, withdrawn, so that the withdrawal is the greater at one time)
    consent: dict[str, tuple[int, bool]] = field(default_factory=dict)
    active: list[Enrollment] = field(default_factory=list)
    entries: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)  # the segments it was in when last asked
    flips: list[Flip] = field(default_factory=list)
    # flow and trigger -> moment of a look at new arrivals -> up to when they are known after it
    looks: dict[tuple[str, int], dict[int, int]] = field(default_factory=dict)
    bought: tuple[tuple[int, ...], dict[str, list[int]]] = ((), {})  # what it has bought, by how much was known then
    fired: set[tuple[str, str]] = field(default_factory=set)  # flow and key of the occasions that have come
    # the zone that it was last left in, with flow and key of the occasions that were to come by then
    ahead: tuple[ZoneInfo | None, frozenset[tuple[str, str]]] = (None, frozenset())

    def now_known_as(self) -> Profile:
        """The profile this one has been merged into, or itself."""
        profile = self
        while profile.merged_into is not None:
            profile = profile.merged_into
        return profile

    def name(self) -> str:
        """The user id, else the address, else the anonymous id."""
        if self.user_ids:
            return self.user_ids[0]
        email = self.get("email")
        if isinstance(email, str) and email:
            return email
        return self.anonymous_ids[0] if self.anonymous_ids else ""

    def get(self, key: str) -> Json:
        """A property's value now, None where it is missing."""
        return self.properties[key][2] if key in self.properties else None

    def root(self) -> dict[str, Json]:
        """What ``profile.`` reaches."""
        found = {"created_at": iso(self.born)}
        found.update({key: value for key, (_, _, value) in self.properties.items()})
        return found

    def ordered(self) -> tuple[int, ...]:
        """How many events it has of each kind that an order is made of: while that is the same, its orders are."""
        return tuple(len(self.events.get(name, ())) for name in ORDER)

    def orders_that_count(self) -> set[int]:
        """When the orders were made that count."""
        return {at for at, _ in orders(self)}

    def write(self, key: str, value: Json, at: int, seq: int) -> None:
        """Rule 38: the value with the latest own time is kept; at one time the last taken in."""
        if key == "email" and isinstance(value, str):
            value = value.strip().lower()
        held = self.properties.get(key)
        if held is None or (at, seq) >= held[:2]:
            self.properties[key] = (at, seq, value)

    def remember(self, event: Event) -> None:
        """Keep an event, in the order of own times."""
        insort(self.events.setdefault(event.name, []), (event.at, event.seq, event))

    def consented(self, topic: str, at: int, *, withdrawn: bool) -> None:
        """Rule 23: the latest own time holds; at one time the withdrawal."""
        said = (at, withdrawn)
        self.consent[topic] = max(self.consent.get(topic, said), said)
