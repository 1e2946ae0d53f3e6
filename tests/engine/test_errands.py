"""Webhooks and notices: asked for by a pass, run outside of it, and the answer kept with who waits for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small
from tests.engine.webhooks import Receiver, receiver

from tamshy.errand import PAUSES, Answer, Errands, Notice, Outcome, Reach, buckets_due, signing_key
from tamshy.explain import explain, lines
from tamshy.publish import pause, resume
from tamshy.sqlkit import Error, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.minutes(0.7)

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECRETS = ("new" * 12, "old" * 12)
HEAD = "trigger: {event: Go}\nreentry: always\nexit_on: {event: Stop}\n"


def flow(webhook: str, *, more: str = "") -> str:
    arms = "[{if: {vars.ask.score: {gte: 5}}, steps: [{exit: good}]}]"
    return f"{HEAD}{more}steps:\n  - {{id: ask, webhook: {webhook}}}\n  - branch: {arms}\n  - exit: other\n"


@dataclass
class Inbox:
    """Where notices go in these tests."""

    answer: Answer = field(default_factory=lambda: Answer(Outcome.DONE, reply="taken"))
    notices: list[Notice] = field(default_factory=list)

    def __call__(self, notice: Notice) -> Answer:
        self.notices.append(notice)
        return self.answer


@dataclass
class Outside:
    """A shop with a receiver of its webhooks, and who runs its errands."""

    shop: Shop
    hooks: Receiver
    inbox: Inbox
    errands: Errands

    def publish(self, text: str) -> None:
        self.shop.publish(small({"flow": text}), T0)

    def enter(self, *users: str, **properties: object) -> None:
        for user in users:
            self.shop.identify(user, T0, email=f"{user}@example.com", city="Алматы")
            self.shop.track(user, "Go", T0, **properties)
        self.shop.work(T0)

    def run(self, at: datetime) -> int:
        """Run what is due at a moment, then let the engine go on."""
        self.shop.clock.at = at
        with connect(self.shop.dsn, autocommit=True) as conn:
            ended = self.errands.run(conn, buckets_due(conn, at)) + self.errands.drain(conn)
        self.shop.work(at)
        return ended


@pytest.fixture
def outside(dsn: str) -> Iterator[Outside]:
    """A shop with nobody in it, whose webhooks reach this machine."""
    with connect(dsn) as conn, receiver() as hooks:
        book = found_shop(
            conn, small({"flow": "trigger: {event: Go}\nsteps: [{wait: 1h}]\n"}), buckets=2, zones=["UTC"]
        )
        clock, inbox = HandClock(T0), Inbox()
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        errands = Errands(inbox, lambda shop: [signing_key(one, shop) for one in SECRETS], clock.now, "one", reach)
        yield Outside(Shop(dsn, conn, book, clock), hooks, inbox, errands)
        errands.close()


def state(outside: Outside) -> list[tuple[object, ...]]:
    return outside.shop.query("select state, attempts, waits, reply from errand order by id")


def left(outside: Outside) -> list[object]:
    return [row[0] for row in outside.shop.query("select exit_reason from enrollment order by entered_at, id")]


def test_a_webhook_is_called_signed_and_its_answer_branches(outside: Outside) -> None:
    body = "{who: '{{ profile.email }}', city: '{{ profile.city }}', n: 5, deep: ['{{ event.value }}']}"
    url = f"{outside.hooks.url}/ask?u={{{{ event.value }}}}"
    outside.publish(
        flow(f'{{url: "{url}", headers: {{X-City: "{{{{ profile.city }}}}", X-Token: abc}}, body: {body}}}')
    )
    outside.enter("u1", value=7)
    assert outside.hooks.heard == []
    assert left(outside) == [None]
    outside.hooks.answer(200, b'{"score": 6}')
    assert outside.run(T0) == 1
    (heard,) = outside.hooks.heard
    assert (heard.method, heard.path) == ("POST", "/ask?u=7")
    assert json.loads(heard.body) == {"who": "u1@example.com", "city": "Алматы", "n": 5, "deep": [7]}
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["host"] == f"receiver.example:{outside.hooks.port}"
    assert (heard.headers["x-city"], heard.headers["x-token"]) == ("??????", "abc")
    errand = outside.shop.query("select id from errand")[0][0]
    assert heard.headers["webhook-id"] == f"msg_{errand.hex}"  # type: ignore[attr-defined]
    assert heard.headers["webhook-timestamp"] == str(int(T0.timestamp()))
    said = f"msg_{errand.hex}.{int(T0.timestamp())}.".encode() + heard.body  # type: ignore[attr-defined]
    keys = [hmac.new(one.encode(), f"webhooks|{NAME}".encode(), hashlib.sha256).digest() for one in SECRETS]
    signed = [base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode() for key in keys]
    assert heard.headers["webhook-signature"] == f"v1,{signed[0]} v1,{signed[1]}"
    assert left(outside) == ["good"]
    assert outside.shop.query("select vars from enrollment") == [({"ask": {"score": 6}},)]
    assert state(outside) == [("done", 1, False, "200 OK")]


def test_others_go_on_meanwhile_and_an_exit_ends_the_waiting(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    outside.shop.track("u1", "Stop", T0 + HOUR)
    outside.shop.work(T0 + HOUR)
    assert left(outside) == ["exit_on"]
    assert outside.run(T0 + HOUR) == 0
    assert outside.hooks.heard == []
    assert state(outside) == [("withdrawn", 0, False, None)]


def test_it_is_tried_again_with_the_same_id_and_given_up_after_more_than_a_day(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/', method: PUT}}"))
    outside.enter("u1")
    outside.hooks.answer(500)
    at, tries = T0, []
    while (due := outside.shop.query("select next_at from errand where state = 'queued'")) and isinstance(
        due[0][0], datetime
    ):
        assert due[0][0] >= at
        at = due[0][0]
        tries.append(at)
        assert outside.run(at - timedelta(microseconds=1)) == 0
        assert outside.run(at) == 1
    assert len(tries) == len(PAUSES) + 1 == len(outside.hooks.heard)
    pauses = [after - before for before, after in pairwise(tries)]
    assert all(least <= pause <= least * 1.1 for least, pause in zip(PAUSES, pauses, strict=True))
    assert tries[-1] - tries[0] >= timedelta(hours=24)
    assert {heard.headers["webhook-id"] for heard in outside.hooks.heard} == {
        outside.hooks.heard[0].headers["webhook-id"]
    }
    assert {heard.method for heard in outside.hooks.heard} == {"PUT"}
    assert state(outside) == [("failed", 9, False, "500 Internal Server Error")]
    assert left(outside) == ["other"]
    assert outside.shop.told("u1")[-2][2:] == ("", "webhook_failed", "went_on")


@pytest.mark.parametrize(
    ("status", "body", "ends", "reply"),
    [
        (204, b"", "done", "204 No Content"),
        (200, b"x" * 65_537, "queued", "200 OK, with an answer of more than 64 kB"),
        (302, b"", "queued", "302 Found: redirects are not followed; give the address they lead to"),
        (410, b"", "failed", "410 Gone"),
        (404, b"", "queued", "404 Not Found"),
    ],
)
def test_what_an_answer_means(outside: Outside, status: int, body: bytes, ends: str, reply: str) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    outside.hooks.answer(status, body, Location=f"{outside.hooks.url}/elsewhere")
    outside.run(T0)
    assert [(row[0], row[3]) for row in state(outside)] == [(ends, reply)]
    assert [heard.path for heard in outside.hooks.heard] == ["/"]


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", None),
        (b"yes", "yes"),
        (b'"yes"', "yes"),
        (b'{"a": "\\u0000"}', {"a": "\ufffd"}),
        (b'{"a": "\\ud800"}', {"a": "?"}),
        (b'{"a": NaN}', '{"a": NaN}'),
        (b'{"a": 1e999}', '{"a": 1e999}'),
        (b"[" * 5000, "[" * 5000),
        (b"\xff\x00", "\ufffd\ufffd"),
        (b"9" * 2000, "9" * 2000),
    ],
    ids=["nothing", "text", "JSON text", "NUL", "surrogate", "NaN", "infinity", "deep", "bytes", "long number"],
)
def test_any_answer_can_be_kept(outside: Outside, body: bytes, kept: object) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    outside.hooks.answer(200, body)
    outside.run(T0)
    assert outside.shop.query("select vars -> 'ask' from enrollment") == [(kept,)]
    assert left(outside) == ["other"]


def test_a_claim_whose_owner_died_is_run_again(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    outside.shop.query(
        "update errand set state = 'under_way', attempts = 1, fence = 1, next_at = next_at + '2 minutes' returning 1"
    )
    assert outside.run(T0) == 0
    assert outside.run(T0 + timedelta(minutes=2)) == 1
    assert state(outside)[0][:3] == ("done", 2, False)


def test_who_lost_the_claim_records_nothing(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    with connect(outside.shop.dsn, autocommit=True) as conn:
        (bucket,) = buckets_due(conn, T0)
        (claim,) = outside.errands._claimed(conn, bucket, 1)
        conn.execute("update errand set fence = fence + 1")
        outside.errands._under_way[outside.errands._threads.submit(outside.errands._try, claim)] = claim
        outside.errands.drain(conn)
    assert state(outside) == [("under_way", 1, True, None)]


def test_an_answer_is_kept_while_the_database_is_away(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.enter("u1")
    outside.shop.clock.at = T0
    with connect(outside.shop.dsn, autocommit=True) as conn:
        (bucket,) = buckets_due(conn, T0)
        (claim,) = outside.errands._claimed(conn, bucket, 1)
        outside.errands._under_way[outside.errands._threads.submit(outside.errands._try, claim)] = claim
    with pytest.raises(Error):
        outside.errands.drain(conn)
    with connect(outside.shop.dsn, autocommit=True) as conn:
        assert outside.errands.drain(conn) == 1
    assert (len(outside.hooks.heard), state(outside)[0][:3]) == (1, ("done", 1, True))


def test_a_claim_holds_on_while_its_try_lasts(outside: Outside) -> None:
    said = threading.Event()

    def slow(notice: Notice) -> Answer:
        said.wait(20)
        return outside.inbox(notice)

    outside.errands.post = slow
    outside.publish("trigger: {event: Go}\nsteps: [{notify: {to: team@shop.example, subject: s, text: t}}]\n")
    outside.enter("u1")
    with connect(outside.shop.dsn, autocommit=True) as conn:
        outside.shop.clock.at = T0
        assert outside.errands.run(conn, buckets_due(conn, T0)) == 0
        for minutes in (1, 2, 3):
            outside.shop.clock.at = T0 + timedelta(minutes=minutes)
            outside.errands.run(conn, buckets_due(conn, outside.shop.clock.at))
        said.set()
        assert outside.errands.drain(conn) == 1
    assert (len(outside.inbox.notices), state(outside)[0][:2]) == (1, ("done", 1))


def test_who_is_called_for_is_not_merged_meanwhile(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/'}}"))
    outside.shop.visit("d1", "Go", T0)
    outside.shop.work(T0)
    with connect(outside.shop.dsn, autocommit=True) as conn:
        (bucket,) = buckets_due(conn, T0)
        (claim,) = outside.errands._claimed(conn, bucket, 1)
        outside.shop.identify("u1", T0, city="Almaty")
        outside.shop.work(T0)
        outside.shop.identify("u1", T0, device="d1")
        outside.shop.work(T0)
        assert outside.shop.query("select count(*) from profile where merged_into is not null") == [(0,)]
        outside.errands._under_way[outside.errands._threads.submit(outside.errands._try, claim)] = claim
        outside.errands.drain(conn)
    outside.shop.work(T0)
    assert outside.shop.query("select count(*) from profile where merged_into is not null") == [(1,)]
    assert (len(outside.hooks.heard), left(outside)) == (1, ["other"])


def test_the_held_out_call_nobody_and_tell_nobody(outside: Outside) -> None:
    text = flow(f"{{url: '{outside.hooks.url}/'}}", more="holdout: 100%\n")
    outside.publish(text.replace("steps:\n", "steps:\n  - notify: {to: team@shop.example, subject: s, text: t}\n"))
    outside.enter("u1")
    outside.run(T0)
    assert (outside.hooks.heard, outside.inbox.notices, state(outside)) == ([], [], [])
    assert left(outside) == ["other"]


def test_a_published_version_moves_who_waits_and_calls_once(outside: Outside) -> None:
    text = flow(f"{{url: '{outside.hooks.url}/'}}")
    outside.publish(text)
    outside.enter("u1")
    outside.publish(text.replace("steps:\n", "steps:\n  - set: {profile.a: 1}\n"))
    outside.shop.work(T0)
    outside.hooks.answer(200, b'{"score": 9}')
    outside.run(T0)
    outside.run(T0)
    assert len(outside.hooks.heard) == 1
    assert left(outside) == ["good"]


def test_an_answer_for_a_step_that_is_gone_is_settled_and_nobody_is_called_again(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/a'}}"))
    outside.hooks.answer(503)
    outside.hooks.answer(200)
    outside.enter("u1")
    outside.run(T0)
    outside.publish("trigger: {event: Go}\nsteps: [{wait: 1h}]\n")
    outside.run(T0 + HOUR)
    assert [row[:3] for row in state(outside)] == [("done", 2, False)]
    assert passes_of(outside, T0 + HOUR) == 0


def test_an_answer_waits_for_a_paused_flow_without_a_pass(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/a'}}"))
    outside.enter("u1")
    pause(outside.shop.conn, NAME, "flow", at=T0)
    outside.shop.conn.commit()
    outside.run(T0)
    assert [row[:3] for row in state(outside)] == [("done", 1, True)]
    assert passes_of(outside, T0) == 0
    resume(outside.shop.conn, NAME, "flow", at=T0)
    outside.shop.conn.commit()
    outside.shop.work(T0)
    assert [row[:3] for row in state(outside)] == [("done", 1, False)]


def passes_of(outside: Outside, at: datetime) -> int:
    """How many passes a worker makes with nothing to do."""
    before = outside.shop.query("select sum(pass) from lease")
    outside.shop.work(at)
    return int(str(outside.shop.query("select sum(pass) from lease")[0][0])) - int(str(before[0][0]))


def test_a_template_that_fails_calls_nobody_and_says_so(outside: Outside) -> None:
    outside.publish(flow(f"{{url: '{outside.hooks.url}/', body: '{{{{ event.missing }}}}'}}"))
    outside.enter("u1")
    assert (outside.run(T0), state(outside), left(outside)) == (0, [], ["other"])
    assert [row[3:] for row in outside.shop.told("u1")][1] == ("render_error", "not_changed")


# -- notices ---------------------------------------------------------------------------------------------------------


NOTIFY = """\
trigger: {event: Go}
steps:
  - notify: {to: team@shop.example, subject: "{{ profile.email }} bought", text: "{{ event.value }}\\nÖ"}
  - exit: told
"""


def test_a_person_of_the_shop_is_told_whatever_the_shopper_wants(outside: Outside) -> None:
    outside.publish(NOTIFY)
    outside.enter("u1", value=7)
    assert left(outside) == ["told"]
    outside.run(T0)
    (notice,) = outside.inbox.notices
    assert (notice.to, notice.subject, notice.text, notice.asked_at) == (
        "team@shop.example",
        "u1@example.com bought",
        "7\nÖ",
        T0,
    )
    assert notice.from_address == "Small shop <hello@shop.example>"
    assert state(outside) == [("done", 1, False, "taken")]
    assert outside.shop.query("select count(*)::integer from message") == [(0,)]


@pytest.mark.parametrize(("outcome", "ends"), [(Outcome.LATER, "queued"), (Outcome.NEVER, "failed")])
def test_a_notice_that_is_not_taken(outside: Outside, outcome: Outcome, ends: str) -> None:
    outside.publish(NOTIFY)
    outside.enter("u1", value=7)
    outside.inbox.answer = Answer(outcome, reply="no")
    outside.run(T0)
    assert state(outside) == [(ends, 1, False, "no")]


# -- explained -------------------------------------------------------------------------------------------------------


def said(outside: Outside) -> list[str]:
    """What happened to u1 and where they stand, a sentence a line."""
    (told,) = explain(outside.shop.conn, NAME, "u1", now=T0 + HOUR)
    text = lines(told)
    return [line.strip() for line in text[text.index("What happened") + 2 :]]


def test_explain_says_what_was_called_and_what_came_of_it(outside: Outside) -> None:
    url = f"{outside.hooks.url}/"
    outside.publish(flow(f"{{url: '{url}'}}"))
    outside.enter("u1")
    outside.hooks.answer(500)
    outside.hooks.answer(200, b"{}")
    assert said(outside) == [
        "09:00  Entered flow: Go.",
        f"09:00  Will call {url}.",
        "",
        "Now and next",
        f"flow: at ask (webhook: POST {url}) since 2 Mar 2026, 09:00. Waits for the answer. Then branch: 1 arms.",
    ]
    outside.run(T0)
    assert (
        said(outside)[1]
        == f"09:00  Calls {url}: 1 tries so far, next at 09:00:05 their time, 500 Internal Server Error."
    )
    outside.run(T0 + timedelta(seconds=10))
    assert said(outside) == [
        "09:00  Entered flow: Go.",
        f"09:00:10  Called {url}, 200 OK.",
        "09:00:10  Left flow: other.",
    ]
