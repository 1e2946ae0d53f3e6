"""Why: every decision with the facts behind it, where somebody stands and what comes next, in words and as data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.domain.call import Call, CallKind
from tamshy.explain import Absent, Explanation, as_data, explain, lines
from tamshy.publish import Overdue, pause, resume
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)  # 14:00 in Almaty
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SETTINGS = 'quiet_hours: {from: "21:00", to: "09:00"}\ncaps: [{messages: 2, per: 1d}]\n'
FLOWS = {
    "cart": """\
trigger: {event: Checkout Started, where: {event.value: {gte: 5}}}
per: event.cart
audience: {did_not: Order Completed, within: 1d}
reentry: {after: 2d}
exit_on: {event: Order Completed, same: event.cart}
steps:
  - wait: 2h
  - send: reminder
  - wait_for: {event: Called, at_most: 1d, then: [{send: called}], else: [{send: silent}]}
""",
    "hello": """\
trigger: {event: Signed Up}
steps:
  - send: hello
  - id: rest
    wait: {until: profile.birthday}
  - branch: [{if: {profile.vip: true}, steps: [{send: vip}]}]
  - send: broken
  - exit: enough
""",
    "asked": "trigger: [{event: Asked}, {event: Wondered}]\nsteps: [{send: asked}]\n",
}
MESSAGES = {"broken": "{{ profile.nothing | upcase }}\n"}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in which u1 lives in Almaty."""
    with connect(dsn) as conn:
        files = small(FLOWS, settings=SETTINGS, messages=MESSAGES)
        book = found_shop(conn, files, buckets=4, zones=["UTC", "Asia/Almaty"])
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, device="d1", email="aia@example.com", timezone="Asia/Almaty")
        yield made


def why(shop: Shop, name: str = "u1", *, flow: str = "", message: str = "") -> Explanation:
    (found,) = explain(shop.conn, NAME, name, now=shop.clock.at, flow=flow, message=message)
    shop.conn.commit()
    return found


def said(shop: Shop, flow: str = "") -> list[str]:
    """What happened, a sentence a line, with the times."""
    told = lines(why(shop, flow=flow))
    begin = told.index("What happened") + 1 if "What happened" in told else len(told)
    rest = told[begin:]
    return [line.strip() for line in (rest[: rest.index("")] if "" in rest else rest)]


def part(shop: Shop, head: str) -> list[str]:
    told = lines(why(shop))
    rest = told[told.index(head) + 1 :]
    return [line.strip() for line in (rest[: rest.index("")] if "" in rest else rest)]


def test_everybody_is_found_by_each_name_they_go_by(shop: Shop) -> None:
    shop.work(T0)
    profile = why(shop).person.profile
    for name in ("u1", "d1", "aia@example.com", "AIA@example.com ", str(profile)):
        assert why(shop, name).person.profile == profile
    assert explain(shop.conn, NAME, "nobody", now=T0) == []
    assert why(shop).person.identifiers == (("user_id", "u1"), ("anonymous_id", "d1"))


def test_who_was_merged_is_found_as_who_they_are_now(shop: Shop) -> None:
    shop.visit("other", "Looked", T0)
    ((gone,),) = shop.query("select profile from identifier where value = 'other'")
    shop.identify("u1", T0, device="other")
    shop.work(T0)
    assert why(shop, str(gone)).person.name == "u1"


def test_an_address_of_two_people_tells_of_both(shop: Shop) -> None:
    shop.identify("u2", T0, email="aia@example.com")
    shop.work(T0)
    found = explain(shop.conn, NAME, "aia@example.com", now=T0)
    assert {one.person.name for one in found} == {"u1", "u2"}


def test_the_head_says_who_it_is_and_what_may_be_written_to_them(shop: Shop) -> None:
    given = {"topic": "news", "granted": True, "source": "api", "evidence": {"wording": "Yes"}}
    shop.store(Call(CallKind.CONSENT, T0, T0, user_id="u1", properties=given))
    shop.work(T0)
    explanation = why(shop)
    assert lines(explanation)[:4] == [
        "u1: aia@example.com, times of Asia/Almaty, where they live",
        f"  profile {explanation.person.profile}, also known by device d1",
        "  offers: nothing said, mail is allowed until they withdraw.",
        "  news: agreed on 2 Mar 2026, 14:00, through your shop's back end.",
    ]
    assert explanation.person.consents[1].evidence == {"wording": "Yes"}
    assert lines(explanation, "UTC")[0] == "u1: aia@example.com, times of UTC, not their own"


def test_a_withdrawal_and_a_suppression_have_their_source(shop: Shop) -> None:
    taken = {"topic": "offers", "granted": False, "source": "one_click", "evidence": {}}
    shop.store(Call(CallKind.CONSENT, T0, T0, user_id="u1", properties=taken))
    shop.store(Call(CallKind.SUPPRESS, T0, T0, user_id="u1", properties={"reason": "hard_bounce"}))
    shop.track("u1", "Signed Up", T0)
    shop.work(T0)
    told = lines(why(shop))
    assert told[2] == "  Nothing is written to this address since 2 Mar 2026, 14:00: mail to it bounced for good."
    assert told[3] == "  offers: withdrew on 2 Mar 2026, 14:00, through the button of their mail program."
    assert "14:00  Did not send hello: nothing is written to aia@example.com, mail to it bounced for good." in said(
        shop
    )


def test_a_send_says_what_went_where_and_what_became_of_it(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    assert said(shop) == [
        "Mon 2 Mar 2026",
        "14:00  Entered cart (c1): Checkout Started.",
        '16:00  Sent "reminder" (reminder, en) to aia@example.com; waits to be handed over.',
    ]
    assert part(shop, "Now and next") == [
        (
            "cart (c1): at wait-for-1 (wait_for: Called, at most 1d) since 2 Mar 2026, 16:00. Goes on at 3 Mar 2026, 16:00 their"
            " time. Then send: called or send: silent."
        )
    ]


def test_a_mail_that_was_held_back_says_until_when_and_why(shop: Shop) -> None:
    at = T0 + 6 * HOUR
    shop.track("u1", "Checkout Started", at, cart="c1", value=9)
    shop.work(at)
    shop.work(at + 2 * HOUR)
    assert said(shop)[-1] == "22:00  Held reminder back until 09:00 their time: quiet hours, 21:00 to 09:00."
    assert part(shop, "Now and next") == [
        (
            "cart (c1): at reminder (send: reminder) since 2 Mar 2026, 22:00. Held back until 09:00 their time."
            " Then wait_for: Called, at most 1d."
        )
    ]


def test_a_cap_and_a_late_decision_and_an_expired_one(shop: Shop) -> None:
    for cart in ("c1", "c2", "c3"):
        shop.track("u1", "Checkout Started", T0, cart=cart, value=9)
    shop.work(T0)
    shop.work(T0 + 2 * HOUR + 5 * MINUTE)
    told = said(shop)
    late = [line for line in told if "Sent" in line]
    assert (
        late
        == [
            '16:05  Sent "reminder" (reminder, en) to aia@example.com, 5 minutes after it was due; waits to be handed over.'
        ]
        * 2
    )
    assert told[-1] == (
        "16:05  Did not send reminder: enough mail for now, at most 2 in 1d, and that is later than it may go."
    )
    shop.track("u1", "Checkout Started", T0 + 48 * HOUR, cart="c4", value=9)
    shop.work(T0 + 48 * HOUR)
    shop.work(T0 + 50 * HOUR + timedelta(days=1, seconds=1))
    assert "Did not send reminder: it was due at 4 Mar 2026, 16:00, and expires 1d after that." in said(shop)[-1]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("too_old", ("Not let into cart (c1): Checkout Started of 28 Feb 2026, 14:00, which arrived 2 days later, and only what is"
                    " not older than 1d starts it.")),
        ("paused", "Not let into cart (c1): Checkout Started came, and the flow stands still."),
        ("audience", "Not let into cart (c1): Checkout Started came, and they were not in its audience."),
        ("active", "Not let into cart (c1): Checkout Started came, and they were inside already."),
        ("reentry", ("Not let into cart (c1): Checkout Started came, they were inside before, and they may enter again 2d after"
                    " the last entry.")),
    ],
)  # fmt: skip
def test_a_refusal_says_which_rule_it_was(shop: Shop, reason: str, expected: str) -> None:
    if reason in {"active", "reentry"}:
        shop.track("u1", "Checkout Started", T0 - HOUR, cart="c1", value=9)
    if reason == "reentry":
        shop.track("u1", "Order Completed", T0 - HOUR / 2, cart="c1")
        shop.conn.execute(
            "update inbox set occurred_at = occurred_at - interval '25 hours' where name = 'Order Completed'"
        )
        shop.conn.execute(
            "update inbox set occurred_at = occurred_at - interval '26 hours' where name = 'Checkout Started'"
        )
        shop.conn.execute("update inbox set moment = moment - interval '26 hours' where name <> ''")
    if reason == "audience":
        shop.track("u1", "Order Completed", T0 - HOUR)
    if reason == "paused":
        pause(shop.conn, NAME, "cart", at=T0 - HOUR)
    own = T0 - timedelta(days=2) if reason == "too_old" else T0
    shop.store(
        Call(CallKind.TRACK, own, T0, user_id="u1", name="Checkout Started", properties={"cart": "c1", "value": 9})
    )
    shop.work(T0)
    (refused,) = [one for one in why(shop).story if one.outcome == "refused"]
    assert refused.reason == reason
    assert said(shop)[-1] == f"14:00  {expected}"


def test_a_flow_that_ends_says_how(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.track("u1", "Order Completed", T0 + HOUR, cart="c1")
    shop.track("u1", "Signed Up", T0 + 2 * HOUR)
    shop.work(T0 + 2 * HOUR)
    assert said(shop)[2:] == [
        "15:00  Left cart (c1): Order Completed.",
        "16:00  Entered hello: Signed Up.",
        '16:00  Sent "hello" (hello, en) to aia@example.com; waits to be handed over.',
        "16:00  hello: rest waits for a moment that is not known; went on at once.",
        said(shop)[-2],
        "16:00  Left hello: enough.",
    ]
    assert said(shop)[-2].startswith("16:00  Did not send broken: its template fails, ")
    assert "profile.nothing" in said(shop)[-2]


def test_a_flow_that_stands_still_says_so_and_what_was_skipped_then(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.work(T0)
    pause(shop.conn, NAME, "cart", at=T0 + HOUR)
    shop.conn.commit()
    assert "The flow stands still; nothing moves until it is resumed." in part(shop, "Now and next")[0]
    resume(shop.conn, NAME, "cart", at=T0 + 3 * HOUR, overdue=Overdue.SKIP)
    shop.conn.commit()
    shop.work(T0 + 3 * HOUR)
    assert said(shop)[-1] == (
        "17:00  Did not send reminder: it was due at 2 Mar 2026, 16:00, while the flow stood still."
    )


def test_what_is_due_and_not_worked_is_said_to_be(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.work(T0)
    shop.clock.at = T0 + 3 * HOUR
    assert "Due since 2 Mar 2026, 16:00: a worker takes it next." in part(shop, "Now and next")[0]


def test_what_they_never_entered_says_what_is_missing(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=1)
    shop.track("u1", "Order Completed", T0)
    shop.work(T0)
    assert part(shop, "Never entered") == [
        "asked: Asked or Wondered has never come.",
        "cart: Checkout Started came once, last on 2 Mar 2026, 14:00, but not as the trigger asks.",
        "hello: Signed Up has never come.",
    ]
    shop.track("u1", "Checkout Started", T0 + HOUR, cart="c1", value=9)
    shop.work(T0 + HOUR)
    assert part(shop, "Never entered")[1] == (
        "cart: Checkout Started came 2 times; refused last on 2 Mar 2026, 15:00: audience."
    )
    files = small(
        {**FLOWS, "new": FLOWS["asked"].replace("Asked", "Order Completed")}, settings=SETTINGS, messages=MESSAGES
    )
    shop.publish(files, T0 + HOUR)
    assert [(one.flow, one.why) for one in why(shop, flow="new").absences] == [("new", Absent.BEFORE)]


def test_one_flow_or_one_message_alone(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.track("u1", "Signed Up", T0)
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    assert {one.flow for one in why(shop, flow="cart").story} == {"cart"}
    only = why(shop, message="hello")
    assert [(one.flow, one.message) for one in only.story if one.kind == "message"] == [("hello", "hello")]
    assert {one.flow for one in only.story} == {"hello"}
    assert only.standing == ()
    assert only.absences == ()
    with pytest.raises(LookupError, match="there is no flow 'nothing'; there are asked, cart, hello"):
        why(shop, flow="nothing")
    with pytest.raises(LookupError, match="no flow sends 'nothing'"):
        why(shop, message="nothing")
    with pytest.raises(LookupError, match="flow 'cart' does not send 'hello'"):
        why(shop, flow="cart", message="hello")


def test_a_flow_that_is_gone_is_still_told_of(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.work(T0)
    shop.publish(small({"asked": FLOWS["asked"]}, settings=SETTINGS), T0 + HOUR)
    assert said(shop, "cart")[-1] == "15:00  Left cart (c1): the flow was taken out."


def test_as_data_it_is_the_same_with_times_in_utc(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0, cart="c1", value=9)
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    told = as_data(why(shop, flow="cart"))
    assert [line["kind"] for line in told] == ["profile", "enrollment", "message", "ahead"]
    profile, entered, sent, ahead = told
    assert (profile["name"], profile["address"]) == ("u1", "aia@example.com")
    assert (entered["at"], entered["outcome"], entered["key"]) == ("2026-03-02T09:00:00Z", "entered", "c1")
    assert entered["cause"] == {
        "name": "Checkout Started", "occurred_at": "2026-03-02T09:00:00Z", "received_at": "2026-03-02T09:00:00Z"
    }  # fmt: skip
    assert (sent["outcome"], sent["to"], sent["subject"]) == ("sent", "aia@example.com", "reminder")
    assert (ahead["flow"], ahead["at"], ahead["then"]) == (
        "cart",
        "2026-03-03T11:00:00Z",
        ["send: called", "send: silent"],
    )
