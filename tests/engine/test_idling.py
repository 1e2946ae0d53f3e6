"""A worker that has nothing to do rests, and wakes up in time: counted in rests and looks, not in seconds of a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, links, small

from tamshy.publish import pause, resume
from tamshy.render.children import InProcess
from tamshy.sqlkit import connect
from tamshy.worker import Leases, Worker
from tamshy.worker.leasing import LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOWS = {
    "cart": "trigger: {event: Checkout Started}\nreentry: always\nsteps: [{wait: 2h}, {send: reminder}]\n",
    "hello": "trigger: {event: Signed Up}\nsteps: [{send: hello}]\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop of 16 buckets."""
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS), buckets=16, zones=["UTC"])
        yield Shop(dsn, conn, book, HandClock(T0))


class Life:
    """A worker for whom time goes by as it rests, for so many seconds; `at` is called before each rest."""

    def __init__(self, shop: Shop, seconds: float, at: Callable[[float], None] = lambda _: None) -> None:
        self.shop, self.seconds, self.at = shop, seconds, at
        self.rests: list[float] = []
        self.looks: set[object] = set()
        self.heard = 0
        self.worker = Worker(shop.dsn, "one", shop.clock, InProcess(), links, self._wait, rendered=self._hear)
        self.worker.serve()

    def _hear(self) -> None:
        self.heard += 1

    def _wait(self, seconds: float) -> bool:
        self.looks |= {row[0] for row in self.shop.query("select until from worker where owner = 'one'")}
        if seconds:
            self.rests.append(seconds)
            self.at(self.shop.clock.grown)
            self.shop.clock.pass_by(seconds)
            self.shop.clock.at += timedelta(seconds=seconds)
        return self.shop.clock.grown >= self.seconds


def test_in_a_minute_without_work_it_wakes_up_twice_a_second_and_renews_its_leases_every_four(shop: Shop) -> None:
    life = Life(shop, 60)
    assert life.rests[:4] == [0.1, 0.125, 0.15625, 0.1953125]
    assert set(life.rests[10:]) == {0.5}
    assert len(life.rests) <= 125
    assert len(life.looks) <= 19
    assert life.worker.passes == 0


def test_who_has_worked_rests_shortly_again_and_mail_is_told_of(shop: Shop) -> None:
    def arrive(seconds: float) -> None:
        if 20 <= seconds < 20.5:
            shop.identify("u1", shop.clock.at, email="u1@example.com")
            shop.track("u1", "Signed Up", shop.clock.at)

    life = Life(shop, 30, arrive)
    begin = next(place for place, rest in enumerate(life.rests) if place > 20 and rest == 0.1)
    # Worked at the end of the very rest in which it came.
    assert 20 <= sum(life.rests[:begin]) <= 20.5 + 0.5
    assert [row[3] for row in shop.told("u1")] == ["entered", "sent", "exited"]
    assert life.heard == 1


def test_whoever_becomes_due_is_worked_within_a_rest(shop: Shop) -> None:
    shop.track("u1", "Checkout Started", T0 - timedelta(hours=2) + timedelta(seconds=25))
    done: list[float] = []

    def look(seconds: float) -> None:
        if not done and shop.query("select 1 from journal where kind = 'message'"):
            done.append(seconds)

    Life(shop, 30, look)
    assert len(done) == 1
    assert 25 <= done[0] <= 25.5


def test_what_a_dead_one_held_is_taken_as_soon_as_its_lease_has_run_out(shop: Shop) -> None:
    Leases("dead").share_out(shop.conn, shop.clock.machine + timedelta(seconds=2.3))
    taken: list[float] = []

    def look(seconds: float) -> None:
        if not taken and shop.query("select count(*) from lease where owner = 'one'") == [(16,)]:
            taken.append(seconds)

    Life(shop, 40, look)
    ended = 2.3 + LEASE.total_seconds()
    assert ended <= taken[0] <= ended + 1.5


def test_people_of_a_paused_flow_do_not_keep_it_awake(shop: Shop) -> None:
    for number in range(40):
        shop.track(f"u{number}", "Checkout Started", T0)
    shop.work(T0)
    pause(shop.conn, NAME, "cart", at=T0)
    shop.conn.commit()
    shop.clock.at = T0 + timedelta(hours=3)
    shop.clock.grown = 0
    life = Life(shop, 60)
    # A bucket is looked into when somebody in it has become due, and then once in ten rests: not in each of 125.
    assert 16 <= life.worker.passes <= 16 * 14
    assert shop.query("select count(*) from journal where kind = 'message'") == [(0,)]

    resume(shop.conn, NAME, "cart", at=shop.clock.at)
    shop.conn.commit()
    shop.clock.grown = 0
    Life(shop, 5)
    assert shop.query("select count(*) from message") == [(40,)]


def test_one_becomes_due_beside_those_of_a_paused_flow_and_is_worked(shop: Shop) -> None:
    for number in range(40):
        shop.track(f"u{number}", "Checkout Started", T0)
    shop.work(T0)
    pause(shop.conn, NAME, "cart", at=T0)
    shop.conn.commit()
    shop.clock.at = T0 + timedelta(hours=3)
    shop.clock.grown = 0

    def arrive(seconds: float) -> None:
        if 20 <= seconds < 20.5:
            shop.identify("u1", shop.clock.at, email="u1@example.com")
            shop.track("u1", "Signed Up", shop.clock.at)

    Life(shop, 22, arrive)
    assert [row[1:4] for row in shop.told("u1") if row[1] == "hello"] == [
        ("hello", "", "entered"),
        ("hello", "hello", "sent"),
        ("hello", "", "exited"),
    ]
