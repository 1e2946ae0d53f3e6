"""Segment's HTTP API: what clients send is stored before they are told so, and "later" never loses anything."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tamshy.api import wiring

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.web.conftest import Edge

RECORDED = sorted((Path(__file__).parent / "fixtures").glob("*.json"))
OK = b'{"success":true}'
KEY = "default-write-key"


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


def post(edge: Edge, path: str, body: bytes | dict[str, Any], **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {key.replace("_", "-"): value for key, value in headers.items()} or basic(KEY)
    return edge.client.generic("POST", path, raw, content_type="text/plain", headers=given)


def track(number: int = 0, **more: object) -> dict[str, Any]:
    return {"type": "track", "event": "E", "userId": "u1", "messageId": f"m{number}", **more}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_client_is_answered_with_exactly_success_and_stored(edge: Edge, path: Path) -> None:
    for key in ("WK", "k:s", "sk_eu_abc"):
        calls_key(edge, key)
    expected: dict[str, int] = {}
    for request in json.loads(path.read_text(encoding="utf-8"))["requests"]:
        body = json.dumps(request["json"]).encode() if "json" in request else b""
        if request["encoding"].startswith("gzip"):
            body = gzip.compress(body)
        headers = {key: value for key, value in request["headers"].items() if key != "content-type"}
        answer = edge.client.generic(
            request["method"],
            request["path"],
            body,
            content_type=request["headers"].get("content-type", "application/octet-stream"),
            headers=headers,
            query_params=request["query"],
        )
        if request["method"] == "POST":
            assert (answer.status_code, answer.content) == (200, OK)
            for item in request["json"].get("batch", [request["json"]]):
                expected[item["messageId"]] = 1
        elif request["method"] == "OPTIONS":
            assert answer.status_code == 204
        elif "analytics.js" in request["path"]:
            assert answer.status_code == 404
        else:
            assert answer.status_code == 200
    assert edge.rows("select count(*) from seen_message") == [(len(expected),)]


def calls_key(edge: Edge, secret: str) -> None:
    """Add a write key as short as those of the recordings."""
    edge.conn.execute(
        "insert into api_key (id, workspace, kind, role, name, digest, created_at)"
        " values (gen_random_uuid(), 1, 'write', 'write', 'recorded', sha256(%s::bytea), '2026-01-01')",
        [secret],
    )
    edge.conn.commit()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/track", "E"),
        ("/v1/t", "E"),
        ("/v1/t/", "E"),
        ("/v1/page", "Page Viewed"),
        ("/v1/p", "Page Viewed"),
        ("/v1/screen", "Screen Viewed"),
        ("/v1/s", "Screen Viewed"),
        ("/api/s/track", "E"),
        ("/api/s/s2s/page", "Page Viewed"),
    ],
)
def test_a_path_says_what_a_call_is(edge: Edge, path: str, name: str) -> None:
    assert post(edge, path, {"event": "E", "userId": "u1"}).content == OK
    assert edge.rows("select kind, name, moment from inbox") == [("event", name, edge.now)]


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/i"])
def test_an_identify_is_kept_with_its_traits(edge: Edge, path: str) -> None:
    post(edge, path, {"userId": "u1", "traits": {"email": "aia@example.com"}})
    assert edge.rows("select kind, properties, facts from inbox") == [
        ("identify", {"email": "aia@example.com"}, {"address": "aia@example.com"})
    ]


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b"])
def test_a_batch_answers_for_each_bad_item_by_its_place_and_keeps_the_good_ones(edge: Edge, path: str) -> None:
    batch = [track(0), {"type": "track", "event": "E"}, track(2), {"type": "gossip", "userId": "u1"}]
    answer = post(edge, path, {"batch": batch})
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert [(one["index"], one["reason"]) for one in answer.json()["rejected"]] == [(1, "no_id"), (3, "unknown_type")]
    assert edge.rows("select count(*) from inbox") == [(2,)]
    assert edge.counts.value("tamshy_ingest_calls_total", outcome="accepted") == 2
    assert edge.counts.value("tamshy_ingest_calls_total", outcome="refused", reason="no_id") == 1


def test_a_single_poison_call_is_refused_with_a_problem(edge: Edge) -> None:
    answer = post(edge, "/v1/track", b'{"event":"E","userId":"u\\u0000"}')
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    problem = answer.json()
    assert (problem["reason"], problem["status"], problem["title"]) == ("nul", 400, "Bad Request")
    assert problem["type"] == "urn:tamshy:problem:nul"
    assert edge.rows("select count(*) from inbox") == [(0,)]


def test_what_is_sent_again_is_accepted_and_does_nothing(edge: Edge) -> None:
    for _ in range(3):
        assert post(edge, "/v1/batch", {"batch": [track(1), track(2)]}).content == OK
    assert edge.rows("select count(*) from inbox") == [(2,)]
    assert edge.counts.value("tamshy_ingest_calls_total", outcome="repeated") == 4


def test_the_same_message_id_from_another_source_is_another_call(edge: Edge) -> None:
    calls_key(edge, "second-write-key")
    post(edge, "/v1/track", track(1))
    post(edge, "/v1/track", track(1), **basic("second-write-key"))
    assert edge.rows("select count(*) from inbox") == [(2,)]


@pytest.mark.parametrize(
    "headers",
    [
        basic(KEY),
        {"authorization": "basic " + base64.b64encode(f"{KEY}:ignored".encode()).decode()},
        {"authorization": f"Bearer {KEY}"},
        {"x-write-key": KEY},
        {"user-agent": "key in the body"},
    ],
    ids=["basic", "basic with password", "bearer", "x-write-key", "body"],
)
def test_a_write_key_arrives_in_many_ways(edge: Edge, headers: dict[str, str]) -> None:
    body = track(writeKey=KEY) if "user-agent" in headers else track()
    assert post(edge, "/v1/track", body, **headers).content == OK


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"user-agent": "nothing"}, "no_key"),
        (basic("unknown-key"), "unknown_key"),
        ({"authorization": "Bearer"}, "no_key"),
        ({"authorization": "Basic !!!"}, "no_key"),
        ({"authorization": "Digest x"}, "no_key"),
        (basic("x" * 600), "unknown_key"),
    ],
    ids=["none", "unknown", "empty bearer", "broken basic", "another scheme", "endless"],
)
def test_a_call_without_a_good_key_is_refused(edge: Edge, headers: dict[str, str], reason: str) -> None:
    answer = post(edge, "/v1/track", track(), **headers)
    assert (answer.status_code, answer.json()["reason"]) == (401, reason)
    assert edge.rows("select count(*) from inbox") == [(0,)]


def test_a_key_opens_its_own_workspace_only(edge: Edge) -> None:
    post(edge, "/v1/track", track(), **basic("other-write-key"))
    assert edge.rows("select workspace, bucket >= 64 from inbox") == [(2, True)]
    assert edge.rows("select workspace from identifier") == [(2,)]


def test_a_revoked_key_is_dead_within_a_minute(edge: Edge) -> None:
    assert post(edge, "/v1/track", track(1)).status_code == 200
    edge.conn.execute("update api_key set revoked_at = now()")
    edge.conn.commit()
    edge.seconds += 60
    assert post(edge, "/v1/track", track(2)).status_code == 401


def test_gzip_is_taken_whatever_the_headers_call_it(edge: Edge) -> None:
    raw = gzip.compress(json.dumps({"batch": [track()]}).encode())
    answer = edge.client.generic(
        "POST", "/v1/batch", raw, content_type="application/x-www-form-urlencoded", headers=basic(KEY)
    )
    assert answer.content == OK


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "invalid_json"),
        (b'{"batch":7}', 400, "no_batch"),
        (b" " * (4 * 1024 * 1024 + 1), 413, "body_too_large"),
        (gzip.compress(b" " * 50_000_000), 413, "body_too_large"),
        (b'{"batch":[' + b"1," * 2500 + b"1]}", 413, "too_many_items"),
        (b"\x1f\x8bx", 400, "broken_gzip"),
    ],
    ids=["json", "batch", "large", "bomb", "many", "gzip"],
)
def test_a_body_of_which_nothing_can_be_used(edge: Edge, body: bytes, status: int, reason: str) -> None:
    answer = post(edge, "/v1/batch", body)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_while_the_database_is_away_clients_are_told_to_come_again(edge: Edge) -> None:
    edge.down = True
    answer = post(edge, "/v1/track", track())
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    edge.down = False
    assert post(edge, "/v1/track", track()).content == OK
    edge.down, edge.seconds = True, edge.seconds + 1
    assert post(edge, "/v1/track", track(2)).status_code == 503


def test_more_than_can_be_stored_at_once_is_told_to_come_again(edge: Edge) -> None:
    wiring.install(replace(edge.wirings[0], most_at_once=1))
    with edge.wirings[0].admission.inside(1):
        answer = post(edge, "/v1/track", track())
    assert (answer.status_code, answer["Retry-After"], answer.json()["reason"]) == (429, "1", "too_many_at_once")
    assert post(edge, "/v1/track", track()).content == OK


def test_nothing_is_said_to_be_stored_that_was_not_committed(edge: Edge) -> None:
    edge.cut = True
    answer = post(edge, "/v1/track", track())
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    edge.cut = False
    assert edge.rows("select count(*) from inbox") == [(0,)]
    assert post(edge, "/v1/track", track()).content == OK
    assert edge.rows("select count(*) from inbox") == [(1,)]


def test_pages_of_any_host_may_send_calls(edge: Edge) -> None:
    asked = edge.client.options(
        "/v1/t",
        headers={
            "origin": "https://shop.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "sentat,rsa-retry-attempt",
        },
    )
    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Origin"] == "*"
    allowed = {name.strip() for name in asked["Access-Control-Allow-Headers"].split(",")}
    assert allowed >= {"authorization", "content-type", "x-retry-count", "anonymousid", "x-write-key"}
    # RudderStack's library sends these too, and more of its own with every version.
    assert allowed >= {"sentat", "rsa-retry-attempt"}
    assert "POST" in asked["Access-Control-Allow-Methods"]
    for body in (track(), {}):
        answer = post(edge, "/v1/t", body, origin="https://shop.example", **basic(KEY))
        assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in asked


def test_only_post_sends_calls(edge: Edge) -> None:
    assert edge.client.get("/v1/track", headers=basic(KEY)).status_code == 405


def test_segments_settings_say_where_to_send_and_measure_nothing(edge: Edge) -> None:
    answer = edge.client.get(f"/v1/projects/{KEY}/settings", headers={"origin": "https://shop.example"})
    assert answer["Access-Control-Allow-Origin"] == "*"
    found = answer.json()
    assert found["integrations"]["Segment.io"]["apiHost"] == "testserver/v1"
    assert found["integrations"]["Segment.io"]["protocol"] == "http"
    assert found["integrations"]["Segment.io"]["apiKey"] == KEY
    assert found["metrics"] == {"sampleRate": 0}
    wiring.install(replace(edge.wirings[0], base_url="https://mail.shop.example/tamshy"))
    found = edge.client.get(f"/v1/projects/{KEY}/settings").json()
    assert found["integrations"]["Segment.io"]["apiHost"] == "mail.shop.example/tamshy/v1"
    assert found["integrations"]["Segment.io"]["protocol"] == "https"


def test_rudders_settings_let_it_send(edge: Edge) -> None:
    found = edge.client.get("/sourceConfig/", headers=basic(KEY)).json()
    assert (found["source"]["enabled"], found["source"]["writeKey"]) == (True, KEY)
    assert edge.client.get("/sourceConfig/", query_params={"writeKey": KEY}).status_code == 200


@pytest.mark.parametrize("path", ["/v1/projects/unknown/settings", "/sourceConfig/?writeKey=unknown"])
def test_settings_are_told_to_known_keys_only(edge: Edge, path: str) -> None:
    assert edge.client.get(path).status_code == 404
