"""`/api/report` and `tamshy report`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.web.test_flows_api import T0, ask, shop

from tamshy.site.cli import main

if TYPE_CHECKING:
    from tests.engine.living import Shop
    from tests.web.conftest import Edge

__all__ = ["shop"]


def test_the_api_tells_of_all_flows_and_of_one(edge: Edge, shop: Shop) -> None:
    assert shop.told("u0")[-1][3] == "sent"
    status, body = ask(edge, "GET", "/api/report")
    assert status == 200
    assert [(flow["flow"], flow["people"]) for flow in body["flows"]] == [("cart", 6), ("other", 0)]
    status, one = ask(edge, "GET", "/api/report/cart")
    assert (status, one["flows"]) == (200, body["flows"][:1])
    (mail,) = one["flows"][0]["mails"]
    assert (mail["step"], mail["message"], mail["sent"], mail["people"]) == ("first", "first", 5, 5)
    assert mail["opened"]["per_person"] == {"estimate": 0.0, "low": 0.0, "high": pytest.approx(0.434482, abs=1e-6)}


def test_the_api_refuses_what_is_not_there_and_whoever_may_not(edge: Edge, shop: Shop) -> None:
    assert shop.book.name == "default"
    assert ask(edge, "GET", "/api/report/crat")[0] == 404
    assert ask(edge, "POST", "/api/report")[0] == 405
    assert ask(edge, "GET", "/api/report", HTTP_AUTHORIZATION="Bearer default-write-key")[0] == 403


def test_the_command_prints_it(
    edge: Edge, shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.clock.at >= T0
    monkeypatch.setenv("DATABASE_URL", edge.dsn)
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")
    assert main(("report",)) == 0
    assert capsys.readouterr().out == (
        "cart: 6 people entered\n"
        "  first: sent 5, opened 0.0 % (0.0 % to 43.4 %), clicked 0.0 % (0.0 % to 43.4 %)\n"
        "\n"
        "other: 0 people entered\n"
    )
    assert main(("report", "cart", "--json")) == 0
    assert json.loads(capsys.readouterr().out)["flow"] == "cart"
    assert main(("report", "crat")) == 1
    assert capsys.readouterr().err == "there is no flow 'crat'; there are cart, other\n"
