"""Consent by API key: recorded with its evidence, and by nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tamshy.domain.call import Call, CallKind
from tamshy.domain.ids import profile_id
from tamshy.ingest import WorkspaceRef, store

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.web.conftest import Edge

GRANT = {
    "topic": "offers",
    "consent": "granted",
    "time": "2026-11-22T10:00:00+05:00",
    "wording": "Send me offers",
    "proof": {"form": "checkout", "ip": "192.0.2.7"},
}


def put(edge: Edge, profile: str, body: object, key: str = "default-api-key") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = f"/api/profiles/{profile}/consent"
    return edge.client.generic("PUT", path, raw, headers={"authorization": f"Bearer {key}"})


def consents(edge: Edge) -> list[tuple[Any, ...]]:
    return edge.rows("select profile, name, facts, occurred_at::text, origin from inbox where kind = 'consent'")


def test_a_grant_is_kept_with_its_evidence(edge: Edge) -> None:
    answer = put(edge, "u1", GRANT)
    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    ((profile, name, facts, occurred, origin),) = consents(edge)
    assert (profile, name, origin) == (profile_id("default", "user_id:u1"), "Subscribed", 1)
    assert occurred == "2026-11-22 05:00:00+00"
    assert (facts["topic"], facts["granted"], facts["source"]) == ("offers", True, "api")
    assert facts["evidence"]["wording"] == "Send me offers"
    assert facts["evidence"]["proof"] == {"form": "checkout", "ip": "192.0.2.7"}
    assert set(facts["evidence"]) == {"wording", "proof", "key"}


def test_a_withdrawal_needs_neither_time_nor_proof(edge: Edge) -> None:
    assert put(edge, "u1", {"topic": "news", "consent": "withdrawn"}).status_code == 200
    ((_, name, facts, occurred, _),) = consents(edge)
    assert (name, facts["topic"], facts["granted"]) == ("Unsubscribed", "news", False)
    assert occurred == "2026-11-23 09:00:00+00"


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        ({"status": "granted"}, True),
        ({"state": "withdrawn"}, False),
        ({"did": "subscribed"}, True),
        ({"consent": "unsubscribed"}, False),
        ({"granted": True}, True),
        ({"granted": False}, False),
        ({"withdrawn": True}, False),
    ],
)
def test_other_ways_to_say_it_are_understood(edge: Edge, said: dict[str, object], granted: bool) -> None:  # noqa: FBT001
    assert put(edge, "u1", {"topic": "news", "timestamp": "2026-11-22T10:00:00+05:00", **said}).status_code == 200
    ((_, _, facts, occurred, _),) = consents(edge)
    assert (facts["granted"], occurred) == (granted, "2026-11-22 05:00:00+00")


@pytest.mark.parametrize("said", [{}, {"granted": "yes"}, {"consent": True}, {"granted": True, "status": "withdrawn"}])
def test_what_does_not_say_it_is_refused(edge: Edge, said: dict[str, object]) -> None:
    answer = put(edge, "u1", {"topic": "news", **said})
    assert (answer.status_code, json.loads(answer.content)["reason"]) == (400, "wrong_type")
    assert consents(edge) == []


def test_the_same_consent_sent_again_is_the_same(edge: Edge) -> None:
    for _ in range(2):
        put(edge, "u1", GRANT)
    assert len(consents(edge)) == 1
    put(edge, "u1", {**GRANT, "consent": "withdrawn"})
    assert len(consents(edge)) == 2


def test_a_profile_may_be_named_by_its_own_id(edge: Edge) -> None:
    shop = WorkspaceRef(id=1, name="default", buckets=64, zone="UTC")
    store(edge.conn, shop, [Call(CallKind.TRACK, edge.now, edge.now, anonymous_id="a1", name="E")])
    edge.conn.commit()
    visitor = profile_id("default", "anonymous_id:a1")
    assert put(edge, str(visitor), GRANT).status_code == 200
    assert [row[0] for row in consents(edge)] == [visitor]


def test_a_user_id_may_look_like_a_path_or_a_profile(edge: Edge) -> None:
    odd = "5f1b9e1c-0000-4000-8000-000000000000"
    assert put(edge, odd, GRANT).status_code == 200
    assert put(edge, "shop%2Fu%201", GRANT).status_code == 200
    assert {value for (value,) in edge.rows("select value from identifier")} == {odd, "shop/u 1"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "invalid_json"),
        (b"[]", "not_an_object"),
        ({"topic": "offerz", "consent": "granted"}, "unknown_topic"),
        ({"consent": "granted"}, "unknown_topic"),
        ({"topic": "letters", "consent": "granted"}, "unknown_topic"),
        ({"topic": "offers", "consent": "yes"}, "wrong_type"),
        ({"topic": "offers", "consent": True}, "wrong_type"),
        ({"topic": "offers", "consent": "granted", "time": "then"}, "bad_timestamp"),
        ({"topic": "offers", "consent": "granted", "wordings": "x"}, "unknown_field"),
        (b'{"topic":"offers","consent":"granted","proof":"\\u0000"}', "nul"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_its_reason(edge: Edge, body: object, reason: str) -> None:
    answer = put(edge, "u1", body)
    assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    assert consents(edge) == []


def test_a_slip_in_a_topic_is_told(edge: Edge) -> None:
    assert "did you mean `offers`?" in put(edge, "u1", {"topic": "offerz", "consent": "granted"}).json()["detail"]


@pytest.mark.parametrize(("key", "status"), [("default-write-key", 403), ("unknown-key", 401), ("", 401)])
def test_rule_23_a_write_key_never_grants(edge: Edge, key: str, status: int) -> None:
    assert put(edge, "u1", GRANT, key=key).status_code == status
    assert consents(edge) == []


def test_a_key_records_in_its_own_workspace_only(edge: Edge) -> None:
    assert put(edge, "u1", {"topic": "letters", "consent": "granted"}, key="other-api-key").status_code == 200
    assert edge.rows("select workspace from inbox") == [(2,)]


def test_consent_is_recorded_by_put_alone(edge: Edge) -> None:
    headers = {"authorization": "Bearer default-api-key"}
    for method in ("GET", "POST", "DELETE"):
        answer = edge.client.generic(method, "/api/profiles/u1/consent", json.dumps(GRANT).encode(), headers=headers)
        assert answer.status_code == 405


def test_while_the_database_is_away_the_shop_is_told_to_come_again(edge: Edge) -> None:
    edge.down = True
    answer = put(edge, "u1", GRANT)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
