"""A sign-up as a form tells it, who it can be for, and the calls that come of it. Pure: asks nothing of anybody."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tamshy.domain.call import Call, CallKind
from tamshy.domain.requested import CONFIRM_URL, SUBSCRIPTION_REQUESTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

_ENGINES_OWN: Final = 1
_SOURCE: Final = "form"


class Outcome(StrEnum):
    """What became of a sign-up."""

    GRANTED = "granted"
    ASKED = "asked"
    """The owner of the address is asked by mail."""
    LIMITED = "limited"
    """Asked so often within a day that no further mail goes out."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Who pressed a button, as far as the network tells: kept as evidence."""

    address: str
    user_agent: str

    def facts(self) -> dict[str, str]:
        """Give what is kept."""
        return {"address": self.address, "user_agent": self.user_agent}


@dataclass(frozen=True, slots=True)
class SignUp:
    """What a form said.

    ``at`` is the visitor's own time, ``received_at`` when it arrived; ``key`` names the sign-up so that it counts once.
    ``device`` is the anonymous id of the browser, None where it has none. ``said_by`` is the id of the write key.
    ``titles`` are the topics' names as people read them, in the order of ``topics``.
    """

    address: str
    topics: tuple[str, ...]
    titles: tuple[str, ...]
    wording: str
    form: str
    at: datetime
    received_at: datetime
    key: str
    browser: Browser
    said_by: str
    device: str | None = None
    traits: dict[str, object] = field(default_factory=dict)
    context: dict[str, object] = field(default_factory=dict)

    def evidence(self) -> dict[str, object]:
        """Give what shows that somebody agreed."""
        page = self.context.get("page")
        url = page.get("url") if isinstance(page, dict) else None
        return {
            "wording": self.wording,
            "form": self.form,
            **({"page": url} if isinstance(url, str) else {}),
            "at": self.at.isoformat(),
            "browser": self.browser.facts(),
            "key": self.said_by,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a profile: whether a user's id is among its names, and the addresses that it goes by."""

    profile: UUID
    is_user: bool
    addresses: frozenset[str]


def belongs_to(address: str, device: Standing | None, holder: UUID | None) -> bool:
    """Tell whether whoever sits at the device may speak for the address without being asked by mail.

    So it is where nobody else has the address: a form changes nothing that is somebody else's. `holder` is whose the address is,
    None: nobody's.
    """
    if holder is not None:
        return device is not None and device.profile == holder and address in device.addresses
    return True


def ties(sign_up: SignUp, device: Standing | None) -> bool:
    """Tell whether the device's profile takes the address for its own.

    So it does where it has this one, or none yet and is no user's, or is not there yet.
    """
    if sign_up.device is None:
        return False
    if device is None:
        return True
    return sign_up.address in device.addresses or (not device.addresses and not device.is_user)


def granting(sign_up: SignUp, *, tied: bool, is_user: bool) -> list[Call]:
    """Give the calls of a sign-up that counts at once.

    `tied`: the visitor's own profile has or takes the address; `is_user`: it is a user's, whose address the shop alone sets.
    """
    named = {"anonymous_id": sign_up.device} if tied else {"email": sign_up.address}
    context = {**sign_up.context, "form": sign_up.form}
    calls = [
        Call(
            kind=CallKind.IDENTIFY,
            occurred_at=sign_up.at,
            received_at=sign_up.received_at,
            key=f"{sign_up.key}|identify",
            anonymous_id=sign_up.device if tied else None,
            properties={**sign_up.traits, **({} if is_user and tied else {"email": sign_up.address})},
            context=context,
        )
    ]
    calls += _consents(sign_up.topics, sign_up.evidence(), sign_up.at, sign_up.received_at, sign_up.key, named, context)
    return _in_order(calls)


def asking(sign_up: SignUp, *, newcomer: bool, confirm_url: str) -> list[Call]:
    """Give the calls of a sign-up that its address is asked about; `newcomer`: nobody has the address yet."""
    context = {**sign_up.context, "form": sign_up.form}
    request = Call(
        kind=CallKind.TRACK,
        name=SUBSCRIPTION_REQUESTED,
        occurred_at=sign_up.at,
        received_at=sign_up.received_at,
        key=sign_up.key,
        email=sign_up.address,
        properties={
            "topics": list(sign_up.topics),
            "key": " ".join(sorted(sign_up.topics)),
            "names": ", ".join(sign_up.titles),
            "address": sign_up.address,
            "device": sign_up.device,
            "traits": sign_up.traits,
            "evidence": sign_up.evidence(),
            CONFIRM_URL: confirm_url,
        },
        context=context,
        origin=_ENGINES_OWN,
    )
    if not newcomer:
        return [request]
    arrival = Call(
        kind=CallKind.IDENTIFY,
        occurred_at=sign_up.at,
        received_at=sign_up.received_at,
        key=f"{sign_up.key}|identify",
        properties={"email": sign_up.address},
        context=context,
    )
    return _in_order([arrival, request])


def confirming(
    request: UUID,
    said: dict[str, object],
    browser: Browser,
    now: datetime,
    wording: str,
    *,
    unknown: bool,
    tied: bool,
    by_device: bool,
) -> list[Call]:
    """Give the calls of a request that its address has confirmed.

    Args:
        request: the id of the request's event.
        said: the event's properties, as `asking` wrote them.
        browser: who pressed the button.
        now: when.
        wording: what the page with the button asked.
        unknown: nothing but the address is known of its owner, who takes what else the form said.
        tied: the device that asked becomes the address's.
        by_device: the consent is that of the device's profile, because addresses tie nobody together in this workspace.
    """
    address, device = str(said["address"]), said.get("device")
    asked = said.get("evidence")
    evidence = {
        **(asked if isinstance(asked, dict) else {}),
        "request": str(request),
        "confirmed": {"at": now.isoformat(), "wording": wording, "browser": browser.facts()},
    }
    key = f"confirm|{request}"
    calls = []
    traits = said.get("traits")
    if unknown:
        calls.append(
            Call(
                kind=CallKind.IDENTIFY,
                occurred_at=now,
                received_at=now,
                key=f"{key}|identify",
                anonymous_id=device if tied and isinstance(device, str) else None,
                properties={**(traits if isinstance(traits, dict) else {}), "email": address},
            )
        )
    named: dict[str, object] = {"anonymous_id": device} if tied and by_device else {"email": address}
    topics = said.get("topics")
    names = [str(topic) for topic in topics] if isinstance(topics, list) else []
    calls += _consents(names, evidence, now, now, key, named, {})
    return _in_order(calls)


def _consents(
    topics: Iterable[str],
    evidence: dict[str, object],
    at: datetime,
    received_at: datetime,
    key: str,
    named: Mapping[str, object],
    context: dict[str, object],
) -> list[Call]:
    return [
        Call(
            kind=CallKind.CONSENT,
            occurred_at=at,
            received_at=received_at,
            key=f"{key}|{topic}",
            properties={"topic": topic, "granted": True, "source": _SOURCE, "evidence": evidence},
            context=context,
            origin=_ENGINES_OWN,
            **named,  # type: ignore[arg-type]  # `anonymous_id` or `email`, both text
        )
        for topic in topics
    ]


def _in_order(calls: list[Call]) -> list[Call]:
    """Number what arrives together."""
    return [replace(call, ord=place) for place, call in enumerate(calls)]
