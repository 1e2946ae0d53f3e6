"""Accepted messages, from their rows in a real database to what a recipient would read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tamshy.decide.settling import accepted
from tamshy.language.model import Body, BodyFormat, Message, MessageKind, Settings
from tamshy.passes.rendering import Links, Press
from tamshy.render.children import RenderChild
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.sqlkit import Connection

SHOP = Settings(
    name="Qumyra", timezone="Asia/Almaty", currency="KZT", url="https://qumyra.example", from_="q@q.example"
)
BODY = """# {{ profile.name }}

{% for p in event.products %}
- {{ p.name }}: {{ p.price | money }}
{% endfor %}

**[Back]({{ event.url }})** {{ event.occurred_at | date: "%H:%M" }} {{ vars.code | default: "none" }} {{ now }}
"""
BUCKET = 3
EVENT = {"products": [{"name": "Кесе <1>", "price": 1200}, {"name": "Құман", "price": 3500.5}], "url": "/cart?a=1&b=2"}


@pytest.fixture(scope="module")
def child() -> Iterator[RenderChild]:
    with RenderChild() as renderer:
        yield renderer


def _id(number: int) -> UUID:
    return UUID(int=number)


def _links(bucket: int, profile: UUID, message: UUID) -> Links:
    token = f"t{bucket}-{profile.int}-{message.int}"
    base = "https://mail.example"
    return Links(
        base, token, f"{base}/o/{token}.gif", f"{base}/u/{token}", f"{base}/prefs/{token}", f"{base}/m/{token}"
    )


@pytest.fixture
def conn(stage: Connection) -> Connection:
    """One published message, and three people to whom it has been accepted: Kazakh, Russian, and without a name."""
    bodies = {tag: Body(BodyFormat.MARKDOWN, BODY, f"messages/cart/{tag}.md") for tag in ("en", "kk", "ru")}
    subject = {"en": "{{ profile.name }}, hello", "kk": "{{ profile.name }}, сәлем"}
    message = Message("cart", MessageKind.MARKETING, subject, bodies, utm={"campaign": "cart"})
    compiled, problems = compile_message(message, SHOP)
    assert problems == []
    stage.execute("insert into workspace (id, name, first_bucket, buckets) values (1, 'shop', 0, 64)")
    stage.execute(
        "insert into message_version (id, workspace, message, number, compiled, published_at)"
        " values (7, 1, 'cart', 1, %(compiled)s, '2026-03-01T00:00Z')",
        {"compiled": json.dumps(compiled)},
    )
    people = [{"name": "Айгүл", "locale": "kk-KZ"}, {"name": "Аня\u0001\n", "locale": "ru"}, {"locale": "fr"}]
    for number, properties in enumerate(people, start=1):
        _person(stage, number, properties)
    return stage


def _person(conn: Connection, number: int, properties: dict[str, str]) -> None:
    ids = {"bucket": BUCKET, "profile": _id(number), "enrollment": _id(100 + number), "message": _id(200 + number)}
    conn.execute(
        "insert into profile (bucket, id, workspace, die, created_at, properties, zone) values"
        " (%(bucket)s, %(profile)s, 1, 'user_id:u', '2026-01-01T00:00Z', %(properties)s, 'Europe/Moscow')",
        {**ids, "properties": json.dumps(properties)},
    )
    conn.execute(
        "insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step,"
        " visit, priority, held_out, entered_at, reached_at, due_at, work_at, vars)"
        " select %(bucket)s, %(profile)s, %(enrollment)s, 1, 'cart', 1, '', %(profile)s, true, 0, 1, 0, false,"
        " t, t, t, t, %(vars)s from (select timestamptz '2026-03-02T11:00Z') as m (t)",
        {**ids, "vars": json.dumps({"code": "X1"} if number == 1 else {})},
    )
    conn.execute(
        "insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context) values ("
        "%(bucket)s, %(profile)s, %(enrollment)s, 'Checkout Started', '2026-03-02T09:30Z', %(event)s, '{}')",
        {**ids, "event": json.dumps(EVENT)},
    )
    conn.execute(
        "insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit,"
        " message, message_version, kind, topic, trigger_event, state, address, due_at, decided_at) values"
        " (%(bucket)s, %(profile)s, %(message)s, 1, %(enrollment)s, 'cart', 1, 0, 'cart', 1, 'cart', 7, 'marketing',"
        " 'offers', %(profile)s, 'accepted', 'a@x.example', '2026-03-02T11:00Z', '2026-03-02T11:00:00.25Z')",
        ids,
    )


def test_accepted_messages_are_rendered_each_alone(conn: Connection, child: RenderChild) -> None:
    mails = {mail.profile.int: mail for mail in Press(child, _links).render(conn, BUCKET, accepted(conn, BUCKET, 10))}
    assert sorted(mails) == [1, 2, 3]

    kazakh = mails[1]
    assert (kazakh.message, kazakh.error, kazakh.locale, kazakh.subject) == (_id(201), None, "kk", "Айгүл, сәлем")
    assert kazakh.links == [
        "https://qumyra.example?utm_campaign=cart",
        "https://qumyra.example/cart?a=1&b=2&utm_campaign=cart",
    ]
    assert "Кесе &lt;1&gt;: 1\u00a0200\u00a0₸" in kazakh.html
    assert 'href="https://mail.example/c/t3-1-201/1"' in kazakh.html
    assert "https://mail.example/o/t3-1-201.gif" in kazakh.html
    assert "https://mail.example/u/t3-1-201" in kazakh.html
    assert "12:30 X1 2026-03-02T11:00:00.250Z\n" in kazakh.plain
    assert (kazakh.from_address, kazakh.reply_to) == ("q@q.example", None)

    russian = mails[2]
    assert (russian.error, russian.locale, russian.subject) == (None, "ru", "Аня , hello")
    assert "- Құман: 3\u00a0500,50\u00a0₸\n" in russian.plain
    assert "12:30 none 2026" in russian.plain

    nameless = mails[3]
    assert nameless.error == "messages/cart/en.md: subject: profile.name is missing"
    assert (nameless.html, nameless.plain, nameless.links) == ("", "", [])


def test_a_published_version_is_read_once(conn: Connection, child: RenderChild) -> None:
    press = Press(child, _links)
    first = press.render(conn, BUCKET, accepted(conn, BUCKET, 10))
    conn.execute("delete from message_version")
    assert press.render(conn, BUCKET, accepted(conn, BUCKET, 10)) == first
