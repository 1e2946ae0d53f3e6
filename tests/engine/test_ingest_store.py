"""Storing calls: what is left in the tables, in which order, and what a repeated call does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.oracle.history import write_history

from tamshy.domain.call import Call, CallKind
from tamshy.domain.ids import bucket_of, event_id, profile_id
from tamshy.ingest import Stored, WorkspaceRef, calls_from_lines, prune, store, store_history

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy import sqlkit

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP = WorkspaceRef(id=1, name="shop", buckets=64, zone="Asia/Almaty", topic="offers")


@pytest.fixture
def shop(stage: sqlkit.Connection) -> sqlkit.Connection:
    stage.execute("insert into workspace (id, name, first_bucket, buckets) values (1, 'shop', 0, 64)")
    return stage


def call(kind: CallKind = CallKind.TRACK, **given: Any) -> Call:  # noqa: ANN401 - a call's own fields
    fields: dict[str, Any] = {"occurred_at": NOW, "received_at": NOW, "user_id": "u1", "name": "Checkout Started"}
    return Call(kind=kind, **{**fields, **given})


def inbox(db: sqlkit.Connection, columns: str = "kind, name, properties, facts") -> list[tuple[Any, ...]]:
    return db.execute(f"select {columns} from inbox order by moment, ord, id".encode()).fetchall()


def test_a_newcomer_leaves_a_profile_an_identifier_and_an_inbox_row(shop: sqlkit.Connection) -> None:
    early = NOW - timedelta(hours=1)
    stored = store(shop, SHOP, [call(occurred_at=early, key="shop|m1", properties={"cart_id": "c1"})])

    assert stored == Stored(accepted=1, repeated=0)
    profile = profile_id("shop", "user_id:u1")
    bucket = bucket_of(profile, 0, 64)
    assert shop.execute("select bucket, id, die, created_at, properties, zone, address from profile").fetchall() == [
        (bucket, profile, "user_id:u1", early, {"created_at": "2026-03-02T08:00:00Z"}, "Asia/Almaty", None)
    ]
    assert shop.execute("select kind, value, bucket, profile, since from identifier").fetchall() == [
        ("user_id", "u1", bucket, profile, NOW)
    ]
    assert inbox(shop, "bucket, profile, moment, emitted, id, kind, origin, name, occurred_at, properties") == [
        (
            bucket,
            profile,
            NOW,
            False,
            event_id("shop", "m1"),
            "event",
            0,
            "Checkout Started",
            early,
            {"cart_id": "c1"},
        )
    ]


def test_rule_15_a_repeated_message_id_is_accepted_and_does_nothing(shop: sqlkit.Connection) -> None:
    assert store(shop, SHOP, [call(key="s|m1"), call(key="s|m1"), call(key="s|m2")]) == Stored(2, 1)
    later = NOW + timedelta(days=30)
    assert store(shop, SHOP, [call(key="s|m1", received_at=later)]) == Stored(0, 1)
    assert len(inbox(shop)) == 2


def test_rule_15_after_thirty_days_a_message_id_is_a_new_one(shop: sqlkit.Connection) -> None:
    later = NOW + timedelta(days=30, milliseconds=1)
    assert store(shop, SHOP, [call(key="s|m1")]) == Stored(1, 0)
    assert store(shop, SHOP, [call(key="s|m1", received_at=later)]) == Stored(1, 0)
    ids = inbox(shop, "id")
    assert ids[0] == (event_id("s", "m1"),)
    assert ids[1] != ids[0]


def test_message_ids_count_within_their_source_and_workspace(shop: sqlkit.Connection) -> None:
    other = WorkspaceRef(id=2, name="other", buckets=64, zone="UTC", first_bucket=64)
    assert store(shop, SHOP, [call(key="one|m1"), call(key="two|m1")]) == Stored(2, 0)
    assert store(shop, other, [call(key="one|m1")]) == Stored(1, 0)


def test_calls_without_a_message_id_are_all_kept(shop: sqlkit.Connection) -> None:
    assert store(shop, SHOP, [call(ord=0), call(ord=1)]) == Stored(2, 0)
    assert len(inbox(shop)) == 2


def test_an_identify_says_its_traits_both_ways_and_its_address(shop: sqlkit.Connection) -> None:
    traits = {"email": "aia@example.com", "firstName": "Aia", "address": {"postalCode": "050000", "city": "Almaty"}}
    context = {"timezone": "Asia/Almaty", "locale": "kk-KZ", "traits": {"x": 1}, "ip": "192.0.2.1"}
    store(shop, SHOP, [call(CallKind.IDENTIFY, name="", properties=traits, context=context)])

    assert inbox(shop, "kind, name, properties, context, facts") == [
        (
            "identify",
            "",
            {
                "email": "aia@example.com",
                "firstName": "Aia",
                "first_name": "Aia",
                "address": {"postalCode": "050000", "postal_code": "050000", "city": "Almaty"},
            },
            {"timezone": "Asia/Almaty", "locale": "kk-KZ", "ip": "192.0.2.1"},
            {"address": "aia@example.com", "ambient": {"timezone": "Asia/Almaty", "locale": "kk-KZ"}},
        )
    ]


def test_an_address_that_cannot_be_written_to_is_told_as_none(shop: sqlkit.Connection) -> None:
    store(shop, SHOP, [call(CallKind.IDENTIFY, properties={"email": "aia@localhost"})])
    assert inbox(shop, "properties, facts") == [({"email": "aia@localhost"}, {"address": None})]


def test_an_identify_without_email_says_nothing_of_an_address(shop: sqlkit.Connection) -> None:
    store(shop, SHOP, [call(CallKind.IDENTIFY, properties={"city": "Almaty"})])
    assert inbox(shop, "facts") == [({},)]


def test_pages_and_screens_become_events_with_where_they_came_from(shop: sqlkit.Connection) -> None:
    page = {"path": "/cart", "referrer": "https://search.example/"}
    context = {"campaign": {"source": "mail"}, "page": page}
    store(
        shop,
        SHOP,
        [
            call(CallKind.PAGE, name="", properties={"name": "Cart"}, context=context),
            call(CallKind.SCREEN, name="", properties={"name": "Home"}, ord=1),
        ],
    )
    source = {"campaign": {"source": "mail"}, "page": page, "referrer": "https://search.example/"}
    assert inbox(shop, "kind, name, properties, facts") == [
        ("event", "Page Viewed", {"name": "Cart"}, {"source": source}),
        ("event", "Screen Viewed", {"name": "Home"}, {}),
    ]


def test_a_group_call_ties_ids_and_leaves_no_row(shop: sqlkit.Connection) -> None:
    store(shop, SHOP, [call(CallKind.GROUP, name="", anonymous_id="a1")])
    assert inbox(shop) == []
    assert shop.execute("select count(*), count(distinct profile) from identifier").fetchall() == [(2, 1)]


def test_rule_23_a_write_key_can_withdraw_and_never_grant(shop: sqlkit.Connection) -> None:
    store(
        shop,
        SHOP,
        [
            call(name="Unsubscribed", properties={"topic": "news", "list_id": "l1"}, ord=0),
            call(name="Unsubscribed", ord=1),
            call(name="Subscribed", properties={"topic": "news"}, ord=2),
        ],
    )
    said = {"granted": False, "source": "write_key", "evidence": {}}
    assert inbox(shop) == [
        ("consent", "Unsubscribed", {"topic": "news", "list_id": "l1"}, {"topic": "news", **said}),
        ("consent", "Unsubscribed", {"topic": "offers"}, {"topic": "offers", **said}),
        ("event", "Subscribed", {"topic": "news"}, {}),
    ]


def test_a_consent_call_keeps_its_evidence(shop: sqlkit.Connection) -> None:
    evidence = {"wording": "Send me offers", "ip": "192.0.2.1"}
    facts = {"topic": "offers", "granted": True, "source": "api", "evidence": evidence}
    store(shop, SHOP, [call(CallKind.CONSENT, name="", properties=facts)])
    assert inbox(shop) == [("consent", "Subscribed", {"topic": "offers"}, facts)]


def test_a_suppression_keeps_its_reason_beside_its_properties(shop: sqlkit.Connection) -> None:
    properties = {"reason": "hard_bounce", "message": "cart-reminder"}
    store(shop, SHOP, [call(CallKind.SUPPRESS, name="Message Bounced", properties=properties)])
    assert inbox(shop) == [("suppress", "Message Bounced", {"message": "cart-reminder"}, {"reason": "hard_bounce"})]


def test_rows_of_one_arrival_keep_the_order_of_the_calls(shop: sqlkit.Connection) -> None:
    store(shop, SHOP, [call(name=f"e{n}", ord=n, anonymous_id="a1") for n in range(20)])
    assert [name for _, name, _, _ in inbox(shop)] == [f"e{n}" for n in range(20)]


def test_rule_15_what_nothing_can_hit_any_more_is_pruned(shop: sqlkit.Connection) -> None:
    def days(number: float) -> datetime:
        return NOW + timedelta(days=number)

    for number, user in ((0, "u1"), (1, "u2"), (2, "u1"), (40, "u2")):
        at = days(number)
        store(shop, SHOP, [call(user_id=user, anonymous_id="a1", key=f"s|{number}", occurred_at=at, received_at=at)])
    assert prune(shop, days(32)) == 3
    assert prune(shop, days(32)) == 0
    left = shop.execute("select at, user_id from naming order by at").fetchall()
    assert left == [(days(1), "u2"), (days(2), "u1"), (days(40), "u2")]
    assert shop.execute("select count(*) from seen_message").fetchall() == [(2,)]
    assert store(shop, SHOP, [call(key="s|2", received_at=days(32))]) == Stored(0, 1)


LEFT = {
    "identifier": "kind, value, bucket, profile, since",
    "naming": "device, at, user_id",
    "profile": "bucket, id, die, created_at, properties, zone",
    # without ids, which say in a history when the call arrived
    "inbox": "bucket, profile, moment, emitted, ord, kind, origin, name, occurred_at, properties, context, facts",
}


def left(db: sqlkit.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: db.execute(f'select {columns} from {table} order by {table}.*::text collate "C"'.encode()).fetchall()
        if table != "inbox"
        else db.execute(f"select {columns} from inbox order by bucket, profile, moment, ord, kind".encode()).fetchall()
        for table, columns in LEFT.items()
    }


def test_a_whole_history_leaves_what_its_calls_leave_one_batch_after_another(
    shop: sqlkit.Connection, tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    write_history(path, 60, 1500, seed=5, delayed=0.2)
    merging = replace(SHOP, buckets=2, merge_on=frozenset({"user_id", "email"}))
    calls = calls_from_lines(path.read_bytes().splitlines(), zone="Asia/Almaty").calls
    for start in range(0, len(calls), 40):
        store(shop, merging, calls[start : start + 40])
    by_batches = left(shop)
    assert any(row[5] == "merge" for row in by_batches["inbox"])
    assert by_batches["naming"]
    shop.execute(f"truncate {', '.join([*LEFT, 'seen_message'])}".encode())
    shop.commit()

    store_history([shop], merging, calls)

    assert left(shop) == by_batches
