"""Reading a request: its calls, and what was refused of it, item by item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamshy.domain.requested import CONFIRM_URL, SUBSCRIPTION_REQUESTED
from tamshy.ingest.body import Body, parse_body
from tamshy.ingest.dialect import KINDS, Arrival, call_from
from tamshy.ingest.refusal import Refusal, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.domain.call import Call


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request holds: the good calls in order, and the refusals by their place."""

    calls: list[Call]
    refusals: list[Refusal]


def read_calls(
    body: bytes | Body,
    *,
    path_kind: str,
    received_at: datetime,
    source_key: str,
    zone: str,
) -> Reading:
    """Read the calls of one request.

    Args:
        body: the bytes as they came, gzip or not; or what `parse_body` made of them.
        path_kind: `batch`, or the type that the path names (`track`, `identify`, …).
        received_at: the moment of arrival.
        source_key: names the sender; message ids are unique within it.
        zone: the workspace's, for timestamps without an offset.

    Raises:
        BodyRefused: nothing of it can be used.
    """
    if not isinstance(body, Body):
        body = parse_body(body, batch=path_kind == "batch")
    arrival = Arrival(received_at, source_key, zone, body.sent_at)
    kind = KINDS.get(path_kind)
    calls: list[Call] = []
    refusals: list[Refusal] = []
    for index, item in enumerate(body.items):
        try:
            calls.append(without_link(call_from(item, arrival, kind=kind, ord_=index)))
        except Refused as exc:
            refusals.append(Refusal(index, exc.reason, str(exc)))
    return Reading(calls, refusals)


def without_link(call: Call) -> Call:
    """Take out of a request what only we may say: the shop's own mail would lead wherever a caller likes."""
    if call.name != SUBSCRIPTION_REQUESTED:
        return call
    return replace(call, properties={key: value for key, value in call.properties.items() if key != CONFIRM_URL})
