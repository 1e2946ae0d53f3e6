"""What is different between two workspaces, as ``plan`` prints it."""

from __future__ import annotations

import pytest
from tests.unit.language.shop import BODY, FLOW, MESSAGE, SETTINGS, sound

from tamshy.language import diff

STORY = "profile: {id: u}\nstart: 2026-03-02\nexpect: [{sent: hello}]\n"
LONG = "trigger: {event: E}\nsteps: [{wait: 1d}, {send: hello}, {wait: {until: '10:00', on: mon}}, {exit: done}]\n"


def changes(before: dict[str, str | None], after: dict[str, str | None]) -> list[str]:
    return [str(change) for change in diff(sound(before), sound(after))]


def test_everything_is_new_where_there_was_nothing() -> None:
    assert [str(change) for change in diff(None, sound({"stories/s.yaml": STORY}))] == [
        "flows/cart.yaml: added",
        "messages/hello/message.yaml: added",
        "stories/s.yaml: added",
        "tamshy.yaml: added",
    ]


def test_equal_workspaces_have_no_difference() -> None:
    assert changes({"stories/s.yaml": STORY}, {"stories/s.yaml": STORY}) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {"flows/b.yaml": FLOW}, ["flows/b.yaml: added"]),
        ({"flows/b.yaml": FLOW}, {}, ["flows/b.yaml: removed"]),
        ({}, {"flows/cart.yaml": "# why\n" + FLOW}, ["flows/cart.yaml: text changed"]),
        ({}, {"flows/cart.yaml": FLOW.replace("name: Cart", "name: Basket")}, [
            "flows/cart.yaml: name changed: Cart → Basket",
        ]),
        ({}, {"flows/cart.yaml": FLOW + "priority: 5\nexit_on: {event: X}\n"}, [
            "flows/cart.yaml: exit_on changed",
            "flows/cart.yaml: priority changed: 0 → 5",
        ]),
        (
            {},
            {"flows/cart.yaml": FLOW.replace("Checkout Started", "X")},
            ["flows/cart.yaml: trigger changed: Checkout Started → X"],
        ),
        ({"flows/cart.yaml": LONG}, {"flows/cart.yaml": LONG.replace("1d", "36h")}, [
            "flows/cart.yaml: step wait-1 changed: wait: 1d → wait: 36h",
        ]),
        ({"flows/cart.yaml": LONG}, {"flows/cart.yaml": LONG.replace("{send: hello}, ", "")}, [
            "flows/cart.yaml: step hello removed: send: hello",
        ]),
        ({"flows/cart.yaml": LONG}, {"flows/cart.yaml": LONG.replace("{exit", "{subscribe: news}, {exit")}, [
            "flows/cart.yaml: step subscribe-1 added: subscribe: news",
        ]),
        ({"flows/cart.yaml": LONG}, {"flows/cart.yaml": LONG.replace("on: mon", "on: [mon, tue], zone: UTC")}, [
            "flows/cart.yaml: step wait-2 changed: wait: until 10:00 on mon → wait: until 10:00 on mon, tue in UTC",
        ]),
        ({"flows/cart.yaml": LONG}, {"flows/cart.yaml": LONG.replace("{send: hello}", "{send: hello, expires: 2d}")}, [
            "flows/cart.yaml: step hello changed",
        ]),
        (
            {"flows/cart.yaml": "trigger: {event: E}\nsteps: [{id: a, wait: 1d}, {send: hello}]\n"},
            {"flows/cart.yaml": "trigger: {event: E}\nsteps: [{send: hello}, {id: a, wait: 1d}]\n"},
            ["flows/cart.yaml: steps changed"],
        ),
        ({}, {"messages/hello/message.yaml": MESSAGE + "utm: {campaign: x}\n"}, [
            "messages/hello/message.yaml: utm changed",
        ]),
        ({}, {"messages/hello/message.yaml": MESSAGE.replace("offers", "news")}, [
            "messages/hello/message.yaml: topic changed: offers → news",
        ]),
        ({}, {"messages/hello/en.md": BODY + "more\n"}, ["messages/hello/en.md: body en changed"]),
        ({}, {"messages/hello/ru.md": BODY, "messages/hello/en.txt": BODY}, [
            "messages/hello/en.txt: plain text en added",
            "messages/hello/ru.md: body ru added",
        ]),
        ({"messages/hello/ru.md": BODY}, {}, ["messages/hello/ru.md: body ru removed"]),
        (
            {"messages/b/message.yaml": MESSAGE, "messages/b/en.md": BODY},
            {},
            ["messages/b/message.yaml: removed"],
        ),
        ({}, {"tamshy.yaml": SETTINGS.replace("KZT", "EUR") + "caps: [{messages: 1, per: 1d}]\n"}, [
            "tamshy.yaml: currency changed: KZT → EUR",
            "tamshy.yaml: caps changed",
        ]),
        ({}, {"tamshy.yaml": SETTINGS + "attribution: {clicked: 1d, opened: 2d}\n"}, [
            ("tamshy.yaml: attribution "
            "changed")]),
        ({}, {"tamshy.yaml": SETTINGS + "# the end\n"}, ["tamshy.yaml: text changed"]),
        ({"stories/s.yaml": STORY}, {"stories/s.yaml": "\n" + STORY}, ["stories/s.yaml: text changed"]),
        ({"stories/s.yaml": STORY}, {"stories/s.yaml": STORY.replace("sent", "skipped")}, ["stories/s.yaml: changed"]),
    ],
)  # fmt: skip
def test_each_change_is_said(before: dict[str, str | None], after: dict[str, str | None], said: list[str]) -> None:
    assert changes(before, after) == said
