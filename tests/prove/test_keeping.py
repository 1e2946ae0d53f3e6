"""Whoever looks whether a year keeps what it must finds each thing that is broken, planted here one at a time, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.prove.keeping import broken

if TYPE_CHECKING:
    from pathlib import Path

Line = dict[str, Any]

SETTINGS = """\
timezone: Asia/Almaty
topics: {offers: {}, news: {}}
quiet_hours: {from: "21:00", to: "09:00"}
caps: [{messages: 1, per: 16h}, {messages: 2, per: 7d}]
"""
MESSAGES = {
    "cart-reminder": "topic: offers\n",
    "new-arrivals": "topic: news\n",
    "order-received": "kind: transactional\n",
}


def person(**more: object) -> Line:
    return {"userId": "ada", "messageId": "m", **more}


def sent(at: str, message: str = "new-arrivals", flow: str = "new-arrivals") -> Line:
    line = {"at": at, "kind": "message", "profile": "ada", "flow": flow, "step": message, "message": message}
    return {**line, "decision": "sent"}


def passed(at: str, flow: str, state: str, **more: str) -> Line:
    return {"at": at, "kind": "enrollment", "profile": "ada", "flow": flow, "state": state, **more}


HISTORY = [
    person(type="identify", traits={"timezone": "Europe/Berlin"}, timestamp="2026-03-01T08:00:00Z"),
    person(type="consent", topic="news", did="subscribed", timestamp="2026-03-01T08:00:00Z"),
    person(type="consent", topic="offers", did="subscribed", timestamp="2026-03-01T08:00:00Z"),
    person(type="track", event="Order Completed", properties={"cart_id": "c1"}, timestamp="2026-03-05T09:00:00Z"),
    person(type="identify", traits={"timezone": "America/New_York"}, timestamp="2026-03-20T12:00:00Z"),
    person(type="consent", topic="news", did="unsubscribed", timestamp="2026-04-01T08:00:00Z"),
]
LINES = [
    passed("2026-03-04T07:00:00Z", "abandoned-cart", "entered", key="c1"),
    passed("2026-03-04T07:30:00Z", "abandoned-cart", "entered", key="c2"),
    sent("2026-03-04T09:00:00Z", "cart-reminder", "abandoned-cart"),
    sent("2026-03-04T09:00:01Z", "order-received", "order-received"),
    sent("2026-03-05T09:00:00Z", "cart-reminder", "abandoned-cart"),
    sent("2026-03-12T09:00:00Z"),
    passed("2026-03-12T10:00:00Z", "win-back-once", "entered", key=""),
    passed("2026-03-15T10:00:00Z", "win-back-once", "exited", reason="exit_on"),
    sent("2026-03-20T08:00:00Z"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tamshy.yaml").write_text(SETTINGS, encoding="utf-8")
    for name, text in MESSAGES.items():
        (tmp_path / "messages" / name).mkdir(parents=True)
        (tmp_path / "messages" / name / "message.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_where_all_is_kept_nothing_is_found(folder: Path) -> None:
    assert broken(folder, HISTORY, LINES) == {}


@pytest.mark.parametrize(
    ("planted", "where"),
    [
        pytest.param([sent("2026-03-13T00:00:00Z")], {"caps", "quiet hours"}, id="a second one within sixteen hours"),
        pytest.param(
            [sent("2026-03-13T09:00:00Z"), sent("2026-03-15T09:00:00Z")], {"caps"}, id="a third one in a week"
        ),
        pytest.param([sent("2026-03-22T12:59:00Z")], {"quiet hours"}, id="before nine where she lives now"),
        pytest.param([sent("2026-03-16T20:00:00Z")], {"quiet hours"}, id="at nine in the evening"),
        pytest.param([sent("2026-04-01T13:00:00Z")], {"consent"}, id="after she has withdrawn"),
        pytest.param([sent("2026-02-20T12:00:00Z")], {"consent"}, id="before she has agreed"),
        pytest.param(
            [sent("2026-03-28T14:00:00Z", "cart-reminder", "abandoned-cart")], {"carts"}, id="a mail more than carts"
        ),
        pytest.param(
            [
                passed("2026-03-14T10:00:00Z", "win-back-best", "entered", key=""),
                passed("2026-03-15T10:00:00Z", "win-back-best", "exited", reason="exit_on"),
            ],
            {"groups"},
            id="in two groups at once",
        ),
        pytest.param(
            [passed("2026-12-14T10:00:00Z", "win-back-regular", "entered", key="")],
            {"groups"},
            id="a second group in a year",
        ),
    ],
)
def test_what_is_broken_is_found(planted: list[Line], where: set[str], folder: Path) -> None:
    lines = sorted([*LINES, *planted], key=lambda line: line["at"])
    assert set(broken(folder, HISTORY, lines)) == where


def test_a_cart_mail_at_the_moment_of_the_order_is_found(folder: Path) -> None:
    ordered = person(
        type="track", event="Order Completed", properties={"cart_id": "c2"}, timestamp="2026-03-05T09:00:00Z"
    )
    assert set(broken(folder, [*HISTORY, ordered], LINES)) == {"carts"}


def test_an_order_that_is_told_of_later_stops_nothing_before(folder: Path) -> None:
    told = {"timestamp": "2026-03-05T08:00:00Z", "receive_at": "2026-03-05T09:00:01Z"}
    ordered = person(type="track", event="Order Completed", properties={"cart_id": "c2"}, **told)
    assert broken(folder, [*HISTORY, ordered], LINES) == {}


def test_a_mail_to_a_lost_address_is_found(folder: Path) -> None:
    bounced = person(type="engage", message="new-arrivals", did="bounced", timestamp="2026-03-12T09:00:30Z")
    assert set(broken(folder, [*HISTORY, bounced], LINES)) == {"consent"}


def test_who_opts_out_by_a_mail_opts_out_of_its_topic(folder: Path) -> None:
    out = person(type="engage", message="new-arrivals", did="unsubscribed", timestamp="2026-03-12T09:00:30Z")
    assert set(broken(folder, [*HISTORY, out], LINES)) == {"consent"}
    other = {**out, "message": "cart-reminder"}
    assert broken(folder, [*HISTORY, other], LINES) == {}
