"""Fifty thousand people in a flow that stood still for three days; a hundred thousand messages that wait for the ramp."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import NOON, workspace
from tests.engine.living import NAME, HandClock, Shop, found_shop, small
from tests.engine.test_outage import RAMP, USUAL, Clock, Noting, busiest, handing

from tamshy.deliver import buckets_due
from tamshy.publish import Overdue, outlook, pause, resume
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.prove, pytest.mark.minutes(3)]

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE = 50_000
BACKLOG = 100_000
FLOW = "trigger: {event: Go}\nsteps: [{wait: 1h}, {send: first, expires: 2d}, {wait: 30d}, {exit: done}]\n"

_PEOPLE = """
with people as (
    select n, md5('p' || n)::uuid as id, 3 as bucket, %(at)s + n * interval '86.4 seconds' / 10 as due
    from generate_series(1, %(people)s) n
), profiles as (
    insert into profile (bucket, id, workspace, die, created_at, address, zone)
    select bucket, id, 1, 'user_id:p' || n, %(at)s, 'p' || n || '@example.com', 'UTC' from people
), entries as (
    insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context)
    select bucket, id, id, 'Go', %(at)s, '{}', '{}' from people
)
insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority, held_out,
    entered_at, reached_at, due_at, work_at)
select bucket, id, id, 1, 'flow', (select live_version from flow), '', id, true, 0, 1, 0, false, %(at)s, due - interval '1 hour',
    due, due
from people
"""


@pytest.mark.parametrize("choice", [None, *Overdue])
def test_what_resuming_says_of_fifty_thousand_is_what_it_does(
    dsn: str, say: Callable[[str], None], choice: Overdue | None
) -> None:
    """Due one after the other over five days, of which the flow stood still for three."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"flow": FLOW}), buckets=8, zones=["UTC"])
        shop = Shop(dsn, conn, book, HandClock(T0))
        conn.execute(_PEOPLE, {"at": T0 + HOUR, "people": PEOPLE})
        assert pause(conn, NAME, "flow", at=T0)
        conn.commit()
        conn.execute("analyze")
        conn.commit()
        at = T0 + 3 * DAY
        said = outlook(conn, NAME, "flow", at=at)
        assert said.inside == PEOPLE
        assert said.overdue == said.messages == said.in_time + said.expired
        assert 0 < said.expired < said.in_time < PEOPLE
        assert resume(conn, NAME, "flow", at=at, overdue=choice) == said.overdue
        conn.commit()
        begun = time.monotonic()
        shop.work(at)
        took = time.monotonic() - begun
        done: dict[str, int] = dict(
            conn.execute("select coalesce(reason, state), count(*)::int from message group by 1").fetchall()
        )
        later = conn.execute(
            "select count(*)::int from enrollment where active and step = 0 and work_at > %s", [at]
        ).fetchone()
    say(f"{choice or 'expires'}: {said.overdue} overdue, {done}, worked in {took:.0f} s")
    expected = {
        None: {"sent": said.in_time, "expired": said.expired},
        Overdue.SKIP: {"expired": said.messages},
        Overdue.SEND: {"sent": said.messages},
        Overdue.SHIFT: {},
    }
    assert done == expected[choice]
    assert later == ((said.shifted if choice is Overdue.SHIFT else PEOPLE - said.overdue),)


_BACKLOG = """
with people as (
    select n, md5('b' || n)::uuid as id from generate_series(1, %(messages)s) n
), profiles as (
    insert into profile (bucket, id, workspace, die, created_at, address, zone, consents)
    select 3, id, 1, 'user_id:b' || n, %(at)s, 'b' || n || '@example.com', 'UTC', '{"offers": {"on": true, "at": 0}}' from people
), messages as (
    insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message,
        message_version, kind, topic, trigger_event, state, address, due_at, decided_at, facts)
    select 3, id, id, 1, id, 'abandoned-cart', 1, 1, 's', 1, 'm', 1, 'marketing', 'offers', id, 'sent', 'b' || n || '@example.com',
        %(at)s - interval '1 day', %(at)s, '{"late": true}' from people
), contents as (
    insert into content (bucket, profile, message, subject, preheader, html, plain, from_address)
    select 3, id, id, 's', '', '<p>x</p>', 'x', 'shop@example.com' from people
)
insert into delivery (bucket, profile, message, workspace, state, next_at, queued_at)
select 3, id, id, 1, 'queued', %(at)s, %(at)s from people
"""


def test_a_hundred_thousand_that_became_due_at_once_leave_by_the_ramp(dsn: str, say: Callable[[str], None]) -> None:
    clock = Clock()
    sender = Noting(clock, slots=100)
    with connect(dsn) as conn:
        workspace(conn)
        conn.execute("insert into flow (workspace, name) values (1, 'abandoned-cart')")
        conn.execute(_BACKLOG, {"at": NOON, "messages": BACKLOG})
        conn.commit()
        conn.execute("analyze")
        conn.commit()
        over = handing(sender, clock)
        begun = time.monotonic()
        while len(sender.taken) < BACKLOG:
            while due := buckets_due(conn, clock.now):
                conn.commit()
                over.run(conn, due, 10_000)
            conn.commit()
            clock.now += timedelta(seconds=50)
        over.close()
        took = time.monotonic() - begun
    moments = [at for at, _ in sender.taken]
    an_hour = RAMP * USUAL
    say(
        f"{BACKLOG} messages in {clock.now - NOON} of the shop's time, at most {busiest(moments, HOUR)} an hour; {took:.0f} s"
    )
    assert len(moments) == BACKLOG
    # The clock goes in steps of fifty seconds here, so a window sees one step's worth more.
    assert busiest(moments, HOUR) <= an_hour * (1 + 50 / 3600) + 1
    assert clock.now - NOON <= 1.01 * HOUR * BACKLOG / an_hour
