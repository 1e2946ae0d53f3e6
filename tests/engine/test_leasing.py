"""Leases: workers share the buckets out by themselves, and nobody writes who does not hold one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, links, small

from tamshy.passes import Horizon, prepare, run, settle_rendered
from tamshy.passes.rendering import LiquidValues
from tamshy.publish import create_workspace, publish
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.sqlkit import connect
from tamshy.worker import Leases, Worker
from tamshy.worker.leasing import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tamshy.render import Compiled, Job, Outcome
    from tamshy.sqlkit import Connection

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FLOW = "trigger: {event: Go}\nsteps: [{wait: 1h}, {send: hello}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop of eight buckets, in which u1 has set out."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"flow": FLOW}), buckets=8, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(NOW))
        made.identify("u1", NOW, email="u1@example.com")
        made.track("u1", "Go", NOW)
        yield made


@pytest.fixture
def conn(shop: Shop) -> Connection:
    """The shop's connection, as a worker has one."""
    prepare(shop.conn)
    return shop.conn


def owners(conn: Connection) -> Counter[str | None]:
    return Counter(row[0] for row in conn.execute("select owner from lease"))


def test_the_first_takes_all_and_a_second_that_comes_gets_its_half(conn: Connection) -> None:
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW)
    assert len(one.held) == 8
    two.share_out(conn, NOW)
    assert two.held == {}
    one.share_out(conn, NOW + SECOND)
    two.share_out(conn, NOW + SECOND)
    assert (len(one.held), len(two.held)) == (4, 4)
    assert owners(conn) == {"one": 4, "two": 4}
    assert not one.held.keys() & two.held.keys()


def test_three_share_out_and_what_a_dead_one_held_is_taken_when_it_has_run_out(conn: Connection) -> None:
    hands = [Leases(name) for name in ("one", "two", "three")]
    for second in range(3):
        for hand in hands:
            hand.share_out(conn, NOW + second * SECOND)
    assert sorted(len(hand.held) for hand in hands) == [2, 3, 3]
    one, two, three = hands
    gone = set(three.held)

    # The third says nothing any more: it counts, and keeps what it has, until its lease has run out.
    just_before = NOW + 2 * SECOND + LEASE - SECOND
    for hand in (one, two):
        hand.share_out(conn, just_before)
    assert owners(conn)["three"] == len(gone)
    for _ in range(2):
        for hand in (one, two):
            hand.share_out(conn, just_before + SECOND)
    assert owners(conn) == {"one": 4, "two": 4}
    # It comes back: what it held is not its own any more.
    assert gone <= one.held.keys() | two.held.keys()
    three.share_out(conn, just_before + SECOND)
    assert three.held == {}


def test_what_a_dead_one_held_before_the_clock_was_put_back_is_taken_at_once(conn: Connection) -> None:
    """Its lease reaches three hours beyond what anybody writes now; one that is a little ahead is left alone."""
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW + 2 * SECOND)
    two.share_out(conn, NOW)
    assert (len(one.held), two.held) == (8, {})
    two.share_out(conn, NOW - timedelta(hours=3))
    assert len(two.held) == 8
    # Whoever was only thought dead finds its leases gone, and gets its share again.
    one.share_out(conn, NOW - timedelta(hours=3) + SECOND)
    assert one.held == {}
    two.share_out(conn, NOW - timedelta(hours=3) + 2 * SECOND)
    one.share_out(conn, NOW - timedelta(hours=3) + 2 * SECOND)
    assert (len(one.held), len(two.held)) == (4, 4)


def test_a_new_owner_has_a_fence_that_nobody_held_before(conn: Connection) -> None:
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW)
    before = dict(one.held)
    one.give_back(conn)
    two.share_out(conn, NOW)
    assert two.held.keys() == before.keys()
    assert all(two.held[bucket] > fence for bucket, fence in before.items())


def test_a_stale_owner_can_neither_pass_nor_render(shop: Shop, conn: Connection) -> None:
    ((bucket,),) = shop.query("select bucket from identifier where value = 'u1'")
    assert isinstance(bucket, int)
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW)
    stale = one.held[bucket]
    two.share_out(conn, NOW + LEASE)
    values = LiquidValues(shop.book.settings)
    worked = run(conn, shop.book, bucket, stale, Horizon(NOW), values)
    assert (worked.lost, worked.items) == (True, 0)
    assert settle_rendered(conn, shop.book, bucket, stale, Horizon(NOW), 10, lambda _: [], keep_content=True) == 0
    assert shop.told() == []
    assert run(conn, shop.book, bucket, two.held[bucket], Horizon(NOW), values).items == 1


def test_a_bucket_is_not_taken_while_a_pass_over_it_is_open(shop: Shop, conn: Connection) -> None:
    ((bucket,),) = shop.query("select bucket from identifier where value = 'u1'")
    assert isinstance(bucket, int)
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW)
    values = LiquidValues(shop.book.settings)
    assert run(conn, shop.book, bucket, one.held[bucket], Horizon(NOW), values).items == 1
    with connect(shop.dsn) as other:
        two.share_out(other, NOW + LEASE)
        assert two.held.keys() == one.held.keys() - {bucket}
        conn.commit()
        two.share_out(other, NOW + LEASE)
        assert bucket in two.held
    assert run(conn, shop.book, bucket, one.held[bucket], Horizon(NOW), values).lost


def test_who_stops_gives_everything_back_and_is_not_counted_any_more(conn: Connection) -> None:
    one, two = Leases("one"), Leases("two")
    one.share_out(conn, NOW)
    two.share_out(conn, NOW)
    one.share_out(conn, NOW)
    one.give_back(conn)
    assert owners(conn) == {None: 8}
    two.share_out(conn, NOW)
    assert owners(conn) == {"two": 8}


def test_a_worker_that_is_told_to_stop_gives_back_what_it_held(shop: Shop) -> None:
    shop.work(NOW)
    assert owners(shop.conn) == {None: 8}
    assert shop.query("select owner from worker") == []


def test_what_is_published_holds_from_the_next_pass_on(shop: Shop) -> None:
    """Between two looks at the rules a worker has old ones: publishing takes its buckets out of its hand."""
    seen: list[int] = []

    def wait(seconds: float) -> bool:
        if seconds == 0:
            return False
        seen.append(worker.passes)
        if len(seen) == 1:
            shop.publish(small({"flow": FLOW.replace("Go", "Other")}), NOW)
            shop.track("u2", "Go", NOW)
        if len(seen) == 2:
            shop.clock.pass_by(1.0)
        return len(seen) == 3

    worker = Worker(shop.dsn, "one", shop.clock, InProcess(), links, wait)
    worker.serve()
    # u2's event is taken in, by the new rules: nothing begins with it any more.
    assert [row[3] for row in shop.told("u1")] == ["entered"]
    assert shop.told("u2") == []
    assert shop.query("select name, count(*)::integer from event group by name") == [("Go", 2)]


class Slow(InProcess):
    """Takes ten seconds for each batch, and lets another worker look for buckets meanwhile."""

    def __init__(self, shop: Shop, other: Leases) -> None:
        super().__init__()
        self._shop, self._other = shop, other
        self.seen: list[int] = []

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """Render as ever, after a while."""
        self._shop.clock.pass_by(10)
        with connect(self._shop.dsn) as conn:
            self._other.share_out(conn, self._shop.clock.real())
        self.seen.append(len(self._other.held))
        return super().render_rows(jobs, compiled)


def test_a_worker_in_a_long_round_keeps_its_share_and_no_more(shop: Shop) -> None:
    """Eight buckets, each with mail to render: a round takes longer than a lease lasts."""
    for number in range(40):
        shop.identify(f"v{number}", NOW, email=f"v{number}@example.com")
        shop.track(f"v{number}", "Go", NOW)
    shop.work(NOW)
    shop.clock.at = NOW + timedelta(hours=1)
    renderer = Slow(shop, Leases("two"))
    rounds: list[float] = []

    def wait(seconds: float) -> bool:
        rounds.append(seconds)
        return len(rounds) == 2

    Worker(shop.dsn, "one", shop.clock, renderer, links, wait).serve()
    # Its first look counts one worker; at its next it gives half back, and nothing of the rest runs out.
    assert renderer.seen == [0, 4, 4, 4]
    kept = shop.query("select bucket from lease where owner is distinct from 'two'")
    assert shop.query("select distinct bucket from message where state = 'sent' order by 1") == sorted(kept)


def test_rules_that_cannot_be_read_stop_their_workspace_alone(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    create_workspace(shop.conn, "other", buckets=2)
    publish(shop.conn, "other", small({"other": FLOW}), at=NOW, compile_message=compile_message)
    shop.conn.execute("delete from message_version where workspace = 2")
    shop.conn.commit()
    shop.work(NOW)
    assert [row[3] for row in shop.told("u1")] == ["entered"]
    assert "the rules of workspace other cannot be read" in caplog.text
