"""The inbox rows of a call: what the contract between ingest and the engine says they hold (docs/contracts.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.domain.address import valid_address
from tamshy.domain.call import Call, CallKind
from tamshy.domain.ids import named_text

if TYPE_CHECKING:
    from tamshy.domain.identity import Merge, Placement
    from tamshy.ingest.workspace import WorkspaceRef

_EVENTS: Final = (CallKind.TRACK, CallKind.PAGE, CallKind.SCREEN)
_SPOKEN: Final = {CallKind.PAGE: "Page Viewed", CallKind.SCREEN: "Screen Viewed"}
# Segment's own traits that flows spell the other way.
_SNAKE: Final = {
    "firstName": "first_name",
    "lastName": "last_name",
    "createdAt": "created_at",
    "postalCode": "postal_code",
}
_AMBIENT: Final = ("timezone", "locale")
_ORIGINS: Final = frozenset({"campaign", "page", "referrer", "form"})
UNSUBSCRIBED: Final = "Unsubscribed"
SUBSCRIBED: Final = "Subscribed"

# A call can bring about three merges (its ids, an alias, an address) before its own row.
PLACES: Final = 4


def rows_of(call: Call, id_: str, placement: Placement, workspace: WorkspaceRef) -> list[dict[str, object]]:
    """Give the rows a call leaves: those of its merges, then its own where its kind has one.

    `id_` is the call's id as 32 digits.
    """
    rows: list[dict[str, object]] = []
    for place, merge in enumerate(placement.merges):
        merge_id = named_text(str(UUID(id_)), "merge", str(place))
        rows += _merge_rows(call, merge_id, merge, workspace, call.ord * PLACES + place)
    own = _own(call, workspace)
    if own is not None:
        own.update(
            bucket=workspace.bucket(placement.profile),
            profile=placement.profile,
            moment=call.received_at,
            ord=call.ord * PLACES + PLACES - 1,
            id=id_,
            origin=call.origin,
            occurred_at=call.occurred_at,
        )
        rows.append(own)
    return rows


def _own(call: Call, workspace: WorkspaceRef) -> dict[str, object] | None:
    """Give what the call's own row says; None for a kind that only ties identifiers."""
    if call.kind is CallKind.TRACK and call.name == UNSUBSCRIBED and call.origin == 0:
        return _withdrawal(call, workspace)
    if call.kind in _EVENTS:
        return _event(call)
    if call.kind is CallKind.IDENTIFY:
        return _identify(call)
    if call.kind is CallKind.CONSENT:
        return _consent(call, call.properties["granted"] is True, call.properties)
    if call.kind is CallKind.ENGAGE:
        return {"kind": "engage", "name": "", "properties": call.properties}
    return _suppression(call) if call.kind is CallKind.SUPPRESS else None


def _event(call: Call) -> dict[str, object]:
    return {
        "kind": "event",
        "name": _SPOKEN.get(call.kind, call.name),
        "properties": call.properties,
        "context": call.context,
        "facts": _surroundings(call.context),
    }


def _suppression(call: Call) -> dict[str, object]:
    properties = {key: value for key, value in call.properties.items() if key != "reason"}
    facts = {"reason": call.properties["reason"]}
    return {"kind": "suppress", "name": call.name, "properties": properties, "facts": facts}


def _identify(call: Call) -> dict[str, object]:
    facts = _surroundings(call.context)
    if "email" in call.properties:
        facts["address"] = valid_address(call.properties["email"])
    context = {key: value for key, value in call.context.items() if key != "traits"}
    return {
        "kind": "identify",
        "name": "",
        "properties": spelled_both_ways(call.properties),
        "context": context,
        "facts": facts,
    }


def spelled_both_ways(traits: dict[str, object]) -> dict[str, object]:
    """Add the snake_case spelling of Segment's own traits, at the top and within `address`."""
    found = dict(traits)
    address = traits.get("address")
    if isinstance(address, dict):
        found["address"] = _with_snake(address)
    return _with_snake(found)


def _with_snake(values: dict[str, object]) -> dict[str, object]:
    added = {snake: values[camel] for camel, snake in _SNAKE.items() if camel in values and snake not in values}
    return {**values, **added}


def _withdrawal(call: Call, workspace: WorkspaceRef) -> dict[str, object]:
    """A write key can withdraw, never grant (rule 23): the event `Unsubscribed` is a withdrawal."""
    topic = call.properties.get("topic")
    if not isinstance(topic, str) or not topic:
        topic = workspace.topic
    facts: dict[str, object] = {"topic": topic, "source": "write_key", "evidence": {}}
    return _consent(call, granted=False, facts=facts)


def _consent(call: Call, granted: bool, facts: dict[str, object]) -> dict[str, object]:  # noqa: FBT001 - yes or no
    particulars = ("topic", "granted", "source", "evidence")
    beside = {key: value for key, value in call.properties.items() if key not in particulars}
    return {
        "kind": "consent",
        "name": SUBSCRIBED if granted else UNSUBSCRIBED,
        "properties": {**beside, "topic": facts["topic"]},
        "context": call.context,
        "facts": {
            "topic": facts["topic"],
            "granted": granted,
            "source": facts["source"],
            "evidence": facts.get("evidence") or {},
        },
    }


def _merge_rows(
    call: Call,
    id_: str,
    merge: Merge,
    workspace: WorkspaceRef,
    ord_: int,
) -> list[dict[str, object]]:
    facts = {
        "survivor": merge.survivor,
        "survivor_bucket": workspace.bucket(merge.survivor),
        "loser": merge.loser,
        "loser_bucket": workspace.bucket(merge.loser),
    }
    return [
        {
            "bucket": workspace.bucket(profile),
            "profile": profile,
            "moment": call.received_at,
            "ord": ord_,
            "id": id_,
            "kind": "merge",
            "origin": 0,
            "name": "",
            "occurred_at": call.occurred_at,
            "facts": facts,
        }
        for profile in (merge.survivor, merge.loser)
    ]


def _surroundings(context: dict[str, object]) -> dict[str, object]:
    """Pick from the context what says where and in which language the person is, and where the visit came from."""
    facts: dict[str, object] = {}
    ambient = {key: value for key in _AMBIENT if isinstance(value := context.get(key), str) and value}
    if ambient:
        facts["ambient"] = ambient
    if not _ORIGINS.isdisjoint(context):
        source = _source(context)
        if source:
            facts["source"] = source
    return facts


def _source(context: dict[str, object]) -> dict[str, object]:
    page = context.get("page")
    found = {
        "campaign": context.get("campaign"),
        "page": page,
        "referrer": (page.get("referrer") if isinstance(page, dict) else None) or context.get("referrer"),
        "form": context.get("form"),
    }
    return {key: value for key, value in found.items() if value}
