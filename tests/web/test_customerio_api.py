"""Customer.io's Track API: its own libraries' requests, and what each means here."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.web.conftest import Edge

RECORDED = Path(__file__).parent / "fixtures" / "track"
KEY = "default-write-key"
TOLD = """
    select kind, i.name, i.properties, (select array_agg(d.kind || ' ' || d.value order by d.kind) from identifier d
    where d.profile = i.profile) from inbox i order by i.moment, i.ord
"""


def basic(key: str = KEY, site: str = "any-site") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{site}:{key}".encode()).decode()}


def ask(edge: Edge, method: str, path: str, body: object, **headers: str) -> tuple[int, Any]:
    answer = edge.client.generic(method, path, json.dumps(body), "application/json", headers=headers or basic())
    return answer.status_code, json.loads(answer.content)


@pytest.mark.parametrize("name", ["customerio-node", "customerio-python", "customerio-python.retry"])
def test_a_recorded_client_is_answered_with_200_wherever_it_is_not_about_erasing_or_devices(
    edge: Edge, name: str
) -> None:
    requests = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["requests"]
    edge.conn.execute("update api_key set digest = sha256('key1') where name = 'w' and workspace = 1")
    edge.conn.commit()
    found, said = [], []
    for request in requests:
        headers = {key: value for key, value in request["headers"].items() if key != "content-type"}
        answer = edge.client.generic(
            request["method"],
            request["path"],
            json.dumps(request["json"]),
            request["headers"]["content-type"],
            headers=headers,
        )
        found.append((request["method"], request["path"].split("/")[-1], answer.status_code))
        said.append(f"{request['path']} {request['json']}")
    refused = [one for one in found if one[2] != 200]
    assert (
        refused
        == {
            "customerio-node": [("PUT", "devices", 404), ("POST", "merge_customers", 400)],
            "customerio-python": [
                ("PUT", "devices", 404),
                ("DELETE", "dev1", 404),
                ("POST", "unsuppress", 400),
                ("DELETE", "u1", 400),
                ("POST", "merge_customers", 400),
            ],
            "customerio-python.retry": [],
        }[name]
    )
    # Without an id of its own what is said twice at one moment is one; and the clock of this test stands.
    taken = {
        text
        for one, text in zip(found, said, strict=True)
        if one[1] in {"events", "batch"} or (one[0] == "PUT" and one[2] == 200)
    }
    assert edge.rows("select count(*) from inbox where kind in ('event', 'identify')")[0][0] == len(taken)


def test_attributes_become_properties_and_an_address_as_id_is_an_address(edge: Edge) -> None:
    attributes = {"email": "Aia@Example.com", "plan": "gold", "created_at": 1_700_000_000, "anonymous_id": "d1"}
    assert ask(edge, "PUT", "/api/v1/customers/u1", attributes) == (200, {})
    assert ask(edge, "PUT", "/api/v1/customers/marat%40example.com/", {"plan": "free"}) == (200, {})
    assert ask(edge, "POST", "/api/v1/customers/marat%40example.com/events", {"name": "seen"}) == (200, {})
    assert edge.rows(TOLD) == [
        (
            "identify",
            "",
            {"email": "aia@example.com", "plan": "gold", "created_at": "2023-11-14T22:13:20Z"},
            ["anonymous_id d1", "user_id u1"],
        ),
        ("identify", "", {"email": "marat@example.com", "plan": "free"}, ["email marat@example.com"]),
        ("event", "seen", {}, ["email marat@example.com"]),
    ]


def test_an_event_keeps_its_name_its_data_its_time_and_counts_once_by_its_id(edge: Edge) -> None:
    event = {"name": "order_completed", "data": {"total": 5}, "timestamp": 1_700_000_001, "id": "01HB4"}
    for _ in range(2):
        assert ask(edge, "POST", "/api/v1/customers/u1/events", event) == (200, {})
    assert ask(edge, "POST", "/api/v1/events", {"name": "seen", "anonymous_id": "d1"}) == (200, {})
    assert ask(edge, "POST", "/api/v1/customers/u1/events", {"type": "page", "name": "/cart"}) == (200, {})
    assert [row[:3] for row in edge.rows(TOLD)] == [
        ("event", "order_completed", {"total": 5}),
        ("event", "seen", {}),
        ("event", "Page Viewed", {"name": "/cart"}),
    ]
    assert edge.rows("select occurred_at from inbox where name = 'order_completed'") == [
        (datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC),)
    ]


def test_an_entity_says_the_same_and_a_batch_keeps_its_good_ones(edge: Edge) -> None:
    person = {"type": "person", "identifiers": {"id": "u1"}}
    assert ask(edge, "POST", "/api/v2/entity", {**person, "action": "identify", "attributes": {"plan": "a"}}) == (
        200,
        {},
    )
    batch = [
        {**person, "action": "event", "name": "one", "attributes": {"a": 1}},
        {**person, "action": "event"},
        {**person, "action": "dance"},
        {"type": "object", "action": "identify", "identifiers": {"object_id": "o"}},
        {"type": "person", "action": "event", "identifiers": {"cio_id": "x"}, "name": "none"},
        "nothing",
        {**person, "action": "event", "name": "two"},
    ]
    status, body = ask(edge, "POST", "/api/v2/batch", {"batch": batch})
    assert status == 200
    assert [(error["batch_index"], error["reason"]) for error in body["errors"]] == [
        (1, "missing"),
        (2, "unknown_type"),
        (3, "unknown_type"),
        (4, "no_id"),
        (5, "not_an_object"),
    ]
    assert [row[:2] for row in edge.rows(TOLD)] == [("identify", ""), ("event", "one"), ("event", "two")]


@pytest.mark.parametrize(
    ("path", "body", "topics"),
    [
        ("PUT /api/v1/customers/u1", {"unsubscribed": True}, ["news", "offers"]),
        ("PUT /api/v1/customers/u1", {"unsubscribed": False}, []),
        (
            "PUT /api/v1/customers/u1",
            {"cio_subscription_preferences": {"topics": {"offers": False, "news": True, "else": False}}},
            ["offers"],
        ),
        ("POST /api/v1/customers/u1/suppress", {}, ["news", "offers"]),
        (
            "POST /api/v2/entity",
            {"type": "person", "action": "suppress", "identifiers": {"email": "aia@example.com"}},
            ["news", "offers"],
        ),
    ],
)
def test_what_takes_consent_away_does_and_nothing_gives_it(
    edge: Edge, path: str, body: object, topics: list[str]
) -> None:
    method, _, place = path.partition(" ")
    assert ask(edge, method, place, body) == (200, {})
    assert edge.rows(
        "select facts ->> 'topic', (facts ->> 'granted')::boolean, facts ->> 'source' from inbox where kind = 'consent' order by 1"
    ) == [(topic, False, "write_key") for topic in topics]


def test_two_ids_of_one_person_become_one(edge: Edge) -> None:
    for person in ("u1", "u2"):
        ask(edge, "PUT", f"/api/v1/customers/{person}", {"plan": person})
    both = {"primary": {"id": "u1"}, "secondary": {"id": "u2"}}
    assert ask(edge, "POST", "/api/v1/merge_customers", both) == (200, {})
    assert edge.rows("select count(distinct profile) from identifier") == [(1,)]


@pytest.mark.parametrize(
    ("path", "headers", "status", "reason"),
    [
        ("DELETE /api/v1/customers/u1", basic(), 400, "unknown_type"),
        ("POST /api/v1/customers/u1/unsuppress", basic(), 400, "unknown_type"),
        ("POST /api/v1/customers/u1", basic(), 405, "method"),
        ("GET /api/v2/batch", basic(), 405, "method"),
        ("PUT /api/v1/customers/u1", basic("nobody's"), 401, "unknown_key"),
        ("PUT /api/v1/customers/u1", basic("nobody's", KEY), 401, "unknown_key"),
        ("PUT /api/v1/customers/u1", {"accept": "*/*"}, 401, "no_key"),
        ("POST /api/v1/events", basic(), 400, "no_id"),
    ],
)
def test_what_is_refused_says_why_and_stores_nothing(
    edge: Edge, path: str, headers: dict[str, str], status: int, reason: str
) -> None:
    method, _, place = path.partition(" ")
    answer = edge.client.generic(method, place, b"{}", "application/json", headers=headers)
    assert (answer.status_code, json.loads(answer.content)["reason"]) == (status, reason)
    assert edge.rows("select count(*) from inbox") == [(0,)]


def test_while_the_database_is_away_it_is_said_to_come_again(edge: Edge) -> None:
    ask(edge, "PUT", "/api/v1/customers/u1", {})
    edge.down = True
    assert ask(edge, "POST", "/api/v1/customers/u1/events", {"name": "seen"})[0] == 503
