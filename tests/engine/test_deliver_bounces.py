"""What a refusal does beyond its message: an address suppressed at once, in the end, or never; a sending domain paused."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, deliveries, person, sent_message, workspace
from tests.engine.test_deliver_stage import ACCEPTED, Answering, Clock, handing

from tamshy.deliver import Options, Outcome, Reason, Verdict, counting, paused_domains, resume_domain

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection

DAY = timedelta(days=1)
FULL = Verdict(Outcome.REFUSED, Reason.MAILBOX_FULL, "552 5.2.2 full")
FULL_FOR_NOW = Verdict(Outcome.DEFERRED, Reason.MAILBOX_FULL, "452 4.2.2 full")
OURS = Verdict(Outcome.REFUSED, Reason.POLICY, "550 5.7.515 Access denied")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def suppressions(db: Connection) -> list[tuple[str, str]]:
    found = db.execute("select facts ->> 'reason', facts ->> 'address' from inbox where kind = 'suppress'").fetchall()
    db.commit()
    return found


def one_more(db: Connection, clock: Clock, profile: UUID, number: int, verdict: Verdict) -> None:
    """A message at this moment, and its hand-over to whatever end, by tries for three days."""
    sent_message(db, profile, f"m{number}", delivery=_queued(clock))
    db.commit()
    stage = handing(Answering(lambda _: verdict), clock)
    began = clock.now
    for _ in range(1000):
        stage.run(db, [BUCKET], 10)
        row = db.execute("select min(next_at) from delivery where state = 'queued'").fetchone()
        db.commit()
        if row is None or row[0] is None:
            break
        clock.now = row[0]
    clock.now = max(clock.now, began)


def _queued(clock: Clock) -> dict[str, object]:
    return {"next_at": clock.now, "queued_at": clock.now}


@pytest.mark.parametrize("verdict", [FULL, FULL_FOR_NOW])
def test_a_mailbox_that_was_full_for_three_messages_over_a_week_is_suppressed(
    db: Connection, clock: Clock, verdict: Verdict
) -> None:
    workspace(db)
    profile = person(db, "aia")
    for number, wait in enumerate((timedelta(), 4 * DAY, 4 * DAY), start=1):
        clock.now += wait
        one_more(db, clock, profile, number, verdict)
        assert suppressions(db) == ([] if number < 3 else [("soft_bounces", "aia@example.com")])
    assert {(state, reason) for state, reason, _ in deliveries(db)} == {("failed", "mailbox_full")}
    name = db.execute("select name, origin from inbox").fetchall()
    assert name == [("Message Bounced", 1)]


@pytest.mark.parametrize(
    ("days", "suppressed"),
    [
        ((0, 3, 6.99), False),
        ((0, 3, 7), True),
        ((0, 7), False),
        ((0, 0, 0, 0, 0, 0), False),
        ((0, 0, 0, 0, 0, 7), True),
    ],
)
def test_three_messages_and_seven_days_are_both_needed(
    db: Connection,
    clock: Clock,
    days: tuple[float, ...],
    suppressed: bool,  # noqa: FBT001
) -> None:
    workspace(db)
    profile = person(db, "aia")
    for number, day in enumerate(days, start=1):
        clock.now = NOON + day * DAY
        one_more(db, clock, profile, number, FULL)
    assert bool(suppressions(db)) is suppressed


def test_a_message_that_is_taken_in_between_begins_the_count_anew(db: Connection, clock: Clock) -> None:
    workspace(db)
    profile = person(db, "aia")
    for number, verdict in enumerate((FULL, FULL, ACCEPTED, FULL, FULL), start=1):
        one_more(db, clock, profile, number, verdict)
        clock.now += 5 * DAY
    assert suppressions(db) == []
    assert len(db.execute("select from soft_bounce").fetchall()) == 2
    clock.now += 5 * DAY
    one_more(db, clock, profile, 6, FULL)
    assert suppressions(db) == [("soft_bounces", "aia@example.com")]


def test_the_tries_of_one_message_count_once(db: Connection, clock: Clock) -> None:
    workspace(db)
    profile = person(db, "aia")
    sent_message(db, profile, "m1", delivery=_queued(clock))
    db.commit()
    stage = handing(Answering(lambda _: FULL_FOR_NOW), clock, options=Options(give_up_after=20 * DAY))
    for _ in range(400):
        stage.run(db, [BUCKET], 10)
        clock.now += timedelta(hours=1)
    assert deliveries(db) == [("queued", "mailbox_full", 400)]
    assert suppressions(db) == []


def test_another_address_and_another_shop_count_for_themselves(db: Connection, clock: Clock) -> None:
    workspace(db)
    for number, day in enumerate((0, 4, 8), start=1):
        clock.now = NOON + day * DAY
        profile = person(db, f"p{number}")
        sent_message(db, profile, f"m{number}", address=f"p{number}@example.com", delivery=_queued(clock))
        db.commit()
        handing(Answering(lambda _: FULL), clock).run(db, [BUCKET], 10)
    assert suppressions(db) == []


def test_a_refusal_of_the_sender_pauses_its_domain_and_suppresses_nobody(db: Connection, clock: Clock) -> None:
    workspace(db)
    for at in range(30):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com")
    other = sent_message(db, person(db, "zhan"), "m31", address="zhan@example.com")
    db.execute("update content set from_address = 'hello@other.example' where message = %s", [other])
    db.commit()
    sender = Answering(lambda mail: OURS if "shop.example" in mail.from_address else ACCEPTED)
    stage = handing(sender, clock)
    result = dict(stage.run(db, [BUCKET], 100).states)
    # What was under way when the first no came is refused too; the rest is not said to anybody.
    refused = result["failed"]
    assert 1 <= refused <= sender.slots
    assert result == {"failed": refused, "queued": 30 - refused, "sent": 1}
    assert suppressions(db) == []
    (paused,) = paused_domains(db, 1)
    assert (paused.domain, paused.paused_at, paused.reply) == ("shop.example", NOON, "550 5.7.515 Access denied")
    assert counting(db).paused_domains == 1
    waiting = db.execute("select distinct reason, next_at from delivery where state = 'queued'").fetchall()
    assert waiting == [("domain_paused", NOON + timedelta(minutes=10))]
    # It stays so for as long as nobody says otherwise, without a word to the server.
    said = len(sender.given)
    for _ in range(6):
        clock.now += timedelta(minutes=10)
        stage.run(db, [BUCKET], 100)
    assert len(sender.given) == said
    assert resume_domain(db, 1, "shop.example", "Zere", clock.now)
    assert not resume_domain(db, 1, "shop.example", "Zere", clock.now)
    db.commit()
    sender.verdict = lambda _: ACCEPTED
    assert dict(stage.run(db, [BUCKET], 100).states) == {"sent": 30 - refused}
    assert db.execute("select resumed_by, resumed_at from paused_domain").fetchall() == [("Zere", clock.now)]


def test_the_domain_pauses_again_with_the_next_such_reply(db: Connection, clock: Clock) -> None:
    workspace(db)
    sender = Answering(lambda _: OURS, slots=1)
    stage = handing(sender, clock)
    for number in range(3):
        sent_message(db, person(db, f"p{number}"), f"m{number}", address=f"p{number}@example.com")
        db.commit()
        stage.run(db, [BUCKET], 10)
        assert [one.domain for one in paused_domains(db, 1)] == ["shop.example"]
        assert resume_domain(db, 1, "Shop.Example", "Zere", clock.now)
        db.commit()
    assert len(sender.given) == 3
    assert paused_domains(db, 1) == []


def test_what_waits_for_a_paused_domain_meets_the_last_look_first(db: Connection, clock: Clock) -> None:
    workspace(db)
    sent_message(db, person(db, "first"), "m0", address="first@example.com", delivery={"next_at": NOON - DAY})
    late = sent_message(db, person(db, "aia"), "m1", facts={"expires_at": "2026-03-02T13:00:00Z"})
    left = sent_message(db, person(db, "dana"), "m2", address="dana@example.com")
    db.commit()
    sender = Answering(lambda _: OURS, slots=1)
    stage = handing(sender, clock)
    stage.run(db, [BUCKET], 10)
    db.execute("update profile set consents = jsonb_set(consents, '{offers,on}', 'false') where die = 'user_id:dana'")
    db.commit()
    clock.now += timedelta(hours=2)
    stage.run(db, [BUCKET], 10)
    found: dict[UUID, str] = dict(
        db.execute("select message, reason from delivery where state = 'withdrawn'").fetchall()
    )
    assert found == {late: "expired", left: "no_consent"}
    assert len(sender.given) == 1


def test_a_domain_is_known_in_whatever_letters_it_is_written(db: Connection, clock: Clock) -> None:
    workspace(db)
    for number, written in enumerate(("Қара <a@Бұлт.example>", "b@бұлт.example")):
        sent_message(db, person(db, f"p{number}"), f"m{number}", address=f"p{number}@example.com")
        db.execute(
            "update content set from_address = %s from message m where m.id = content.message and m.address = %s",
            [written, f"p{number}@example.com"],
        )
    db.commit()
    handing(Answering(lambda _: OURS, slots=1), clock).run(db, [BUCKET], 10)
    (paused,) = paused_domains(db, 1)
    assert paused.domain == "xn--" + "бұлт".encode("punycode").decode() + ".example"
    assert sorted(reason or "" for _, reason, _ in deliveries(db)) == ["domain_paused", "policy"]
