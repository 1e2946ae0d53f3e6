"""After an outage nothing stale leaves, nothing leaves twice, and what remains leaves no faster than the ramp."""

from __future__ import annotations

import random
import socket
import threading
from bisect import bisect_right
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.living import NAME, HandClock, Shop, found_shop, small
from tests.engine.scripted_smtp import CUT, ScriptedServer, scripted

from tamshy.deliver import HandOver, Mail, Options, Outcome, Verdict, buckets_due
from tamshy.domain.call import Call, CallKind
from tamshy.domain.token import Signer
from tamshy.publish import Overdue, pause, resume
from tamshy.senders import SmtpSender, SmtpSettings
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tamshy.deliver import Sender
    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RAMP = 2.0
USUAL = 1000
"""The least that counts as usual, an hour."""


@dataclass
class Clock:
    """A moment that moves when told; waiting moves it too."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Noting:
    """A sender that takes everything and notes when."""

    clock: Callable[[], datetime]
    slots: int = 4
    taken: list[tuple[datetime, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        assert lease_holds()
        with self._lock:
            self.taken.append((self.clock(), mail.to_address))
        return Verdict(Outcome.ACCEPTED)

    def close(self) -> None:
        """Nothing is open."""


def handing(sender: Sender, clock: Callable[[], datetime], owner: str = "w", **options: object) -> HandOver:
    given = Options(ramp=RAMP, **options)  # type: ignore[arg-type]
    return HandOver(sender, given, Signer([SECRET]), "https://mail.shop.example", clock, lambda _: None, owner)


def next_at(conn: Connection) -> datetime | None:
    row = conn.execute("select min(next_at) from delivery where state in ('queued', 'handing_over')").fetchone()
    conn.commit()
    return row[0] if row else None


def drained(conn: Connection, over: HandOver, clock: Clock, until: datetime | None = None) -> None:
    """Hand over whenever something is due, moving the clock on to it, until nothing waits."""
    for _ in range(100_000):
        conn.commit()
        away = None
        while due := buckets_due(conn, clock.now):
            conn.commit()
            result = over.run(conn, due, 1000)
            away = result.next_at
            if not result.moved or away is not None:
                break
        conn.commit()
        coming = away or next_at(conn)
        if coming is None or (until is not None and coming > until):
            return
        clock.now = max(coming, clock.now + timedelta(milliseconds=1))
    pytest.fail("it goes on for ever")


def busiest(taken: list[datetime], window: timedelta) -> int:
    """The most that left within any window."""
    moments = sorted(taken)
    return max(bisect_right(moments, at + window) - index for index, at in enumerate(moments))


LATE: dict[str, object] = {"late": True}


def backlog(conn: Connection, people: int, **message: object) -> None:
    workspace(conn)
    conn.execute("insert into flow (workspace, name) values (1, 'abandoned-cart')")
    for number in range(people):
        given = {"facts": LATE, "address": f"u{number}@example.com"} | message
        sent_message(conn, person(conn, f"u{number}"), **given)  # type: ignore[arg-type]
    conn.commit()


def test_a_backlog_leaves_by_the_ramp_and_takes_no_longer(db: Connection) -> None:
    backlog(db, 200)
    clock = Clock()
    sender = Noting(clock)
    drained(db, handing(sender, clock), clock)
    moments = [at for at, _ in sender.taken]
    an_hour = RAMP * USUAL
    assert len(moments) == 200
    for window in (timedelta(seconds=10), MINUTE, 5 * MINUTE):
        assert busiest(moments, window) <= an_hour * (window / HOUR) + 1
    assert clock.now - NOON < 1.01 * HOUR * 200 / an_hour


def test_the_usual_rate_is_that_of_the_busiest_hour_of_a_week_without_backlogs(db: Connection) -> None:
    workspace(db)
    db.execute("insert into flow (workspace, name) values (1, 'abandoned-cart')")
    db.execute(
        """
        insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message,
            message_version, kind, topic, trigger_event, state, due_at, decided_at, facts)
        select 3, gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid(), 'abandoned-cart', 1, 1, 's', n, 'm', 1, 'marketing',
            'offers', gen_random_uuid(), 'sent', at, at, case when late then '{"late": true}'::jsonb else '{}' end
        from (
            select n, case when n <= 3000 then %(busy)s - interval '1 day' when n <= 5000 then %(busy)s - interval '2 days'
                when n <= 9000 then %(busy)s when n <= 19000 then %(busy)s - interval '8 days' end as at,
                n > 5000 and n <= 9000 as late
            from generate_series(1, 19000) n
        ) x
        """,
        {"busy": NOON - MINUTE},
    )
    sent_message(db, person(db, "aia"), facts=LATE)
    sent_message(db, person(db, "bek"), facts=LATE)
    db.commit()
    clock = Clock()
    over = handing(Noting(clock), clock)
    over.run(db, [BUCKET], 10)
    assert over._ramp.per_hour == pytest.approx(6000)


def test_what_is_in_time_and_transactional_mail_wait_for_no_backlog(db: Connection) -> None:
    backlog(db, 50)
    sent_message(db, person(db, "fresh"), address="fresh@example.com")
    sent_message(db, person(db, "order"), kind="transactional", facts=LATE, address="order@example.com")
    db.commit()
    clock = Clock()
    sender = Noting(clock)
    handing(sender, clock).run(db, [BUCKET], 1000)
    assert {to for at, to in sender.taken if at == NOON} >= {"fresh@example.com", "order@example.com"}
    assert len(sender.taken) == 3
    assert db.execute("select state, reason, count(*)::int from delivery group by 1, 2 order by 1").fetchall() == [
        ("queued", "smoothed", 49),
        ("sent", None, 3),
    ]


def test_the_ramp_outlives_its_process_and_is_shared(db: Connection) -> None:
    backlog(db, 60)
    clock = Clock()
    sender = Noting(clock)
    for round_ in range(8):
        # Two workers, and after a minute two others; they share one ramp.
        overs = [handing(sender, clock, f"{name}{round_}") for name in "ab"]
        for over in overs:
            over.run(db, [BUCKET], 20)
        end = clock.now + MINUTE / 4
        while clock.now < end:
            clock.now += timedelta(milliseconds=900)
            for over in overs:
                over.run(db, [BUCKET], 20)
    moments = [at for at, _ in sender.taken]
    assert len(moments) == 60
    assert busiest(moments, MINUTE) <= RAMP * USUAL / 60 + 1
    assert sum(1 for at in moments if at == NOON) == 1


def test_moments_that_have_all_gone_by_are_given_out_anew(db: Connection) -> None:
    """The workers were away while the backlog's moments passed."""
    backlog(db, 100)
    clock = Clock()
    sender = Noting(clock)
    handing(sender, clock).run(db, [BUCKET], 1000)
    clock.now += 6 * HOUR
    drained(db, handing(sender, clock), clock)
    moments = [at for at, _ in sender.taken]
    assert len(moments) == 100
    assert busiest(moments, MINUTE) <= RAMP * USUAL / 60 + 1


def test_who_waits_longer_than_expires_allows_is_withdrawn(db: Connection) -> None:
    deadline = NOON + MINUTE
    backlog(db, 100, facts=LATE | {"expires_at": deadline.isoformat()})
    clock = Clock()
    sender = Noting(clock)
    drained(db, handing(sender, clock), clock)
    assert max(at for at, _ in sender.taken) <= deadline
    states: dict[str, int] = dict(
        db.execute("select state || coalesce('/' || reason, ''), count(*)::int from delivery group by 1")
    )
    assert states == {"sent": 34, "withdrawn/expired": 66}


# -- the mail server is away ----------------------------------------------------------------------------------------------

AWAY: dict[str, dict[str, str]] = {
    "too_busy": {"connect": "421 4.3.2 busy"},
    "cut": {"connect": CUT},
    "tls": {"ehlo": CUT},
    "shut_down": {"mail": "421 4.3.2 going down"},
    # Where nothing is said: nobody listens, somebody who says nothing, and a name that leads nowhere.
    "refused": {},
    "silent": {},
    "nameless": {},
}
NAMELESS = "fe80::1%nosuch"
"""An address on a network that this machine has not: the resolver says so by itself, and asks nobody."""


def server_sender(server: ScriptedServer, **settings: object) -> SmtpSender:
    return SmtpSender(SmtpSettings("127.0.0.1", server.port, **settings), "sender.example")  # type: ignore[arg-type]


@dataclass
class Elsewhere:
    """Hands over to a server that is not there until it is back, and then to one that is; notes who asked when it was not."""

    away: SmtpSender
    there: SmtpSender
    clock: Clock
    back: datetime
    asked: list[datetime]

    @property
    def slots(self) -> int:
        return self.away.slots

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        if self.clock.now >= self.back:
            return self.there.hand_over(mail, lease_holds)
        self.asked.append(self.clock.now)
        return self.away.hand_over(mail, lease_holds)

    def close(self) -> None:
        self.away.close()
        self.there.close()


@contextmanager
def nobody_there(how: str) -> Iterator[SmtpSettings]:
    """Give the address of a server that is away in a way in which nothing is said."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        if how == "silent":
            place.listen(64)
        host = NAMELESS if how == "nameless" else "127.0.0.1"
        yield SmtpSettings(host, place.getsockname()[1], connections=4, connect_timeout_s=0.2)


@pytest.mark.parametrize("how", AWAY)
def test_a_mail_server_that_is_away_for_two_hours_is_left_alone_and_loses_nothing(db: Connection, how: str) -> None:
    """Pauses grow from one minute to thirty; the first that gets through brings the others, by the ramp; what expired does not."""
    people, old = 40, 10
    workspace(db)
    db.execute("insert into flow (workspace, name) values (1, 'abandoned-cart')")
    for number in range(people):
        facts: dict[str, object] = {"expires_at": (NOON + (HOUR if number < old else DAY)).isoformat()}
        sent_message(db, person(db, f"u{number}"), facts=facts, address=f"u{number}@example.com")
    db.commit()
    clock = Clock()
    asked: list[datetime] = []
    taken: list[datetime] = []
    back = NOON + 2 * HOUR

    def script(command: str, _line: str) -> str | None:
        if clock.now >= back:
            if command == "end":
                taken.append(clock.now)
            return None
        if command in AWAY[how]:
            asked.append(clock.now)
            return AWAY[how][command]
        return None

    with scripted(script) as server, nobody_there(how) as nowhere:
        sender: Sender = server_sender(server, connections=4)
        if not AWAY[how]:
            sender = Elsewhere(
                SmtpSender(nowhere, "sender.example"), server_sender(server, connections=4), clock, back, asked
            )
        over = handing(sender, clock)
        drained(db, over, clock)
        over.close()

    first = [at for at in asked if at == NOON]
    assert len(first) <= 4
    tries = sorted(set(asked))
    gaps = [(later - at) / MINUTE for at, later in zip(tries, [*tries[1:], min(taken)], strict=True)]
    expected = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert len(gaps) in {7, 8}
    for gap, least in zip(gaps, expected, strict=False):
        assert least <= gap <= 1.2 * least + 0.01
    assert len(asked) == len(first) + len(tries) - 1
    assert len(taken) == people - old
    assert busiest(taken, MINUTE) <= RAMP * USUAL / 60 + 2
    states: dict[str, int] = dict(
        db.execute("select state || coalesce('/' || reason, ''), count(*)::int from delivery group by 1")
    )
    assert states == {"sent": people - old, "withdrawn/expired": old}


# -- three days without an engine -----------------------------------------------------------------------------------------

CART = """\
trigger: {event: Checkout Started}
per: event.cart_id
reentry: always
exit_on: {event: Order Completed, same: event.cart_id}
steps: [{wait: 2h}, {send: reminder}, {wait: 22h}, {send: help, expires: 12h}]
"""
CAP = "caps: [{messages: 1, per: 16h}]\n"


@dataclass(frozen=True)
class Story:
    """What a shopper did: when the checkout began, when the order came, and when each of the two was told."""

    user: str
    began: datetime
    told: datetime
    ordered: datetime | None
    order_told: datetime | None


def stories(people: int, down: datetime, back: datetime, seed: int) -> list[Story]:
    dice = random.Random(seed)  # noqa: S311 - dice of made-up people
    found = []
    for number in range(people):
        began = down - DAY + (back - down + DAY - MINUTE) * dice.random()
        ordered = began + 30 * HOUR * dice.random() if dice.random() < 0.5 else None
        if ordered is not None and ordered >= back:
            ordered = None
        told = min(back - MINUTE, began + HOUR * dice.random())
        order_told = None if ordered is None else ordered + (back - timedelta(seconds=30) - ordered) * dice.random()
        found.append(Story(f"u{number}", began, told, ordered, order_told))
    return found


Decided = tuple[str, datetime]
"""`sent`, or the reason for which it was not; and when."""


def decided_by_user(shop: Shop) -> dict[str, dict[str, Decided]]:
    """What was decided about whom, by message."""
    found: dict[str, dict[str, Decided]] = {}
    for user, message, fate, at in shop.conn.execute(
        "select i.value, m.message, coalesce(m.reason, m.state), m.decided_at from message m"
        " join identifier i on i.bucket = m.bucket and i.profile = m.profile and i.kind = 'user_id'"
    ):
        found.setdefault(user, {})[message] = fate, at
    shop.conn.commit()
    return found


def told_after(one: Story, before: dict[str, Decided], back: datetime) -> tuple[dict[str, str], str]:
    """What must be decided about somebody when the engine is back, message by message; and how it must stand with them then."""
    if "help" in before:
        return {}, "finished"
    if one.ordered is not None:
        return {}, "exit_on"
    if "reminder" not in before:
        due = one.began + 2 * HOUR
        return ({} if due > back else {"reminder": "expired" if back - due > DAY else "sent"}), "inside"
    due = before["reminder"][1] + 22 * HOUR
    if due > back:
        return {}, "inside"
    return {"help": "expired" if back - due > 12 * HOUR else "sent"}, "finished"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    with connect(dsn) as conn:
        book = found_shop(conn, small({"cart": CART}, settings=CAP), buckets=4, zones=["UTC"])
        yield Shop(dsn, conn, book, HandClock(T0))


@pytest.mark.slow
def test_after_three_days_away_no_stale_mail_leaves_and_each_skip_says_why(shop: Shop) -> None:  # noqa: PLR0915 - one story
    """Orders of those days arrive late and shuffled; some shoppers stood inside before, some came meanwhile."""
    down, back = T0 + DAY, T0 + 4 * DAY
    people = stories(90, down, back, seed=5)
    calls = []
    for one in people:
        trait: dict[str, object] = {"email": f"{one.user}@example.com"}
        calls.append(Call(CallKind.IDENTIFY, one.began, one.told, user_id=one.user, properties=trait))
        cart: dict[str, object] = {"cart_id": f"c-{one.user}"}
        calls.append(
            Call(CallKind.TRACK, one.began, one.told, user_id=one.user, name="Checkout Started", properties=cart)
        )
        if one.ordered and one.order_told:
            calls.append(
                Call(
                    CallKind.TRACK,
                    one.ordered,
                    one.order_told,
                    user_id=one.user,
                    name="Order Completed",
                    properties=cart,
                )
            )
    calls.sort(key=lambda call: call.received_at)
    before = [call for call in calls if call.received_at < down]
    for call in before:
        shop.store(call)
    for hour in range(25):
        shop.work(T0 + hour * HOUR)
    shop.work(down - MINUTE)
    decided_before = set(shop.query("select id from message"))
    before_it = decided_by_user(shop)
    # The web server stored them as they came; they are not even read in their order.
    meanwhile = [call for call in calls if call.received_at >= down]
    random.Random(1).shuffle(meanwhile)  # noqa: S311 - a shuffle of made-up calls
    for call in meanwhile:
        shop.store(call)
    shop.work(back)

    decisions = shop.query(
        "select i.value, m.message, m.state, m.reason, m.decided_at, m.due_at, m.facts ? 'late', m.id from message m"
        " join identifier i on i.bucket = m.bucket and i.profile = m.profile and i.kind = 'user_id'"
    )
    fates: Counter[str] = Counter()
    by_user = {one.user: one for one in people}
    for user, message, state, reason, decided, due, late, id_ in decisions:
        if (id_,) in decided_before:
            continue
        one = by_user[str(user)]
        assert decided == back
        assert late
        # Whoever had ordered by then, and told us, gets nothing and has nothing decided.
        assert one.ordered is None, one
        fresh = decided - due <= (12 * HOUR if message == "help" else DAY)  # type: ignore[operator]
        if not fresh:
            assert (state, reason) == ("skipped", "expired")
        else:
            assert (state, reason) in {("sent", None), ("skipped", "frequency_cap")}
        fates[f"{message} {state} {reason or ''}".strip()] += 1
    assert fates["reminder sent"] > 5
    assert fates["reminder skipped expired"] > 5
    # Each has exactly the decisions, and the end, that their story asks for; worked out from the stories alone.
    expected = {one.user: told_after(one, before_it.get(one.user, {}), back) for one in people}
    after_it = decided_by_user(shop)
    assert {
        user: {message: fate for message, (fate, at) in after_it.get(user, {}).items() if at == back}
        for user in by_user
    } == {user: fates_of for user, (fates_of, _) in expected.items()}
    ended: dict[str, str | None] = dict(
        shop.conn.execute(
            "select i.value, coalesce(e.exit_reason, 'inside') from enrollment e"
            " join identifier i on i.bucket = e.bucket and i.profile = e.profile and i.kind = 'user_id'"
        ).fetchall()
    )
    assert ended == {user: end for user, (_, end) in expected.items()}
    # Nobody got two messages within the sixteen hours of the cap.
    twice = (
        "select 1 from message a join message b on a.profile = b.profile and a.id <> b.id and a.state = 'sent' and b.state = 'sent'"
        " and b.decided_at >= a.decided_at and b.decided_at < a.decided_at + interval '16 hours'"
    )
    assert shop.query(twice) == []
    # And what is sent leaves by the ramp.
    clock = Clock(back)
    with scripted() as server:
        over = handing(server_sender(server, connections=4), clock)
        with connect(shop.dsn) as conn:
            conn.execute("update delivery set state = 'sent' where queued_at < %s", [back])
            drained(conn, over, clock)
        over.close()
        assert len(server.taken) == fates["reminder sent"] + fates["help sent"]
    least = HOUR * (len(server.taken) - 2) / (RAMP * USUAL)
    assert clock.now - back >= least


def test_resumed_with_send_it_leaves_by_the_ramp_too(shop: Shop) -> None:
    for number in range(30):
        shop.identify(f"u{number}", T0, email=f"u{number}@example.com")
        shop.track(f"u{number}", "Checkout Started", T0, cart_id="c")
    shop.work(T0)
    pause(shop.conn, NAME, "cart", at=T0 + HOUR)
    shop.conn.commit()
    at = T0 + 3 * DAY
    assert resume(shop.conn, NAME, "cart", at=at, overdue=Overdue.SEND) == 30
    shop.conn.commit()
    shop.work(at)
    assert shop.query("select distinct state, facts ? 'late' from message") == [("sent", False)]
    clock = Clock(at)
    sender = Noting(clock)
    with connect(shop.dsn) as conn:
        drained(conn, handing(sender, clock), clock)
    assert len(sender.taken) == 30
    assert busiest([moment for moment, _ in sender.taken], 10 * timedelta(seconds=1)) <= RAMP * USUAL / 360 + 1
