"""Hits become rows: every one kept, people's told to the engine once, machines' never."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, person, sent_message, workspace

from tamshy import track
from tamshy.domain.ids import named
from tamshy.domain.token import Subject
from tamshy.track import Did, Hit, Report, Request

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection
    from tamshy.track import Found

LATER = NOON + timedelta(hours=1)
PERSON = Request("GET", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36")


@pytest.fixture
def message(db: Connection) -> tuple[UUID, UUID]:
    workspace(db)
    profile = person(db, "aia")
    return profile, sent_message(db, profile, delivery={"state": "sent", "settled_at": NOON})


def found(db: Connection, message: tuple[UUID, UUID]) -> Found:
    seen = track.find(db, Subject(1, BUCKET, *message))
    assert seen is not None
    return seen


def hit(message: tuple[UUID, UUID], did: Did, seconds: int = 0, **more: object) -> Hit:
    moment = LATER + timedelta(seconds=seconds)
    return Hit(BUCKET, *message, did, moment, moment, **more)  # type: ignore[arg-type]


def facts_of(message: tuple[UUID, UUID]) -> dict[str, object]:
    return {
        "message": "cart-reminder",
        "flow": "abandoned-cart",
        "step": "cart-reminder",
        "message_id": str(message[1]),
        "enrollment": str(named("enrollment", "m1")),
    }


def test_a_set_of_hits_is_recorded_in_one_go(db: Connection, message: tuple[UUID, UUID]) -> None:
    told = track.record(
        db,
        [
            hit(message, Did.OPENED),
            hit(message, Did.CLICKED, 1, url="https://a.example"),
            hit(message, Did.CLICKED, 2, url="https://a.example"),
            hit(message, Did.CLICKED, 3, url="https://b.example"),
            hit(message, Did.CLICKED, 4, url="https://c.example", machine=True),
            hit(message, Did.UNSUBSCRIBED, 5),
            hit(message, Did.COMPLAINED, 6),
            hit(message, Did.BOUNCED, 7, facts={"words": "550"}),
            hit((message[0], named("nobody's")), Did.OPENED),
        ],
    )
    assert told == 6
    rows = db.execute(
        "select kind, origin, name, occurred_at, properties, facts from inbox order by occurred_at"
    ).fetchall()
    facts = facts_of(message)
    no, at = (
        {"topic": "offers", "granted": False, "source": "link", "evidence": {}},
        [LATER + timedelta(seconds=s) for s in range(8)],
    )
    address = {"address": "aia@example.com"}
    assert rows == [
        ("event", 1, "Message Opened", at[0], facts, {}),
        ("event", 1, "Message Clicked", at[1], facts | {"url": "https://a.example"}, {}),
        ("event", 1, "Message Clicked", at[3], facts | {"url": "https://b.example"}, {}),
        ("consent", 1, "Unsubscribed", at[5], facts | {"topic": "offers"}, no),
        ("suppress", 1, "Message Complained", at[6], facts, {"reason": "complaint", "evidence": {}} | address),
        (
            "suppress",
            1,
            "Message Bounced",
            at[7],
            facts,
            {"reason": "hard_bounce", "evidence": {"words": "550"}} | address,
        ),
    ]
    kept = db.execute("select kind, url, machine from engagement order by occurred_at").fetchall()
    assert kept == [
        ("opened", None, False),
        ("clicked", "https://a.example", False),
        ("clicked", "https://a.example", False),
        ("clicked", "https://b.example", False),
        ("clicked", "https://c.example", True),
        ("unsubscribed", None, False),
        ("complained", None, False),
        ("bounced", None, False),
    ]


def test_the_same_hit_twice_is_one(db: Connection, message: tuple[UUID, UUID]) -> None:
    assert track.record(db, [hit(message, Did.OPENED)]) == 1
    assert track.record(db, [hit(message, Did.OPENED), hit(message, Did.OPENED)]) == 0
    assert db.execute("select count(*) from engagement").fetchone() == (1,)


def test_what_only_machines_did_means_nothing_until_a_person_does_it(
    db: Connection, message: tuple[UUID, UUID]
) -> None:
    assert track.record(db, [hit(message, Did.OPENED, machine=True)]) == 0
    assert track.record(db, [hit(message, Did.OPENED, 1)]) == 1


def test_no_hits_do_nothing(db: Connection) -> None:
    assert track.record(db, []) == 0


def test_a_providers_report_counts_once_and_never_from_the_future(db: Connection, message: tuple[UUID, UUID]) -> None:
    seen = found(db, message)
    complaint = Report(Did.COMPLAINED, LATER + timedelta(days=1), "abuse")
    assert track.report(db, seen, complaint, LATER)
    assert not track.report(db, seen, complaint, LATER + timedelta(hours=1))
    assert db.execute("select name, occurred_at, facts->>'reason' from inbox").fetchall() == [
        ("Message Complained", LATER, "complaint")
    ]


def test_a_pair_of_links_within_two_seconds_is_a_machine_and_later_a_person(
    db: Connection, message: tuple[UUID, UUID]
) -> None:
    seen = found(db, message)
    for number, seconds in ((0, 0), (1, 2)):
        assert track.clicked(db, seen, number, PERSON, LATER + timedelta(seconds=seconds)) is not None
    assert db.execute("select count(*) from inbox").fetchone() == (0,)
    for number, seconds in ((0, 100), (1, 103)):
        assert track.clicked(db, seen, number, PERSON, LATER + timedelta(seconds=seconds)) is not None
    assert db.execute("select properties->>'url' from inbox order by moment").fetchall() == [
        ("https://shop.example/a",),
        ("https://shop.example/b?x=1&y=2",),
    ]


def test_what_the_engine_was_told_is_not_taken_back(db: Connection, message: tuple[UUID, UUID]) -> None:
    seen = found(db, message)
    track.clicked(db, seen, 0, PERSON, LATER)
    track.opened(db, seen, PERSON, LATER + timedelta(seconds=60))
    track.clicked(db, seen, 0, PERSON, LATER + timedelta(seconds=61))
    track.clicked(db, seen, 1, PERSON, LATER + timedelta(seconds=62))
    assert db.execute("select name, occurred_at from inbox").fetchall() == [("Message Clicked", LATER)]
    marked = db.execute("select kind, machine from engagement order by occurred_at").fetchall()
    assert marked == [("clicked", False), ("opened", True), ("clicked", True), ("clicked", True)]


@pytest.mark.parametrize("number", [-1, 2, 10**30])
def test_a_link_that_is_not_there_is_none(db: Connection, message: tuple[UUID, UUID], number: int) -> None:
    assert track.clicked(db, found(db, message), number, PERSON, LATER) is None
    assert db.execute("select count(*) from engagement").fetchone() == (0,)


def test_a_message_that_was_not_sent_is_not_found(db: Connection, message: tuple[UUID, UUID]) -> None:
    db.execute("update message set state = 'skipped'")
    assert track.find(db, Subject(1, BUCKET, *message)) is None


def test_merges_of_merges_are_followed_and_circles_are_not(db: Connection, message: tuple[UUID, UUID]) -> None:
    def there(name: str) -> tuple[int, UUID]:
        made = person(db, name)
        bucket = int(made.hex[:4], 16) % 64
        db.execute("update profile set bucket = %s where id = %s", [bucket, made])
        return bucket, made

    (_, second), (bucket, third) = there("dana"), there("zhan")
    db.execute("update profile set merged_into = %s where id = %s", [second, message[0]])
    db.execute("update profile set merged_into = %s where id = %s", [third, second])
    for table in ("message", "content", "delivery"):
        db.execute(f"update {table} set bucket = %s, profile = %s".encode(), [bucket, third])
    seen = found(db, message)
    assert (seen.bucket, seen.profile) == (bucket, third)
    db.execute("update profile set merged_into = %s where id = %s", [second, third])
    assert track.find(db, Subject(1, BUCKET, *message)) is None


def test_consent_counts_what_is_not_read_yet(db: Connection, message: tuple[UUID, UUID]) -> None:
    seen = found(db, message)
    assert {topic: said.granted for topic, said in track.consents_of(db, seen).items()} == {"offers": True}
    assert track.unsubscribe(db, seen, LATER, "one_click", "x")
    assert not track.unsubscribe(db, seen, LATER + timedelta(seconds=1), "one_click", "x")
    assert {topic: said.granted for topic, said in track.consents_of(db, seen).items()} == {"offers": False}
    old = track.Choice("offers", granted=True)
    assert track.change_topics(db, seen, [old], LATER - timedelta(days=9), "preferences", "x") == 1
    assert {topic: said.granted for topic, said in track.consents_of(db, seen).items()} == {"offers": False}
