"""One person's story: what they did, what was decided for them and why, in the order of time and in their zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tamshy import sqlkit
from tamshy.panel import words

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.panel.published import Shop
    from tamshy.sqlkit import Connection

_SQL = sqlkit.queries("tamshy.panel")
_MOST: Final = 200
_MARKS: Final = {
    "Subscribed": "consent",
    "Unsubscribed": "consent",
    "Message Opened": "mail",
    "Message Clicked": "mail",
    "Message Bounced": "mail",
    "Message Complained": "mail",
}
"""The engine's own events, by what they are about; what a flow emits is an event."""
_SHOWN: Final = ("name", "title", "product_id", "value", "price", "order_id", "cart_id", "topic", "message", "url")
"""Properties worth a place beside an event, in this order."""

Values = dict[str, Any]


def person(conn: Connection, shop: Shop, place: tuple[int, UUID], now: datetime, language: str) -> Values | None:
    """All that the person page shows; None where nobody has this id. `place` is (bucket, profile)."""
    params = {"bucket": place[0], "profile": place[1], "limit": _MOST}
    row = conn.execute(_SQL["person"], params).fetchone()
    if row is None:
        return None
    _, created, properties, address, zone, consents, suppressed, merged = row
    entries = [*_events(conn, params), *_decisions(conn, shop, params, place, zone, language)]
    entries.sort(key=lambda entry: (entry["moment"], entry["rank"]), reverse=True)
    return {
        "who": words.person_name(properties, address, language),
        "address": address,
        "zone": zone,
        "locale": properties.get("locale", ""),
        "city": properties.get("city", ""),
        "since": words.day_and_time(created, zone),
        "here": words.day_and_time(now, zone),
        "topics": [(topic.title, bool(consents.get(topic.name, {}).get("on"))) for topic in shop.settings.topics],
        "suppressed": (suppressed or "").replace("_", " "),
        "merged": merged,
        "inside": _inside(conn, shop, params, now, zone, language),
        "days": _days(entries, zone),
    }


def _events(conn: Connection, params: Values) -> list[Values]:
    return [
        {
            "moment": at,
            "rank": 0,
            "mark": _MARKS.get(name, "event") if origin == 1 else "did",
            "tone": "sky",
            "text": name,
            "more": _particulars(properties),
            "href": "",
        }
        for at, name, origin, properties, _ in conn.execute(_SQL["person_events"], params)
    ]


def _particulars(properties: Values) -> str:
    found = [f"{name.replace('_', ' ')} {properties[name]}" for name in _SHOWN if _plain(properties.get(name))]
    return ", ".join(found[:3])


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _decisions(
    conn: Connection, shop: Shop, params: Values, place: tuple[int, UUID], zone: str, language: str
) -> list[Values]:
    mails = {(at, name): id_ for id_, at, name in conn.execute(_SQL["person_mails"], params)}
    found = []
    for at, kind, flow, outcome, reason, step, message, until, subject, locale, _, event in conn.execute(
        _SQL["person_lines"], params
    ):
        mark, tone = words.MARKS.get(outcome if kind != "problem" else "problem", words.MARKS["problem"])
        blanks = {
            "flow": shop.title(flow),
            "message": message or "",
            "subject": subject or message or "",
            "until": words.until_words(until, at, zone, language) if until is not None else "",
        }
        mail = mails.get((at, message)) if outcome == "sent" else None
        found.append(
            {
                "moment": at,
                "rank": 1,
                "mark": mark,
                "tone": tone,
                "text": _text(kind, outcome, reason, event, blanks, language),
                "more": f"{shop.title(flow)}, step {step}" + (f", in {locale}" if locale else "") if step else "",
                "href": f"/mails/{place[0]}/{place[1]}/{mail}" if mail else "",
            }
        )
    return found


def _text(kind: str, outcome: str, reason: str | None, event: str | None, blanks: Values, language: str) -> str:
    if kind == "problem":
        return words.told("problem", None, {**blanks, "reason": (reason or outcome).replace("_", " ")}, language)
    if reason == "exit_on" and event:
        return words.told(outcome, None, {**blanks, "reason": event}, language)
    return words.told(outcome, reason, blanks, language)


def _inside(conn: Connection, shop: Shop, params: Values, now: datetime, zone: str, language: str) -> list[Values]:
    found = []
    for flow, version, step, entered, until in conn.execute(_SQL["person_inside"], params):
        live = next((live for live in shop.flows if live.version == version), None)
        box = next((box for box in live.wide.boxes if box.index == step), None) if live else None
        found.append(
            {
                "flow": shop.title(flow),
                "since": words.day_and_time(entered, zone),
                "where": box.told if box else f"step {step}",
                "until": words.until_words(until, now, zone, language) if until else "now",
            }
        )
    return found


def _days(entries: list[Values], zone: str) -> list[Values]:
    """Part a story, newest first, into days of the person's own calendar."""
    days: list[Values] = []
    for entry in entries:
        day, _, time = words.day_and_time(entry["moment"], zone).partition(", ")
        if not days or days[-1]["day"] != day:
            days.append({"day": day, "entries": []})
        days[-1]["entries"].append({**entry, "time": time})
    return days
