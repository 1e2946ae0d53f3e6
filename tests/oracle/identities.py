"""Who a call belongs to, and when two profiles become one (rules 30, 36 and 37)."""

from __future__ import annotations

import re
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.oracle.people import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.oracle.reading import Json


def valid_address(value: Json) -> bool:
    """Rule 35: RFC 5321 lets it be handed over, and its domain has a dot."""
    if not isinstance(value, str) or len(value) > 254 or value.count("@") != 1:
        return False
    local, domain = value.split("@")
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    return (
        len(local) <= 64
        and re.fullmatch(rf"{atom}(?:\.{atom})*", local) is not None
        and re.fullmatch(rf"{label}(?:\.{label})+", domain) is not None
    )


@dataclass
class Device:
    """An anonymous id: whose it was at first, and who was named with it, by own times."""

    first: Profile
    namings: list[tuple[int, int, Profile]] = field(default_factory=list)

    def owner(self, at: int) -> Profile:
        """Rule 36: the user named last before, else the one it belongs to at first."""
        before = [naming for naming in self.namings if naming[0] <= at]
        return (before[-1][2] if before else self.first).now_known_as()


class Register:
    """All identifiers and the profiles they lead to."""

    def __init__(self, by_email: bool, merge: Callable[[Profile, Profile], None]) -> None:  # noqa: FBT001
        """``merge(stays, goes)`` is called for every merge, before anything else happens."""
        self.by_email = by_email
        self.merge = merge
        self.users: dict[str, Profile] = {}
        self.devices: dict[str, Device] = {}
        self.emails: dict[str, Profile] = {}
        self.number = 0

    def known(self, body: dict[str, Json], own: int) -> Profile | None:
        """The profile a line names, if there is one; makes and ties nothing."""
        user, anonymous = _text(body.get("userId")), _text(body.get("anonymousId"))
        if user is not None:
            found = self.users.get(user)
            return None if found is None else found.now_known_as()
        if anonymous is not None and anonymous in self.devices:
            return self.devices[anonymous].owner(own)
        return None

    def resolve(self, body: dict[str, Json], own: int, seq: int) -> Profile | None:
        """The profile a call belongs to, made or merged as needed. None: nobody is named."""
        user, anonymous = _text(body.get("userId")), _text(body.get("anonymousId"))
        email = self._email(body)
        if user is not None:
            profile = self._user(user, anonymous, own, seq)
        elif anonymous is not None:
            if anonymous not in self.devices:
                self.devices[anonymous] = Device(self._new(f"anonymous_id:{anonymous}", own))
                self.devices[anonymous].first.anonymous_ids.append(anonymous)
            profile = self.devices[anonymous].owner(own)
        elif email is not None:
            if email not in self.emails:
                self.emails[email] = self._new(f"email:{email}", own)
            profile = self.emails[email].now_known_as()
        else:
            return None
        if body["type"] == "alias":
            profile = self._alias(profile, _text(body.get("previousId")), own, seq)
        if email is not None and self.by_email:
            other = self.emails.setdefault(email, profile).now_known_as()
            profile = self._join(profile, other)
        return profile

    def _email(self, body: dict[str, Json]) -> str | None:
        if body["type"] != "identify":
            return None
        email = (body.get("traits") or {}).get("email")
        email = email.strip().lower() if isinstance(email, str) else None
        return email if valid_address(email) else None

    def _new(self, die: str, own: int) -> Profile:
        self.number += 1
        return Profile(self.number, die, own)

    def _user(self, user: str, anonymous: str | None, own: int, seq: int) -> Profile:
        """The user's profile; a device nobody was named with before becomes the user's."""
        profile = self.users[user].now_known_as() if user in self.users else None
        device = self.devices.get(anonymous) if anonymous is not None else None
        before = None if device is None else device.first.now_known_as()
        if profile is None:
            adopts = before is not None and not before.user_ids
            profile = before if adopts and before is not None else self._new(f"user_id:{user}", own)
            profile.user_ids.append(user)
            profile.user_since = profile.user_since or seq
            self.users[user] = profile
        elif before is not None and not before.user_ids:
            profile = self._join(profile, before)
        if anonymous is not None:
            if device is None:
                device = self.devices[anonymous] = Device(profile)
                profile.anonymous_ids.append(anonymous)
            insort(device.namings, (own, seq, profile), key=lambda naming: naming[:2])
        return profile

    def _alias(self, profile: Profile, previous: str | None, own: int, seq: int) -> Profile:
        """``alias``: what went by the previous id is this profile; two users become one."""
        if previous is None or not profile.user_ids:
            return profile
        if previous in self.users:
            return self._join(profile, self.users[previous].now_known_as())
        return self._user(profile.user_ids[0], previous, own, seq)

    def _join(self, one: Profile, other: Profile) -> Profile:
        """Rule 30: the one with the older user id stays; without any, the older profile."""
        if one is other:
            return one

        def age(profile: Profile) -> tuple[bool, int]:
            since = profile.user_since if profile.user_ids else profile.number
            return not profile.user_ids, since

        stays, goes = sorted((one, other), key=age)
        self.merge(stays, goes)
        return stays


def absorb(stays: Profile, goes: Profile) -> None:
    """Give everything one profile remembers to the other (enrollments apart)."""
    goes.merged_into = stays
    stays.user_ids += goes.user_ids
    stays.anonymous_ids += goes.anonymous_ids
    stays.born = min(stays.born, goes.born)
    for key, (at, seq, value) in goes.properties.items():
        # Rule 38; where both were said at one time, the specification is silent: what the one that stays says holds.
        if key not in stays.properties or at > stays.properties[key][0]:
            stays.write(key, value, at, seq)
    for events in goes.events.values():
        for _, _, event in events:
            stays.remember(event)
    for topic, (at, withdrawn) in goes.consent.items():
        stays.consented(topic, at, withdrawn=withdrawn)
    for entered, times in goes.entries.items():
        stays.entries.setdefault(entered, []).extend(times)
    stays.inside |= goes.inside
    stays.fired |= goes.fired
    stays.letters = sorted(stays.letters + goes.letters, key=lambda one: one.at)


def _text(value: Json) -> str | None:
    """An identifier as text; an empty one is none."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None
