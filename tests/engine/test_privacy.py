"""A person erased from everywhere, and all that is held about one, written out."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.living import HandClock, Shop, found_shop, small

from tamshy import sqlkit
from tamshy.domain.call import Call, CallKind
from tamshy.explain import explain, lines
from tamshy.privacy import FREE, HELD, Pads, erase, erased_since, find, sweep, take_out, under_way
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = b"a key of the test, 32 bytes long"
SETTINGS = "identities: {merge_on: [user_id, email]}\n"
FLOWS = {
    "cart": """\
trigger: {event: Checkout Started}
reentry: always
conversion: {event: Order Completed, within: 5d}
steps:
  - split: {name: tone, arms: {warm: {}, dry: {}}}
  - send: reminder
  - wait: 2d
  - send: second
""",
    "birthday": "trigger: {date: profile.birthday}\nsteps: [{send: gift}]\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, settings=SETTINGS), buckets=4, zones=["UTC", "Asia/Almaty"])
        yield Shop(dsn, conn, book, HandClock(T0))


def lived(shop: Shop) -> None:
    """Let u1 and u2 leave something in every table, u1 also as somebody who was merged."""
    conn = shop.conn
    for user in ("u1", "u2"):
        shop.visit(f"phone-{user}", "Looked", T0 - HOUR, page=f"/{user}")
    shop.work(T0 - HOUR)
    for user in ("u1", "u2"):
        address = f"{user}@example.com"
        shop.identify(user, T0, device=f"phone-{user}", email=address, first_name=f"Name of {user}", birthday="12-01")
        shop.identify(None, T0, device=f"tablet-{user}", city=f"City of {user}")
        shop.work(T0)
        shop.alias(f"tablet-{user}", user, T0)
        shop.alias(f"old-{user}", user, T0)
        given = {"topic": "news", "granted": True, "source": "api", "evidence": {"wording": f"Said by {user}"}}
        shop.store(Call(CallKind.CONSENT, T0, T0, user_id=user, properties=given))
        shop.track(user, "Checkout Started", T0, value=7, note=f"Checkout of {user}")
        shop.track(user, "Order Completed", T0 + timedelta(minutes=1), value=9)
        shop.track(user, "Product Added", T0 + timedelta(minutes=2), sku=f"Cart of {user}")
    shop.work(T0 + HOUR)
    for user in ("u1", "u2"):
        bucket, profile = where(shop, user)
        ((message,),) = shop.query("select id from message where profile = %(profile)s", profile=profile)
        key = {"bucket": bucket, "profile": profile, "message": message, "at": T0, "address": f"{user}@example.com"}
        conn.execute(
            "insert into engagement values (%(bucket)s, %(profile)s, %(message)s, %(message)s, 'opened', %(at)s, null, false,"
            " jsonb_build_object('user_agent', %(address)s::text))",
            key,
        )
        conn.execute(
            "insert into settlement values (%(bucket)s, %(profile)s, %(message)s, 1, 1, 'sent', 'key', %(at)s)", key
        )
        conn.execute(
            "insert into coupon values (%(bucket)s, %(profile)s, %(message)s, 1, %(message)s, 'flow', 1, 'coupon-1', 1, 'pool',"
            " 'code', 'taken', %(address)s, '{}', %(at)s)",
            key,
        )
        conn.execute(
            "insert into errand values (%(bucket)s, %(profile)s, %(message)s, 1, 'notify', %(message)s, 'flow', 1, 'notify-1',"
            " jsonb_build_object('text', %(address)s::text), 'done', false, null, null, 1, %(at)s, 1, null, %(at)s, %(at)s)",
            key,
        )
        conn.execute(
            "insert into reorder values (%(bucket)s, %(profile)s, %(address)s, 'f', %(at)s + interval '9 year', %(at)s, %(at)s)",
            key,
        )
        conn.execute("insert into membership values (%(bucket)s, %(profile)s, 'loyal', %(at)s)", key)
        conn.execute("insert into flip values (%(bucket)s, %(profile)s, 'loyal', %(at)s + interval '9 year')", key)
        conn.execute("insert into best values (%(bucket)s, %(profile)s, 'spent')", key)
        conn.execute("insert into buyer values (%(bucket)s, %(profile)s, %(at)s, 'new', 511)", key)
        conn.execute("insert into soft_bounce values (1, %(address)s, %(message)s, %(at)s)", key)
        conn.execute(
            "insert into suppression values (1, %(address)s, 'manual', %(at)s + interval '1 year',"
            " jsonb_build_object('said', %(address)s::text))",
            key,
        )
        conn.execute(
            "insert into paused_domain values (1, %(address)s || '.domain', %(at)s, '554 ' || %(address)s, %(message)s)".replace(
                "%(address)s || '.domain'", f"'{user}.shop.example'"
            ),
            key,
        )
        conn.execute("insert into set_aside values (%(bucket)s, %(profile)s, %(at)s, 3, 'infinity', %(address)s)", key)
        conn.execute("insert into retention values (%(bucket)s, %(profile)s, %(at)s) on conflict do nothing", key)
        shop.track(user, "Unread", T0 + HOUR, note=f"Unread of {user}")
    conn.commit()


def where(shop: Shop, user: str) -> tuple[int, Any]:
    ((bucket, profile),) = shop.query(
        "select bucket, profile from identifier where kind = 'user_id' and value = %(user)s", user=user
    )
    return int(str(bucket)), profile


def dump(conn: Connection) -> dict[str, list[str]]:
    """Every row of every table as text."""
    tables = [row[0] for row in conn.execute("select tablename from pg_tables where schemaname = 'public' order by 1")]
    found = {
        table: [row[0] for row in conn.execute(f"select to_jsonb(t)::text from {sqlkit.quoted(table)} t order by 1")]
        for table in tables
    }
    conn.commit()
    return found


def test_every_table_is_held_to_or_said_to_hold_nothing_of_anybody(shop: Shop) -> None:
    """A new table fails here until somebody has thought of it; one with a column that names a person cannot be free."""
    tables = {row[0] for row in shop.query("select tablename from pg_tables where schemaname = 'public'")}
    assert set(HELD) | FREE.keys() == tables
    assert set(HELD) & FREE.keys() == set()
    named = shop.query(
        "select distinct table_name from information_schema.columns where table_schema = 'public'"
        " and column_name in ('profile', 'address', 'user_id', 'device', 'email', 'phone', 'properties')"
    )
    assert {row[0] for row in named} <= set(HELD)


def test_everything_of_a_person_goes_and_nothing_of_anybody_else(shop: Shop) -> None:
    lived(shop)
    (somebody,) = find(shop.conn, 1, "u1")
    assert len(somebody.parts) == 2
    held = take_out(shop.conn, somebody)
    assert set(held) | {"inbox", "retention"} == set(HELD)
    before = dump(shop.conn)
    said = erase(shop.conn, somebody, Pads.of(KEY), T0 + HOUR)
    shop.conn.commit()
    assert (said.enrollments, said.addresses, said.users, said.sharing) == (
        1,
        ("u1@example.com",),
        ("u1",),
        (),
    )
    after = dump(shop.conn)
    keyed = "erased:" + hmac.new(KEY, b"u1@example.com", hashlib.sha256).hexdigest()
    words = ["u1", "phone-u1", "tablet-u1", *(str(part) for _, part in somebody.parts)]
    hits = [row for table in after.values() for row in table if any(word in row for word in words)]
    # a sending domain is the shop's own, and stays paused; nothing of the reply does
    assert [json.loads(row)["domain"] for row in hits] == ["u1.shop.example"]
    assert [json.loads(row)["reply"] for row in hits] == ["erased"]
    assert shop.query("select address, reason, since from suppression where reason = 'erased'") == [
        (keyed, "erased", T0 + HOUR)
    ]
    for table in HELD:
        # of each table only this person's rows have gone, and of the others none has changed
        gone = [json.loads(row) for row in set(before[table]) - set(after[table])]
        assert [row for row in gone if row not in held.get(table, [])] == [], table
        assert len(gone) == len(held.get(table, [])), table
    assert len(shop.query("select 1 from event where properties ->> 'note' = 'Checkout of u2'")) == 1
    assert shop.query("select outcome, reason, count from tally where reason = 'erased' order by outcome") == [
        ("exited", "erased", 1),
        ("withdrawn", "erased", 1),
    ]
    assert erased_since(shop.conn, 1, "U1@example.com") == T0 + HOUR


def test_what_is_taken_out_is_what_is_held_field_by_field(shop: Shop) -> None:
    shop.identify("u1", T0, device="phone", email="aia@example.com", first_name="Aia", timezone="Asia/Almaty")
    given = {"topic": "news", "granted": True, "source": "api", "evidence": {"wording": "Yes"}}
    shop.store(Call(CallKind.CONSENT, T0, T0, user_id="u1", properties=given, key="k|1"))
    shop.track("u1", "Looked", T0, page="/")
    shop.work(T0)
    shop.track("u1", "Unread", T0 + HOUR, page="/later")
    (somebody,) = find(shop.conn, 1, "aia@example.com")
    bucket, profile = somebody.parts[0]
    held = take_out(shop.conn, somebody)
    at, micro = "2026-03-02T09:00:00+00:00", int(T0.timestamp() * 1_000_000)
    whose = {"bucket": bucket, "profile": str(profile)}
    assert held["profile"] == [
        {
            "bucket": bucket,
            "id": str(profile),
            "workspace": 1,
            "die": "user_id:u1",
            "created_at": at,
            "properties": {
                "email": "aia@example.com",
                "first_name": "Aia",
                "timezone": "Asia/Almaty",
                "created_at": "2026-03-02T09:00:00Z",
            },
            "stamps": dict.fromkeys(("email", "first_name", "timezone"), micro),
            "address": "aia@example.com",
            "zone": "Asia/Almaty",
            "consents": {"news": {"at": micro, "on": True}},
            "suppressed": None,
            "merged_into": None,
            "placed": False,
        }
    ]
    tied = whose | {"workspace": 1, "since": at}
    assert held["identifier"] == [
        tied | {"kind": "anonymous_id", "value": "phone"},
        tied | {"kind": "email", "value": "aia@example.com"},
        tied | {"kind": "user_id", "value": "u1"},
    ]
    assert held["naming"] == [{"workspace": 1, "device": "phone", "at": at, "user_id": "u1"}]
    consent = held["consent"][0]
    assert held["consent"] == [
        whose
        | {
            "id": consent["id"],
            "topic": "news",
            "granted": True,
            "occurred_at": at,
            "taken_in_at": at,
            "source": "api",
            "evidence": {"wording": "Yes"},
        }
    ]
    event = sorted(held["event"], key=lambda row: str(row["name"]))
    seen = whose | {"occurred_at": at, "received_at": at, "origin": 0, "context": {}}
    assert event == [
        seen | {"id": event[0]["id"], "name": "Looked", "properties": {"page": "/"}},
        seen | {"id": event[1]["id"], "name": "Subscribed", "properties": {"topic": "news"}},
    ]
    assert [(row["name"], row["properties"]) for row in held["inbox"]] == [("Unread", {"page": "/later"})]
    assert set(held) == {"profile", "identifier", "naming", "consent", "event", "inbox"}


def test_who_comes_back_is_a_stranger_whom_nothing_is_written_to(shop: Shop) -> None:
    lived(shop)
    (somebody,) = find(shop.conn, 1, "u1@example.com")
    erase(shop.conn, somebody, Pads.of(KEY), T0 + HOUR)
    shop.conn.commit()
    again = T0 + timedelta(days=400)
    shop.identify("u9", again, email="U1@example.com")
    shop.track("u9", "Checkout Started", again)
    shop.work(again)
    (newcomer,) = find(shop.conn, 1, "u9")
    assert shop.query(
        "select state, reason, address from message where profile = %(profile)s", profile=newcomer.profile
    ) == [("skipped", "suppressed", "u1@example.com")]
    assert shop.query("select count(*) from delivery where profile = %(profile)s", profile=newcomer.profile) == [(0,)]
    (told,) = explain(shop.conn, "simulation", "u9", now=again)
    assert told.person.suppressed is not None
    assert told.person.suppressed.reason == "erased"
    assert any("the person was erased" in line for line in lines(told))


def test_erased_again_nothing_more_happens(shop: Shop) -> None:
    lived(shop)
    (somebody,) = find(shop.conn, 1, "u1")
    erase(shop.conn, somebody, Pads.of(KEY), T0 + HOUR)
    shop.conn.commit()
    after = dump(shop.conn)
    assert find(shop.conn, 1, "u1") == []
    said = erase(shop.conn, somebody, Pads.of(b"another key"), T0 + 2 * HOUR)
    shop.conn.commit()
    assert (said.rows, said.enrollments, said.deliveries) == ({}, 0, 0)
    assert dump(shop.conn) == after


def test_who_is_about_to_be_merged_goes_whole_and_nobody_waits_for_them(shop: Shop) -> None:
    shop.identify("a", T0, email="a@example.com")
    shop.visit("device", "Looked", T0)
    shop.identify("a", T0, device="device")
    assert shop.query("select count(*) from inbox where kind = 'merge'") == [(2,)]
    (somebody,) = find(shop.conn, 1, "device")
    assert len(somebody.parts) == 2
    erase(shop.conn, somebody, Pads.of(KEY), T0)
    shop.conn.commit()
    for table in ("inbox", "identifier", "profile", "naming"):
        assert shop.query(f"select count(*) from {table}") == [(0,)]


def test_another_with_the_same_address_stays_and_is_named(shop: Shop) -> None:
    book = small(FLOWS)
    shop.publish(book, T0)
    shop.identify("u1", T0, email="both@example.com")
    shop.identify("u2", T0, email="both@example.com")
    shop.work(T0)
    (somebody,) = find(shop.conn, 1, "u1")
    said = erase(shop.conn, somebody, Pads.of(KEY), T0)
    shop.conn.commit()
    assert [other.first_known_as for other in said.sharing] == ["user_id:u2"]
    assert shop.query("select die from profile") == [("user_id:u2",)]


def test_a_call_that_was_under_way_leaves_nothing(shop: Shop) -> None:
    shop.identify("u1", T0, email="aia@example.com")
    shop.work(T0)
    (somebody,) = find(shop.conn, 1, "u1")
    shop.conn.commit()
    with connect(shop.dsn) as other:
        # it has looked up whose the call is, and has not stored it yet
        other.execute("select profile from identifier where value = 'u1'")
        said = erase(shop.conn, somebody, Pads.of(KEY), T0)
        shop.conn.commit()
        open_ = under_way(shop.conn)
        shop.conn.commit()
        assert len(open_) == 1
        bucket, profile = somebody.parts[0]
        other.execute(
            "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, name, occurred_at, properties)"
            " values (%(bucket)s, %(profile)s, %(at)s, 1, %(profile)s, 1, 'event', 'Looked', %(at)s, '{\"page\": \"/u1\"}')",
            {"bucket": bucket, "profile": profile, "at": T0},
        )
        other.execute("insert into naming values (1, 'phone', %(at)s, 'u1')", {"at": T0})
        other.execute(
            "insert into soft_bounce values (1, 'aia@example.com', %(id)s, %(at)s)", {"id": profile, "at": T0}
        )
        other.commit()
    shop.work(T0)
    assert shop.query("select name from event") == [("Looked",)]
    assert not open_ & under_way(shop.conn)
    assert sweep(shop.conn, somebody, said) == {"event": 1, "naming": 1, "soft_bounce": 1}
    shop.conn.commit()
    for table in ("event", "naming", "soft_bounce", "profile", "identifier"):
        assert shop.query(f"select count(*) from {table}") == [(0,)]


def test_mail_on_its_way_is_withdrawn_and_counted(shop: Shop) -> None:
    shop.identify("u1", T0, email="aia@example.com")
    shop.track("u1", "Checkout Started", T0)
    shop.work(T0)
    assert shop.query("select state from delivery") == [("queued",)]
    (somebody,) = find(shop.conn, 1, "u1")
    said = erase(shop.conn, somebody, Pads.of(KEY), T0)
    shop.conn.commit()
    assert said.deliveries == 1
    assert shop.query("select count(*) from delivery") == [(0,)]
    assert shop.query("select bucket, kind, outcome, count from tally where reason = 'erased' order by bucket") == [
        (-1, "delivery", "withdrawn", 1),
        (somebody.parts[0][0], "enrollment", "exited", 1),
    ]
