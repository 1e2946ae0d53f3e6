"""What is in doubt, and what only looks like it: late answers, doubts that are counted, a person's word in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, deliveries, person, sent_message, workspace
from tests.engine.scripted_smtp import CUT, scripted
from tests.engine.test_deliver_stage import ACCEPTED, Answering, Clock, handing

from tamshy import sqlkit
from tamshy.deliver import (
    HandOver,
    Mail,
    Options,
    Outcome,
    Reason,
    Settlement,
    Verdict,
    counting,
    in_doubt,
    settle,
    uncertain,
)
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection

LOST = Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST, "timed out", "1.2.3.4:5 to mail.example:25, message 1")
NO = Verdict(Outcome.REFUSED, Reason.HARD_BOUNCE, "550 5.1.1 unknown")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_known_of_a_lost_answer_is_kept(db: Connection, clock: Clock) -> None:
    workspace(db)
    message = sent_message(db, person(db, "aia"), facts={"expires_at": "2026-03-03T12:00:00Z"})
    db.commit()
    handing(Answering(lambda _: LOST), clock, "mx1/7").run(db, [BUCKET], 1)
    (one,) = uncertain(db, 1, 10)
    assert (one.message, one.address, one.name, one.subject) == (
        message,
        "aia@example.com",
        "cart-reminder",
        "You left something",
    )
    assert (one.begun_at, one.since, one.owner, one.link, one.reply, one.reason) == (
        NOON,
        NOON,
        "mx1/7",
        "1.2.3.4:5 to mail.example:25, message 1",
        "timed out",
        "answer_lost",
    )
    assert one.expires_at == NOON + timedelta(days=1)
    counted = counting(db)
    assert (in_doubt(db, 1), counted.uncertain, counted.oldest, counted.paused_domains) == (1, 1, NOON, 0)


def test_the_connection_is_named_by_both_its_ends(db: Connection) -> None:
    workspace(db)
    for at in range(3):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com")
    db.commit()
    asked: list[str] = []

    def script(command: str, line: str) -> str | None:
        if command == "end":
            asked.append(line)
        return CUT if command == "end" and len(asked) == 3 else None

    with scripted(script) as server:
        sender = SmtpSender(SmtpSettings("127.0.0.1", server.port, connections=1), "localhost")
        stage = HandOver(sender, Options(), Signer([SECRET]), "https://x.example", lambda: NOON, lambda _: None, "w1")
        assert dict(stage.run(db, [BUCKET], 10).states) == {"sent": 2, "uncertain": 1}
        stage.close()
    links = [link for (link,) in db.execute("select link from delivery order by link")]
    ends = {link.partition(",")[0] for link in links}
    assert [link.rpartition(", ")[2] for link in links] == ["message 1", "message 2", "message 3"]
    assert ends == {f"127.0.0.1:{server.peers[0]} to 127.0.0.1:{server.port}"}


def test_transactional_mail_is_parked_when_the_third_answer_is_lost(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"), kind="transactional")
    db.commit()
    sender = Answering(lambda _: LOST)
    stage = handing(sender, clock)
    seen = []
    for _ in range(6):
        stage.run(db, [BUCKET], 1)
        seen += deliveries(db)
        db.commit()
        clock.now += timedelta(hours=1)
    assert seen == [("queued", "answer_lost", 1), ("queued", "answer_lost", 2), *[("uncertain", "answer_lost", 3)] * 4]
    assert len(sender.given) == 3
    # A person may have it tried once more; lost again, it is theirs again.
    (one,) = uncertain(db, 1, 10)
    settle(db, 1, [one.message], Settlement.RESEND, "Zere", clock.now)
    db.commit()
    stage.run(db, [BUCKET], 1)
    assert deliveries(db) == [("uncertain", "answer_lost", 4)]
    assert db.execute("select doubts from delivery").fetchone() == (4,)


NOBODY, PERSON_SENT, PERSON_AGAIN, WORKER = "nobody", "a person: sent", "a person: again", "a worker"


@pytest.mark.parametrize(
    ("kind", "acted", "verdict", "after"),
    [
        ("marketing", NOBODY, ACCEPTED, ("sent", None, 0, 0)),
        ("marketing", NOBODY, NO, ("failed", "hard_bounce", 0, 0)),
        ("marketing", NOBODY, Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451"), ("queued", "deferred", 0, 0)),
        ("marketing", NOBODY, Verdict(Outcome.HELD, Reason.LEASE_LOST), ("queued", "lease_lost", 0, 0)),
        ("marketing", NOBODY, LOST, ("uncertain", "owner_lost", 1, 1)),
        ("marketing", PERSON_SENT, NO, ("sent", "owner_lost", 1, 1)),
        ("marketing", PERSON_AGAIN, ACCEPTED, ("queued", "owner_lost", 1, 1)),
        ("transactional", NOBODY, ACCEPTED, ("sent", None, 0, 0)),
        ("transactional", NOBODY, LOST, ("queued", "owner_lost", 1, 1)),
        ("transactional", WORKER, ACCEPTED, ("sent", "owner_lost", 1, 1)),
    ],
)
def test_an_owner_that_comes_back_with_the_answer_is_heard_while_nobody_has_acted(
    dsn: str,
    db: Connection,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    acted: str,
    verdict: Verdict,
    after: tuple[str, str | None, int, int],
) -> None:
    clock, waits = Clock(), threading.Event()

    awaiting = HandOver._await

    def noted(self: HandOver) -> None:
        waits.set()
        awaiting(self)

    monkeypatch.setattr(HandOver, "_await", noted)
    workspace(db)
    message = sent_message(db, person(db, "aia"), kind=kind)
    db.commit()
    taker = Answering()

    def slept(_: Mail) -> Verdict:
        # The answer is there; before it is written down the process sleeps over its lease, and another looks.
        assert waits.wait(20)
        clock.now += timedelta(minutes=5)
        with sqlkit.connect(dsn) as conn:
            other = handing(taker, clock, "other")
            other.run(conn, [BUCKET], 10)
            if acted in {PERSON_SENT, PERSON_AGAIN}:
                did = Settlement.SENT if acted == PERSON_SENT else Settlement.RESEND
                assert settle(conn, 1, [message], did, "Zere", clock.now)[message].anew
                conn.commit()
            if acted == WORKER:
                clock.now += timedelta(minutes=5)
                other.run(conn, [BUCKET], 10)
        return verdict

    result = handing(Answering(slept), clock, "sleeper", options=Options(watch_s=600.0)).run(db, [BUCKET], 1)
    row = db.execute("select state, reason, doubts from delivery").fetchone()
    assert row is not None
    assert (*row, result.lost) == after
    assert len(taker.given) == (1 if acted == WORKER else 0)


def test_sent_again_it_is_the_same_mail_to_the_byte(db: Connection) -> None:
    clock = Clock()
    workspace(db)
    sent_message(db, person(db, "aia"), html="<p>Сәлем</p>\r\n.\r\n" * 50)
    db.commit()
    answers = iter([CUT, None])

    def script(command: str, _: str) -> str | None:
        return next(answers) if command == "end" else None

    with scripted(script) as server:
        for owner in ("w1", "w2"):
            sender = SmtpSender(SmtpSettings("127.0.0.1", server.port), "localhost")
            stage = handing(sender, clock, owner)
            stage.run(db, [BUCKET], 1)
            stage.close()
            for one in uncertain(db, 1, 10):
                clock.now += timedelta(days=2)
                settle(db, 1, [one.message], Settlement.RESEND, "Zere", clock.now)
            db.commit()
    assert deliveries(db) == [("sent", "answer_lost", 2)]
    assert len(server.taken) == 2
    assert server.taken[0].data == server.taken[1].data


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"consents": '{"offers": {"on": false, "at": 0}}'}, ("withdrawn", "no_consent")),
        ({"suppressed": "complaint"}, ("withdrawn", "suppressed")),
    ],
)
def test_sent_again_it_meets_the_last_look_as_any_other(
    db: Connection, clock: Clock, change: dict[str, str], after: tuple[str, str]
) -> None:
    workspace(db)
    message = sent_message(db, person(db, "aia"), facts={"expires_at": "2026-03-05T12:00:00Z"})
    db.commit()
    handing(Answering(lambda _: LOST), clock).run(db, [BUCKET], 1)
    ((column, value),) = change.items()
    db.execute(f"update profile set {column} = %s".encode(), [value])
    settle(db, 1, [message], Settlement.RESEND, "Zere", clock.now)
    db.commit()
    sender = Answering()
    handing(sender, clock).run(db, [BUCKET], 1)
    assert (deliveries(db)[0][:2], sender.given) == (after, [])


def test_sent_again_too_late_it_is_withdrawn_and_its_days_of_trying_begin_anew(db: Connection, clock: Clock) -> None:
    workspace(db)
    profile = person(db, "aia")
    late = sent_message(db, profile, "m1", facts={"expires_at": "2026-03-05T12:00:00Z"})
    never = sent_message(db, profile, "m2")
    db.commit()
    handing(Answering(lambda _: LOST), clock).run(db, [BUCKET], 2)
    clock.now += timedelta(days=10)
    settle(db, 1, [late, never], Settlement.RESEND, "Zere", clock.now)
    db.commit()
    handing(Answering(), clock).run(db, [BUCKET], 2)
    found: dict[UUID, str] = dict(
        db.execute("select message, state || coalesce('/' || reason, '') from delivery").fetchall()
    )
    assert found == {late: "withdrawn/expired", never: "sent/answer_lost"}
