"""One call of Segment's dialect, and of those that speak it with an accent (RudderStack, Customer.io CDP, Jitsu).

Accents: traits in `context.traits`, the time in `originalTimestamp`, ids that are null, numbers or empty, and PHP's
empty list where an empty object is meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.domain.address import lowered
from tamshy.domain.call import Call, CallKind
from tamshy.ingest.moments import moment, moment_or_none, occurred
from tamshy.ingest.poison import cleaned
from tamshy.ingest.refusal import RefusalReason, Refused, unless_refused

if TYPE_CHECKING:
    from datetime import datetime

MAX_ID: Final = 200
MAX_NAME: Final = 200
MAX_PROPERTIES: Final = 1000

KINDS: Final = {
    kind.value: kind
    for kind in (
        CallKind.TRACK,
        CallKind.IDENTIFY,
        CallKind.PAGE,
        CallKind.SCREEN,
        CallKind.GROUP,
        CallKind.ALIAS,
    )
}
"""The types that a caller may give."""

# What scripts write where they have no id; taken as one, it would make one person of all visitors.
_NO_IDS: Final = frozenset({"undefined", "null", "NaN", "None", "[object Object]"})


@dataclass(frozen=True, slots=True)
class Arrival:
    """What holds for all calls of one request.

    `source` names who sent it, for de-duplication; `zone` is that of timestamps without an offset.
    """

    received_at: datetime
    source: str
    zone: str
    sent_at: object = None


def call_from(raw: object, arrival: Arrival, *, kind: CallKind | None = None, ord_: int = 0) -> Call:
    """Read one item of a request.

    Args:
        raw: the parsed JSON, or the refusal that parsing it ended in.
        arrival: what holds for the whole request.
        kind: what the path says the call is; None: the item's own `type` says it.
        ord_: the item's place in the request.

    Raises:
        Refused: with the reason, and what would be right.
    """
    parsed = unless_refused(raw)
    if not isinstance(parsed, dict):
        raise Refused(RefusalReason.NOT_AN_OBJECT, "a call is a JSON object")
    item, _ = cleaned(parsed)
    if kind is None:
        kind = _kind(item.get("type"))
    timestamp = item.get("originalTimestamp") or item.get("timestamp")
    at = None if timestamp is None else moment(timestamp, arrival.zone, "timestamp")
    sent = item.get("sentAt") or arrival.sent_at
    own = occurred(at, moment_or_none(sent, arrival.zone), arrival.received_at)
    return meant(item, kind, own, arrival.received_at, source=arrival.source, ord_=ord_)


def meant(
    item: dict[str, object],
    kind: CallKind,
    occurred_at: datetime,
    received_at: datetime,
    *,
    source: str,
    ord_: int,
    email: str | None = None,
) -> Call:
    """Make the call that a cleaned item means, its times being settled.

    ``email`` is a valid address that names the person where the item has no id.

    Raises:
        Refused: ids, names or properties are missing, or not what they have to be.
    """
    user, anonymous = identifier(item, "userId"), identifier(item, "anonymousId")
    context = _object(item, "context")
    properties = _content(item, kind, context)
    named = email is not None or (kind is CallKind.IDENTIFY and properties.get("email"))
    if user is None and anonymous is None and not named:
        raise Refused(RefusalReason.NO_ID, "a call names whose it is: give `userId` or `anonymousId`")
    previous = None
    if kind is CallKind.ALIAS:
        previous = identifier(item, "previousId")
        if previous is None or user is None:
            missing = "previousId" if previous is None else "userId"
            raise Refused(RefusalReason.MISSING, f"an alias ties `previousId` to `userId`; `{missing}` is missing")
    message = item.get("messageId")
    return Call(
        kind=kind,
        occurred_at=occurred_at,
        received_at=received_at,
        key=f"{source}|{message}" if isinstance(message, str | int) and message != "" else None,
        ord=ord_,
        user_id=user,
        anonymous_id=anonymous,
        previous_id=previous,
        name=_name(item, kind),
        properties=properties,
        context=context,
        email=email,
    )


def identifier(item: dict[str, object], key: str) -> str | None:
    """Read an id: text, or a whole number as text; None where it is absent, null, empty, or a script's word for it.

    Raises:
        Refused: it is something else, or longer than `MAX_ID`.
    """
    value = item.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Refused(RefusalReason.WRONG_TYPE, f"`{key}` is text, not {_sort(value)}")
    if not value.strip() or value in _NO_IDS:
        return None
    if len(value) > MAX_ID:
        raise Refused(RefusalReason.ID_TOO_LONG, f"`{key}` has at most {MAX_ID} characters, this one {len(value)}")
    return value


def _kind(value: object) -> CallKind:
    kind = KINDS.get(value) if isinstance(value, str) else None
    if kind is None:
        raise Refused(RefusalReason.UNKNOWN_TYPE, f"`type` is one of {', '.join(KINDS)}, not {value!r:.40}")
    return kind


def _content(item: dict[str, object], kind: CallKind, context: dict[str, object]) -> dict[str, object]:
    """Read properties or traits, and what stands beside them that belongs with them."""
    if kind is CallKind.IDENTIFY:
        traits = {**_object(context, "traits"), **_object(item, "traits")}
        email = traits.get("email")
        if isinstance(email, str):
            traits["email"] = lowered(email)
        return _limited(traits, "traits")
    if kind is CallKind.GROUP:
        return _limited(_object(item, "traits"), "traits")
    properties = _object(item, "properties")
    if kind in (CallKind.PAGE, CallKind.SCREEN):
        for beside in ("name", "category"):
            value = item.get(beside)
            if isinstance(value, str) and value:
                properties = {**properties, beside: value}
    return _limited(properties, "properties")


def _limited(values: dict[str, object], key: str) -> dict[str, object]:
    if len(values) > MAX_PROPERTIES:
        raise Refused(
            RefusalReason.TOO_MANY_PROPERTIES,
            f"`{key}` has at most {MAX_PROPERTIES} entries, this one {len(values)}",
        )
    return values


def _name(item: dict[str, object], kind: CallKind) -> str:
    if kind is not CallKind.TRACK:
        return ""
    name = item.get("event")
    if name is None or name == "":
        raise Refused(RefusalReason.MISSING, "a track call names its event: `event` is missing")
    if not isinstance(name, str):
        raise Refused(RefusalReason.WRONG_TYPE, f"`event` is text, not {_sort(name)}")
    if len(name) > MAX_NAME:
        raise Refused(RefusalReason.NAME_TOO_LONG, f"`event` has at most {MAX_NAME} characters, this one {len(name)}")
    return name


def _object(item: dict[str, object], key: str) -> dict[str, object]:
    value = item.get(key)
    # PHP cannot tell an empty object from an empty list.
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise Refused(RefusalReason.WRONG_TYPE, f"`{key}` is an object, not {_sort(value)}")
    return value


def _sort(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
