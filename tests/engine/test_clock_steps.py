"""A clock that is put forward or back fires nothing early, nothing twice, and loses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.engine.living import HandClock, Shop, found_shop, small

from tamshy import standing
from tamshy.site.clock import BELIEVED, Clock, SteadyClock, boot, since_boot
from tamshy.site.guarding import KEEP_S, Guard
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOURS_3, YEAR = 3 * HOUR, timedelta(days=365)


@dataclass
class Machine:
    """A machine whose clock can be set, and whose count since its start cannot."""

    clock: datetime = T0
    count: float = 1000.0
    speed: float = 1.0

    def real(self) -> datetime:
        return self.clock

    def shop(self, real: datetime) -> datetime:
        return real

    def monotonic(self) -> float:
        return self.count

    def seconds(self) -> float:
        return self.count

    def live(self, seconds: float) -> None:
        """Let time go on."""
        self.clock += timedelta(seconds=seconds)
        self.count += seconds

    def steady(self) -> SteadyClock:
        return SteadyClock(self, self.seconds)  # type: ignore[arg-type]  # as much of a clock as is asked


def test_the_machines_count_grows_and_its_start_has_a_name() -> None:
    first = since_boot()
    assert since_boot() >= first > 0
    assert boot() == boot()
    assert abs((SteadyClock(Clock()).real() - Clock().real()).total_seconds()) < 1


def test_put_forward_by_hours_it_is_not_believed_until_it_is_back() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.clock += HOURS_3
    machine.live(5)
    assert (clock.real(), clock.ahead) == (T0 + timedelta(seconds=5), HOURS_3)
    machine.clock -= HOURS_3
    machine.live(5)
    assert (clock.real(), clock.ahead) == (T0 + timedelta(seconds=10), timedelta())


def test_a_year_for_five_seconds_leaves_no_trace() -> None:
    machine = Machine()
    clock = machine.steady()
    seen = []
    for _ in range(5):
        machine.clock += YEAR
        machine.live(1)
        seen.append(clock.now())
        machine.clock -= YEAR
    machine.live(1)
    assert [*seen, clock.now()] == [T0 + timedelta(seconds=n) for n in range(1, 7)]


def test_put_back_it_is_believed_and_being_put_right_again_is_no_jump() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.clock -= HOURS_3
    machine.live(60)
    assert (clock.real(), clock.ahead) == (T0 - HOURS_3 + MINUTE, timedelta())
    machine.clock += HOURS_3
    assert (clock.real(), clock.ahead) == (T0 + MINUTE, timedelta())


def test_five_minutes_are_believed_and_more_is_not() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.clock += BELIEVED
    assert (clock.real(), clock.ahead) == (T0 + BELIEVED, timedelta())
    machine.clock += BELIEVED + timedelta(microseconds=1)
    assert clock.real() == T0 + BELIEVED
    assert clock.ahead == BELIEVED + timedelta(microseconds=1)


def test_drift_adds_up_and_is_followed() -> None:
    """NTP slews a clock by half a second a second at most; in a month that may be far more than five minutes."""
    machine = Machine()
    clock = machine.steady()
    for _ in range(100):
        machine.live(60)
        machine.clock += timedelta(seconds=20)
        assert clock.real() == machine.clock
    assert clock.ahead == timedelta()


def test_a_person_who_says_that_the_clock_is_right_is_believed() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.clock += YEAR
    assert clock.ahead == YEAR
    clock.believe()
    assert (clock.real(), clock.ahead) == (T0 + YEAR, timedelta())


STEPS = st.lists(
    st.tuples(
        st.floats(0.1, 4000),
        st.sampled_from([timedelta(), HOURS_3, -HOURS_3, YEAR, -YEAR, BELIEVED, 2 * BELIEVED, MINUTE, -MINUTE]),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=300, deadline=None)
@example([(5.0, YEAR), (5.0, -YEAR)])
def test_whatever_is_done_to_the_clock_it_runs_ahead_by_no_more_than_is_believed(
    steps: list[tuple[float, timedelta]],
) -> None:
    """At every step ahead of the furthest it has been; and what is told is the clock's, or what went before."""
    machine = Machine()
    clock = machine.steady()
    furthest = set_by = timedelta()
    for seconds, step in steps:
        machine.clock += step
        machine.live(seconds)
        set_by += step
        lived = timedelta(seconds=machine.count - 1000)
        told = clock.real()
        assert told - T0 - lived <= furthest + BELIEVED + timedelta(milliseconds=1)
        assert (told == machine.clock) is not (clock.ahead > BELIEVED)
        if set_by <= timedelta():
            assert told == machine.clock
        furthest = max(furthest, told - T0 - lived)


CART = "trigger: {event: Go}\nsteps: [{wait: 1h}, {send: first}, {wait: 1h}, {send: second}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop in which u1 has entered a flow at nine."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"cart": CART}), buckets=2, zones=["UTC"])
        standing.founded(conn, standing.whereabouts(conn), UUID(int=1), T0)
        conn.commit()
        made = Shop(dsn, conn, book, HandClock(T0))
        made.identify("u1", T0, email="u1@example.com")
        made.track("u1", "Go", T0)
        made.work(T0)
        yield made


def live(shop: Shop, clock: SteadyClock, guard: Guard) -> None:
    """A worker's look at what is due, by its steady clock."""
    shop.work(clock.now(), clear=guard.clear)


def sent(shop: Shop) -> list[tuple[object, ...]]:
    return [(row[0], row[2]) for row in shop.told("u1") if row[3] == "sent"]


def test_while_the_clock_is_ahead_nothing_is_worked_and_back_it_goes_on(shop: Shop) -> None:
    machine = Machine()
    clock = machine.steady()
    guard = Guard(clock)
    machine.live(60)
    live(shop, clock, guard)
    machine.clock += YEAR
    machine.live(5)
    live(shop, clock, guard)
    assert sent(shop) == []
    machine.clock -= YEAR
    machine.live(3600)
    live(shop, clock, guard)
    assert [message for _, message in sent(shop)] == ["first"]


def test_a_process_that_starts_in_the_jump_knows_it_from_the_database(shop: Shop) -> None:
    machine = Machine()
    Guard(machine.steady()).clear(shop.conn)
    machine.clock += YEAR
    machine.live(5)
    clock = machine.steady()
    guard = Guard(clock)
    assert not guard.clear(shop.conn)
    live(shop, clock, guard)
    assert sent(shop) == []
    # The machine is started anew with its clock put right: nothing is left of it.
    machine.clock -= YEAR
    guard = Guard(clock)
    assert guard.clear(shop.conn)


def test_confirmed_every_process_takes_the_clock_at_its_word(shop: Shop) -> None:
    machine = Machine()
    clocks = [machine.steady(), machine.steady()]
    guards = [Guard(clock) for clock in clocks]
    assert all(guard.clear(shop.conn) for guard in guards)
    machine.clock += HOURS_3
    machine.live(2)
    assert not any(guard.clear(shop.conn) for guard in guards)
    standing.confirm(shop.conn, {}, UUID(int=2), T0)
    shop.conn.commit()
    machine.live(2)
    assert all(guard.clear(shop.conn) for guard in guards)
    assert [clock.real() for clock in clocks] == [machine.clock] * 2
    # And so does one that starts later.
    machine.live(KEEP_S)
    late = Guard(machine.steady())
    assert late.clear(shop.conn)


def test_put_back_nothing_is_done_twice_and_all_is_done_in_the_end(shop: Shop) -> None:
    machine = Machine()
    clock = machine.steady()
    guard = Guard(clock)
    machine.live(3600)
    live(shop, clock, guard)
    machine.clock -= HOURS_3
    for _ in range(24):
        machine.live(1200)
        live(shop, clock, guard)
    assert [message for _, message in sent(shop)] == ["first", "second"]


@pytest.mark.newest
@given(STEPS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([(60.0, YEAR), (60.0, -YEAR), (600.0, -HOURS_3), (600.0, HOURS_3), (600.0, BELIEVED)])
def test_under_any_steps_each_message_is_sent_once_and_none_while_the_clock_is_ahead(
    shop: Shop, steps: list[tuple[float, timedelta]]
) -> None:
    shop.conn.execute("delete from journal; delete from message; delete from delivery; delete from content")
    shop.conn.execute(
        "delete from inbox; delete from event; delete from enrollment; delete from entry; delete from anchor"
    )
    shop.conn.commit()
    machine = Machine()
    clock = machine.steady()
    guard = Guard(clock)
    shop.track("u1", "Go", T0)
    for seconds, step in steps:
        machine.clock += step
        machine.live(min(seconds, 600))
        before = sent(shop)
        live(shop, clock, guard)
        assert sent(shop) == before or clock.ahead == timedelta()
    # Somebody sets the clock right, and says so.
    machine.clock = T0 + 10 * YEAR
    standing.confirm(shop.conn, {}, UUID(int=7), T0)
    shop.conn.commit()
    clock.believe()
    for _ in range(4):
        machine.live(3600)
        live(shop, clock, Guard(clock))
    decided = [row[2] for row in shop.told("u1") if row[2]]
    assert sorted(map(str, decided)) == ["first", "second"]
