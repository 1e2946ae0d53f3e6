"""``manual: true``: people who are put into a flow by hand, once for each key, under the same rules as everybody (rule 22)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.domain.call import Call, CallKind
from tamshy.enlist import Enlisted, NoManualTrigger, SeveralPeople, Unknown, enlist
from tamshy.explain import explain, lines
from tamshy.publish import pause
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOWS = {
    "lead": """\
trigger: [{manual: true}, {event: Guide Wanted}]
per: event.guide
audience: {not: {profile.blocked: true}}
reentry: {after: 7d}
steps: [{send: guide, if: {event.guide: {exists: true}}}, {wait: 1d}, {send: more}]
""",
    "other": "trigger: {event: Go}\nsteps: [{send: other}]\n",
    "alone": "trigger: {manual: true}\nsteps: [{send: alone}]\n",
}
BODIES = {"guide": "Here is {{ event.guide }}.\n"}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, messages=BODIES), buckets=2, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        for user in ("u1", "u2"):
            made.identify(user, T0, email=f"{user}@example.com")
        made.work(T0)
        yield made


def by_hand(shop: Shop, flow: str, who: str, at: datetime, *, key: str = "k", **event: object) -> Enlisted:
    done = enlist(shop.conn, NAME, flow, who, event, key=key, at=at)
    shop.conn.commit()
    return done


def told(shop: Shop, user: str) -> list[tuple[object, ...]]:
    return [row[1:] for row in shop.told(user)]


def test_rule_22_they_enter_at_the_moment_they_are_asked_with_what_the_caller_gave(shop: Shop) -> None:
    by_hand(shop, "lead", "u1", T0 + HOUR, guide="roses")
    shop.work(T0 + HOUR)
    shop.work(T0 + 25 * HOUR)
    assert shop.told("u1") == [
        (T0 + HOUR, "lead", "", "entered", ""),
        (T0 + HOUR, "lead", "guide", "sent", ""),
        (T0 + 25 * HOUR, "lead", "more", "sent", ""),
        (T0 + 25 * HOUR, "lead", "", "exited", "finished"),
    ]
    assert shop.query("select key, properties from entry join enrollment e on e.id = entry.enrollment") == [
        ("roses", {"guide": "roses"})
    ]
    assert "\nHere is roses.\n" in str(shop.query("select plain from content where subject = 'guide'")[0][0])
    assert shop.query("select count(*) from event where name = ''") == [(0,)]


def test_asked_twice_with_one_key_they_enter_once(shop: Shop) -> None:
    assert by_hand(shop, "lead", "u1", T0, guide="roses").anew
    assert not by_hand(shop, "lead", "u1", T0 + HOUR, guide="tulips").anew
    shop.work(T0 + HOUR)
    assert not by_hand(shop, "lead", "u1@example.com", T0 + HOUR, guide="roses").anew
    shop.work(T0 + HOUR)
    assert told(shop, "u1") == [("lead", "", "entered", ""), ("lead", "guide", "sent", "")]
    assert by_hand(shop, "lead", "u1", T0 + HOUR, key="another", guide="tulips").anew
    assert by_hand(shop, "alone", "u1", T0 + HOUR).anew
    shop.work(T0 + HOUR)
    assert [row for row in told(shop, "u1") if row[2] == "entered"] == [
        ("lead", "", "entered", ""), ("lead", "", "entered", ""), ("alone", "", "entered", ""),
    ]  # fmt: skip


def test_sixteen_who_ask_at_once_with_one_key_are_one(shop: Shop) -> None:
    barrier, done = threading.Barrier(16), []

    def ask() -> None:
        with connect(shop.dsn) as conn:
            barrier.wait()
            done.append(enlist(conn, NAME, "alone", "u1", {}, key="once", at=T0).anew)
            conn.commit()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 15 + [True]
    shop.work(T0)
    assert told(shop, "u1") == [
        ("alone", "", "entered", ""), ("alone", "alone", "sent", ""), ("alone", "", "exited", "finished"),
    ]  # fmt: skip


def test_they_are_refused_for_the_reasons_of_every_trigger(shop: Shop) -> None:
    by_hand(shop, "lead", "u1", T0, key="1", guide="roses")
    shop.work(T0)
    by_hand(shop, "lead", "u1", T0 + HOUR, key="2", guide="roses")
    shop.work(T0 + HOUR)
    shop.work(T0 + 25 * HOUR)
    by_hand(shop, "lead", "u1", T0 + 26 * HOUR, key="3", guide="roses")
    shop.work(T0 + 26 * HOUR)
    shop.identify("u2", T0, blocked=True)
    shop.work(T0 + 26 * HOUR)
    by_hand(shop, "lead", "u2", T0 + 26 * HOUR, key="4", guide="roses")
    shop.work(T0 + 26 * HOUR)
    pause(shop.conn, NAME, "lead", at=T0 + 26 * HOUR)
    shop.conn.commit()
    by_hand(shop, "lead", "u2", T0 + 27 * HOUR, key="5", guide="roses")
    shop.work(T0 + 27 * HOUR)
    assert [row[3] for row in told(shop, "u1") if row[2] == "refused"] == ["active", "reentry"]
    assert [row[2:] for row in told(shop, "u2")] == [("refused", "audience"), ("refused", "paused")]


def test_who_is_being_merged_meanwhile_is_put_in_as_who_they_are_then(shop: Shop) -> None:
    shop.visit("phone", "Looked", T0)
    shop.work(T0)
    shop.store(Call(CallKind.IDENTIFY, T0, T0, user_id="u1", anonymous_id="phone"))
    by_hand(shop, "alone", "phone", T0 + HOUR)
    shop.work(T0 + HOUR)
    assert [row[2] for row in told(shop, "u1")] == ["entered", "sent", "exited"]


def test_what_cannot_be_is_said_beforehand(shop: Shop) -> None:
    with pytest.raises(NoManualTrigger, match=r"other is not entered by hand; give it the trigger \{manual: true\}"):
        by_hand(shop, "other", "u1", T0)
    with pytest.raises(Unknown, match="there is no flow 'laed'; there are alone, lead, other"):
        by_hand(shop, "laed", "u1", T0)
    with pytest.raises(Unknown, match="nobody goes by 'u3'"):
        by_hand(shop, "lead", "u3", T0)
    with pytest.raises(Unknown, match="there is no workspace 'elsewhere'"):
        enlist(shop.conn, "elsewhere", "lead", "u1", {}, key="k", at=T0)
    shop.identify("u3", T0, email="u1@example.com")
    shop.work(T0)
    with pytest.raises(
        SeveralPeople, match=r"several people go by 'u1@example.com'; give the id of one of them: \S+, \S+$"
    ):
        by_hand(shop, "lead", "u1@example.com", T0)
    assert shop.query("select count(*) from inbox") == [(0,)]


def test_it_is_explained(shop: Shop) -> None:
    by_hand(shop, "lead", "u1", T0, key="1", guide="roses")
    shop.work(T0)
    by_hand(shop, "lead", "u1", T0, key="2", guide="roses")
    shop.work(T0)
    (one,) = explain(shop.conn, NAME, "u1", now=T0)
    said = lines(one)
    assert "    09:00  Entered lead (roses): a request by hand." in said
    assert "    09:00  Not let into lead (roses): a request by hand came, and they were inside already." in said
    assert "  alone: it is entered by hand, and nobody has put them in." in said
    assert "  other: Go has never come." in said
