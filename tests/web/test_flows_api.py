"""`/api/flows` and `tamshy pause|resume`: what is said beforehand is what is done."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.living import HandClock, Shop, small

from tamshy.publish import load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.site.cli import main
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.web.conftest import Edge

T0 = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
CART = """\
trigger: {event: Go}
steps: [{wait: 1h}, {send: first, expires: 5h}, {wait: 1d}, {exit: done}]
"""
OTHER = "trigger: {event: Other}\nsteps: [{wait: 1h}, {exit: done}]\n"
BEARER = {"HTTP_AUTHORIZATION": "Bearer default-api-key"}


@pytest.fixture
def shop(edge: Edge) -> Shop:
    """The edge's first workspace with two flows; u0 … u5 entered the first at 9:00, …, 14:00."""
    edge.conn.execute("delete from publication")
    edge.conn.execute("insert into lease (bucket) select generate_series(0, 127)")
    publish(edge.conn, "default", small({"cart": CART, "other": OTHER}), at=T0, compile_message=compile_message)
    fill_zones(edge.conn, ["UTC"])
    edge.conn.commit()
    made = Shop(edge.dsn, edge.conn, load_rulebook(edge.conn, "default"), HandClock(T0))
    for hour in range(6):
        at = T0 + hour * HOUR
        made.identify(f"u{hour}", at, email=f"u{hour}@example.com")
        made.track(f"u{hour}", "Go", at)
        made.work(at)
    edge.now = T0 + 5 * HOUR + HOUR / 2
    return made


def ask(edge: Edge, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    given = BEARER | headers
    content = b"" if body is None else json.dumps(body).encode()
    answer = edge.client.generic(method, path, content, content_type="application/json", **given)  # type: ignore[arg-type]
    return answer.status_code, json.loads(answer.content)


def test_the_list_tells_of_every_flow(edge: Edge, shop: Shop) -> None:
    assert shop.told("u0")[-1][3] == "sent"
    status, body = ask(edge, "GET", "/api/flows")
    assert status == 200
    assert [(flow["flow"], flow["paused"], flow["inside"]) for flow in body["flows"]] == [
        ("cart", False, 6),
        ("other", False, 0),
    ]


@pytest.mark.parametrize("choice", [None, "skip", "send", "shift"])
def test_what_is_said_beforehand_is_what_is_done(edge: Edge, shop: Shop, choice: str | None) -> None:
    """Ten people are overdue when the flow goes on at 22:00, some within `expires`, some beyond."""
    at = T0 + 13 * HOUR
    edge.now = T0 + 5 * HOUR + HOUR / 2
    assert ask(edge, "POST", "/api/flows/cart/pause") == (200, {"flow": "cart", "paused": True, "changed": True})
    assert ask(edge, "POST", "/api/flows/cart/pause") == (200, {"flow": "cart", "paused": True, "changed": False})
    # Those who stood at the wait when it was paused; one more hour each makes them due at different times.
    for number in range(9):
        due = T0 + (6 + number / 2) * HOUR
        edge.conn.execute(
            "insert into profile (bucket, id, workspace, die, created_at, address, zone)"
            " values (7, %(id)s, 1, %(die)s, %(at)s, %(address)s, 'UTC')",
            {"id": f"00000000-0000-4000-8000-00000000000{number}", "die": f"user_id:p{number}", "at": T0}
            | {"address": f"p{number}@example.com"},
        )
        edge.conn.execute(
            "insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit,"
            " priority, held_out, entered_at, reached_at, due_at, work_at)"
            " select 7, %(id)s, %(id)s, 1, 'cart', live_version, '', %(id)s, true, 0, 1, 0, false, %(due)s, %(due)s,"
            " %(due)s, %(due)s from flow where name = 'cart'",
            {"id": f"00000000-0000-4000-8000-00000000000{number}", "due": due},
        )
        edge.conn.execute(
            "insert into entry values (7, %(id)s, %(id)s, 'Go', %(due)s, '{}', '{}')",
            {"id": f"00000000-0000-4000-8000-00000000000{number}", "due": due},
        )
    edge.conn.commit()
    edge.now = at
    status, said = ask(edge, "GET", "/api/flows/cart")
    # u5 was due at 15:00 and not worked by 14:30, so it is overdue too.
    overdue = [T0 + (6 + number / 2) * HOUR for number in range(9)] + [T0 + 6 * HOUR]
    in_time = sum(at - due <= 5 * HOUR for due in overdue)
    assert (status, said["paused"], said["inside"], said["overdue"], said["messages"]) == (200, True, 15, 10, 10)
    assert said["choices"] == {
        "skip": {"skipped": 10},
        "send": {"decided": 10},
        "shift": {"shifted": 15},
        "expires": {"decided": in_time, "skipped": 10 - in_time},
    }
    before: dict[str, int] = dict(edge.conn.execute("select state, count(*)::int from message group by 1").fetchall())
    body = None if choice is None else {"overdue": choice}
    assert ask(edge, "POST", "/api/flows/cart/resume", body) == (
        200,
        {"flow": "cart", "paused": False, "overdue": 10, "treated": choice or "expires"},
    )
    shop.work(at)
    after: dict[str, int] = dict(edge.conn.execute("select state, count(*)::int from message group by 1").fetchall())
    done = {state: after.get(state, 0) - before.get(state, 0) for state in ("sent", "skipped")}
    expected = {
        None: {"sent": in_time, "skipped": 10 - in_time},
        "skip": {"sent": 0, "skipped": 10},
        "send": {"sent": 10, "skipped": 0},
        "shift": {"sent": 0, "skipped": 0},
    }
    assert done == expected[choice]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "reason"),
    [
        ("GET", "/api/flows/nothing", None, 404, "unknown_flow"),
        ("POST", "/api/flows/nothing/pause", None, 404, "unknown_flow"),
        ("POST", "/api/flows/nothing/resume", None, 404, "unknown_flow"),
        ("POST", "/api/flows", None, 405, "method"),
        ("GET", "/api/flows/cart/pause", None, 405, "method"),
        ("POST", "/api/flows/cart/resume", {"overdue": "all"}, 400, "wrong_choice"),
        ("POST", "/api/flows/cart/resume", {"overdue": 1}, 400, "wrong_choice"),
        ("POST", "/api/flows/cart/resume", {"over": "skip"}, 400, "unknown_field"),
        ("POST", "/api/flows/cart/resume", [], 400, "unknown_field"),
    ],
)
def test_what_cannot_be_done_is_said(
    edge: Edge, shop: Shop, method: str, path: str, body: object, status: int, reason: str
) -> None:
    assert shop.stored
    edge.conn.execute("update flow set paused = true, paused_at = %s where name = 'cart'", [T0])
    edge.conn.commit()
    answer = ask(edge, method, path, body)
    assert (answer[0], answer[1]["reason"]) == (status, reason)
    assert edge.rows("select paused from flow where name = 'cart'") == [(True,)]


def test_it_takes_an_api_key_and_shows_ones_own_flows_alone(edge: Edge, shop: Shop) -> None:
    assert shop.stored
    for path in ("/api/flows", "/api/flows/cart"):
        assert ask(edge, "GET", path, HTTP_AUTHORIZATION="")[0] == 401
        assert ask(edge, "GET", path, HTTP_AUTHORIZATION="Bearer default-write-key")[0] == 403
    other = {"HTTP_AUTHORIZATION": "Bearer other-api-key"}
    assert ask(edge, "GET", "/api/flows", **other) == (200, {"flows": []})
    assert ask(edge, "GET", "/api/flows/cart", **other)[0] == 404
    assert ask(edge, "POST", "/api/flows/cart/pause", **other)[0] == 404


def test_the_commands_say_and_do_the_same(
    edge: Edge, shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.stored
    monkeypatch.setenv("DATABASE_URL", edge.dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")
    # The shop's clock stands where the flow's people are overdue.
    monkeypatch.setenv("TAMSHY_CLOCK", "2026-11-20T22:00:00Z@2026-11-20T22:00:00Z*0.0000001")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().out

    edge.conn.commit()
    assert run("resume", "cart") == (0, "cart does not stand still; there is nothing to resume\n")
    assert run("pause", "cart") == (0, "cart stands still\n")
    assert run("pause", "cart") == (0, "cart stood still already\n")
    code, said = run("resume", "cart", "--dry-run")
    assert (code, said.splitlines()[0]) == (0, "cart: for 1 of 6 people something was due meanwhile")
    assert "--overdue skip:    1 messages are skipped" in said
    told: Callable[[], Any] = lambda: json.loads(run("resume", "cart", "--dry-run", "--json")[1])  # noqa: E731
    assert (told()["paused"], told()["overdue"], told()["resumed"]) == (True, 1, False)
    code, said = run("resume", "cart", "--overdue", "skip")
    assert (code, said.splitlines()[-1]) == (0, "cart goes on; 1 people were overdue")
    assert told()["paused"] is False
    assert main(["pause", "nothing"]) == 2
