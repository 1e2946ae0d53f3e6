"""Codes from pools: one for each taking, never one twice, the profile's for good; and none where the pool is empty."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.coupon import count_pools
from tamshy.explain import explain, lines
from tamshy.passes import Horizon, deal_coupons, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.sqlkit import connect
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATTERN = 'codes: generated\npattern: "CART-????-????"\ndiscount: {percent: 10, free_shipping: two_day}\n'
FLOW = """\
trigger: {event: Go}
reentry: always
exit_on: {event: Stop}
steps:
  - coupon: {pool: POOL, as: cart, expires: 2d}
  - wait: 1h
  - send: hello
"""
HELLO = (
    "{{ coupon.cart.code }} {{ coupon.cart.discount.percent }} {{ coupon.cart.discount.free_shipping }}"
    " {{ coupon.cart.expires_at | date: '%Y-%m-%d %H:%M' }}\n"
)


def folder(flow: str = FLOW, *, pool: str = "made", codes: str = "A1\nB2\nC3\n", hello: str = HELLO) -> dict[str, str]:
    files = small({"flow": flow.replace("POOL", pool)}, messages={"hello": hello})
    files["coupons/made.yaml"] = PATTERN
    files["coupons/filed.yaml"] = "file: codes.csv\n"
    files["coupons/codes.csv"] = codes
    return files


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with two pools, and nobody in it yet."""
    with connect(dsn) as conn:
        book = found_shop(conn, folder(), buckets=4, zones=["UTC", "Asia/Almaty"])
        yield Shop(dsn, conn, book, HandClock(T0))


def enter(shop: Shop, *users: str, at: datetime = T0) -> None:
    for user in users:
        shop.identify(user, at, email=f"{user}@example.com")
        shop.track(user, "Go", at)


def coupons(shop: Shop) -> list[tuple[object, ...]]:
    return shop.query(
        "select i.value, c.state, c.code from coupon c join identifier i on i.bucket = c.bucket and i.profile = c.profile"
        " and i.kind = 'user_id' order by c.asked_at, i.value, c.visit"
    )


def mails(shop: Shop) -> list[object]:
    """What each mail says, without head and footer."""
    return [str(row[0]).split("\n")[2] for row in shop.query("select plain from content order by plain")]


def test_a_code_is_drawn_kept_and_told(shop: Shop) -> None:
    enter(shop, "u1")
    shop.work(T0)
    shop.work(T0 + HOUR)
    ((user, state, code),) = coupons(shop)
    assert (user, state) == ("u1", "taken")
    assert re.fullmatch(r"CART-[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}", str(code))
    assert mails(shop) == [f"{code} 10 two_day 2026-03-04 09:00"]


def test_a_code_expires_by_the_calendar_of_the_profile(shop: Shop) -> None:
    shop.publish(folder(FLOW.replace("2d", "1mo")), T0)
    enter(shop, "u1")
    shop.conn.execute("update profile set zone = 'America/New_York'")
    fill_zones(shop.conn, ["America/New_York"])
    shop.conn.commit()
    shop.work(T0)
    # 4:00 in winter is 4:00 in summer, an hour earlier by the world's clock
    assert shop.query("select expires_at from coupon") == [(datetime(2026, 4, 2, 8, tzinfo=UTC),)]


def test_codes_of_a_file_go_out_in_its_order_and_run_out(shop: Shop) -> None:
    shop.publish(folder(pool="filed", hello="{{ coupon.cart.code | default: 'none' }}\n"), T0)
    for place, user in enumerate(("u1", "u2", "u3", "u4")):
        at = T0 + place * timedelta(minutes=1)
        enter(shop, user, at=at)
        shop.work(at)
    assert coupons(shop) == [
        ("u1", "taken", "A1"),
        ("u2", "taken", "B2"),
        ("u3", "taken", "C3"),
        ("u4", "empty", None),
    ]
    assert [row for row in shop.told("u4") if row[3] == "empty_pool"] == [
        (T0 + timedelta(minutes=3), "flow", "", "empty_pool", "none_taken")
    ]
    assert shop.query("select facts from journal where outcome = 'empty_pool'") == [({"pool": "filed"},)]


def test_an_empty_pool_can_end_the_enrollment(shop: Shop) -> None:
    files = folder(FLOW.replace("expires: 2d", "if_empty: exit"), pool="filed", codes="A1\n")
    shop.publish(files, T0)
    enter(shop, "u1", "u2")
    shop.work(T0)
    assert [row[2] for row in coupons(shop) if row[2]] == ["A1"]
    ended = shop.query("select exit_reason from enrollment where not active")
    assert ended == [("empty_pool",)]
    assert shop.query("select reason from journal where outcome = 'empty_pool'") == [("none_taken",)]


def test_each_entry_and_each_visit_takes_a_code_of_its_own(shop: Shop) -> None:
    enter(shop, "u1")
    shop.work(T0)
    shop.track("u1", "Stop", T0 + HOUR / 2)
    enter(shop, "u1", at=T0 + HOUR / 2 + timedelta(seconds=1))
    shop.work(T0 + HOUR)
    codes = [row[2] for row in coupons(shop)]
    assert len(codes) == 2
    assert len(set(codes)) == 2


def test_working_again_changes_nothing(shop: Shop) -> None:
    enter(shop, "u1")
    shop.work(T0)
    before = coupons(shop)
    shop.work(T0)
    shop.work(T0 + timedelta(seconds=1))
    assert coupons(shop) == before
    assert count_pools(shop.conn, shop.book.workspace)[1].left == 32**8 - 1


def test_the_held_out_take_none(shop: Shop) -> None:
    files = folder(FLOW + "holdout: 100%\n")
    shop.publish(files, T0)
    enter(shop, "u1")
    shop.work(T0)
    assert coupons(shop) == []
    assert shop.query("select step, due_at from enrollment") == [(1, T0 + HOUR)]


def test_a_wait_goes_by_the_expiry_of_the_code(shop: Shop) -> None:
    flow = FLOW.replace("wait: 1h", "wait: {until: coupon.cart.expires_at, offset: -1d}")
    shop.publish(folder(flow), T0)
    enter(shop, "u1")
    shop.work(T0)
    assert shop.query("select step, due_at from enrollment") == [(1, T0 + timedelta(days=1))]


def test_conditions_see_the_coupon(shop: Shop) -> None:
    flow = FLOW.replace("wait: 1h", "branch: [{if: {coupon.cart.discount.percent: {gte: 10}}, steps: [{exit: rich}]}]")
    shop.publish(folder(flow), T0)
    enter(shop, "u1")
    shop.work(T0)
    assert shop.query("select exit_reason from enrollment") == [("rich",)]


def test_an_exit_hears_the_coupon(shop: Shop) -> None:
    flow = FLOW.replace("exit_on: {event: Stop}", "exit_on: {event: Stop, where: {coupon.cart.code: {exists: true}}}")
    shop.publish(folder(flow), T0)
    enter(shop, "u1")
    shop.work(T0)
    shop.track("u1", "Stop", T0 + HOUR / 2)
    shop.work(T0 + HOUR / 2)
    assert shop.query("select exit_reason from enrollment") == [("exit_on",)]


# -- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        {"coupon": "b"},
        {"coupon": " other, b"},
        {"products": [{"sku": "x"}, {"sku": "y", "coupon": "b"}]},
    ],
    ids=["the order", "several", "a product"],
)
def test_a_code_is_redeemed_once(shop: Shop, said: dict[str, object]) -> None:
    enter(shop, "u1")
    shop.work(T0)
    shop.work(T0 + HOUR)
    code = str(coupons(shop)[0][2])
    with_code = json.loads(json.dumps(said).replace('b"', f'{code.lower()}"'))
    for minutes in (10, 20):
        at = T0 + HOUR + timedelta(minutes=minutes)
        shop.track("u1", "Order Completed", at, order_id=f"o{minutes}", **with_code)
        shop.work(at)
    at = T0 + HOUR + timedelta(minutes=10)
    rows = shop.query("select occurred_at, origin, properties from event where name = 'Coupon Redeemed'")
    enrollment = str(shop.query("select id from enrollment")[0][0])
    said_of_it = {
        "coupon": code,
        "pool": "made",
        "flow": "flow",
        "step": "coupon-1",
        "message": "hello",
        "order_id": "o10",
    }
    assert rows == [(at, 1, said_of_it | {"enrollment": enrollment})]
    assert shop.query("select redeemed_at from coupon") == [(at,)]


@pytest.mark.parametrize("said", [{}, {"coupon": None}, {"coupon": 5}, {"coupon": ["x"]}, {"products": "x"}])
def test_orders_without_a_code_of_theirs_redeem_nothing(shop: Shop, said: dict[str, object]) -> None:
    enter(shop, "u1", "u2")
    shop.work(T0)
    code = next(row[2] for row in coupons(shop) if row[0] == "u2")
    shop.track("u1", "Order Completed", T0, order_id="o1", **said)
    shop.track("u1", "Order Completed", T0, order_id="o2", coupon=code)
    shop.work(T0)
    assert shop.query("select name from event where name = 'Coupon Redeemed'") == []


# -- publishing ------------------------------------------------------------------------------------------------------


def test_a_new_file_adds_behind_and_gives_nothing_again(shop: Shop) -> None:
    shop.publish(folder(pool="filed", codes="A1\nB2\nC3\n"), T0)
    enter(shop, "u1")
    shop.work(T0)
    # B2 is gone, A1 is given already however it is written, D4 is new
    shop.publish(folder(pool="filed", codes="a1\nD4\nC3\n"), T0)
    enter(shop, "u2", "u3", "u4")
    shop.work(T0)
    assert sorted(str(row[2]) for row in coupons(shop)) == ["A1", "C3", "D4", "None"]


def test_a_pattern_that_comes_back_goes_on(shop: Shop) -> None:
    enter(shop, "u1")
    shop.work(T0)
    files = folder()
    shop.publish(files | {"coupons/made.yaml": PATTERN.replace("CART", "SALE")}, T0)
    enter(shop, "u2")
    shop.work(T0)
    shop.publish(files | {"coupons/made.yaml": PATTERN, "coupons/twin.yaml": PATTERN}, T0)
    enter(shop, "u3")
    shop.work(T0)
    codes = {str(row[0]): str(row[2]) for row in coupons(shop)}
    assert {user: code[:4] for user, code in codes.items()} == {"u1": "CART", "u2": "SALE", "u3": "CART"}
    assert codes["u1"] != codes["u3"]
    assert {each.pool: each.left for each in count_pools(shop.conn)} == {
        "filed": 3,
        "made": 32**8 - 2,
        "twin": 32**8 - 2,
    }


def ask(shop: Shop) -> int:
    """Let the first of the inbox come to their coupon step, and nobody deal; gives the bucket."""
    shop.clock.at = T0
    bucket = shop.query("select bucket from inbox limit 1")[0][0]
    assert isinstance(bucket, int)
    prepare(shop.conn)
    values = LiquidValues(shop.book.settings)
    for _ in range(4):
        run(shop.conn, shop.book, bucket, 0, Horizon(T0), values)
    shop.conn.commit()
    assert shop.query("select state from coupon") == [("asked",)]
    return bucket


def test_who_asks_while_a_version_is_published_gets_one_code_and_goes_on_there(shop: Shop) -> None:
    enter(shop, "u1")
    dealt = deal_coupons(shop.conn, shop.book, ask(shop), 0, Horizon(T0), 10)
    assert dealt is not None
    shop.conn.commit()
    shop.publish(folder(FLOW.replace("  - coupon", "  - set: {profile.a: 1}\n  - coupon")), T0)
    shop.work(T0)
    assert [row[:2] for row in coupons(shop)] == [("u1", "taken")]
    assert shop.query("select step, vars -> '$coupons' ? 'cart' from enrollment") == [(2, True)]


@pytest.mark.parametrize("pools", [True, False], ids=["the step is gone", "the pool too"])
def test_who_asked_of_a_step_that_is_gone_is_not_held_for_ever(shop: Shop, *, pools: bool) -> None:
    enter(shop, "u1")
    ask(shop)
    later = folder("trigger: {event: Go}\nsteps: [{wait: 1h}]\n") | {
        "flows/other.yaml": "trigger: {event: Other}\nsteps: [{exit: over}]\n"
    }
    shop.publish({path: text for path, text in later.items() if pools or not path.startswith("coupons/")}, T0)
    shop.track("u1", "Other", T0 + HOUR)
    shop.work(T0 + HOUR)
    assert shop.query("select exit_reason from enrollment where flow = 'other'") == [("over",)]
    assert shop.query("select count(*) from coupon where state in ('asked', 'dealt')") == [(0,)]


def test_a_merge_brings_the_code_along(shop: Shop) -> None:
    shop.identify(None, T0, device="d1", email="u1@example.com")
    shop.visit("d1", "Go", T0)
    shop.work(T0)
    shop.identify("u1", T0 - HOUR)
    shop.work(T0)
    shop.identify("u1", T0, device="d1")
    shop.work(T0)
    assert [row[:2] for row in coupons(shop)] == [("u1", "taken")]


# -- counts ----------------------------------------------------------------------------------------------------------


def test_a_pool_is_low_at_a_tenth(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.publish(folder(pool="filed", codes="".join(f"N{n}\n" for n in range(10))), T0)
    for place in range(9):
        enter(shop, f"u{place}")
        shop.work(T0)
        filed = count_pools(shop.conn)[0]
        assert (filed.pool, filed.size, filed.left, filed.low) == ("filed", 10, 9 - place, place == 8)
    assert [record.message for record in caplog.records] == ["the coupon pool filed has 1 codes left"]


# -- explained -------------------------------------------------------------------------------------------------------


def said(shop: Shop, user: str = "u1") -> list[str]:
    """What happened to somebody, a sentence a line, with the times."""
    (told,) = explain(shop.conn, NAME, user, now=T0 + 3 * HOUR)
    text = lines(told)
    rest = text[text.index("What happened") + 2 :]
    return [line.strip() for line in (rest[: rest.index("")] if "" in rest else rest)]


def test_explain_says_which_code_was_taken_and_used(shop: Shop) -> None:
    enter(shop, "u1")
    shop.work(T0)
    code = str(coupons(shop)[0][2])
    took = f"09:00  Took the code {code} of the pool made as cart, good until 4 Mar 2026, 09:00"
    assert said(shop) == ["09:00  Entered flow: Go.", f"{took}; not used yet."]
    shop.track("u1", "Order Completed", T0 + HOUR / 2, order_id="o1", coupon=code)
    shop.work(T0 + HOUR / 2)
    assert said(shop)[1] == f"{took}; used on 2 Mar 2026, 09:30."


def test_explain_says_that_a_pool_was_empty(shop: Shop) -> None:
    shop.publish(folder(FLOW.replace("expires: 2d", "if_empty: exit"), pool="filed", codes="A1\n"), T0)
    enter(shop, "u1")
    shop.work(T0)
    enter(shop, "u2")
    shop.work(T0)
    assert said(shop, "u2") == [
        "09:00  Entered flow: Go.",
        "09:00  flow: coupon-1 found no code left in the pool filed.",
        "09:00  Left flow: its coupon pool had no code left.",
    ]
