"""Customer.io's Track API: what its libraries send, said as the calls that mean the same. Pure, as the other dialects are.

Attributes and events become traits and tracks under their own names. What takes consent away is a withdrawal of every topic it
names; what would give it, or erase somebody, is refused: a write key cannot.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tamshy.domain.address import valid_address
from tamshy.ingest.dialect import Arrival, call_from, identifier
from tamshy.ingest.reading import Reading, without_link
from tamshy.ingest.refusal import Refusal, RefusalReason, Refused, unless_refused

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tamshy.domain.call import Call
    from tamshy.ingest.body import Body

_PREFERENCES: Final = "cio_subscription_preferences"
_UNSUBSCRIBED: Final = "unsubscribed"
_BY_ADDRESS: Final = "\0address"
"""Within this module: whom a call names by an address alone. No key of an outsider's reaches it."""
_EVENT: Final = "event"
_KINDS: Final = {_EVENT: "track", "page": "page", "screen": "screen"}
_NOT_BY_WRITE_KEY: Final = {
    "delete": "a write key erases nobody: `tamshy forget`",
    "unsuppress": "a write key can withdraw, never grant: `PUT /api/profiles/ID/consent`",
}
# Numbers beyond this are no seconds of our time.
_LATEST_SECONDS: Final = 253_402_300_799


def read_customerio(
    body: Body, *, received_at: datetime, source_key: str, zone: str, topics: Collection[str]
) -> Reading:
    """Read entities as `/api/v2/batch` has them, one or many; `entity` makes one of a path of version 1.

    Args:
        body: the request, its items entities.
        received_at: the moment of arrival.
        source_key: names the sender; ids of events are unique within it.
        zone: the workspace's.
        topics: the workspace's topics: what can be withdrawn.
    """
    arrival = Arrival(received_at, source_key, zone, None)
    calls: list[Call] = []
    refusals: list[Refusal] = []
    for index, item in enumerate(body.items):
        try:
            # All that one entity says is taken, or none of it.
            said = _said(_object(item), topics)
            calls += [_call(one, arrival, len(calls) + place) for place, one in enumerate(said)]
        except Refused as exc:
            refusals.append(Refusal(index, exc.reason, str(exc)))
    return Reading(calls, refusals)


def _call(item: dict[str, object], arrival: Arrival, place: int) -> Call:
    """Make a call; whoever is named by an address alone is no user of that name."""
    address = item.pop(_BY_ADDRESS, None)
    if not isinstance(address, str):
        return without_link(call_from(item, arrival, ord_=place))
    return replace(
        without_link(call_from({**item, "userId": address}, arrival, ord_=place)), user_id=None, email=address
    )


def entity(path: str, person: str | None, document: Mapping[str, Any]) -> dict[str, object]:
    """Say what a request of version 1 says as an entity of version 2; `path` is `identify`, `event`, `suppress`, … ."""
    if path == "merge":
        return {"type": "person", "action": "merge", **document}
    if path != "event":
        return {"type": "person", "action": path, "identifiers": {"id": person}, "attributes": dict(document)}
    named: dict[str, object] = {} if person is None else {"id": person}
    if document.get("anonymous_id"):
        named["anonymous_id"] = document["anonymous_id"]
    return {
        "type": "person",
        "action": document.get("type") or "event",
        "identifiers": named,
        "name": document.get("name"),
        "attributes": document.get("data"),
        "timestamp": document.get("timestamp"),
        "id": document.get("id"),
    }


def _object(item: object) -> dict[str, Any]:
    parsed = unless_refused(item)
    if not isinstance(parsed, dict):
        raise Refused(RefusalReason.NOT_AN_OBJECT, "an entity is a JSON object")
    return parsed


def _said(item: Mapping[str, Any], topics: Collection[str]) -> list[dict[str, object]]:
    """Give the calls, in Segment's words, that an entity means."""
    if item.get("type", "person") != "person":
        raise Refused(
            RefusalReason.UNKNOWN_TYPE, f"there are no other entities than persons here, not {_shown(item['type'])}"
        )
    action = item.get("action")
    if action in _NOT_BY_WRITE_KEY:
        raise Refused(RefusalReason.UNKNOWN_TYPE, _NOT_BY_WRITE_KEY[action])
    if action == "merge":
        return [_merge(item)]
    named = _named(item.get("identifiers"))
    attributes = item.get("attributes")
    if attributes is None:
        attributes = {}
    if not isinstance(attributes, dict):
        raise Refused(RefusalReason.WRONG_TYPE, "`attributes` (or `data`) is an object")
    if action == "identify":
        return [_identify(named, attributes), *_withdrawals(named, attributes, topics)]
    if action == "suppress":
        return _withdrawn(named, topics)
    if action in _KINDS:
        return [_event(action, named, attributes, item)]
    known = "identify, event, page, screen, merge or suppress"
    raise Refused(RefusalReason.UNKNOWN_TYPE, f"`action` is {known}, not {_shown(action)}")


def _named(identifiers: object) -> dict[str, object]:
    """Read who is meant: an id, which may be an address, an address, or a device."""
    if not isinstance(identifiers, dict):
        raise Refused(RefusalReason.NO_ID, "`identifiers` names a person: `id` or `email`")
    found: dict[str, object] = {}
    id_ = identifier(identifiers, "id")
    address = valid_address(identifiers.get("email")) or valid_address(id_)
    if id_ is not None and valid_address(id_) is None:
        found["userId"] = id_
    device = identifier(identifiers, "anonymous_id")
    if device is not None:
        found["anonymousId"] = device
    if address is not None:
        found["email"] = address
    if not found:
        raise Refused(
            RefusalReason.NO_ID, "`identifiers` names a person by `id` or `email`; `cio_id` is Customer.io's own"
        )
    return found


def _ids(named: Mapping[str, object]) -> dict[str, object]:
    """Give what names somebody in a call that is no identify."""
    ids = {key: value for key, value in named.items() if key != "email"}
    return ids or {_BY_ADDRESS: named["email"]}


def _identify(named: Mapping[str, object], attributes: Mapping[str, object]) -> dict[str, object]:
    traits = {name: value for name, value in attributes.items() if name not in {_PREFERENCES, "anonymous_id"}}
    created = traits.get("created_at")
    if isinstance(created, int | float) and not isinstance(created, bool) and 0 <= created <= _LATEST_SECONDS:
        traits["created_at"] = datetime.fromtimestamp(created, tz=UTC).isoformat().replace("+00:00", "Z")
    if "email" in named:
        traits.setdefault("email", named["email"])
    device = identifier(attributes, "anonymous_id") if isinstance(attributes, dict) else None
    item: dict[str, object] = {"type": "identify", "traits": traits}
    item |= {key: value for key, value in named.items() if key != "email"}
    return item if device is None else {**item, "anonymousId": device}


def _event(
    action: str, named: Mapping[str, object], data: Mapping[str, object], item: Mapping[str, Any]
) -> dict[str, object]:
    found: dict[str, object] = {"type": _KINDS[action], **_ids(named), "properties": data}
    found["event" if action == "event" else "name"] = item.get("name")
    for theirs, ours in (("timestamp", "timestamp"), ("id", "messageId")):
        if item.get(theirs) is not None:
            found[ours] = item[theirs]
    return found


def _merge(item: Mapping[str, Any]) -> dict[str, object]:
    primary, secondary = _named(item.get("primary")), _named(item.get("secondary"))
    if "userId" not in primary or "userId" not in secondary:
        raise Refused(RefusalReason.NO_ID, "`primary` and `secondary` are named by `id`")
    return {"type": "alias", "userId": primary["userId"], "previousId": secondary["userId"]}


def _withdrawals(
    named: Mapping[str, object], attributes: Mapping[str, object], topics: Collection[str]
) -> list[dict[str, object]]:
    """Give the withdrawals among attributes: of everything, or of topics by their names; what grants is not looked at."""
    if attributes.get(_UNSUBSCRIBED) in (True, "true"):
        return _withdrawn(named, topics)
    given = attributes.get(_PREFERENCES)
    chosen = given.get("topics") if isinstance(given, dict) else None
    if not isinstance(chosen, dict):
        return []
    return _withdrawn(named, [topic for topic in topics if chosen.get(topic) is False])


def _withdrawn(named: Mapping[str, object], topics: Collection[str]) -> list[dict[str, object]]:
    return [
        {"type": "track", "event": "Unsubscribed", **_ids(named), "properties": {"topic": topic}}
        for topic in sorted(topics)
    ]


def _shown(value: object) -> str:
    return f"{value!r:.40}"
