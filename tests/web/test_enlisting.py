"""`POST /api/flows/NAME/enrollments` and `tamshy enroll`: somebody is put into a flow by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.living import HandClock, Shop, small
from tests.web.test_flows_api import ask

from tamshy.publish import load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.site.cli import main
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from tests.web.conftest import Edge

T0 = datetime(2026, 11, 20, 9, tzinfo=UTC)
LEAD = "trigger: {manual: true}\nper: event.guide\nsteps: [{send: hello}]\n"
OTHER = "trigger: {event: Other}\nsteps: [{wait: 1h}]\n"
PATH = "/api/flows/lead/enrollments"


@pytest.fixture
def shop(edge: Edge) -> Shop:
    edge.conn.execute("delete from publication")
    edge.conn.execute("insert into lease (bucket) select generate_series(0, 127)")
    publish(edge.conn, "default", small({"lead": LEAD, "other": OTHER}), at=T0, compile_message=compile_message)
    fill_zones(edge.conn, ["UTC"])
    edge.conn.commit()
    made = Shop(edge.dsn, edge.conn, load_rulebook(edge.conn, "default"), HandClock(T0))
    made.identify("u1", T0, email="u1@example.com")
    made.work(T0)
    edge.now = T0
    return made


def test_somebody_is_put_in_once_for_each_key(edge: Edge, shop: Shop) -> None:
    body = {"profile": "u1", "event": {"guide": "roses"}, "key": "lead-1"}
    ((profile,),) = shop.query("select profile from identifier where kind = 'user_id'")
    answer = {"flow": "lead", "profile": str(profile)}
    assert ask(edge, "POST", PATH, body) == (202, answer | {"anew": True})
    assert ask(edge, "POST", PATH, body) == (202, answer | {"anew": False})
    shop.work(T0)
    assert [row[1:] for row in shop.told("u1")] == [
        ("lead", "", "entered", ""), ("lead", "hello", "sent", ""), ("lead", "", "exited", "finished"),
    ]  # fmt: skip
    assert shop.query("select properties from entry") == [({"guide": "roses"},)]


def test_without_a_key_each_request_is_another(edge: Edge, shop: Shop) -> None:
    for _ in range(2):
        status, body = ask(edge, "POST", PATH, {"profile": "u1"})
        assert (status, body["anew"]) == (202, True)
    shop.work(T0)
    assert [row[3:] for row in shop.told("u1")] == [
        ("entered", ""), ("refused", "active"), ("sent", ""), ("exited", "finished"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/api/flows/laed/enrollments", {"profile": "u1"}, 404, "unknown"),
        ("/api/flows/a%00b/enrollments", {"profile": "u1"}, 404, "unknown"),
        (PATH, {"profile": "u9"}, 404, "unknown"),
        ("/api/flows/other/enrollments", {"profile": "u1"}, 409, "not_by_hand"),
        (PATH, {}, 400, "wrong_type"),
        (PATH, {"profile": 7}, 400, "wrong_type"),
        (PATH, {"profile": "a\0b"}, 400, "nul"),
        (PATH, {"profile": "u1", "event": []}, 400, "wrong_type"),
        (PATH, {"profile": "u1", "key": ""}, 400, "wrong_type"),
        (PATH, {"profile": "u1", "evnt": {}}, 400, "unknown_field"),
        (PATH, [1], 400, "not_an_object"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(
    edge: Edge, shop: Shop, path: str, body: object, status: int, reason: str
) -> None:
    assert shop.query("select count(*) from inbox") == [(0,)]
    code, said = ask(edge, "POST", path, body)
    assert (code, said["reason"]) == (status, reason)
    assert shop.query("select count(*) from inbox") == [(0,)]


def test_only_an_api_key_may(edge: Edge, shop: Shop) -> None:
    assert shop.book.name == "default"
    assert ask(edge, "POST", PATH, {"profile": "u1"}, HTTP_AUTHORIZATION="Bearer default-write-key")[0] == 403
    assert ask(edge, "POST", PATH, {"profile": "u1"}, HTTP_AUTHORIZATION="Bearer nobody")[0] == 401
    assert ask(edge, "POST", PATH, {"profile": "u1"}, HTTP_AUTHORIZATION="Bearer other-api-key")[0] == 404
    assert ask(edge, "GET", PATH)[0] == 405


def ran(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(("enroll", *arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def command(edge: Edge, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("DATABASE_URL", edge.dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")
    return shop


def test_the_command_does_it_and_says_where_to_look(command: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("lead", "u1", "--event", '{"guide": "roses"}', "--key", "k")
    assert ran(capsys, *given) == (0, "u1 is on the way into lead; `tamshy explain u1` tells what came of it\n", "")
    assert ran(capsys, *given) == (0, "this was asked before, with the key 'k'; nothing was done\n", "")
    code, out, _ = ran(capsys, *given, "--json")
    answer: dict[str, Any] = json.loads(out)
    assert (code, answer["flow"], answer["anew"]) == (0, "lead", False)
    assert command.query("select properties, facts from inbox") == [({"guide": "roses"}, {"flow": "lead"})]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("lead", "u9"), 1, "nobody goes by 'u9'; give a user id, an address, an anonymous id or a profile's id\n"),
        (("laed", "u1"), 1, "there is no flow 'laed'; there are lead, other\n"),
        (("other", "u1"), 2, "tamshy enroll: other is not entered by hand; give it the trigger {manual: true}\n"),
        (("lead", "u1", "--event", "[]"), 2,
            "tamshy enroll: --event is one JSON object, such as '{\"guide\": \"roses\"}'\n"),
    ],
)  # fmt: skip
def test_the_command_says_what_would_be_right(
    command: Shop, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert ran(capsys, *arguments) == (code, "", said)
    assert command.query("select count(*) from inbox") == [(0,)]
