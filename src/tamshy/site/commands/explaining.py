"""`explain`: why somebody got a mail, did not, or will: each decision with reason and facts, and what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tamshy import sqlkit
from tamshy.domain.address import lowered
from tamshy.publish import load_rulebook
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import opened

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime

    from tamshy.site.commands.surroundings import Opened

_Q: Final = sqlkit.queries(__package__)
_DONE: Final = 0
_NOT_SO: Final = 1


def explain(options: argparse.Namespace) -> int:
    """Tell the story of each profile that goes by the name given."""
    with opened(options) as work:
        people = _people(work, options.profile)
        if not people:
            remark(f"nobody goes by {options.profile!r}; give a user id, an address, an anonymous id or a profile's id")
            return _NOT_SO
        steps = _steps(work)
        for person in people:
            for line in _lines(work, person, steps, flow=options.flow, message=options.message):
                if options.json:
                    data(line)
                else:
                    out(_in_words(line))
    return _DONE


def _people(work: Opened, name: str) -> list[tuple[Any, ...]]:
    try:
        id_ = UUID(name)
    except ValueError:
        id_ = None
    given = {"workspace": work.id, "id": id_, "name": name, "names": [name, lowered(name)]}
    return work.conn.execute(_Q["people_named"], given).fetchall()


def _steps(work: Opened) -> dict[tuple[int, int], str]:
    """Give the ids of steps by version and index."""
    book = load_rulebook(work.conn, work.workspace)
    return {(flow.version, node.index): node.step.id for flow in book.flows for node in flow.program.nodes}


def _lines(
    work: Opened,
    person: tuple[Any, ...],
    steps: dict[tuple[int, int], str],
    *,
    flow: str,
    message: str,
) -> Iterator[dict[str, object]]:
    bucket, profile, die, address, suppressed, consents, zone, _ = person
    yield {
        "kind": "profile",
        "profile": str(profile),
        "first_known_as": die,
        "address": address,
        "suppressed": suppressed,
        "consents": {topic: said.get("on") for topic, said in consents.items()},
        "timezone": zone,
    }
    given = {"bucket": bucket, "profile": profile, "flow": flow, "message": message}
    for row in work.conn.execute(_Q["story"], given).fetchall():
        yield _happened(row)
    for name, version, index, key, entered, due, again, held_out in work.conn.execute(_Q["ahead"], given).fetchall():
        step = steps.get((version, index), "the entry")
        line = {"kind": "ahead", "at": again and _text(again), "flow": name, "step": step, "key": key}
        yield _without_nothing({**line, "due": due and _text(due), "entered": _text(entered), "held_out": held_out})
    for name, mail, state, attempts, again, reason, reply in work.conn.execute(_Q["handing_over"], given).fetchall():
        line = {"kind": "delivery", "at": _text(again), "flow": name, "message": mail, "state": state}
        yield _without_nothing({**line, "attempts": attempts, "reason": reason, "reply": reply})


def _happened(row: tuple[Any, ...]) -> dict[str, object]:
    at, kind, flow, outcome, reason, key, step, message, until, address, locale, subject, facts = row
    return _without_nothing(
        {
            "kind": kind,
            "at": _text(at),
            "flow": flow,
            "outcome": outcome,
            "reason": reason,
            "key": key if kind == "enrollment" else None,
            "step": step,
            "message": message,
            "until": None if until is None else _text(until),
            "to": address,
            "locale": locale,
            "subject": subject,
            "facts": facts or None,
        },
    )


def _without_nothing(line: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in line.items() if value is not None}


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _in_words(line: dict[str, object]) -> str:
    """Write a line as a person reads it."""
    kind = line["kind"]
    if kind == "profile":
        agreed = [topic for topic, on in _mapping(line["consents"]).items() if on]
        said = f"{line['profile']} ({line['first_known_as']}): address {line['address'] or 'none'}"
        more = f", suppressed: {line['suppressed']}" if line["suppressed"] else ""
        return f"{said}{more}, subscribed to {', '.join(agreed) or 'nothing'}, {line['timezone']}"
    if kind == "ahead":
        held = ", held out: gets nothing" if line["held_out"] else ""
        when = line.get("at", "at once")
        return f"  {when}  next: {line['flow']} goes on at {line['step']} (due {line.get('due', 'at once')}){held}"
    if kind == "delivery":
        why = f" ({line['reason']})" if "reason" in line else ""
        return f"  {line['at']}  hand-over of {line['message']}: {line['state']} after {line['attempts']} tries{why}"
    what = f"{line.get('message', '')} {line['outcome']}".strip()
    details = [f"{key} {line[key]}" for key in ("reason", "key", "until", "to", "locale", "subject") if line.get(key)]
    facts = [f"{key} {value}" for key, value in _mapping(line.get("facts")).items()]
    beside = f" ({', '.join(details + facts)})" if details or facts else ""
    return f"  {line['at']}  {line['flow']}: {what}{beside}"


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
