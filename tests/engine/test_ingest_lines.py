"""The lines of a history: their order depends on nothing but themselves, and a bad one costs itself alone."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from tamshy.domain.call import CallKind
from tamshy.ingest import History, calls_from_lines
from tamshy.language.products import Product


def read(*lines: dict[str, Any] | str, zone: str = "Asia/Almaty") -> History:
    return calls_from_lines([line if isinstance(line, str) else json.dumps(line) for line in lines], zone=zone)


def track(event: str, timestamp: str = "2026-03-02T09:00:00Z", **more: object) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "event": event, "timestamp": timestamp, **more}


def moment(hour: int, minute: int = 0, second: int = 0, millisecond: int = 0) -> datetime:
    return datetime(2026, 3, 2, hour, minute, second, millisecond * 1000, tzinfo=UTC)


def test_a_line_arrives_at_its_own_time_or_when_it_says() -> None:
    history = read(
        track("plain"),
        track("late", receive_at="2026-03-02T11:00:00Z"),
        track("local", "2026-03-02T15:00:00"),
        track("fine", "2026-03-02T10:30:00.123999Z"),
    )
    assert [(call.name, call.occurred_at, call.received_at) for call in history.calls] == [
        ("plain", moment(9), moment(9)),
        ("local", moment(10), moment(10)),
        ("fine", moment(10, 30, 0, 123), moment(10, 30, 0, 123)),
        ("late", moment(9), moment(11)),
    ]


def test_rule_5_what_is_timed_after_its_arrival_is_timed_at_it() -> None:
    (call,) = read(track("fast clock", receive_at="2026-03-02T08:00:00Z")).calls
    assert (call.occurred_at, call.received_at) == (moment(8), moment(8))


def test_what_arrives_together_is_ordered_by_own_time_then_message_id_then_text() -> None:
    arrival = "2026-03-02T12:00:00Z"
    history = read(
        track("e", "2026-03-02T09:00:00Z", receive_at=arrival, messageId="b"),
        track("d", "2026-03-02T09:00:00Z", receive_at=arrival, messageId="a"),
        track("c", "2026-03-02T09:00:00Z", receive_at=arrival),
        track("b", "2026-03-02T09:00:00Z", receive_at=arrival),
        track("a", "2026-03-02T08:00:00Z", receive_at=arrival, messageId="z"),
    )
    assert [call.name for call in history.calls] == ["a", "b", "c", "d", "e"]
    assert [call.ord for call in history.calls] == [0, 1, 2, 3, 4]


def test_shuffling_the_lines_changes_nothing() -> None:
    dice = random.Random(7)  # noqa: S311 - dice of a test, no secrets
    lines: list[dict[str, Any]] = [
        track(f"e{n % 7}", f"2026-03-02T09:00:{n % 13:02}Z", **({"messageId": f"m{n % 50}"} if n % 3 else {}))
        for n in range(200)
    ]
    lines += [{"type": "engage", "userId": "u1", "message": "m", "did": "opened", "timestamp": "2026-03-02T09:00:05Z"}]
    first = read(*lines)
    assert first.repeated > 0
    for _ in range(3):
        dice.shuffle(lines)
        assert read(*lines) == first


def test_rule_15_a_message_id_counts_once_in_thirty_days() -> None:
    history = read(
        track("one", "2026-03-01T00:00:00Z", messageId="m"),
        track("again", "2026-03-31T00:00:00Z", messageId="m"),
        track("new", "2026-03-31T00:00:00.001Z", messageId="m"),
    )
    assert [call.name for call in history.calls] == ["one", "new"]
    assert history.repeated == 1


def test_every_type_is_read() -> None:
    history = read(
        track("E", properties={"value": 1}),
        {"type": "identify", "userId": "u1", "traits": {"email": "A@B.example"}, "timestamp": "2026-03-02T09:00:01Z"},
        {"type": "page", "anonymousId": "a1", "name": "Cart", "timestamp": "2026-03-02T09:00:02Z"},
        {"type": "screen", "anonymousId": "a1", "name": "Home", "timestamp": "2026-03-02T09:00:03Z"},
        {"type": "alias", "userId": "u1", "previousId": "a1", "timestamp": "2026-03-02T09:00:04Z"},
        {"type": "group", "userId": "u1", "groupId": "g1", "timestamp": "2026-03-02T09:00:05Z"},
        {
            "type": "consent",
            "userId": "u1",
            "topic": "offers",
            "did": "subscribed",
            "timestamp": "2026-03-02T09:00:06Z",
        },
        {
            "type": "engage",
            "userId": "u1",
            "message": "cart",
            "did": "clicked",
            "url": "https://shop.example/a",
            "machine": True,
            "timestamp": "2026-03-02T09:00:07Z",
        },
        {"type": "product", "sku": "a1", "price": 12.5, "stock": 3, "timestamp": "2026-03-02T09:00:08Z"},
    )
    assert history.problems == []
    assert [(call.kind, call.ord) for call in history.calls] == [
        (CallKind.TRACK, 0),
        (CallKind.IDENTIFY, 1),
        (CallKind.PAGE, 2),
        (CallKind.SCREEN, 3),
        (CallKind.ALIAS, 4),
        (CallKind.GROUP, 5),
        (CallKind.CONSENT, 6),
    ]
    assert history.calls[1].properties == {"email": "a@b.example"}
    assert history.calls[2].properties == {"name": "Cart"}
    assert history.calls[6].properties == {"topic": "offers", "granted": True, "source": "api", "evidence": {}}
    (engage,) = history.engages
    assert (engage.user_id, engage.message, engage.did, engage.url, engage.machine, engage.ord) == (
        "u1",
        "cart",
        "clicked",
        "https://shop.example/a",
        True,
        7,
    )
    (line,) = history.products
    assert isinstance(line.product, Product)
    assert (line.product.sku, line.product.told, line.ord) == ("a1", {"price": 12.5, "stock": 3}, 8)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "this is not JSON"),
        ("[]", "a line is one JSON object"),
        ({"type": "track", "userId": "u1", "event": "E"}, "`timestamp` is missing"),
        (track("E", "yesterday"), "`timestamp` is no moment"),
        (track("E", receive_at="soon"), "`receive_at` is no moment"),
        ({"type": "purchase", "userId": "u1", "timestamp": "2026-03-02T09:00:00Z"}, "`type` is one of"),
        ({"type": "track", "event": "E", "timestamp": "2026-03-02T09:00:00Z"}, "a call names whose it is"),
        ({**track("E"), "type": "engage", "message": "m", "did": "read"}, "`did` is one of opened, clicked"),
        ({**track("E"), "type": "engage", "did": "opened"}, "`message` is missing"),
        ({**track("E"), "type": "consent", "did": "subscribed"}, "`topic` is missing"),
        ({**track("E"), "type": "consent", "topic": "offers", "did": "granted"}, "`did` is one of subscribed"),
        ({**track("E"), "type": "product"}, "a product needs a `sku`"),
        ('{"type":"track","userId":"u1","event":"E","timestamp":"2026-03-02T09:00:00Z","x":NaN}', "JSON knows no NaN"),
    ],
    ids=range(13),
)
def test_a_line_that_cannot_be_used_is_told_by_its_number_and_the_others_kept(
    line: dict[str, Any] | str, said: str
) -> None:
    history = read(track("before"), "", line, track("after", "2026-03-02T10:00:00Z"))
    assert [call.name for call in history.calls] == ["before", "after"]
    ((number, text),) = [(problem.line, problem.text) for problem in history.problems]
    assert number == 3
    assert said in text


def test_a_bad_line_does_not_use_up_its_message_id() -> None:
    history = read(track("", messageId="m"), track("good", "2026-03-02T10:00:00Z", messageId="m"))
    assert [call.name for call in history.calls] == ["good"]
    assert [problem.line for problem in history.problems] == [1]


def test_sent_at_tells_nothing_here() -> None:
    (call,) = read(track("E", sentAt="2026-03-02T09:30:00Z")).calls
    assert call.occurred_at == moment(9)
