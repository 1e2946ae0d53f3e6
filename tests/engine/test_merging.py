"""Two profiles turn out to be one person (rule 30): over two buckets, with everything that either has under way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import Director, Feed, HandClock, Shop, found_shop, live, ref_of, small

from tamshy.domain.call import Call, CallKind
from tamshy.passes import Horizon, merge_ready, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.publish import pause
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CART = """\
trigger: {event: Checkout Started}
per: event.cart
exit_on: {event: Order Completed}
conversion: {event: Order Completed, within: 7d}
steps: [{wait: 2h}, {send: reminder}, {wait: 1d}, {send: last}]
"""
HELLO = "trigger: {event: Hello}\nconversion: {event: Order Completed, within: 7d}\nsteps: [{send: hello}]\n"
ASKED = """\
trigger: {event: Asked}
steps: [{wait_for: {event: Called, at_most: 5h, then: [{send: called}], else: [{send: silent}]}}]
"""
DRAWN = "trigger: {event: Drawn}\nholdout: 50%\nsteps: [{wait: 2h}, {send: drawn}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in which u is known, and a visitor on device a is not known to be u."""
    with connect(dsn) as conn:
        flows = {"cart": CART, "hello": HELLO, "asked": ASKED, "drawn": DRAWN}
        book = found_shop(conn, small(flows), buckets=64, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u", T0, email="u@example.com")
        made.visit("a", "Looked", T0)
        made.work(T0)
        ((one,), (other,)) = made.query("select bucket from profile order by die")
        assert one != other
        yield made


def told(shop: Shop) -> list[tuple[object, ...]]:
    """What happened to u, who is everybody in the end."""
    assert shop.query("select distinct i.profile = j.profile from journal j, identifier i where i.value = 'u'") == [
        (True,)
    ]
    return [(row[0], *row[2:]) for row in shop.told("u")]


def one_person(shop: Shop) -> None:
    """Nothing is left under the profile that went but the sign where it went to."""
    ((survivor,),) = shop.query("select profile from identifier where value = 'u'")
    for table in ("event", "enrollment", "entry", "message", "delivery", "content", "journal", "inbox", "consent"):
        assert shop.query(f"select distinct profile from {table}") in ([], [(survivor,)]), table
    assert shop.query("select count(*)::integer from profile where merged_into is null") == [(1,)]


def test_of_two_enrollments_of_one_flow_and_key_the_earlier_stays(shop: Shop) -> None:
    shop.visit("a", "Checkout Started", T0, cart="c")
    shop.track("u", "Checkout Started", T0 + MINUTE, cart="c")
    shop.track("u", "Checkout Started", T0 + MINUTE, cart="other")
    shop.work(T0 + MINUTE)
    shop.identify("u", T0 + HOUR, device="a")
    shop.work(T0 + HOUR)
    one_person(shop)
    assert told(shop)[3:] == [(T0 + HOUR, "", "exited", "merged")]
    inside = shop.query("select key, entered_at from enrollment where active order by key")
    assert inside == [("c", T0), ("other", T0 + MINUTE)]
    # The reminder of the visitor's cart goes to the user's address.
    shop.work(T0 + 2 * HOUR)
    assert shop.query("select address, decided_at from message where state = 'sent'") == [
        ("u@example.com", T0 + 2 * HOUR)
    ]


def test_events_of_either_end_what_the_other_has_begun_if_they_are_later(shop: Shop) -> None:
    shop.track("u", "Checkout Started", T0 + MINUTE, cart="before")
    shop.visit("a", "Order Completed", T0 + 2 * MINUTE)
    shop.track("u", "Checkout Started", T0 + 3 * MINUTE, cart="after")
    shop.work(T0 + 3 * MINUTE)
    shop.identify("u", T0 + HOUR, device="a")
    shop.work(T0 + HOUR)
    assert told(shop)[2:] == [(T0 + HOUR, "", "exited", "exit_on")]
    assert shop.query("select key, exit_reason from enrollment order by key") == [
        ("after", None),
        ("before", "exit_on"),
    ]
    conversions = shop.query("select e.key, c.occurred_at from conversion c join enrollment e on e.id = c.enrollment")
    assert conversions == [("before", T0 + 2 * MINUTE)]


def test_an_order_of_the_other_converts_what_has_ended_before(shop: Shop) -> None:
    shop.track("u", "Hello", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    shop.visit("a", "Order Completed", T0 + HOUR, value=7)
    shop.identify("u", T0 + 2 * HOUR, device="a")
    shop.work(T0 + 2 * HOUR)
    assert shop.query("select flow, occurred_at, value::integer from conversion") == [("hello", T0 + HOUR, 7)]


def test_an_event_of_the_other_is_what_was_waited_for(shop: Shop) -> None:
    shop.track("u", "Asked", T0 + MINUTE)
    shop.visit("a", "Called", T0 + 2 * MINUTE)
    shop.identify("u", T0 + HOUR, device="a")
    shop.work(T0 + HOUR)
    assert told(shop)[1:2] == [(T0 + HOUR, "called", "sent", "")]


def test_the_others_events_start_nothing_anew(shop: Shop) -> None:
    shop.visit("a", "Hello", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    shop.identify("u", T0 + HOUR, device="a")
    shop.work(T0 + HOUR)
    assert [row[2] for row in told(shop)] == ["entered", "skipped", "exited"]


@pytest.mark.parametrize(
    ("ours", "theirs", "holds"),
    [
        ((0, True), (1, False), False),
        ((1, True), (0, False), True),
        ((1, True), (1, False), False),
        ((1, False), (1, True), False),
        ((1, False), (2, True), True),
    ],
)
def test_the_latest_consent_holds_and_on_a_tie_the_withdrawal(
    shop: Shop,
    ours: tuple[int, bool],
    theirs: tuple[int, bool],
    holds: bool,  # noqa: FBT001
) -> None:
    for user, device, (minute, granted) in (("u", None, ours), (None, "a", theirs)):
        at = T0 + minute * MINUTE
        said = {"topic": "news", "granted": granted, "source": "api", "evidence": {}}
        shop.store(Call(CallKind.CONSENT, at, at, user_id=user, anonymous_id=device, properties=said))
    shop.identify("u", T0 + HOUR, device="a")
    shop.work(T0 + HOUR)
    one_person(shop)
    ((consents,),) = shop.query("select consents -> 'news' -> 'on' from profile where merged_into is null")
    assert consents is holds
    assert shop.query("select count(*)::integer from consent") == [(2,)]


@pytest.mark.parametrize("who", [{"user_id": "u"}, {"anonymous_id": "a"}])
def test_eithers_suppression_holds(shop: Shop, who: dict[str, str]) -> None:
    said = {"reason": "manual"}
    shop.store(Call(CallKind.SUPPRESS, T0, T0, properties=said, **who))  # type: ignore[arg-type] # one of the two
    shop.identify("u", T0 + HOUR, device="a")
    shop.track("u", "Hello", T0 + HOUR)
    shop.work(T0 + HOUR)
    assert told(shop)[1] == (T0 + HOUR, "hello", "skipped", "suppressed")


def test_the_holdout_of_the_one_that_stays_holds_for_what_the_other_brings(shop: Shop) -> None:
    """Whoever merges into u is held out as u is, whatever was drawn for them."""
    shop.track("u", "Drawn", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    ((held,),) = shop.query("select held_out from enrollment")
    for number in range(12):
        shop.visit(f"d{number}", "Drawn", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    drawn = shop.query("select held_out, count(*)::integer from enrollment group by 1 order by 1")
    assert len(drawn) == 2
    for number in range(12):
        shop.identify("u", T0 + 2 * MINUTE, device=f"d{number}")
    shop.work(T0 + 2 * MINUTE)
    assert shop.query("select distinct held_out, count(*)::integer from enrollment group by 1") == [(held, 13)]
    assert shop.query("select count(*)::integer from enrollment where active") == [(1,)]


def test_what_was_queued_for_an_enrollment_that_ends_is_withdrawn(shop: Shop) -> None:
    """Both carts have their reminder in line; one of the two carts is over."""
    shop.identify(None, T0, device="a", email="a@example.com")
    shop.visit("a", "Checkout Started", T0, cart="c")
    shop.track("u", "Checkout Started", T0 + MINUTE, cart="c")
    shop.work(T0 + MINUTE)
    shop.work(T0 + 2 * HOUR + MINUTE)
    states = shop.query("select state, count(*)::integer from delivery group by 1")
    assert states == [("queued", 2)]
    shop.identify("u", T0 + 3 * HOUR, device="a")
    shop.work(T0 + 3 * HOUR)
    one_person(shop)
    deliveries = shop.query(
        "select e.entered_at, d.state, d.reason, d.settled_at from delivery d"
        " join message m on m.id = d.message join enrollment e on e.id = m.enrollment order by 1"
    )
    assert deliveries == [(T0, "queued", None, None), (T0 + MINUTE, "withdrawn", "merged", T0 + 3 * HOUR)]


def test_an_order_of_the_other_withdraws_what_is_queued(shop: Shop) -> None:
    shop.track("u", "Checkout Started", T0, cart="c")
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    shop.visit("a", "Order Completed", T0 + HOUR)
    shop.identify("u", T0 + 3 * HOUR, device="a")
    shop.work(T0 + 3 * HOUR)
    assert shop.query("select state, reason from delivery") == [("withdrawn", "exit_on")]


def test_a_chain_of_merges_ends_at_one_profile(shop: Shop) -> None:
    shop.identify("w", T0, email="w@example.com")
    shop.visit("a", "Checkout Started", T0, cart="a")
    shop.track("u", "Checkout Started", T0, cart="u")
    shop.track("w", "Checkout Started", T0, cart="w")
    shop.identify("w", T0 + MINUTE, device="a")
    shop.alias("w", "u", T0 + MINUTE)
    shop.visit("a", "Order Completed", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    one_person(shop)
    assert shop.query("select key, exit_reason from enrollment order by 1") == [(k, "exit_on") for k in ("a", "u", "w")]
    assert shop.query("select count(*)::integer from inbox") == [(0,)]


def test_a_merge_that_names_a_profile_which_has_gone_meanwhile_is_done_with_the_one_that_stays(shop: Shop) -> None:
    """Two calls are stored in the other order than they have arrived: the later merge is known first."""
    shop.identify("w", T0, email="w@example.com")
    shop.work(T0)
    shop.identify("u", T0 + 2 * MINUTE, device="a")
    shop.alias("w", "u", T0 + MINUTE)
    # As if u had been the one to go: what waits for u names it still.
    ids = {row[0]: row[1] for row in shop.query("select value, profile from identifier")}
    buckets = {row[0]: row[1] for row in shop.query("select id, bucket from profile")}
    shop.conn.execute("delete from inbox where kind = 'merge' and moment = %(at)s", {"at": T0 + MINUTE})
    u = shop.query("select id from profile where die = 'user_id:u'")[0][0]
    w = shop.query("select id from profile where die = 'user_id:w'")[0][0]
    facts = {"survivor": str(w), "survivor_bucket": buckets[w], "loser": str(u), "loser_bucket": buckets[u]}
    for profile in (u, w):
        shop.conn.execute(
            "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts) values"
            " (%(bucket)s, %(profile)s, %(at)s, 0, %(id)s, 1, 'merge', %(at)s, %(facts)s)",
            {"bucket": buckets[profile], "profile": profile, "at": T0 + MINUTE, "id": w, "facts": json.dumps(facts)},
        )
    shop.conn.commit()
    assert ids["a"] == u
    shop.work(T0 + 2 * MINUTE)
    assert shop.query("select count(*)::integer from inbox") == [(0,)]
    assert shop.query("select die, merged_into = %(w)s from profile order by 1", w=w) == [
        ("anonymous_id:a", True), ("user_id:u", True), ("user_id:w", None)
    ]  # fmt: skip


def accepted(shop: Shop, at: datetime) -> None:
    """Decide what is due and leave it unrendered."""
    with connect(shop.dsn) as conn:
        prepare(conn)
        for (bucket,) in shop.query("select bucket from profile"):
            assert isinstance(bucket, int)
            ((fence,),) = shop.query("select fence from lease where bucket = %(bucket)s", bucket=bucket)
            assert isinstance(fence, int)
            while run(conn, shop.book, bucket, fence, Horizon(at), LiquidValues(shop.book.settings)).items:
                conn.commit()
            conn.commit()
    assert shop.query("select state from message") == [("accepted",)]


def merge(shop: Shop, at: datetime) -> int:
    with connect(shop.dsn) as conn:
        prepare(conn)
        return merge_ready(conn, shop.book, Horizon(at), list(range(64)))


def test_a_merge_waits_for_a_message_that_is_being_rendered(shop: Shop) -> None:
    shop.track("u", "Hello", T0 + MINUTE)
    accepted(shop, T0 + MINUTE)
    shop.identify("u", T0 + 2 * MINUTE, device="a")
    assert merge(shop, T0 + 2 * MINUTE) == 0
    shop.work(T0 + 2 * MINUTE)
    one_person(shop)
    assert [row[2] for row in told(shop)] == ["entered", "sent", "exited"]


def test_a_merge_waits_for_a_mail_that_is_being_handed_over(shop: Shop) -> None:
    """Its outcome is written where the mail was found."""
    shop.identify(None, T0, device="a", email="a@example.com")
    shop.visit("a", "Hello", T0 + MINUTE)
    shop.work(T0 + MINUTE)
    shop.conn.execute("update delivery set state = 'handing_over'")
    shop.conn.commit()
    shop.identify("u", T0 + 2 * MINUTE, device="a")
    assert merge(shop, T0 + 2 * MINUTE) == 0
    shop.conn.execute("update delivery set state = 'sent'")
    shop.conn.commit()
    assert merge(shop, T0 + 2 * MINUTE) == 1
    one_person(shop)


def test_a_merge_does_not_wait_for_a_flow_that_stands_still(shop: Shop) -> None:
    shop.track("u", "Checkout Started", T0, cart="c")
    shop.work(T0)
    pause(shop.conn, shop.book.name, "cart", at=T0 + HOUR)
    shop.conn.commit()
    shop.identify("u", T0 + 3 * HOUR, device="a")
    shop.visit("a", "Order Completed", T0 + 4 * HOUR)
    shop.work(T0 + 4 * HOUR)
    one_person(shop)
    assert told(shop)[1:] == [(T0 + 4 * HOUR, "", "exited", "exit_on")]


def test_after_an_outage_a_merge_comes_before_what_is_late(shop: Shop) -> None:
    shop.track("u", "Checkout Started", T0, cart="c")
    shop.work(T0)
    shop.visit("a", "Order Completed", T0 + HOUR)
    shop.identify("u", T0 + 3 * HOUR, device="a")
    shop.work(T0 + 5 * HOUR)
    one_person(shop)
    assert told(shop)[1:] == [(T0 + 3 * HOUR, "", "exited", "exit_on")]


@pytest.mark.newest
def test_two_workers_that_hold_the_two_sides_of_many_merges_never_lock_up(shop: Shop) -> None:
    calls: list[Call] = []
    for number in range(200):
        at = T0 + timedelta(seconds=number)
        user, device = f"v{number}", f"d{number}"
        calls += [
            Call(CallKind.IDENTIFY, T0, T0, user_id=user, properties={"email": f"{user}@example.com"}),
            Call(CallKind.TRACK, T0, T0, anonymous_id=device, name="Checkout Started", properties={"cart": "c"}),
            Call(CallKind.TRACK, T0, T0, user_id=user, name="Checkout Started", properties={"cart": "c"}),
            Call(CallKind.IDENTIFY, at, at, user_id=user, anonymous_id=device, properties={}),
        ]
    calls = [
        replace(call, ord=place) for place, call in enumerate(sorted(calls, key=lambda call: call.received_at), 1000)
    ]
    feed = Feed(shop.conn, ref_of(shop.book), calls)
    director = Director(HandClock(T0, speed=600), feed, T0 + HOUR, 7 * MINUTE, hands=2)
    workers = live(shop.dsn, director, ("one", "two"))
    assert all(worker.items > 100 for worker in workers)
    merged = shop.query("select count(*)::integer from profile where merged_into is not null and die like '%%:d%%'")
    assert merged == [(200,)]
    assert shop.query("select active, exit_reason, count(*)::integer from enrollment group by 1, 2 order by 1") == [
        (False, "merged", 200), (True, None, 200)
    ]  # fmt: skip
    assert shop.query("select count(*)::integer from inbox") == [(0,)]
