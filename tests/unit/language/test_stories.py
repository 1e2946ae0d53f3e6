"""Stories: every key and form, and every refusal with its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.language.shop import FLOW, said, sound

from tamshy.domain.duration import Duration
from tamshy.language.model import NOWHERE, Expectation, Position, Story, StoryEngagement, StoryEvent

PATH = "stories/s.yaml"
HEAD = "profile: {id: u1}\nstart: 2026-03-02T12:00+05:00\n"


def read(text: str) -> Story:
    return sound({PATH: text}).stories["s"]


def refusal(lines: str) -> list[str]:
    """What is refused, without its path; ``lines`` begin in line 3."""
    return [line.removeprefix(f"{PATH}:") for line in said({PATH: HEAD + lines})]


def test_all_keys() -> None:
    story = read(
        """\
flow: cart
profile: {id: u1, email: aia@example.com, timezone: Asia/Almaty, locale: kk, subscribed: [offers], vip: true, n: [1]}
start: 2026-03-02T12:00
events:
  - {at: 0m, event: Checkout Started, properties: {cart_id: c1, products: [{sku: a1, name: Ақ көйлек}]}}
  - {at: 2026-03-03T00:00Z, event: Order Completed}
engage:
  - {opened: hello, after: 20m}
  - {clicked: hello, url: https://shop.example/a, machine: true}
expect:
  - {at: 2h, sent: hello, locale: kk, subject_contains: Hello, to: aia@example.com, step: hello, flow: cart}
  - {exit: exit_on, at: 5h}
  - {skipped: hello, reason: no_consent}
  - {postponed: hello, until: 2026-03-03T09:00}
  - {entered: cart, key: 7}
  - {entered: true}
  - {refused: reentry}
expect_nothing_else: false
"""
    )
    assert story == Story(
        name="s",
        flows=("cart",),
        profile={
            "id": "u1", "email": "aia@example.com", "timezone": "Asia/Almaty", "locale": "kk", "subscribed": ["offers"],
            "vip": True, "n": [1],
        },
        start=datetime(2026, 3, 2, 7, tzinfo=UTC),
        events=(
            StoryEvent(
                Duration(),
                "Checkout Started",
                {"cart_id": "c1", "products": [{"sku": "a1", "name": "Ақ көйлек"}]},
                Position(PATH, 5, 5),
            ),
            StoryEvent(datetime(2026, 3, 3, tzinfo=UTC), "Order Completed", {}, Position(PATH, 6, 5)),
        ),
        engage=(
            StoryEngagement("opened", "hello", Duration(seconds=1200), position=Position(PATH, 8, 5)),
            StoryEngagement(
                "clicked", "hello", Duration(), "https://shop.example/a", machine=True, position=Position(PATH, 9, 5)
            ),
        ),
        expect=(
            Expectation(
                Duration(seconds=7200),
                "sent",
                "hello",
                {"locale": "kk", "subject_contains": "Hello", "to": "aia@example.com", "step": "hello", "flow": "cart"},
                Position(PATH, 11, 5),
            ),
            Expectation(Duration(seconds=18000), "exit", "exit_on", {}, Position(PATH, 12, 5)),
            Expectation(None, "skipped", "hello", {"reason": "no_consent"}, Position(PATH, 13, 5)),
            Expectation(
                None, "postponed", "hello", {"until": datetime(2026, 3, 3, 4, tzinfo=UTC)}, Position(PATH, 14, 5)
            ),
            Expectation(None, "entered", "cart", {"key": "7"}, Position(PATH, 15, 5)),
            Expectation(None, "entered", None, {}, Position(PATH, 16, 5)),
            Expectation(None, "refused", "reentry", {}, Position(PATH, 17, 5)),
        ),
        expect_nothing_else=False,
        position=Position(PATH, 1, 1),
    )  # fmt: skip


def test_a_story_runs_all_flows_and_expects_nothing_else_unless_it_says_otherwise() -> None:
    assert replace(read(HEAD), position=NOWHERE) == Story("s", (), {"id": "u1"}, datetime(2026, 3, 2, 7, tzinfo=UTC))


def test_a_story_may_run_several_flows() -> None:
    assert sound({PATH: HEAD + "flows: [cart, b]\n", "flows/b.yaml": FLOW}).stories["s"].flows == ("cart", "b")


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("flow: crt", ["3:7: unknown flow 'crt' (did you mean 'cart'?)"]),
        ("flow: cart\nflows: [cart]", ["4:8: 'flows' beside 'flow': one of the two"]),
        ("flows: []", ["3:8: 'flows' needs at least one flow; leave it out for all of them"]),
        ("event: []", ["3:1: unknown key 'event' (did you mean 'events'?) in a story"]),
        ("events: [{event: E}]", ["3:10: an event of a story needs 'at': duration after the start, or a timestamp"]),
        ("events: [{at: 0m}]", ["3:10: an event of a story needs 'event': event name"]),
        ("events: [{at: -1m, event: E}]", ["3:15: 'at' must be a duration of 0s or more"]),
        ("events: [{at: 1m, event: E, properties: []}]", [
            ("3:41: 'properties' must be a mapping of names to "
            "values, not a list")]),
        ("engage: [{after: 1m}]", [
            "3:10: an engagement of a story needs one of opened, clicked, unsubscribed, complained, bounced",
        ]),
        ("engage: [{opened: hello, clicked: hello}]", ["3:35: 'clicked' beside 'opened': one of them in a line"]),
        ("engage: [{opened: hullo}]", ["3:19: unknown message 'hullo' (did you mean 'hello'?)"]),
        ("engage: [{opened: hello, url: x}]", ["3:31: 'url' goes with 'clicked', not with 'opened'"]),
        ("expect: [{at: 1m}]", ["3:10: an expectation needs one of sent, skipped, postponed, exit, entered, refused"]),
        ("expect: [{sent: hullo}]", ["3:17: unknown message 'hullo' (did you mean 'hello'?)"]),
        ("expect: [{sent: hello, skipped: hello}]", ["3:33: 'skipped' beside 'sent': one of them in a line"]),
        ("expect: [{sent: hello, step: hullo}]", ["3:30: unknown step 'hullo' (did you mean 'hello'?)"]),
        ("expect: [{sent: hello, flow: crt, step: hello}]", ["3:30: unknown flow 'crt' (did you mean 'cart'?)"]),
        ("expect: [{exit: finishd}]", ["3:17: unknown reason 'finishd' (did you mean 'finished'?)"]),
        ("expect: [{refused: audienc}]", ["3:20: unknown reason 'audienc' (did you mean 'audience'?)"]),
        ("expect: [{skipped: hello, reason: noconsent}]", [
            "3:35: unknown reason 'noconsent' (did you mean 'no_consent'?)",
        ]),
        ("expect: [{sent: hello, subject: 5, contains: x}]", [
            "3:36: unknown key 'contains' (did you mean 'subject_contains'?) in an expectation",
        ]),
        ("expect_nothing_else: no", ["3:22: 'expect_nothing_else' must be true or false, not 'no'"]),
    ],
)  # fmt: skip
def test_what_is_no_story_is_refused(lines: str, problems: list[str]) -> None:
    assert refusal(lines) == problems


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("profile: {id: u1}\n", ["1:1: a story needs 'start': timestamp"]),
        ("start: 2026-03-02\n", [
            "1:1: a story needs 'profile': mapping: `id`, `email`, `timezone`, `locale`, `subscribed` and any property",
        ]),
        ("start: monday\nprofile: {id: u1}\n", [
            "1:8: 'start' must be a date such as 2026-12-24 or a timestamp such as 2026-12-24T10:00, not 'monday'",
        ]),
        ("start: 2026-03-02\nprofile: {city: x}\n", [
            "2:10: the profile of a story needs 'id', 'email' or 'anonymous_id'",
        ]),
        ("start: 2026-03-02\nprofile: {id: u1, timezone: Almaty, locale: kaz1, subscribed: [offer]}\n", [
            "2:29: unknown time zone 'Almaty' (did you mean 'Asia/Almaty'?)",
            "2:45: 'locale' must be a locale such as en or pt-BR, not 'kaz1'",
            "2:64: unknown topic 'offer' (did you mean 'offers'?)",
        ]),
    ],
)  # fmt: skip
def test_a_story_needs_a_shopper_and_a_beginning(text: str, problems: list[str]) -> None:
    assert [line.removeprefix(f"{PATH}:") for line in said({PATH: text})] == problems


def test_the_word_of_an_exit_step_can_be_expected() -> None:
    flow = "trigger: {event: E}\nsteps: [{exit: too-small}]\n"
    assert said({"flows/cart.yaml": flow, PATH: HEAD + "expect: [{exit: too-small}]\n"}) == []


@pytest.mark.parametrize(
    "reason",
    [
        "held_out",
        "no_address",
        "suppressed",
        "no_consent",
        "condition",
        "expired",
        "duplicate",
        "quiet_hours",
        "frequency_cap",
        "render_error",
    ],
)
def test_each_reason_of_a_decision_can_be_expected(reason: str) -> None:
    (line,) = read(HEAD + f"expect: [{{skipped: hello, reason: {reason}}}]\n").expect
    assert (line.outcome, line.what, line.checks) == ("skipped", "hello", {"reason": reason})


@pytest.mark.parametrize("reason", ["too_old", "paused", "audience", "active", "reentry"])
def test_each_reason_of_a_refusal_can_be_expected(reason: str) -> None:
    (line,) = read(HEAD + f"expect: [{{refused: {reason}}}]\n").expect
    assert (line.outcome, line.what) == ("refused", reason)


@pytest.mark.parametrize("reason", ["finished", "exit_on", "merged", "archived", "erased", "empty_pool"])
def test_each_reason_of_an_exit_can_be_expected(reason: str) -> None:
    (line,) = read(HEAD + f"expect: [{{exit: {reason}}}]\n").expect
    assert (line.outcome, line.what) == ("exit", reason)


def test_a_shopper_may_do_something_at_once() -> None:
    (deed,) = read(HEAD + "engage: [{opened: hello, after: 0s}]\n").engage
    assert deed.after == Duration()
