"""Claim, hand over, record: the states, the last look, the fence."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, deliveries, person, put, sent_message, unread, workspace

from tamshy import sqlkit
from tamshy.deliver import (
    HandOver,
    Mail,
    Options,
    Outcome,
    Reason,
    Sender,
    Settled,
    Settlement,
    Verdict,
    buckets_due,
    counting,
    in_doubt,
    settle,
    uncertain,
)
from tamshy.domain.ids import named
from tamshy.domain.token import Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tamshy.sqlkit import Connection

ACCEPTED = Verdict(Outcome.ACCEPTED, reply="250 taken")


@dataclass
class Clock:
    """A moment that moves when told; waiting moves it too."""

    now: datetime = NOON
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Answering:
    """A sender with a verdict per mail, in order of hand-over; keeps what it was given."""

    verdict: Callable[[Mail], Verdict] = lambda _: ACCEPTED
    slots: int = 4
    given: list[Mail] = field(default_factory=list)
    looks: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        with self._lock:
            if not all(lease_holds() for _ in range(self.looks)):
                return Verdict(Outcome.HELD, Reason.LEASE_LOST)
            self.given.append(mail)
        return self.verdict(mail)

    def close(self) -> None:
        pass


def inside(conn: Connection, profile: UUID, name: str) -> None:
    """The enrollment of a message of that name, which waits behind it."""
    put(
        conn,
        "enrollment",
        bucket=BUCKET,
        profile=profile,
        id=named("enrollment", name),
        workspace=1,
        flow="abandoned-cart",
        version=1,
        key="",
        trigger_event=named("event", name),
        active=True,
        step=2,
        visit=2,
        priority=0,
        held_out=False,
        entered_at=NOON,
        reached_at=NOON,
        due_at=NOON,
        work_at=NOON + timedelta(days=1),
    )


def handing(sender: Sender, clock: Clock, owner: str = "w1", options: Options | None = None) -> HandOver:
    return HandOver(
        sender, options or Options(), Signer([SECRET]), "https://mail.shop.example", clock, clock.pause, owner
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_queued_message_is_handed_over_and_recorded(db: Connection, clock: Clock) -> None:
    workspace(db)
    message = sent_message(db, person(db, "aia"))
    db.commit()
    sender = Answering()
    assert buckets_due(db, NOON) == [BUCKET]
    result = handing(sender, clock).run(db, [BUCKET], 100)
    assert (dict(result.states), result.lost, result.next_at) == ({"sent": 1}, 0, None)
    row = db.execute("select state, attempts, fence, owner, reply, reason, settled_at from delivery").fetchone()
    assert row == ("sent", 1, 1, None, "250 taken", None, NOON)
    (mail,) = sender.given
    assert (mail.message, mail.to_address, mail.subject) == (message, "aia@example.com", "You left something")
    assert mail.unsubscribe_url is not None
    assert mail.unsubscribe_url.startswith("https://mail.shop.example/u/")
    assert buckets_due(db, NOON) == []
    assert handing(sender, clock).run(db, [BUCKET], 100).moved == 0


def test_a_transactional_message_carries_no_unsubscribe_link(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"), kind="transactional")
    db.commit()
    sender = Answering()
    handing(sender, clock).run(db, [BUCKET], 100)
    assert sender.given[0].unsubscribe_url is None
    assert sender.given[0].feedback_id is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"suppressed": "hard_bounce"}, "suppressed"),
        ({"suppressed": "erased"}, "erased"),
        ({"consents": {"offers": {"on": False, "at": 0}}}, "no_consent"),
    ],
)
def test_what_changed_since_the_decision_withdraws(
    db: Connection, clock: Clock, change: dict[str, object], reason: str
) -> None:
    workspace(db)
    sent_message(db, person(db, "aia", **change))
    db.commit()
    sender = Answering()
    result = handing(sender, clock).run(db, [BUCKET], 100)
    assert (dict(result.states), sender.given) == ({"withdrawn": 1}, [])
    assert deliveries(db) == [("withdrawn", reason, 0)]


def test_withdrawn_consent_does_not_stop_a_transactional_message(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia", consents={"offers": {"on": False, "at": 0}}), kind="transactional")
    db.commit()
    assert dict(handing(Answering(), clock).run(db, [BUCKET], 100).states) == {"sent": 1}


def test_an_address_that_another_profile_suppressed_gets_nothing(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"), "m1", address="aia@example.com")
    sent_message(db, person(db, "dana"), "m2", address="dana@example.com")
    put(db, "suppression", workspace=1, address="dana@example.com", reason="complaint", since=NOON)
    put(db, "suppression", workspace=2, address="aia@example.com", reason="complaint", since=NOON)
    db.commit()
    sender = Answering()
    assert dict(handing(sender, clock).run(db, [BUCKET], 100).states) == {"sent": 1, "withdrawn": 1}
    assert [mail.to_address for mail in sender.given] == ["aia@example.com"]


def consent_facts(granted: bool, topic: str = "offers") -> dict[str, object]:  # noqa: FBT001
    return {"facts": {"topic": topic, "granted": granted, "source": "one_click"}}


BEFORE_CONSENT = NOON - timedelta(days=2)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([("consent", "Unsubscribed", consent_facts(granted=False))], ("withdrawn", "no_consent", 0)),
        ([("consent", "Unsubscribed", consent_facts(granted=False, topic="news"))], ("sent", None, 1)),
        (
            # older than the consent that holds: no withdrawal (rule 23)
            [("consent", "Unsubscribed", consent_facts(granted=False) | {"occurred_at": BEFORE_CONSENT})],
            ("sent", None, 1),
        ),
        (
            # at the same own time the withdrawal holds
            [("consent", "Unsubscribed", consent_facts(granted=False) | {"occurred_at": NOON - timedelta(days=1)})],
            ("withdrawn", "no_consent", 0),
        ),
        (
            [
                ("consent", "Unsubscribed", consent_facts(granted=False)),
                ("consent", "Subscribed", consent_facts(granted=True) | {"occurred_at": NOON + timedelta(seconds=1)}),
            ],
            ("sent", None, 1),
        ),
        ([("suppress", "Message Complained", {"facts": {"reason": "complaint"}})], ("withdrawn", "suppressed", 0)),
        ([("event", "Order Completed", {})], ("queued", "unread", 0)),
        ([("event", "Order Completed", {"moment": NOON + timedelta(seconds=5)})], ("sent", None, 1)),
        ([("merge", "", {})], ("queued", "unread", 0)),
        ([("identify", "", {})], ("sent", None, 1)),
        ([("event", "Message Sent", {"origin": 1})], ("sent", None, 1)),
        ([("event", "Message Sent", {"origin": 0})], ("queued", "unread", 0)),
    ],
)
def test_the_unread_inbox_is_looked_at(
    db: Connection,
    clock: Clock,
    rows: list[tuple[str, str, dict[str, Any]]],
    outcome: tuple[str, str | None, int],
) -> None:
    workspace(db)
    profile = person(db, "aia")
    sent_message(db, profile)
    for kind, name, columns in rows:
        unread(db, profile, kind, name, **columns)
    db.commit()
    handing(Answering(), clock).run(db, [BUCKET], 100)
    assert deliveries(db) == [outcome]


def test_what_waits_for_the_engine_comes_round_again_and_is_not_examined_meanwhile(
    db: Connection, clock: Clock
) -> None:
    workspace(db)
    profile = person(db, "aia")
    sent_message(db, profile)
    unread(db, profile, "event", "Order Completed")
    db.commit()
    sender = Answering()
    stage = handing(sender, clock)
    assert dict(stage.run(db, [BUCKET], 100).states) == {"queued": 1}
    assert stage.run(db, [BUCKET], 100).moved == 0
    db.execute("delete from inbox")
    db.commit()
    clock.now += timedelta(seconds=1)
    assert dict(stage.run(db, [BUCKET], 100).states) == {"sent": 1}


def test_a_message_past_its_own_expiry_is_withdrawn(db: Connection, clock: Clock) -> None:
    workspace(db)
    person_id = person(db, "aia")
    sent_message(db, person_id, "m1", facts={"expires_at": "2026-03-02T11:59:59Z"})
    sent_message(db, person_id, "m2", facts={"expires_at": "2026-03-02T12:00:00Z"})
    db.commit()
    handing(Answering(), clock).run(db, [BUCKET], 100)
    assert sorted(deliveries(db)) == [("sent", None, 1), ("withdrawn", "expired", 0)]


@pytest.mark.parametrize(
    ("verdict", "state", "reason", "later"),
    [
        (Verdict(Outcome.REFUSED, Reason.POLICY, "550 5.7.1 no"), "failed", "policy", None),
        (Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 later"), "queued", "deferred", (60, 72)),
        (Verdict(Outcome.UNREACHABLE, Reason.UNREACHABLE, "refused"), "queued", "unreachable", (60, 72)),
        (Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST, "timed out"), "uncertain", "answer_lost", None),
        (Verdict(Outcome.HELD, Reason.LEASE_LOST), "queued", "lease_lost", (0, 0)),
    ],
)
def test_every_verdict_has_its_state(
    db: Connection, clock: Clock, verdict: Verdict, state: str, reason: str, later: tuple[int, int] | None
) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    stage = handing(Answering(lambda _: verdict), clock)
    stage.run(db, [BUCKET], 1)
    row = db.execute("select state, reason, next_at, settled_at is not null from delivery").fetchone()
    assert row is not None
    assert row[:2] == (state, reason)
    assert row[3] is (state == "failed")
    if later:
        assert timedelta(seconds=later[0]) <= row[2] - NOON <= timedelta(seconds=later[1])


def test_a_mailbox_that_is_gone_bounces_and_is_suppressed(db: Connection, clock: Clock) -> None:
    workspace(db)
    profile = person(db, "aia")
    message = sent_message(db, profile)
    db.commit()
    gone = Verdict(Outcome.REFUSED, Reason.HARD_BOUNCE, "550 5.1.1 unknown")
    handing(Answering(lambda _: gone), clock).run(db, [BUCKET], 100)
    rows = db.execute(
        "select kind, origin, name, moment, emitted, occurred_at, properties, facts from inbox"
    ).fetchall()
    assert rows == [
        (
            "suppress",
            1,
            "Message Bounced",
            NOON,
            False,
            NOON,
            {
                "message": "cart-reminder",
                "flow": "abandoned-cart",
                "step": "cart-reminder",
                "message_id": str(message),
                "enrollment": str(named("enrollment", "m1")),
            },
            {"reason": "hard_bounce", "address": "aia@example.com", "evidence": {"reply": "550 5.1.1 unknown"}},
        )
    ]


def test_policy_refusals_suppress_nobody(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    handing(Answering(lambda _: Verdict(Outcome.REFUSED, Reason.POLICY, "550 5.7.515")), clock).run(db, [BUCKET], 100)
    assert db.execute("select count(*) from inbox").fetchone() == (0,)


def test_a_lost_answer_is_retried_for_transactional_mail_and_stays_told(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"), kind="transactional")
    db.commit()
    answers = [
        Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST, "timed out"),
        Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 later"),
        ACCEPTED,
    ]
    sender = Answering(lambda _: answers.pop(0))
    stage = handing(sender, clock)
    seen = []
    for _ in range(3):
        stage.run(db, [BUCKET], 1)
        seen += deliveries(db)
        clock.now += timedelta(hours=1)
    assert seen == [("queued", "answer_lost", 1), ("queued", "answer_lost", 2), ("sent", "answer_lost", 3)]
    assert len({mail.message for mail in sender.given}) == 1


def test_the_policy_for_lost_answers_is_a_setting(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"), "m1", kind="transactional")
    sent_message(db, person(db, "dana"), "m2", kind="marketing")
    db.commit()
    lost = Answering(lambda _: Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST))
    handing(lost, clock, options=Options(parked=frozenset({"transactional"}))).run(db, [BUCKET], 2)
    found = db.execute(
        "select m.kind, d.state from delivery d join message m on m.id = d.message order by 1"
    ).fetchall()
    assert found == [("marketing", "queued"), ("transactional", "uncertain")]


def test_a_person_settles_what_is_uncertain(db: Connection, clock: Clock) -> None:
    workspace(db)
    ids = {}
    for at, name in enumerate(("aia", "dana", "zhan")):
        profile = person(db, name)
        queued = {"state": "uncertain", "reason": "answer_lost", "queued_at": NOON + timedelta(seconds=at)}
        ids[name] = profile, sent_message(db, profile, f"m{at}", delivery=queued)
    db.commit()
    first = uncertain(db, 1, 2)
    assert [(u.profile, u.message, u.reason) for u in first] == [
        (*ids["aia"], "answer_lost"),
        (*ids["dana"], "answer_lost"),
    ]
    assert [u.message for u in uncertain(db, 1, 2, first[-1].place)] == [ids["zhan"][1]]
    assert uncertain(db, 2, 10) == []
    assert settle(db, 2, [ids["aia"][1]], Settlement.SENT, "the other shop", NOON) == {}
    assert settle(db, 1, [ids["aia"][1]], Settlement.SENT, "Zere", NOON) == {
        ids["aia"][1]: Settled(Settlement.SENT, "Zere", NOON, anew=True)
    }
    assert settle(db, 1, [ids["dana"][1]], Settlement.RESEND, "Zere", NOON)[ids["dana"][1]].anew
    # Said again, by another and otherwise: the first word holds.
    assert settle(db, 1, [ids["aia"][1], ids["dana"][1]], Settlement.RESEND, "Dias", NOON + timedelta(hours=1)) == {
        ids["aia"][1]: Settled(Settlement.SENT, "Zere", NOON, anew=False),
        ids["dana"][1]: Settled(Settlement.RESEND, "Zere", NOON, anew=False),
    }
    db.commit()
    found: dict[UUID, str] = dict(db.execute("select message, state from delivery").fetchall())
    assert found == {ids["aia"][1]: "sent", ids["dana"][1]: "queued", ids["zhan"][1]: "uncertain"}
    assert in_doubt(db, 1) == counting(db).uncertain == 1
    handing(Answering(), clock).run(db, [BUCKET], 10)
    assert db.execute("select state, reason from delivery where message = %s", [ids["dana"][1]]).fetchone() == (
        "sent",
        "answer_lost",
    )


def test_a_claim_whose_owner_is_gone_becomes_uncertain(db: Connection, clock: Clock) -> None:
    workspace(db)
    claimed = {"state": "handing_over", "owner": "dead", "fence": 4, "attempts": 1}
    sent_message(db, person(db, "aia"), "m1", delivery=claimed | {"next_at": NOON - timedelta(seconds=1)})
    sent_message(db, person(db, "dana"), "m2", delivery=claimed | {"next_at": NOON + timedelta(seconds=1)})
    sent_message(
        db,
        person(db, "zhan"),
        "m3",
        kind="transactional",
        delivery=claimed | {"next_at": NOON - timedelta(seconds=1)},
    )
    db.commit()
    sender = Answering()
    handing(sender, clock).run(db, [BUCKET], 100)
    found = db.execute(
        "select p.die, d.state, d.reason, d.fence from delivery d join profile p on p.id = d.profile order by 1"
    ).fetchall()
    assert found == [
        ("user_id:aia", "uncertain", "owner_lost", 5),
        ("user_id:dana", "handing_over", None, 4),
        ("user_id:zhan", "queued", "owner_lost", 5),
    ]
    assert sender.given == []


@dataclass
class Stalled:
    """A sender that stands still in the middle of a hand-over until it is let go."""

    slots: int = 1
    go_on: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    handed: int = 0

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:  # noqa: ARG002
        self.reached.set()
        assert self.go_on.wait(20)
        if not lease_holds():
            return Verdict(Outcome.HELD, Reason.LEASE_LOST)
        self.handed += 1
        return ACCEPTED

    def close(self) -> None:
        pass


def test_an_owner_that_slept_over_its_lease_sends_and_records_nothing(
    dsn: str, db: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep = threading.Event()

    awaiting = HandOver._await

    def noted(self: HandOver) -> None:
        asleep.set()
        awaiting(self)

    monkeypatch.setattr(HandOver, "_await", noted)
    workspace(db)
    sent_message(db, person(db, "aia"), kind="transactional")
    db.commit()
    sleeper = Stalled()
    stage = handing(sleeper, clock, "sleeper", options=Options(watch_s=600.0))

    with sqlkit.connect(dsn) as other:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(stage.run(other, [BUCKET], 1)))
        thread.start()
        assert asleep.wait(20)
        clock.now += timedelta(minutes=5)
        taker = Answering()
        second = handing(taker, clock, "taker")
        assert dict(second.run(db, [BUCKET], 10).states) == {"queued": 1}
        clock.now += timedelta(minutes=5)
        assert dict(second.run(db, [BUCKET], 10).states) == {"sent": 1}
        sleeper.go_on.set()
        thread.join(20)
    assert (sleeper.handed, len(taker.given)) == (0, 1)
    assert (dict(results[0].states), results[0].lost) == ({}, 1)
    assert deliveries(db) == [("sent", "owner_lost", 2)]


def test_a_slow_hand_over_keeps_its_claim(db: Connection, dsn: str, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    slow = Stalled()
    stage = handing(slow, clock, "slow", options=Options(watch_s=0.02))

    with sqlkit.connect(dsn) as other:
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(stage.run(other, [BUCKET], 1)))
        thread.start()
        assert slow.reached.wait(20)
        found: tuple[Any, ...] | None = None
        for _ in range(6):
            clock.now += timedelta(seconds=25)
            until = clock.now + timedelta(seconds=60)
            for _ in range(400):
                found = db.execute("select next_at from delivery").fetchone()
                db.commit()
                if found == (until,):
                    break
                threading.Event().wait(0.02)
            assert found == (until,)
        slow.go_on.set()
        thread.join(20)
    assert (dict(results[0].states), slow.handed) == ({"sent": 1}, 1)


def test_a_verdict_outlives_a_database_that_is_away(dsn: str, db: Connection, clock: Clock) -> None:

    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    lost = sqlkit.connect(dsn)

    def cut(_: Mail) -> Verdict:
        lost.close()
        return ACCEPTED

    sender = Answering(cut)
    stage = handing(sender, clock)
    with pytest.raises(sqlkit.Error):
        stage.run(lost, [BUCKET], 10)
    assert deliveries(db) == [("handing_over", None, 1)]
    db.commit()
    assert dict(stage.run(db, [BUCKET], 10).states) == {"sent": 1}
    assert len(sender.given) == 1


def test_a_sender_that_breaks_leaves_its_neighbours_alone(db: Connection, clock: Clock) -> None:
    workspace(db)
    for at in range(5):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com")
    db.commit()

    def broken(mail: Mail) -> Verdict:
        if mail.to_address == "p2@example.com":
            raise ZeroDivisionError(mail.html)
        return ACCEPTED

    sender = Answering(broken, looks=2)
    assert dict(handing(sender, clock).run(db, [BUCKET], 100).states) == {"sent": 4, "uncertain": 1}
    row = db.execute("select reason, reply, owner from delivery where state = 'uncertain'").fetchone() or ("", "", "")
    assert (row[0], row[2]) == ("sender_fault", "w1")
    # What a fault says may hold what the mail does: its kind and its place say enough.
    assert re.fullmatch(r"the sender failed: ZeroDivisionError at test_deliver_stage\.py:\d+", row[1])


def test_a_message_at_which_the_program_fails_is_parked_after_three_tries(db: Connection, clock: Clock) -> None:
    """It failed before its last look at the claim, so nobody can have got it: no doubt, and no endless trying."""
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()

    def broken(_: Mail) -> Verdict:
        raise ZeroDivisionError

    sender = Answering(broken)
    stage = handing(sender, clock)
    seen = []
    for _ in range(5):
        stage.run(db, [BUCKET], 100)
        seen += deliveries(db)
        db.commit()
        clock.now += timedelta(hours=1)
    assert seen == [
        ("queued", "program_fault", 1),
        ("queued", "program_fault", 2),
        *[("failed", "program_fault", 3)] * 3,
    ]
    assert len(sender.given) == 3


def test_nothing_is_handed_over_twice_by_two_processes_at_once(dsn: str, db: Connection, clock: Clock) -> None:

    workspace(db)
    for at in range(60):
        sent_message(db, person(db, f"p{at}"), f"m{at}")
    db.commit()
    senders = [Answering(slots=3), Answering(slots=3)]

    def work(number: int) -> None:
        with sqlkit.connect(dsn) as conn:
            handing(senders[number], clock, f"w{number}").run(conn, [BUCKET], 100)

    threads = [threading.Thread(target=work, args=(n,)) for n in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    given: list[UUID] = [mail.message for sender in senders for mail in sender.given]
    assert len(given) == len(set(given)) == 60
    assert {state for state, _, _ in deliveries(db)} == {"sent"}


def test_a_server_that_is_away_is_asked_once_and_then_left_alone(db: Connection, clock: Clock) -> None:
    workspace(db)
    for at in range(20):
        sent_message(db, person(db, f"p{at}"), f"m{at}")
    db.commit()
    away = Verdict(Outcome.UNREACHABLE, Reason.UNREACHABLE, "connection refused")
    sender = Answering(lambda _: away)
    stage = handing(sender, clock)
    gaps: list[float] = []
    for _ in range(9):
        before, asked = clock.now, len(sender.given)
        result = stage.run(db, [BUCKET], 100)
        assert len(sender.given) - asked <= (4 if not gaps else 1)
        assert result.next_at is not None
        assert stage.run(db, [BUCKET], 100).moved == 0
        gaps.append((result.next_at - before).total_seconds())
        clock.now = result.next_at
    base = [60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]
    assert all(b <= gap <= 1.2 * b for b, gap in zip(base, gaps, strict=True))
    sender.verdict = lambda _: ACCEPTED
    asked = len(sender.given)
    assert dict(stage.run(db, [BUCKET], 100).states) == {"sent": 20}
    assert len(sender.given) - asked == 20
    assert clock.waited == []


def test_the_rate_limit_holds_in_every_second_and_is_used(db: Connection, clock: Clock) -> None:
    workspace(db)
    for at in range(150):
        sent_message(db, person(db, f"p{at}"), f"m{at}")
    db.commit()
    starts: list[datetime] = []

    def noted(_: Mail) -> Verdict:
        starts.append(clock.now)
        return ACCEPTED

    handing(Answering(noted), clock, options=Options(per_second=40.0)).run(db, [BUCKET], 1000)
    assert len(starts) == 150
    starts.sort()
    for at, start in enumerate(starts):
        assert sum(1 for s in starts[at:] if s - start < timedelta(seconds=1)) <= 42
    assert (starts[-1] - starts[0]).total_seconds() <= 150 / 40 / 0.95


class Interrupted(Exception):
    pass


def test_a_process_that_ends_waits_for_what_is_under_way_but_not_for_ever(
    db: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    slow = Stalled()
    stage = handing(slow, clock, "slow", options=Options(watch_s=0.02))

    def interrupted(*_: object, **__: object) -> object:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(HandOver, "_await", interrupted)
        with pytest.raises(Interrupted):
            stage.run(db, [BUCKET], 10)
    assert dict(stage.drain(db, patience_s=0.1).states) == {}
    assert deliveries(db) == [("handing_over", None, 1)]
    db.commit()
    slow.go_on.set()
    assert dict(stage.drain(db).states) == {"sent": 1}


def test_a_process_that_is_to_stop_waits_for_no_rate_limit(db: Connection, clock: Clock) -> None:
    workspace(db)
    for at in range(5):
        sent_message(db, person(db, f"p{at}"), f"m{at}")
    db.commit()
    stage = HandOver(
        Answering(), Options(per_second=1.0), Signer([SECRET]), "https://x.example", clock, lambda _: True, "w1"
    )
    assert dict(stage.run(db, [BUCKET], 100).states) == {"sent": 1}


def test_deferred_messages_come_back_apart_and_give_up_in_the_end(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    sender = Answering(lambda _: Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 4.2.2 full"))
    stage = handing(sender, clock, options=Options(give_up_after=timedelta(hours=2)))
    gaps: list[float] = []
    for _ in range(12):
        stage.run(db, [BUCKET], 10)
        (state, next_at) = db.execute("select state, next_at from delivery").fetchone() or ("", NOON)
        db.commit()
        if state != "queued":
            break
        gaps.append((next_at - clock.now).total_seconds())
        clock.now = next_at
    base = [60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]
    assert len(gaps) >= 7
    assert all(b <= gap <= 1.2 * b for b, gap in zip(base, gaps, strict=False))
    assert deliveries(db) == [("failed", "gave_up", len(gaps))]
    assert all(a != b for a, b in itertools.pairwise(gaps))


@pytest.mark.parametrize("ended", ["exit_on", "merged", "archived", "finished"])
def test_what_came_back_after_its_enrollment_had_been_ended_is_withdrawn(
    db: Connection, clock: Clock, ended: str
) -> None:
    """The exit finds it in the sender's hands, and can withdraw nothing; the server then says "later"."""
    workspace(db)
    who = person(db, "aia")
    sent_message(db, who, "m1")
    inside(db, who, "m1")
    db.commit()
    answers = [Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 later"), ACCEPTED]
    stage = handing(Answering(lambda _: answers.pop(0)), clock)
    stage.run(db, [BUCKET], 1)
    db.execute("update enrollment set active = false, exited_at = now(), exit_reason = %(ended)s", {"ended": ended})
    db.commit()
    clock.now += timedelta(hours=1)
    stage.run(db, [BUCKET], 1)
    finished = ended == "finished"
    assert deliveries(db) == [("sent", None, 2) if finished else ("withdrawn", ended, 1)]


def test_what_a_person_has_sent_again_goes_although_its_enrollment_has_been_ended(db: Connection, clock: Clock) -> None:
    workspace(db)
    who = person(db, "aia")
    message = sent_message(db, who, "m1", delivery={"state": "uncertain", "reason": "answer_lost", "attempts": 1})
    inside(db, who, "m1")
    db.execute("update enrollment set active = false, exited_at = now(), exit_reason = 'exit_on'")
    settle(db, 1, [message], Settlement.RESEND, "Zere", NOON)
    db.commit()
    handing(Answering(), clock).run(db, [BUCKET], 1)
    assert deliveries(db) == [("sent", "answer_lost", 2)]


def test_the_moment_is_read_from_the_clock_that_is_passed_in(db: Connection) -> None:
    workspace(db)
    sent_message(db, person(db, "aia"))
    db.commit()
    past = Clock(datetime(2001, 1, 1, tzinfo=UTC))
    assert handing(Answering(), past).run(db, [BUCKET], 10).moved == 0


REFUSING = """
create function refuse() returns trigger language plpgsql as $$ begin raise 'no room for this'; end $$;
create trigger refuse before insert on inbox for each row execute function refuse();
"""


def test_what_a_refusal_tells_and_its_record_are_written_together(db: Connection, dsn: str, clock: Clock) -> None:
    """Over the connection that a worker hands over on, where each statement is committed by itself."""
    workspace(db)
    for name in ("aia", "bek", "dana"):
        sent_message(db, person(db, name), f"m-{name}", address=f"{name}@example.com")
    db.execute(REFUSING.encode())
    db.commit()
    gone = Verdict(Outcome.REFUSED, Reason.HARD_BOUNCE, "550 5.1.1 unknown")
    sender = Answering(lambda mail: gone if mail.to_address == "bek@example.com" else ACCEPTED, slots=1)
    stage = handing(sender, clock)
    with sqlkit.connect(dsn, autocommit=True) as own:
        with pytest.raises(sqlkit.Error, match="no room for this"):
            stage.run(own, [BUCKET], 10)
        states: dict[str, str] = dict(
            own.execute("select m.address, d.state from delivery d join message m on m.id = d.message").fetchall()
        )
        assert states["bek@example.com"] == "handing_over"
        own.execute("drop trigger refuse on inbox")
        stage.run(own, [BUCKET], 10)
        found = own.execute(
            "select m.address, d.state from delivery d join message m on m.id = d.message order by 1"
        ).fetchall()
        assert found == [("aia@example.com", "sent"), ("bek@example.com", "failed"), ("dana@example.com", "sent")]
        assert own.execute("select name, facts ->> 'address' from inbox").fetchall() == [
            ("Message Bounced", "bek@example.com")
        ]
    assert len(sender.given) == 3


def test_sixty_messages_over_eight_connections_are_each_recorded_once(db: Connection, dsn: str, clock: Clock) -> None:
    workspace(db)
    for at in range(60):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com")
    db.commit()
    sender = Answering(slots=8)
    with sqlkit.connect(dsn, autocommit=True) as own:
        result = handing(sender, clock).run(own, [BUCKET], 1000)
    assert (dict(result.states), result.lost) == ({"sent": 60}, 0)
    assert len({mail.message for mail in sender.given}) == len(sender.given) == 60
    row = db.execute(
        "select count(*), min(attempts), max(attempts), max(fence), max(doubts) from delivery where state = 'sent'"
    )
    assert row.fetchone() == (60, 1, 1, 1, 0)
