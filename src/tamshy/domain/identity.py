"""Whose call is this: which profile a call belongs to, and when two profiles become one (rules 30, 36, 37).

Pure: it is told the identifiers that are known, decides call by call in their order, and keeps what came of it to be
written down. Where it would have to know more about a profile it says so in `wanted`, and is asked again with that.

A device belongs for good to the first profile seen with it. Which user was *named* with it, and when, is kept beside
that: what comes from it without a user is the user's who was named last before, by own times (rule 36).
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.domain.address import valid_address
from tamshy.domain.call import CallKind
from tamshy.domain.ids import profile_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from uuid import UUID

    from tamshy.domain.call import Call

USER: Final = "user_id"
ANONYMOUS: Final = "anonymous_id"
EMAIL: Final = "email"
_NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Identifier(NamedTuple):
    """One name of a profile: its kind (`user_id`, `anonymous_id`, `email`) and its value."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose an identifier is, and since when it is known: the arrival of the call that tied it.

    `place` tells apart what was tied by calls that arrived together, the earlier first.
    """

    profile: UUID
    since: datetime
    place: int = 0


class Naming(NamedTuple):
    """A user was named with a device at this own time."""

    at: datetime
    user: str


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A profile that came into being: `die` is the identifier it did so under, `created_at` that call's own time."""

    profile: UUID
    die: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """Two profiles that turned out to be one person."""

    survivor: UUID
    loser: UUID


@dataclass(frozen=True, slots=True)
class Placement:
    """The profile a call belongs to, after the merges that the call brought about, in their order."""

    profile: UUID
    merges: tuple[Merge, ...] = ()


def mentioned(call: Call, *, by_email: bool) -> list[Identifier]:
    """List the identifiers that deciding about this call needs to know."""
    found = []
    if call.user_id is not None:
        found.append(Identifier(USER, call.user_id))
    if call.anonymous_id is not None:
        found.append(Identifier(ANONYMOUS, call.anonymous_id))
    if call.previous_id is not None:
        found += [Identifier(USER, call.previous_id), Identifier(ANONYMOUS, call.previous_id)]
    if call.kind is CallKind.IDENTIFY and (by_email or not found):
        address = valid_address(call.properties.get("email"))
        if address is not None:
            found.append(Identifier(EMAIL, address))
    if call.email is not None and not found:
        found.append(Identifier(EMAIL, call.email))
    return found


@dataclass(slots=True)
class Register:
    """The identifiers of a workspace as far as they are known, and what calls change about them.

    Attributes:
        workspace: its name, part of the ids of profiles.
        by_email: whether e-mail addresses tie profiles together (`identities.merge_on`).
        known: the identifiers looked up, as they were.
        complete: profiles of which `known` holds every identifier; others are asked for in `wanted` where it matters.
        namings: by device, who was named with it, in order of own times: for each call without a user at least the
            last naming before it; `known` holds those users.
    """

    workspace: str
    by_email: bool
    known: Mapping[Identifier, Holding]
    complete: Collection[UUID] = ()
    namings: dict[str, list[Naming]] = field(default_factory=dict)
    newcomers: dict[UUID, Newcomer] = field(default_factory=dict)
    wanted: set[UUID] = field(default_factory=set)
    """Profiles whose identifiers must all be known before the outcome can be trusted."""
    contested: set[UUID] = field(default_factory=set)
    """Profiles known before that gained or lost an identifier: such decisions are taken one at a time."""
    named: dict[tuple[str, datetime], str] = field(default_factory=dict)
    """The namings to be written down: (device, own time) → user."""
    _holdings: dict[Identifier, Holding] = field(init=False)
    _members: dict[UUID, set[Identifier]] = field(init=False)

    def __post_init__(self) -> None:
        self._holdings = dict(self.known)
        self._members = {}
        for identifier, holding in self._holdings.items():
            self._members.setdefault(holding.profile, set()).add(identifier)

    def place(self, call: Call) -> Placement | None:
        """Decide whose the call is; None where it names nobody."""
        if call.kind is CallKind.ENGAGE:
            return self._known_to(call)
        merges: list[Merge] = []
        profile = self._named(call, merges)
        if profile is None:
            return None
        if call.kind is CallKind.ALIAS and call.previous_id is not None:
            profile = self._aliased(profile, call, call.previous_id, merges)
        if self.by_email and call.kind is CallKind.IDENTIFY:
            profile = self._addressed(profile, call, merges)
        return Placement(profile, tuple(merges))

    def added(self) -> list[tuple[Identifier, Holding]]:
        """Give the identifiers that were unknown before."""
        return [(name, holding) for name, holding in self._holdings.items() if name not in self.known]

    def moved(self) -> list[tuple[Identifier, UUID, Holding]]:
        """Give the identifiers that belong to another profile now: (identifier, whose it was, whose it is)."""
        return [
            (name, before.profile, self._holdings[name])
            for name, before in self.known.items()
            if self._holdings[name].profile != before.profile
        ]

    def _known_to(self, call: Call) -> Placement | None:
        """Find whose a deed is, without making or tying anything: nobody engages with a mail that nobody was sent."""
        held = None
        if call.user_id is not None:
            held = self._holdings.get(Identifier(USER, call.user_id))
        elif call.anonymous_id is not None:
            held = self._owner(call.anonymous_id, call.occurred_at)
        return None if held is None else Placement(held.profile)

    def _named(self, call: Call, merges: list[Merge]) -> UUID | None:
        if call.user_id is not None:
            return self._user(call.user_id, call.anonymous_id, call, merges)
        if call.anonymous_id is not None:
            held = self._owner(call.anonymous_id, call.occurred_at)
            return (
                held.profile if held is not None else self._held_or_new(Identifier(ANONYMOUS, call.anonymous_id), call)
            )
        if call.kind is CallKind.IDENTIFY:
            address = valid_address(call.properties.get("email"))
            return None if address is None else self._held_or_new(Identifier(EMAIL, address), call)
        return None if call.email is None else self._held_or_new(Identifier(EMAIL, call.email), call)

    def _owner(self, device: str, at: datetime) -> Holding | None:
        """Find whose a device is at a moment: the user's who was named last before, else the first profile's."""
        for naming in reversed(self.namings.get(device, ())):
            if naming.at <= at:
                return self._holdings.get(Identifier(USER, naming.user))
        return self._holdings.get(Identifier(ANONYMOUS, device))

    def _user(self, user: str, device: str | None, call: Call, merges: list[Merge]) -> UUID:
        """Find the user's profile and tie the device to it; one that nobody was named with becomes the user's."""
        name = Identifier(USER, user)
        if device is None:
            return self._held_or_new(name, call)
        self._name(device, call.occurred_at, user)
        at_device = Identifier(ANONYMOUS, device)
        before = self._holdings.get(at_device)
        held = self._holdings.get(name)
        if before is None:
            profile = self._held_or_new(name, call)
            self._tie(at_device, profile, call)
            return profile
        if held is not None and held.profile == before.profile:
            return held.profile
        # Two users at one device are two people (rule 36): only a visitor without a name becomes somebody's.
        if self._has_user(before.profile):
            return self._held_or_new(name, call)
        if held is None:
            self._tie(name, before.profile, call)
            return before.profile
        self._merge(held.profile, before.profile, merges)
        return held.profile

    def _name(self, device: str, at: datetime, user: str) -> None:
        """Note who was named with a device; of two at one moment the one taken in last."""
        insort(self.namings.setdefault(device, []), Naming(at, user), key=attrgetter("at"))
        self.named[device, at] = user

    def _aliased(self, profile: UUID, call: Call, previous: str, merges: list[Merge]) -> UUID:
        """Tie the previous id: a user's makes two users one; a device's does what naming the user with it does."""
        held = self._holdings.get(Identifier(USER, previous))
        if held is not None:
            return self._join(profile, held.profile, merges)
        if call.user_id is None:
            return profile
        return self._user(call.user_id, previous, call, merges)

    def _addressed(self, profile: UUID, call: Call, merges: list[Merge]) -> UUID:
        address = valid_address(call.properties.get("email"))
        if address is None:
            return profile
        name = Identifier(EMAIL, address)
        held = self._holdings.get(name)
        if held is None:
            self._tie(name, profile, call)
            return profile
        return self._join(profile, held.profile, merges)

    def _join(self, given: UUID, other: UUID, merges: list[Merge]) -> UUID:
        """Merge two profiles: the one with the older user id stays; without any, the older; else the one given."""
        if given == other:
            return given
        self._need(given)
        self._need(other)
        ages = {profile: self._age(profile) for profile in (given, other)}
        survivor, loser = (other, given) if ages[other] < ages[given] else (given, other)
        self._merge(survivor, loser, merges)
        return survivor

    def _age(self, profile: UUID) -> tuple[bool, float, int]:
        names = self._members.get(profile, set())
        users = [name for name in names if name.kind == USER]
        held = [self._holdings[name] for name in users or names]
        since, place = min(((one.since, one.place) for one in held), default=(_NEVER, 0))
        return not users, since.timestamp(), place

    def _merge(self, survivor: UUID, loser: UUID, merges: list[Merge]) -> None:
        self._need(loser)
        self._contest(survivor)
        self._contest(loser)
        for name in list(self._members.get(loser, ())):
            self._members[loser].discard(name)
            self._hold(name, replace(self._holdings[name], profile=survivor))
        merges.append(Merge(survivor, loser))

    def _held_or_new(self, name: Identifier, call: Call) -> UUID:
        held = self._holdings.get(name)
        if held is not None:
            return held.profile
        die = f"{name.kind}:{name.value}"
        profile = profile_id(self.workspace, die)
        self.newcomers.setdefault(profile, Newcomer(profile, die, call.occurred_at))
        self._tie(name, profile, call)
        return profile

    def _tie(self, name: Identifier, profile: UUID, call: Call) -> None:
        """Give a profile an identifier that nobody had."""
        self._contest(profile)
        self._hold(name, Holding(profile, call.received_at, len(self._holdings)))

    def _hold(self, name: Identifier, holding: Holding) -> None:
        self._holdings[name] = holding
        self._members.setdefault(holding.profile, set()).add(name)

    def _has_user(self, profile: UUID) -> bool:
        if any(name.kind == USER for name in self._members.get(profile, ())):
            return True
        self._need(profile)
        return False

    def _need(self, profile: UUID) -> None:
        if profile not in self.newcomers and profile not in self.complete:
            self.wanted.add(profile)

    def _contest(self, profile: UUID) -> None:
        if profile not in self.newcomers:
            self.contested.add(profile)
