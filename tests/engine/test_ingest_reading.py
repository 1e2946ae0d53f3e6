"""Reading requests: every recorded client is understood, and poison costs itself alone."""

from __future__ import annotations

import gc
import gzip
import json
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tamshy.domain.call import CallKind
from tamshy.ingest import (
    MAX_BODY,
    BodyReason,
    BodyRefused,
    Reading,
    RefusalReason,
    Refused,
    parse_body,
    read_calls,
    read_customerio,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RECORDED = sorted((Path(__file__).parent.parent / "web" / "fixtures").glob("*.json"))
SHORT = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch"}


def read(body: bytes | dict[str, Any], kind: str = "batch", received_at: datetime = NOW) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_calls(raw, path_kind=kind, received_at=received_at, source_key="k1", zone="Asia/Almaty")


def batch_of(*items: str) -> bytes:
    return ('{"writeKey":"WK","batch":[' + ",".join(items) + '],"sentAt":"2026-11-23T08:59:59Z"}').encode()


GOOD = '{"type":"track","event":"Good","userId":"u1","properties":{"say":"a \\"quoted\\" , [word] {x}"}}'


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_recorded_client_is_understood(path: Path) -> None:
    for request in json.loads(path.read_text(encoding="utf-8"))["requests"]:
        if request["method"] != "POST":
            continue
        raw = json.dumps(request["json"]).encode()
        if request["encoding"].startswith("gzip"):
            raw = gzip.compress(raw)
        last = request["path"].rsplit("/", 1)[1]
        kind = SHORT.get(last, last)
        reading = read(raw, kind)
        assert reading.refusals == []
        sent = request["json"].get("batch", [request["json"]])
        assert [call.kind.value for call in reading.calls] == [item.get("type", kind) for item in sent]
        for call, item in zip(reading.calls, sent, strict=True):
            assert call.user_id == (item.get("userId") or None)
            assert call.anonymous_id == (item.get("anonymousId") or None)
            assert call.key == f"k1|{item['messageId']}"
            assert call.name == item.get("event", "")
            assert call.previous_id == (item.get("previousId") if call.kind is CallKind.ALIAS else None)
            assert NOW - timedelta(minutes=1) < call.occurred_at <= NOW or "sentAt" not in {**request["json"], **item}


def test_rudder_says_traits_in_the_context_and_time_in_original_timestamp() -> None:
    item = {
        "type": "identify",
        "userId": "u1",
        "anonymousId": None,
        "originalTimestamp": "2026-11-22T11:00:00.000Z",
        "sentAt": "2026-11-22T11:00:02.500Z",
        "context": {"traits": {"email": " Aia@Example.COM ", "plan": "a"}},
        "traits": {"plan": "b"},
    }
    (call,) = read({"batch": [item]}).calls
    assert call.properties == {"email": "aia@example.com", "plan": "b"}
    assert call.occurred_at == NOW - timedelta(seconds=2.5)
    assert call.anonymous_id is None


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "own"),
    [
        ("2026-11-23T08:00:00Z", None, "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T13:00:00", None, "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T13:00:00.123456+05:00", None, "2026-11-23T08:00:00.123000+00:00"),
        (1795420800, None, "2026-11-23T08:00:00+00:00"),
        (1795420800123, None, "2026-11-23T08:00:00.123000+00:00"),
        (None, "2026-11-23T08:00:00Z", "2026-11-23T09:00:00+00:00"),
        (None, None, "2026-11-23T09:00:00+00:00"),
        # a clock that is a day fast, or slow, is set right by ours
        ("2026-11-24T08:00:00Z", "2026-11-24T08:00:10Z", "2026-11-23T08:59:50+00:00"),
        ("2026-11-22T08:00:00Z", "2026-11-22T08:00:10Z", "2026-11-23T08:59:50+00:00"),
        # a sentAt that is none, or absurd, tells nothing
        ("2026-11-23T08:00:00Z", "soon", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T08:00:00Z", "9999-12-31T23:59:59Z", "2026-11-23T08:00:00+00:00"),
    ],
)
def test_when_a_call_happened(timestamp: object, sent_at: object, own: str) -> None:
    item = {"event": "E", "userId": "u1", "timestamp": timestamp, "sentAt": sent_at}
    (call,) = read(item, "track").calls
    assert call.occurred_at.isoformat() == own
    assert call.received_at == NOW


@pytest.mark.parametrize("sent_at", [None, "2026-11-23T09:59:00Z"])
def test_rule_5_a_call_timed_after_its_arrival_is_timed_at_it(sent_at: str | None) -> None:
    item = {"event": "E", "userId": "u1", "timestamp": "2026-11-23T10:00:00Z", "sentAt": sent_at}
    (call,) = read(item, "track").calls
    assert (call.occurred_at, call.received_at) == (NOW, NOW)


DEEP = '{"a":' * 65 + "1" + "}" * 65
POISON = [
    ('{"type":"track","event":"E","userId":"u","properties":{"x":"a\\u0000b"}}', RefusalReason.NUL),
    ('{"type":"track","event":"E","userId":"u\\u0000"}', RefusalReason.NUL),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":"\\ud800"}}', RefusalReason.LONE_SURROGATE),
    ('{"type":"track","event":"E","userId":"u","properties":{"\\udc00":1}}', RefusalReason.LONE_SURROGATE),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":NaN}}', RefusalReason.NOT_A_NUMBER),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":-Infinity}}', RefusalReason.NOT_A_NUMBER),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":1e400}}', RefusalReason.NUMBER_TOO_LARGE),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":1e101}}', RefusalReason.NUMBER_TOO_LARGE),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":' + "9" * 400 + "}}", RefusalReason.NUMBER_TOO_LARGE),
    ('{"type":"track","event":"E","userId":"u","properties":' + DEEP + "}", RefusalReason.TOO_DEEP),
    (
        '{"type":"track","event":"E","userId":"u","properties":{"x":' + "[" * 2000 + "]" * 2000 + "}}",
        RefusalReason.TOO_DEEP,
    ),
    ('{"type":"track","event":"E","userId":"u","properties":{"x":"' + "y" * 262_144 + '"}}', RefusalReason.TOO_LARGE),
    (
        '{"type":"track","event":"E","userId":"u","properties":{' + ",".join(f'"k{n}":1' for n in range(1001)) + "}}",
        RefusalReason.TOO_MANY_PROPERTIES,
    ),
    # Marks in the wrong order take the square of their number to be put in order: these a quarter of a minute.
    (
        '{"type":"track","event":"E","userId":"u","properties":{"x":"a' + "\u0307\u0323" * 30_000 + '"}}',
        RefusalReason.TOO_MANY_MARKS,
    ),
    ('{"type":"track","event":"E"}', RefusalReason.NO_ID),
    ('{"type":"track","event":"E","userId":"","anonymousId":null}', RefusalReason.NO_ID),
    ('{"type":"track","event":"E","userId":"undefined"}', RefusalReason.NO_ID),
    ('{"type":"identify","traits":{"city":"Almaty"}}', RefusalReason.NO_ID),
    ('{"type":"track","event":"E","userId":"' + "u" * 201 + '"}', RefusalReason.ID_TOO_LONG),
    ('{"type":"track","event":"E","userId":{"id":1}}', RefusalReason.WRONG_TYPE),
    ('{"type":"track","event":"E","userId":true}', RefusalReason.WRONG_TYPE),
    ('{"type":"track","event":"E","userId":1.5}', RefusalReason.WRONG_TYPE),
    ('{"type":"track","event":7,"userId":"u"}', RefusalReason.WRONG_TYPE),
    ('{"type":"track","userId":"u"}', RefusalReason.MISSING),
    ('{"type":"track","event":"","userId":"u"}', RefusalReason.MISSING),
    ('{"type":"track","event":"' + "E" * 201 + '","userId":"u"}', RefusalReason.NAME_TOO_LONG),
    ('{"type":"track","event":"E","userId":"u","properties":"x"}', RefusalReason.WRONG_TYPE),
    ('{"type":"track","event":"E","userId":"u","context":[1]}', RefusalReason.WRONG_TYPE),
    ('{"type":"identify","userId":"u","traits":7}', RefusalReason.WRONG_TYPE),
    ('{"type":"alias","userId":"u"}', RefusalReason.MISSING),
    ('{"type":"alias","anonymousId":"a","previousId":"b"}', RefusalReason.MISSING),
    ('{"type":"track","event":"E","userId":"u","timestamp":"yesterday"}', RefusalReason.BAD_TIMESTAMP),
    ('{"type":"track","event":"E","userId":"u","timestamp":"1969-12-31T23:59:59Z"}', RefusalReason.BAD_TIMESTAMP),
    ('{"type":"track","event":"E","userId":"u","timestamp":"0001-01-01T00:00:00+10:00"}', RefusalReason.BAD_TIMESTAMP),
    ('{"type":"track","event":"E","userId":"u","timestamp":1e20}', RefusalReason.BAD_TIMESTAMP),
    ('{"type":"track","event":"E","userId":"u","timestamp":{"a":1}}', RefusalReason.BAD_TIMESTAMP),
    ('{"type":"purchase","event":"E","userId":"u"}', RefusalReason.UNKNOWN_TYPE),
    ('{"event":"E","userId":"u"}', RefusalReason.UNKNOWN_TYPE),
    ("7", RefusalReason.NOT_AN_OBJECT),
    ("null", RefusalReason.NOT_AN_OBJECT),
    ('"text"', RefusalReason.NOT_AN_OBJECT),
    ("[]", RefusalReason.NOT_AN_OBJECT),
    ('{"type":"track",}', RefusalReason.INVALID_JSON),
]


@pytest.mark.parametrize(
    ("item", "reason"), POISON, ids=[f"{place}-{reason}" for place, (_, reason) in enumerate(POISON)]
)
def test_a_poison_item_is_refused_by_its_place_and_the_good_ones_kept(item: str, reason: RefusalReason) -> None:
    reading = read(batch_of(GOOD, item, GOOD))
    assert [(one.index, one.reason) for one in reading.refusals] == [(1, reason)]
    assert reading.refusals[0].text
    assert [(call.name, call.ord) for call in reading.calls] == [("Good", 0), ("Good", 2)]
    assert reading.calls[0].properties == {"say": 'a "quoted" , [word] {x}'}


def test_poison_of_every_kind_in_one_batch_costs_no_good_call() -> None:
    items = [text for poison, _ in POISON if len(poison) < 10_000 for text in (GOOD, poison)]
    reading = read(batch_of(*items))
    assert [one.index for one in reading.refusals] == list(range(1, len(items), 2))
    assert [call.ord for call in reading.calls] == list(range(0, len(items), 2))


@pytest.mark.parametrize(
    "item",
    [
        '{"type":"track","event":"E","userId":42}',
        '{"type":"track","event":"E","userId":"u","properties":{"x":"back\\\\u0000slash"}}',
        '{"type":"track","event":"E","userId":"u","properties":[],"context":[]}',
        '{"type":"track","event":"E","userId":"","anonymousId":"a"}',
        '{"type":"track","event":"E","userId":"u","properties":{"x":1e99,"y":18446744073709551616}}',
        '{"type":"track","event":"E","userId":"u","properties":{"x":"😀","y":"\\ud83d\\ude00"}}',
        '{"type":"identify","traits":{"email":"aia@example.com"}}',
    ],
)
def test_what_looks_like_poison_and_is_none(item: str) -> None:
    reading = read(batch_of(item))
    assert reading.refusals == []
    assert len(reading.calls) == 1


def test_text_is_kept_in_nfc_however_it_was_written() -> None:
    for text in ("Ақ и\u0306огурт", "e\u0301"):
        plain = json.dumps({"event": text, "userId": text, "properties": {text: [text]}}, ensure_ascii=False).encode()
        escaped = json.dumps({"event": text, "userId": text, "properties": {text: [text]}}).encode()
        for raw in (plain, escaped):
            (call,) = read(raw, "track").calls
            composed = "Ақ йогурт" if "А" in text else "\u00e9"
            assert (call.name, call.user_id, call.properties) == (composed, composed, {composed: [composed]})


def test_gzip_is_known_by_its_bytes_and_a_bomb_costs_four_megabytes() -> None:
    assert len(read(gzip.compress(batch_of(GOOD))).calls) == 1
    with pytest.raises(BodyRefused) as bomb:
        read(gzip.compress(b"[" + b" " * 200_000_000))
    assert bomb.value.reason is BodyReason.TOO_LARGE


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", BodyReason.INVALID_JSON),
        (b"{", BodyReason.INVALID_JSON),
        (b"\xff\xfe{}", BodyReason.INVALID_JSON),
        (b"[]", BodyReason.NOT_AN_OBJECT),
        (b"{}", BodyReason.NO_BATCH),
        (b'{"batch":{}}', BodyReason.NO_BATCH),
        (b'{"batch":[' + b"{}," * 2500 + b"{}]}", BodyReason.TOO_MANY_ITEMS),
        (b'{"batch":[' + b"NaN," * 2500 + b"{}]}", BodyReason.TOO_MANY_ITEMS),
        (b" " * (MAX_BODY + 1), BodyReason.TOO_LARGE),
        (b"[" * MAX_BODY, BodyReason.TOO_COMPLEX),
        (b"[" * 140_000, BodyReason.INVALID_JSON),
        (b'{"batch":[' + b"[]," * 1_300_000 + b"[]]}", BodyReason.TOO_COMPLEX),
        (gzip.compress(b"{}")[:-9], BodyReason.BROKEN_GZIP),
        (b"\x1f\x8bnonsense", BodyReason.BROKEN_GZIP),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, BodyReason) else len(value),
)
def test_a_body_of_which_nothing_can_be_used_is_refused_whole(raw: bytes, reason: BodyReason) -> None:
    with pytest.raises(BodyRefused) as refused:
        read(raw)
    assert refused.value.reason is reason


def test_the_largest_batch_is_taken() -> None:
    assert len(read(batch_of(*[GOOD] * 2500)).calls) == 2500


def test_a_single_call_that_is_poison_is_refused_with_its_reason() -> None:
    reading = read(b'{"event":"E","userId":"u","properties":{"x":NaN}}', "track")
    assert [(one.index, one.reason) for one in reading.refusals] == [(0, RefusalReason.NOT_A_NUMBER)]


@pytest.mark.parametrize("kind", ["batch", "track"])
def test_what_was_refused_goes_with_its_request_without_waiting_for_the_garbage_to_be_collected(kind: str) -> None:
    """A refusal that its own frames held would keep the body, of 4 MB at most, as long as nobody collects."""
    body = parse_body(batch_of("NaN", GOOD) if kind == "batch" else b"[NaN]", batch=kind == "batch")
    watched = weakref.ref(next(item for item in body.items if isinstance(item, Refused)))
    gc.collect()
    gc.disable()
    try:
        reading = read_calls(body, path_kind=kind, received_at=NOW, source_key="k1", zone="UTC")
        assert [one.reason for one in reading.refusals] == [RefusalReason.NOT_A_NUMBER]
        read_customerio(body, received_at=NOW, source_key="k1", zone="UTC", topics=[])
        del body
        assert watched() is None
    finally:
        gc.enable()


def test_the_write_key_is_found_in_the_body() -> None:
    assert parse_body(batch_of(GOOD), batch=True).write_key == "WK"
    assert parse_body(batch_of("NaN"), batch=True).write_key == "WK"
    assert parse_body(b'{"writeKey":"WK2"}', batch=False).write_key == "WK2"
    assert parse_body(b'{"writeKey":7}', batch=False).write_key is None
