"""A shop in the middle of its day, written straight into the engine's tables: what the page is tried on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from tamshy.domain.ids import bucket_of, named, profile_id
from tamshy.language.folders import read_folder
from tamshy.publish import create_workspace, load_rulebook, publish

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from tamshy.language.model import Message, Problem, Settings
    from tamshy.language.program import Program
    from tamshy.sqlkit import Connection

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"
NOW = datetime(2026, 3, 3, 9, 20, tzinfo=UTC)
"""14:20 in Almaty, a Tuesday."""
BUCKETS = 64

PEOPLE = (
    ("aia", "Айя", "Asia/Almaty", "kk"),
    ("marat", "Марат", "Asia/Almaty", "ru"),
    ("anna", "Anna", "Europe/Berlin", "en"),
    ("dewi", "Dewi", "Asia/Jakarta", "id"),
    ("evil", "<script>alert(1)</script>", "Asia/Almaty", "ru"),
)


def texts(folder: Path = EXAMPLE) -> dict[str, str]:
    """Read the example shop: path → text."""
    return read_folder(folder)


def uncompiled(message: Message, settings: Settings) -> tuple[dict[str, object], list[Problem]]:
    """Publish without compiling: what is seeded is never rendered."""
    return {"name": message.name, "of": settings.name}, []


@dataclass(frozen=True)
class Seeded:
    """What was written: where each person is, by user id, and the messages sent, by (user id, message)."""

    people: Mapping[str, tuple[int, UUID]]
    messages: Mapping[tuple[str, str], UUID]


def seed(conn: Connection, now: datetime = NOW) -> Seeded:
    """Write people inside flows, decisions of every kind, and mails."""
    create_workspace(conn, "default", buckets=BUCKETS)
    publish(conn, "default", texts(), at=now - timedelta(days=3), compile_message=uncompiled)
    book = load_rulebook(conn, "default")
    versions = {running.name: (running.version, running.program) for running in book.flows}
    people: dict[str, tuple[int, UUID]] = {}
    for at, (user, name, zone, locale) in enumerate(PEOPLE):
        id_ = profile_id("default", f"user_id:{user}")
        people[user] = (bucket_of(id_, 0, BUCKETS), id_)
        properties = {"first_name": name, "locale": locale, "timezone": zone}
        conn.execute(
            "insert into profile (bucket, id, workspace, die, created_at, properties, address, zone, consents)"
            " values (%s, %s, 1, %s, %s, %s, %s, %s, %s)",
            (*people[user], f"user_id:{user}", now - timedelta(days=2, minutes=at), orjson.dumps(properties).decode(),
             f"{user}@example.com", zone, '{"offers": {"on": true, "at": 1}}'),
        )  # fmt: skip
    writer = _Writer(conn, people, versions, now)
    _story(writer)
    conn.commit()
    return Seeded(people, writer.messages)


class _Writer:
    def __init__(
        self,
        conn: Connection,
        people: Mapping[str, tuple[int, UUID]],
        versions: Mapping[str, tuple[int, Program]],
        now: datetime,
    ) -> None:
        self.conn, self.people, self.versions, self.now = conn, people, versions, now
        self.messages: dict[tuple[str, str], UUID] = {}
        self.count = 0

    def journal(
        self, user: str, ago: timedelta, flow: str, outcome: str, reason: str | None = None, **more: object
    ) -> None:
        self.count += 1
        kind = "enrollment" if outcome in {"entered", "refused", "exited"} else "message"
        self.conn.execute(
            "insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment,"
            " outcome, reason, step, message, until, subject, locale, facts)"
            " values (%s, %s, %s, 0, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (*self.people[user], self.count, named("journal", str(self.count)), self.now - ago, kind, flow,
             self.versions[flow][0], named(user, flow), outcome, reason, more.get("message"), more.get("message"),
             more.get("until"), more.get("subject"), more.get("locale"), orjson.dumps(more.get("facts", {})).decode()),
        )  # fmt: skip

    def event(self, user: str, ago: timedelta, name: str, /, **properties: object) -> UUID:
        id_ = named(user, name, str(ago))
        self.conn.execute(
            "insert into event values (%s, %s, %s, %s, %s, %s, 0, %s, '{}')",
            (*self.people[user], id_, name, self.now - ago, self.now - ago, orjson.dumps(properties).decode()),
        )
        return id_

    def stand(self, user: str, flow: str, step: str, ago: timedelta, work_in: timedelta | None) -> None:
        version, program = self.versions[flow]
        self.conn.execute(
            "insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step,"
            " visit, priority, held_out, entered_at, reached_at, due_at, work_at)"
            " values (%s, %s, %s, 1, %s, %s, '', %s, true, %s, 1, 0, false, %s, %s, %s, %s)",
            (*self.people[user], named(user, flow), flow, version, named(user, flow, "event"), program.node(step).index,
             self.now - ago, self.now - ago, self.now + (work_in or -ago),
             # Whoever waits for a mail to be rendered has no moment of their own: the engine writes infinity.
             "infinity" if work_in is None else self.now + work_in),
        )  # fmt: skip

    def mail(self, user: str, ago: timedelta, flow: str, message: str, subject: str, *, clicked: bool = False) -> None:
        id_ = named(user, message)
        self.messages[user, message] = id_
        locale = next(person[3] for person in PEOPLE if person[0] == user)
        at = self.now - ago
        version, program = self.versions[flow]
        self.conn.execute(
            "insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step,"
            " visit, message, message_version, kind, topic, trigger_event, state, address, locale, subject, due_at,"
            " decided_at)"
            " values (%s, %s, %s, 1, %s, %s, %s, %s, %s, 1, %s, 1, 'marketing', 'offers', %s, 'sent', %s, %s, %s, %s,"
            " %s)",
            (*self.people[user], id_, named(user, flow), flow, version, program.node(message).index, message, message,
             named(user, flow, "event"), f"{user}@example.com", locale, subject, at, at),
        )  # fmt: skip
        pixel = f'<img src="http://127.0.0.1:1/o/{"a" * 72}.gif" width="1" height="1" alt="">'
        html = f"<!doctype html><html><body><h1>{subject}</h1><script>alert(2)</script>{pixel}</body></html>"
        self.conn.execute(
            "insert into content (bucket, profile, message, subject, preheader, html, plain, from_address)"
            " values (%s, %s, %s, %s, 'Preheader', %s, 'Plain words', 'Qumyra <hello@qumyra.example>')",
            (*self.people[user], id_, subject, html),
        )
        self.journal(user, ago, flow, "sent", message=message, subject=subject, locale=locale)
        for kind in ("opened", "clicked") if clicked else ():
            self.conn.execute(
                "insert into engagement (bucket, profile, id, message, kind, occurred_at, machine)"
                " values (%s, %s, %s, %s, %s, %s, false)",
                (*self.people[user], named(user, message, kind), id_, kind, at + timedelta(minutes=20)),
            )


def _story(write: _Writer) -> None:
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    write.event("aia", 30 * hour, "Signed Up", topics=["news"])
    write.journal("aia", 30 * hour, "welcome", "entered")
    write.mail("aia", 30 * hour, "welcome", "welcome", "Айя, Qumyra-ға қош келдіңіз", clicked=True)
    write.stand("aia", "welcome", "wait-1", 30 * hour, 18 * hour)
    write.event("marat", 3 * hour, "Checkout Started", cart_id="c1", value=25800)
    write.journal("marat", 3 * hour, "abandoned-cart", "entered")
    write.mail("marat", hour, "abandoned-cart", "cart-reminder", "Марат, ваша корзина вас ждёт")
    write.stand("marat", "abandoned-cart", "wait-2", 3 * hour, 19 * hour)
    write.journal("anna", 5 * hour, "browse-reminder", "entered")
    write.journal(
        "anna",
        20 * minute,
        "browse-reminder",
        "postponed",
        "quiet_hours",
        message="browse-reminder",
        until=write.now + 10 * hour,
    )
    write.stand("anna", "browse-reminder", "browse-reminder", 5 * hour, 10 * hour)
    write.journal("dewi", 4 * hour, "thank-you", "entered")
    write.stand("dewi", "thank-you", "wait-for-1", 4 * hour, 200 * hour)
    write.stand("dewi", "browse-reminder", "browse-reminder", 4 * hour, None)
    order = write.event("dewi", 2 * minute, "Order Completed", order_id="Q-1", value=12900)
    write.journal("dewi", 9 * hour, "abandoned-cart", "entered")
    write.journal("dewi", 2 * minute, "abandoned-cart", "exited", "exit_on", facts={"event": str(order)})
    write.journal("evil", 6 * hour, "welcome", "entered")
    write.journal("evil", 6 * hour, "welcome", "skipped", "no_consent", message="welcome")
    write.event("evil", 7 * hour, "<b>Event</b>", name='"><img src=x onerror=alert(3)>')
