"""Rows for the tests of hand-over and tracking: people with messages that are decided and rendered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUCKET = 3
SECRET = "a secret for tests, long enough"
TABLES = ("profile", "message", "content", "delivery", "inbox", "consent", "suppression", "engagement", "lease")


def put(conn: Connection, table: str, **columns: object) -> None:
    """Insert one row; dicts and lists become jsonb."""
    names = ", ".join(columns)
    places = ", ".join(f"%({name})s" for name in columns)
    values = {name: json.dumps(v) if isinstance(v, dict | list) else v for name, v in columns.items()}
    conn.execute(f"insert into {table} ({names}) values ({places})".encode(), values)


def workspace(conn: Connection, settings: str = "") -> None:
    """A workspace with its bucket's lease, and its settings as published."""
    put(conn, "workspace", id=1, name="shop", first_bucket=0, buckets=64)
    put(conn, "lease", bucket=BUCKET)
    if settings:
        put(conn, "definition", workspace=1, path="tamshy.yaml", content=settings)


def person(conn: Connection, name: str, **columns: object) -> UUID:
    """A profile with consent to offers."""
    profile = named("shop", f"user_id:{name}")
    defaults: dict[str, Any] = {
        "workspace": 1,
        "die": f"user_id:{name}",
        "created_at": NOON,
        "properties": {},
        "address": f"{name}@example.com",
        "zone": "Asia/Almaty",
        "consents": {"offers": {"on": True, "at": _us(NOON - timedelta(days=1))}},
    }
    put(conn, "profile", bucket=BUCKET, id=profile, **(defaults | columns))
    return profile


def sent_message(  # noqa: PLR0913 - a row has many columns
    conn: Connection,
    profile: UUID,
    name: str = "m1",
    *,
    kind: str = "marketing",
    address: str = "aia@example.com",
    facts: dict[str, object] | None = None,
    links: tuple[str, ...] = ("https://shop.example/a", "https://shop.example/b?x=1&y=2"),
    html: str = "<p>Сәлем, Aia. <a href='https://shop.example'>Open</a></p>",
    locale: str = "en",
    delivery: dict[str, object] | None = None,
) -> UUID:
    """A message that is decided, rendered and queued."""
    message = named("message", profile.hex, name)
    put(
        conn,
        "message",
        bucket=BUCKET,
        profile=profile,
        id=message,
        workspace=1,
        enrollment=named("enrollment", name),
        flow="abandoned-cart",
        version=1,
        step_index=1,
        step="cart-reminder",
        visit=int(name.strip("abcdefghijklmnopqrstuvwxyz-") or 1),
        message="cart-reminder",
        message_version=1,
        kind=kind,
        topic="offers",
        trigger_event=named("event", name),
        state="sent",
        address=address,
        locale=locale,
        subject="You left something",
        due_at=NOON,
        decided_at=NOON,
        facts=facts or {},
    )
    put(
        conn,
        "content",
        bucket=BUCKET,
        profile=profile,
        message=message,
        subject="You left something",
        preheader="",
        html=html,
        plain="Hello",
        from_address="Shop <hello@shop.example>",
        links=list(links),
    )
    put(
        conn,
        "delivery",
        **(
            {
                "bucket": BUCKET,
                "profile": profile,
                "message": message,
                "workspace": 1,
                "state": "queued",
                "next_at": NOON,
                "queued_at": NOON,
            }
            | (delivery or {})
        ),
    )
    return message


LINK = "10.0.0.5:40312 to mail.example:587, message 3"


def in_doubt(conn: Connection, count: int, workspace: int = 1, **columns: object) -> list[UUID]:
    """Messages whose answer was lost, one a person, queued a second apart; the caller commits."""
    ids = []
    for at in range(count):
        profile = person(conn, f"p{workspace}-{at}", workspace=workspace)
        doubt: dict[str, object] = {
            "workspace": workspace,
            "state": "uncertain",
            "reason": "answer_lost",
            "attempts": 1,
            "fence": 1,
            "queued_at": NOON + timedelta(seconds=at),
            "next_at": NOON + timedelta(minutes=1),
            "claimed_at": NOON + timedelta(seconds=at + 1),
            "owner": "mx1/77",
            "link": LINK,
            "reply": "timed out",
        }
        expiry: dict[str, object] = {"expires_at": "2026-03-03T12:00:00+00:00"}
        ids.append(
            sent_message(conn, profile, f"m{at}", address=f"p{at}@example.com", facts=expiry, delivery=doubt | columns)
        )
    return ids


def unread(conn: Connection, profile: UUID, kind: str, name: str, **columns: object) -> None:
    """An inbox row that the engine has not taken in."""
    defaults: dict[str, Any] = {
        "moment": NOON,
        "ord": 0,
        "id": named("unread", profile.hex, kind, name),
        "workspace": 1,
        "kind": kind,
        "name": name,
        "occurred_at": NOON,
    }
    put(conn, "inbox", bucket=BUCKET, profile=profile, **(defaults | columns))


def deliveries(conn: Connection) -> list[tuple[Any, ...]]:
    """(state, reason, attempts) of all deliveries, by the message's id."""
    return conn.execute("select state, reason, attempts from delivery order by message").fetchall()


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
