"""What the page shows, read set-wise into plain values that become JSON or fill a template."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tamshy import sqlkit
from tamshy.panel import words
from tamshy.panel.drawing import END

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.panel.published import LiveFlow, Shop
    from tamshy.sqlkit import Connection

Values = dict[str, Any]

_SQL = sqlkit.queries("tamshy.panel")
_LINES: Final = 40
_MAILS: Final = 24
_DROPS: Final = 400
"""Drops drawn at most: beyond that a screen shows no more, and the numbers tell the rest."""
_LATELY: Final = timedelta(hours=3)


def live(conn: Connection, shop: Shop, now: datetime, language: str) -> Values:
    """Everything that moves on the page, as of `now`."""
    flows = _flows(conn, shop)
    return {
        "clock": words.day_and_time(now, shop.settings.timezone),
        "counts": _counts(conn, shop, flows),
        "flows": flows,
        "drops": _drops(conn, shop),
        "left": _left(conn, shop, now),
        "lines": lines(conn, shop, language),
        "mails": mails(conn, shop, now, language),
    }


def _flows(conn: Connection, shop: Shop) -> dict[str, Values]:
    """Numbers of each live flow: who stands where, what was sent by which step, what came of it."""
    found: dict[str, Values] = {
        live.name: {
            "standing": {},
            "sent": {},
            "exits": {},
            "reasons": {},
            "entered": 0,
            "inside": 0,
            "mails": 0,
            "opened": 0,
            "clicked": 0,
            "converted": 0,
            "held": 0,
            "left": 0,
        }
        for live in shop.flows
    }
    for flow, kind, outcome, reason, count in conn.execute(_SQL["outcomes"], shop.span):
        if flow in found:
            _count(found[flow], kind, outcome, reason, count)
    for flow, step, count in conn.execute(_SQL["sent_by_step"], shop.span):
        if flow in found:
            found[flow]["sent"][step] = count
    for flow, kind, count in conn.execute(_SQL["engaged"], shop.span):
        if flow in found and kind in {"opened", "clicked"}:
            found[flow][kind] = count
    for flow, count in conn.execute(_SQL["converted"], shop.span):
        if flow in found:
            found[flow]["converted"] = count
    _stand(conn, shop, found)
    return found


def _count(numbers: Values, kind: str, outcome: str, reason: str, count: int) -> None:
    if kind == "enrollment" and outcome == "entered":
        numbers["entered"] += count
    elif kind == "enrollment" and outcome == "exited":
        numbers["exits"][reason] = numbers["exits"].get(reason, 0) + count
        numbers["left"] += count
    elif kind == "message" and outcome == "sent":
        numbers["mails"] += count
    elif kind == "message" and outcome == "postponed":
        numbers["held"] += count
    elif kind == "message" and outcome == "skipped":
        numbers["reasons"][reason] = numbers["reasons"].get(reason, 0) + count


def _stand(conn: Connection, shop: Shop, found: dict[str, Values]) -> None:
    versions = {live.version: live for live in shop.flows}
    for flow, version, step, count in conn.execute(_SQL["crowd"], shop.span):
        if flow in found:
            found[flow]["inside"] += count
            # Those who finish on an older version have other steps: they count, but stand nowhere in this picture.
            if version in versions:
                found[flow]["standing"][str(step)] = found[flow]["standing"].get(str(step), 0) + count


def _counts(conn: Connection, shop: Shop, flows: dict[str, Values]) -> list[Values]:
    people = conn.execute(_SQL["people"], shop.span).fetchone()
    skipped: dict[str, int] = {}
    for numbers in flows.values():
        for reason, count in numbers["reasons"].items():
            skipped[reason] = skipped.get(reason, 0) + count
    most = [f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(skipped.items(), key=_most)]
    why = ", ".join(most[:2]) + (" …" if len(most) > 2 else "")  # noqa: PLR2004 - what a tile has room for

    def total(key: str) -> int:
        return int(sum(numbers[key] for numbers in flows.values()))

    return [
        {"key": "people", "label": "People", "value": people[0] if people else 0, "more": "known to the shop"},
        {"key": "entered", "label": "Entered", "value": total("entered"), "more": f"{total('inside')} inside now"},
        {"key": "sent", "label": "Sent", "value": total("mails"), "more": f"{total('held')} held back first"},
        {"key": "skipped", "label": "Not sent", "value": sum(skipped.values()), "more": why or "nothing so far"},
        {"key": "opened", "label": "Opened", "value": total("opened"), "more": _share(total("opened"), total("mails"))},
        {
            "key": "clicked",
            "label": "Clicked",
            "value": total("clicked"),
            "more": _share(total("clicked"), total("mails")),
        },
        {"key": "ordered", "label": "Ordered", "value": total("converted"), "more": "after entering a flow"},
    ]


def _most(item: tuple[str, int]) -> tuple[int, str]:
    return (-item[1], item[0])


def _share(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} % of sent" if whole else "nothing sent yet"


def _drops(conn: Connection, shop: Shop) -> list[list[object]]:
    versions = {live.version for live in shop.flows}
    return [
        [enrollment.hex[:12], flow, step]
        for enrollment, flow, version, step in conn.execute(_SQL["standing"], {**shop.span, "limit": _DROPS})
        if version in versions
    ]


def _left(conn: Connection, shop: Shop, now: datetime) -> list[list[object]]:
    """Who has left lately: [drop, flow, where to, whether it did what the flow is for]."""
    exits = {(live.name, reason): index for live in shop.flows for reason, index in _exit_steps(live)}
    return [
        [enrollment.hex[:12], flow, exits.get((flow, reason), END), reason == "exit_on"]
        for enrollment, flow, reason in conn.execute(_SQL["left_lately"], {**shop.span, "since": now - _LATELY})
        if enrollment is not None
    ]


def _exit_steps(live: LiveFlow) -> list[tuple[str, int]]:
    return [(box.reason, box.index) for box in live.wide.boxes if box.kind == "exit"]


def lines(conn: Connection, shop: Shop, language: str) -> list[Values]:
    """The newest decisions, each as a sentence."""
    found = []
    for row in conn.execute(_SQL["lines"], {**shop.span, "limit": _LINES}):
        bucket, profile, pass_, order, id_, *line = row
        at, _, flow, outcome, reason, _, message, until, subject, _, zone, properties, address, event = line
        mark, tone = words.MARKS[outcome]
        found.append(
            {
                "id": f"{id_.hex}{pass_}.{order}",
                "at": words.clock_time(at, shop.settings.timezone),
                "who": words.person_name(properties, address, language),
                "href": f"/people/{bucket}/{profile}",
                "mark": mark,
                "tone": tone,
                "text": _told(shop, at, zone, language, (flow, outcome, reason, message, until, subject, event)),
                "flow": shop.title(flow),
            }
        )
    return found


def _told(shop: Shop, at: datetime, zone: str, language: str, line: tuple[Any, ...]) -> str:
    flow, outcome, reason, message, until, subject, event = line
    blanks = {
        "flow": shop.title(flow),
        "message": message or "",
        "subject": subject or message or "",
        "until": words.until_words(until, at, zone, language) if until is not None else "",
    }
    if outcome == "exited" and reason == "exit_on" and event:
        return words.told("exited", None, {**blanks, "reason": event}, language)
    return words.told(outcome, reason, blanks, language)


def mails(conn: Connection, shop: Shop, now: datetime, language: str) -> list[Values]:
    """The newest messages, as an inbox shows them."""
    found = []
    for row in conn.execute(_SQL["mails"], {**shop.span, "limit": _MAILS}):
        bucket, profile, message, at, flow, _, _, locale, address, subject, preheader, _, properties, *did = row
        opened, clicked = did
        found.append(
            {
                "id": message.hex,
                "href": f"/mails/{bucket}/{profile}/{message}",
                "at": words.until_words(at, now, shop.settings.timezone, language),
                "who": words.person_name(properties, address, language),
                "address": address,
                "subject": subject,
                "preheader": preheader,
                "locale": locale,
                "flow": shop.title(flow),
                "state": "clicked" if clicked else "opened" if opened else "",
            }
        )
    return found


def mail(conn: Connection, shop: Shop, place: tuple[int, UUID, UUID], language: str) -> Values | None:
    """One message as it was sent; `place` is (bucket, profile, message)."""
    bucket, profile, message = place
    row = conn.execute(_SQL["mail"], {"bucket": bucket, "profile": profile, "message": message}).fetchone()
    if row is None:
        return None
    _, _, _, at, flow, step, name, locale, address, subject, preheader, zone, properties, *more = row
    html, plain, from_address, reply_to, kind, topic, due, facts, state, reply, links = more
    headers = [("From", from_address), ("To", address), ("Subject", subject), ("Date", words.day_and_time(at, zone))]
    return {
        "subject": subject,
        "preheader": preheader,
        "html": html,
        "plain": plain,
        "links": [str(link) for link in links or ()],
        "locale": locale,
        "headers": [*headers, *([("Reply-To", reply_to)] if reply_to else [])],
        "who": words.person_name(properties, address, language),
        "person": f"/people/{bucket}/{profile}",
        "frame": f"/mails/{bucket}/{profile}/{message}/frame",
        "flow": shop.title(flow),
        "step": step,
        "message": name,
        "kind": kind,
        "topic": topic,
        "zone": zone,
        "at": words.day_and_time(at, zone),
        "due": words.day_and_time(due, zone),
        "late": due < at - timedelta(minutes=1),
        "facts": sorted(facts.items()) if isinstance(facts, dict) else [],
        "delivery": state,
        "reply": reply,
    }


def people(conn: Connection, shop: Shop, language: str) -> list[Values]:
    """The newest people with an address."""
    return [
        {
            "href": f"/people/{_bucket(shop, profile)}/{profile}",
            "who": words.person_name(properties, address, language),
            "address": address,
            "since": words.day_and_time(created, shop.settings.timezone),
            "zone": zone,
            "locale": properties.get("locale", ""),
        }
        for profile, created, properties, address, zone in conn.execute(_SQL["newcomers"], {**shop.span, "limit": 100})
    ]


def person_with(conn: Connection, shop: Shop, address: str) -> str | None:
    """Where the page of the person with this address is; None: nobody has it."""
    params = {"workspace": shop.workspace, "address": address.lower()}
    row = conn.execute(_SQL["with_address"], params).fetchone()
    return f"/people/{row[0]}/{row[1]}" if row else None


def _bucket(shop: Shop, profile: UUID) -> int:
    return shop.first + int(profile.hex[:4], 16) % (shop.last - shop.first + 1)


def at_step(conn: Connection, shop: Shop, live: LiveFlow, step: int, language: str) -> list[Values]:
    """Who stands at a step of a live flow, and when each goes on."""
    params = {**shop.span, "flow": live.name, "version": live.version, "step": step, "limit": 200}
    return [
        {
            "href": f"/people/{_bucket(shop, profile)}/{profile}",
            "who": words.person_name(properties, address, language),
            "since": words.day_and_time(entered, zone),
            "until": words.day_and_time(until, zone) if until else "now",
            "zone": zone,
        }
        for profile, properties, address, zone, entered, until in conn.execute(_SQL["at_step"], params)
    ]
