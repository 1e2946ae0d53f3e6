"""Passes do not turn on the spot: those who are set aside cost a look a pass, and the others are each looked at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import HandClock, Shop, found_shop, links, small

from tamshy.render.children import InProcess
from tamshy.sqlkit import connect
from tamshy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIZES = [1_200, pytest.param(10_000, marks=pytest.mark.prove)]
EVERY = 100
"""Every hundredth is set aside."""
FLOW = "trigger: {event: Go}\nsteps: [{wait: 1h}, {exit: done}]\n"
PEOPLE = """
with people as (
    select n, md5(%(crowd)s::text || n)::uuid as id, 0 as bucket from generate_series(1, %(people)s) n
), profiles as (
    insert into profile (bucket, id, workspace, die, created_at, address, zone)
    select bucket, id, 1, 'user_id:' || %(crowd)s || n, %(at)s, 'p' || n || '@example.com', 'UTC' from people
), entries as (
    insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context)
    select bucket, id, id, 'Go', %(at)s, '{}', '{}' from people
), aside as (
    insert into set_aside (bucket, profile, since, tries, until, error)
    select bucket, id, %(at)s, 3, 'infinity', 'odd' from people where %(aside)s and n %% %(every)s = 0
)
insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority, held_out,
    entered_at, reached_at, due_at, work_at)
select bucket, id, id, 1, 'flow', (select live_version from flow), '', id, true, 0, 1, 0, false, %(at)s, %(at)s, %(due)s, %(due)s
from people
"""


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop of one bucket, with nobody in it yet."""
    with connect(dsn) as conn:
        yield Shop(dsn, conn, found_shop(conn, small({"flow": FLOW}), buckets=1, zones=["UTC"]), HandClock(T0))


def examined(conn: Connection) -> int:
    """How many entries of the index of who is due have been read so far; a worker's session says so when it ends."""
    conn.rollback()
    for _ in range(1000):
        if conn.execute(
            "select count(*) from pg_stat_activity where application_name = 'tamshy worker'"
        ).fetchone() == (0,):
            break
        conn.execute("select pg_sleep(0.01)")
        conn.rollback()
    row = conn.execute(
        "select pg_stat_clear_snapshot(), idx_tup_read from pg_stat_user_indexes where indexrelname = 'enrollment_due'"
    ).fetchone()
    conn.rollback()
    assert row is not None
    return int(row[1])


class Looking:
    """A worker that works all there is to do, and then looks so many times more."""

    def __init__(self, shop: Shop, looks: int) -> None:
        self.left = looks
        worker = Worker(shop.dsn, "one", shop.clock, InProcess(), links, self._wait)
        worker.serve()
        self.items, self.passes = worker.items, worker.passes

    def _wait(self, seconds: float) -> bool:
        if seconds:
            self.left -= 1
        return self.left < 0


def crowd(shop: Shop, name: str, people: int, *, aside: bool) -> tuple[int, int]:
    """Let a crowd become due at one moment, and give how many entries were examined for them, and in how many passes."""
    given = {"at": T0 - 2 * HOUR, "due": T0 - HOUR, "people": people, "every": EVERY, "crowd": name, "aside": aside}
    shop.conn.execute(PEOPLE, given)
    shop.conn.commit()
    with connect(shop.dsn, autocommit=True) as other:
        other.execute("vacuum (analyze) enrollment")
    before = examined(shop.conn)
    worked = Looking(shop, looks=0)
    # The end of a wait, and the exit behind it.
    assert worked.items == 2 * (people - (people // EVERY if aside else 0))
    return examined(shop.conn) - before, worked.passes


@pytest.mark.parametrize("people", SIZES)
def test_who_is_set_aside_costs_a_look_and_nobody_is_looked_at_twice(shop: Shop, people: int) -> None:
    """All are due at one moment, those who are set aside among them: nothing tells them apart in the index."""
    alone, _ = crowd(shop, "a", people, aside=False)
    assert shop.query("select count(*)::int from enrollment where active") == [(0,)]
    beside, passes = crowd(shop, "b", people, aside=True)
    aside = people // EVERY
    assert shop.query("select count(*)::int from enrollment where active") == [(aside,)]
    assert people < beside <= 1.2 * alone, f"{beside} examined in {passes} passes, {alone} where nobody is set aside"
    # What those who went left behind in the index goes by itself; a few may be passed once more before they are forgotten.
    with connect(shop.dsn, autocommit=True) as other:
        other.execute("vacuum enrollment")
    # With nobody left but them, a look costs just that, and is no pass.
    before = examined(shop.conn)
    idle = Looking(shop, looks=20)
    assert (idle.items, idle.passes) == (0, 0)
    assert examined(shop.conn) - before <= 22 * aside + people // 4
