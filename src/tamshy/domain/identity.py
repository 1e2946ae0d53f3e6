"""Whose call is this: which profile a call belongs to, and when two profiles become one (rules 30, 36, 37).

Pure: it is told the identifiers that are known, decides call by call in their order, and keeps what came of it to be
written down. Where it would have to know more about a profile it says so in `wanted`, and is asked again with that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.domain.address import valid_address
from tamshy.domain.call import CallKind
from tamshy.domain.ids import profile_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime
    from uuid import UUID

    from tamshy.domain.call import Call

USER: Final = "user_id"
ANONYMOUS: Final = "anonymous_id"
EMAIL: Final = "email"


class Identifier(NamedTuple):
    """One name of a profile: its kind (`user_id`, `anonymous_id`, `email`) and its value."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose an identifier is, and since when (own time of the call that tied it)."""

    profile: UUID
    since: datetime


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
    return found


@dataclass(slots=True)
class Register:
    """The identifiers of a workspace as far as they are known, and what calls change about them.

    Attributes:
        workspace: its name, part of the ids of profiles.
        by_email: whether e-mail addresses tie profiles together (`identities.merge_on`).
        known: the identifiers looked up, as they were.
        complete: profiles of which `known` holds every identifier; others are asked for in `wanted` where it matters.
    """

    workspace: str
    by_email: bool
    known: Mapping[Identifier, Holding]
    complete: Collection[UUID] = ()
    newcomers: dict[UUID, Newcomer] = field(default_factory=dict)
    wanted: set[UUID] = field(default_factory=set)
    """Profiles whose identifiers must all be known before the outcome can be trusted."""
    contested: set[UUID] = field(default_factory=set)
    """Profiles known before that gained or lost an identifier: such decisions are taken one at a time."""
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
            held = self._holdings.get(Identifier(ANONYMOUS, call.anonymous_id))
        return None if held is None else Placement(held.profile)

    def _named(self, call: Call, merges: list[Merge]) -> UUID | None:
        if call.user_id is not None:
            return self._user(call.user_id, call.anonymous_id, call.occurred_at, merges)
        if call.anonymous_id is not None:
            return self._held_or_new(Identifier(ANONYMOUS, call.anonymous_id), call.occurred_at)
        if call.kind is CallKind.IDENTIFY:
            address = valid_address(call.properties.get("email"))
            return None if address is None else self._held_or_new(Identifier(EMAIL, address), call.occurred_at)
        return None

    def _user(self, user: str, device: str | None, own: datetime, merges: list[Merge]) -> UUID:
        """Find the user's profile and tie the device to it; one that nobody was named with becomes the user's."""
        name = Identifier(USER, user)
        held = self._holdings.get(name)
        if device is None:
            return held.profile if held is not None else self._held_or_new(name, own)
        at_device = Identifier(ANONYMOUS, device)
        before = self._holdings.get(at_device)
        if before is None:
            profile = held.profile if held is not None else self._held_or_new(name, own)
            self._tie(at_device, profile, own)
            return profile
        if held is not None and held.profile == before.profile:
            return held.profile
        shared = self._has_user(before.profile)
        if held is None:
            if not shared:
                self._tie(name, before.profile, own)
                return before.profile
            profile = self._held_or_new(name, own)
        else:
            profile = held.profile
        if shared:
            # Two users at one device (rule 36): it goes over to the one named now; nobody is merged.
            self._tie(at_device, profile, own)
        else:
            self._merge(profile, before.profile, merges)
        return profile

    def _aliased(self, profile: UUID, call: Call, previous: str, merges: list[Merge]) -> UUID:
        """Tie the previous id: a user's makes two users one; a device's does what naming the user with it does."""
        held = self._holdings.get(Identifier(USER, previous))
        if held is not None:
            return self._join(profile, held.profile, merges)
        if call.user_id is None:
            return profile
        return self._user(call.user_id, previous, call.occurred_at, merges)

    def _addressed(self, profile: UUID, call: Call, merges: list[Merge]) -> UUID:
        address = valid_address(call.properties.get("email"))
        if address is None:
            return profile
        name = Identifier(EMAIL, address)
        held = self._holdings.get(name)
        if held is None:
            self._tie(name, profile, call.occurred_at)
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

    def _age(self, profile: UUID) -> tuple[bool, float]:
        names = self._members.get(profile, set())
        users = [self._holdings[name].since for name in names if name.kind == USER]
        since = users or [self._holdings[name].since for name in names]
        return not users, min(since).timestamp() if since else 0.0

    def _merge(self, survivor: UUID, loser: UUID, merges: list[Merge]) -> None:
        self._need(loser)
        self._contest(survivor)
        self._contest(loser)
        for name in list(self._members.get(loser, ())):
            self._tie(name, survivor, self._holdings[name].since)
        merges.append(Merge(survivor, loser))

    def _held_or_new(self, name: Identifier, own: datetime) -> UUID:
        held = self._holdings.get(name)
        if held is not None:
            return held.profile
        die = f"{name.kind}:{name.value}"
        profile = profile_id(self.workspace, die)
        self.newcomers.setdefault(profile, Newcomer(profile, die, own))
        self._tie(name, profile, own)
        return profile

    def _tie(self, name: Identifier, profile: UUID, since: datetime) -> None:
        before = self._holdings.get(name)
        if before is not None:
            self._contest(before.profile)
            self._members[before.profile].discard(name)
        self._contest(profile)
        self._holdings[name] = Holding(profile, since)
        self._members.setdefault(profile, set()).add(name)

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
