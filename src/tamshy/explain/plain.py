"""An explanation as data: one mapping a line, with times in UTC."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from tamshy.explain.facts import Explanation, Happening


def as_data(explanation: Explanation) -> list[dict[str, object]]:
    """The explanation as JSON-ready mappings.

    ``kind`` tells them apart: ``profile`` (one, the first), then ``enrollment``, ``message`` and ``problem`` as they happened,
    ``ahead`` for each flow the person is in, ``coming`` for each date that comes round next, ``absent`` for each
    they have never been in, ``segment`` for each segment.
    """
    person = explanation.person
    told: list[dict[str, object]] = [
        {
            "kind": "profile",
            "profile": person.profile,
            "name": person.name,
            "first_known_as": person.first_known_as,
            "identifiers": [{"kind": kind, "value": value} for kind, value in person.identifiers],
            "address": person.address,
            "timezone": person.zone,
            "suppressed": None if person.suppressed is None else asdict(person.suppressed),
            "consents": [asdict(consent) for consent in person.consents],
        }
    ]
    told += [_happening(one) for one in explanation.story]
    for standing in explanation.standing:
        told.append({"kind": "ahead", "at": standing.goes_on, **asdict(standing)})
    told += [{"kind": "coming", **asdict(one)} for one in explanation.coming]
    told += [{"kind": "absent", **asdict(absence)} for absence in explanation.absences]
    told += [{"kind": "segment", **asdict(belonging)} for belonging in explanation.belongings]
    return [{key: _plain(value) for key, value in line.items() if value is not None} for line in told]


def _happening(one: Happening) -> dict[str, object]:
    line = {key: value or None for key, value in asdict(one).items()}
    line["to"] = line.pop("address")
    if isinstance(cause := line["cause"], dict) and not cause["imported"]:
        line["cause"] = {key: value for key, value in cause.items() if key != "imported"}
    if one.kind != "enrollment":
        line.pop("key")
    return {"kind": line.pop("kind"), **line}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case UUID():
            return str(value)
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
    return value
