"""A worker may die between any two statements: nothing of its pass is left, and the next one does it all, exactly once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.living import HandClock, Shop, found_shop, journal, links, small

from tamshy.domain.call import Call, CallKind
from tamshy.passes import Horizon, deal_coupons, merge_ready, prepare, run, settle_coupons, settle_rendered
from tamshy.passes.rendering import LiquidValues, Press
from tamshy.render.children import InProcess
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LAST = T0 + 26 * HOUR

# Every kind of step, an audience, a holdout, exits, conversions, events of the flows' own, quiet hours and a cap.
FLOWS = {
    "cart": """\
trigger: {event: Checkout Started, where: {event.value: {gt: 5}}}
per: event.cart
audience: {did_not: Order Completed, within: 1d}
reentry: {after: 1d}
exit_on: {event: Order Completed, same: event.cart}
conversion: {event: Order Completed, within: 5d}
priority: 5
steps:
  - set: {profile.seen: "{{ event.value }}", profile.timezone: Asia/Almaty}
  - coupon: {pool: codes, as: code, expires: 1d}
  - notify: {to: team@shop.example, subject: "{{ coupon.code.code }}", text: Came}
  - send: first
  - subscribe: news
  - track: {event: Asked, properties: {of: "{{ event.cart }}"}}
  - wait_for: {event: Called, at_most: 3h, then: [{send: called}, {exit: called}], else: [{send: broken}]}
  - branch: [{if: {opened: first}, steps: [{send: opened}]}, {else: [{unsubscribe: news}]}]
  - wait: {until: profile.birthday}
  - send: last
""",
    "asked": "trigger: {event: Asked}\nreentry: always\nholdout: 50%\nsteps: [{wait: 30m}, {send: asked}]\n",
    "sent": "trigger: {event: Message Sent}\nsteps: [{wait: {until: '10:00'}}, {exit: enough}]\n",
}
SETTINGS = 'quiet_hours: {from: "22:00", to: "07:00"}\ncaps: [{messages: 2, per: 5h}]\n'
POOL = {"coupons/codes.yaml": "file: codes.csv\n", "coupons/codes.csv": "A\nB\nC\nD\n"}
MESSAGES = {"broken": "{{ profile.nothing | upcase }}\n"}


LOOKED = 8
"""After every so many deaths all tables are looked through."""


class Interrupted(Exception):
    """The worker is killed here."""


class Fragile:
    """A connection on which a worker is killed before a statement, or before the commit."""

    def __init__(self, conn: Connection, after: int) -> None:
        self._conn = conn
        self._left = after
        self.commits = 0

    def execute(self, *given: Any, **more: Any) -> Any:  # noqa: ANN401 - whatever the connection takes and gives
        """Run a statement, or die."""
        self._count()
        return self._conn.execute(*given, **more)

    def numbered(self, *given: Any) -> Any:  # noqa: ANN401 - whatever the connection takes and gives
        """Run a statement with numbered placeholders, or die."""
        self._count()
        return self._conn.numbered(*given)

    def commit(self) -> None:
        """Commit, or die."""
        self._count()
        self._conn.commit()
        self.commits += 1

    def _count(self) -> None:
        if self._left == 0:
            raise Interrupted
        self._left -= 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._conn, name)


def people(shop: Shop) -> None:
    """Six people who do all sorts of things, two of whom turn out to be others."""
    for number in range(4):
        shop.identify(f"u{number}", T0, email=f"u{number}@example.com", locale="en")
        shop.track(f"u{number}", "Checkout Started", T0, value=10 + number, cart="c")
    shop.track("u3", "Checkout Started", T0, value=10, cart="c")
    for device in ("a", "b"):
        identify = Call(CallKind.IDENTIFY, T0, T0, anonymous_id=device, properties={"email": f"{device}@example.com"})
        shop.store(identify)
        event: dict[str, object] = {"value": 9, "cart": device}
        shop.store(Call(CallKind.TRACK, T0, T0, anonymous_id=device, name="Checkout Started", properties=event))
    opened: dict[str, object] = {"message": "first", "did": "opened", "url": None, "machine": False}
    shop.store(Call(CallKind.ENGAGE, T0 + HOUR, T0 + HOUR, user_id="u0", properties=opened, origin=1))
    shop.track("u1", "Called", T0 + 2 * HOUR)
    shop.track("u2", "Order Completed", T0 + 2 * HOUR, cart="c", value=3)
    consent = {"topic": "offers", "granted": False, "source": "api", "evidence": {}}
    shop.store(Call(CallKind.CONSENT, T0 + HOUR, T0 + HOUR, user_id="u3", properties=consent))
    shop.identify("u0", T0 + 2 * HOUR, device="a")
    shop.identify("u4", T0 + 2 * HOUR, device="b", email="b2@example.com")


def state(conn: Connection) -> dict[str, object]:
    """A digest of every table."""
    tables = conn.execute("select tablename from pg_tables where schemaname = 'public' and tablename <> 'zone_span'")
    found: dict[str, object] = {}
    for (table,) in tables.fetchall():
        digest = f"select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t"
        found[table] = conn.execute(digest.encode()).fetchone()
    conn.rollback()
    return found


def units(shop: Shop, at: datetime) -> list[Callable[[Connection], int]]:
    """What a worker does in its turn at each bucket, as steps that end in a commit each."""
    book, values, press = shop.book, LiquidValues(shop.book.settings), Press(InProcess(), links)
    horizon = Horizon(at, at - 9 * HOUR, limit=3)
    found: list[Callable[[Connection], int]] = []
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):

        def work(conn: Connection, bucket: int = bucket) -> int:
            items = run(conn, book, bucket, 0, horizon, values).items
            conn.commit()
            return items

        def render(conn: Connection, bucket: int = bucket) -> int:
            def one(rows: Any) -> Any:  # noqa: ANN401 - rows of messages, as the press takes them
                return press.render(conn, bucket, rows)

            done = settle_rendered(conn, book, bucket, 0, horizon, 2, one, keep_content=True)
            conn.commit()
            return done

        def deal(conn: Connection, bucket: int = bucket) -> int:
            dealt = deal_coupons(conn, book, bucket, 0, horizon, 2)
            conn.commit()
            return 0 if dealt is None else dealt.answered

        def take(conn: Connection, bucket: int = bucket) -> int:
            done = settle_coupons(conn, book, bucket, 0, horizon)
            conn.commit()
            return done

        def merge(conn: Connection, bucket: int = bucket) -> int:
            return merge_ready(conn, book, horizon, [bucket])

        found += [work, render, deal, take, merge]
    return found


def lived(dsn: str, die: bool) -> tuple[list[tuple[object, ...]], dict[str, object], int]:  # noqa: FBT001
    """The journal and all tables after a life in which the worker dies before every statement once, or never."""
    deaths = 0
    with connect(dsn) as conn:
        files = small(FLOWS, settings=SETTINGS, messages=MESSAGES) | POOL
        book = found_shop(conn, files, buckets=2, zones=["UTC", "Asia/Almaty"])
        shop = Shop(dsn, conn, book, HandClock(T0))
        people(shop)
        prepare(conn)
        at = T0
        while at <= LAST:
            did = 0
            for unit in units(shop, at):
                done, died = _die_everywhere(conn, unit) if die else (unit(conn), 0)
                did += done
                deaths += died
            if not did:
                at += 5 * HOUR
        found = state(conn)
        # How often a bucket was passed over differs with every death, and nothing else does.
        return journal(conn), {name: digest for name, digest in found.items() if name != "lease"}, deaths


def _die_everywhere(conn: Connection, unit: Callable[[Connection], int]) -> tuple[int, int]:
    """Do a unit of work at last, after dying before each of its statements and its commit; says what it did."""
    before = state(conn)
    for deaths in range(1000):
        fragile = Fragile(conn, deaths)
        try:
            return unit(fragile), deaths  # type: ignore[arg-type] # as good as a connection
        except Interrupted:
            conn.rollback()
            # Looking through all tables takes most of the test's time. What a death leaves behind, by whatever way, is still there
            # at the next look, and at the end.
            if fragile.commits or deaths % LOOKED == 0:
                assert state(conn) == before
    raise AssertionError


@pytest.mark.slow
def test_dying_before_any_statement_of_any_pass_changes_nothing_in_the_end(databases: Databases) -> None:
    results = []
    for die in (False, True):
        name = f"tamshy_crash_{die}".lower()
        dsn = databases.create(name, databases.template)
        results.append(lived(dsn, die))
        databases.drop(name)
    (calm, calm_tables, none), (wild, wild_tables, deaths) = results
    assert none == 0
    assert deaths > 300
    assert {row[4] for row in calm} >= {"entered", "refused", "exited", "sent", "skipped", "postponed", "no_moment"}
    assert {row[5] for row in calm} >= {
        "merged",
        "exit_on",
        "render_error",
        "no_consent",
        "held_out",
        "active",
        "called",
    }
    assert wild == calm
    assert wild_tables == calm_tables
