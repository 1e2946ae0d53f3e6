"""`/api/uncertain` and `/api/domains`: lost answers over HTTP, with an API key that has a role."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from tests.engine.deliveries import LINK, NOON, in_doubt, put

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.web.conftest import Edge


def lost(edge: Edge, count: int, workspace: int = 1) -> list[UUID]:
    ids = in_doubt(edge.conn, count, workspace)
    edge.conn.commit()
    return ids


def get(edge: Edge, path: str, key: str = "default-api-key") -> Answer:
    return edge.client.get(path, headers={"authorization": f"Bearer {key}"})


def post(edge: Edge, path: str, key: str = "default-api-key") -> Answer:
    return edge.client.post(path, headers={"authorization": f"Bearer {key}"})


def states(edge: Edge) -> list[tuple[Any, ...]]:
    return edge.rows("select state, reason, fence, next_at from delivery order by queued_at")


def test_all_that_is_known_is_listed(edge: Edge) -> None:
    (id_,) = lost(edge, 1)
    assert get(edge, "/api/uncertain").json() == {
        "items": [
            {
                "id": str(id_),
                "to": "p0@example.com",
                "message": "cart-reminder",
                "flow": "abandoned-cart",
                "step": "cart-reminder",
                "kind": "marketing",
                "subject": "You left something",
                "message_id": id_.hex,
                "queued_at": "2026-03-02T12:00:00Z",
                "begun_at": "2026-03-02T12:00:01Z",
                "since": "2026-03-02T12:01:00Z",
                "expires_at": "2026-03-03T12:00:00Z",
                "attempts": 1,
                "reason": "answer_lost",
                "reply": "timed out",
                "owner": "mx1/77",
                "connection": LINK,
            }
        ],
        "next": None,
    }


def test_the_list_is_paged_by_cursor_and_none_is_left_out(edge: Edge) -> None:
    ids = lost(edge, 7)
    seen: list[str] = []
    path = "/api/uncertain?limit=3"
    for length in (3, 3, 1):
        page = get(edge, path).json()
        assert len(page["items"]) == length
        seen += [item["id"] for item in page["items"]]
        path = f"/api/uncertain?limit=3&cursor={page['next']}"
    assert path.endswith("cursor=None")
    assert seen == [str(id_) for id_ in ids]


def test_a_word_is_kept_with_who_and_when_and_the_first_one_holds(edge: Edge) -> None:
    sent, again = lost(edge, 2)
    first = post(edge, f"/api/uncertain/{sent}/sent").json()
    who = edge.rows("select id from api_key where workspace = 1 and kind = 'api'")[0][0]
    assert first == {"id": str(sent), "did": "sent", "by": f"a (key {who})", "at": "2026-11-23T09:00:00Z", "anew": True}
    assert post(edge, f"/api/uncertain/{again}/resend").json()["anew"] is True
    edge.now += timedelta(hours=1)
    for path in (f"/api/uncertain/{sent}/sent", f"/api/uncertain/{sent}/resend"):
        assert post(edge, path).json() == {**first, "anew": False}
    assert states(edge) == [
        ("sent", "answer_lost", 2, edge.now - timedelta(hours=1)),
        ("queued", "answer_lost", 2, edge.now - timedelta(hours=1)),
    ]
    assert edge.rows("select message, did, by, at, fence from settlement order by did") == [
        (again, "resend", f"a (key {who})", edge.now - timedelta(hours=1), 1),
        (sent, "sent", f"a (key {who})", edge.now - timedelta(hours=1), 1),
    ]
    assert get(edge, "/api/uncertain").json() == {"items": [], "next": None}


def test_a_workspace_sees_and_settles_its_own_alone(edge: Edge) -> None:
    (foreign,) = lost(edge, 1, workspace=2)
    assert get(edge, "/api/uncertain").json()["items"] == []
    missing = post(edge, "/api/uncertain/00000000-0000-4000-8000-000000000000/sent")
    there = post(edge, f"/api/uncertain/{foreign}/sent")
    assert (there.status_code, there.content) == (missing.status_code, missing.content)
    assert there.json()["reason"] == "not_uncertain"
    assert states(edge)[0][0] == "uncertain"
    assert post(edge, f"/api/uncertain/{foreign}/sent", "other-api-key").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "reason"),
    [
        ("GET", "/api/uncertain", "", 401, "no_key"),
        ("GET", "/api/uncertain", "nobody's", 401, "unknown_key"),
        ("GET", "/api/uncertain", "default-write-key", 403, "write_key"),
        ("POST", "/api/uncertain", "default-api-key", 405, "method"),
        ("GET", "/api/uncertain?limit=0", "default-api-key", 400, "bad_limit"),
        ("GET", "/api/uncertain?limit=201", "default-api-key", 400, "bad_limit"),
        ("GET", "/api/uncertain?limit=99999999999999", "default-api-key", 400, "bad_limit"),
        ("GET", "/api/uncertain?limit=%D9%A3", "default-api-key", 400, "bad_limit"),
        ("GET", "/api/uncertain?cursor=x", "default-api-key", 400, "bad_cursor"),
        ("GET", "/api/uncertain?cursor=" + "_" * 32, "default-api-key", 400, "bad_cursor"),
        ("GET", "/api/uncertain?cursor=%C3%A9" + "A" * 31, "default-api-key", 400, "bad_cursor"),
        ("POST", "/api/uncertain/x/sent", "default-api-key", 400, "bad_id"),
        ("POST", "/api/uncertain/x/resend", "default-write-key", 403, "write_key"),
        ("GET", "/api/uncertain/x/sent", "default-api-key", 405, "method"),
        ("POST", "/api/domains/shop.example/resume", "default-write-key", 403, "write_key"),
        ("POST", "/api/domains", "default-api-key", 405, "method"),
    ],
)
def test_what_is_refused_says_why(edge: Edge, method: str, path: str, key: str, status: int, reason: str) -> None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = edge.client.generic(method, path, headers=headers)
    assert (answer.status_code, answer["Content-Type"], answer.json()["reason"]) == (
        status,
        "application/problem+json",
        reason,
    )


def test_a_key_that_may_only_look_settles_nothing(edge: Edge) -> None:
    (id_,) = lost(edge, 1)
    edge.conn.execute("update api_key set role = 'viewer' where kind = 'api'")
    edge.conn.commit()
    assert len(get(edge, "/api/uncertain").json()["items"]) == 1
    for path in (f"/api/uncertain/{id_}/sent", f"/api/uncertain/{id_}/resend", "/api/domains/shop.example/resume"):
        answer = post(edge, path)
        assert (answer.status_code, answer.json()["reason"]) == (403, "role")
    assert states(edge)[0][0] == "uncertain"


def test_a_paused_domain_is_listed_and_resumed_once(edge: Edge) -> None:
    (waiting,) = lost(edge, 1)
    edge.conn.execute(
        "update delivery set state = 'queued', reason = 'domain_paused', next_at = %s",
        [edge.now + timedelta(minutes=9)],
    )
    put(
        edge.conn,
        "paused_domain",
        workspace=1,
        domain="shop.example",
        paused_at=NOON,
        reply="550 5.7.26 unauthenticated",
        message=waiting,
    )
    edge.conn.commit()
    assert get(edge, "/api/domains").json() == {
        "items": [
            {
                "domain": "shop.example",
                "paused_at": "2026-03-02T12:00:00Z",
                "reply": "550 5.7.26 unauthenticated",
                "message": str(waiting),
            }
        ]
    }
    assert get(edge, "/api/domains", "other-api-key").json() == {"items": []}
    assert post(edge, "/api/domains/shop.example/resume", "other-api-key").json()["resumed"] is False
    assert states(edge)[0][3] == edge.now + timedelta(minutes=9)
    assert post(edge, "/api/domains/Shop.Example/resume").json() == {"domain": "Shop.Example", "resumed": True}
    assert post(edge, "/api/domains/shop.example/resume").json()["resumed"] is False
    assert states(edge)[0][3] == edge.now
    ((by, at),) = edge.rows("select resumed_by, resumed_at from paused_domain")
    assert (by.startswith("a (key "), at) == (True, edge.now)


def test_while_the_database_is_away_the_caller_is_told_to_come_again(edge: Edge) -> None:
    edge.down = True
    for answer in (
        get(edge, "/api/uncertain"),
        post(edge, f"/api/uncertain/{UUID(int=1)}/sent"),
        get(edge, "/api/domains"),
    ):
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
