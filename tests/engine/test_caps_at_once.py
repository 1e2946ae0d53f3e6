"""Many workers, some of whom are killed, and five flows that all have something for the same people: a cap is a cap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import Director, Feed, HandClock, found_shop, live, ref_of, small

from tamshy.domain.call import Call, CallKind
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
FLOWS = 5
# Each wants to write at another minute; whoever is put off to a moment within half a day is decided anew then.
FLOW = "trigger: {{event: Came}}\npriority: {number}\nsteps: [{{wait: {minutes}m}}, {{send: letter-{number}, expires: 12h}}]\n"
AFTER = "trigger: {event: Came}\nsteps: [{wait: 24h30m}, {send: letter-again}]\n"
CAP = "caps: [{messages: 1, per: 24h}]\n"
WITHIN_THE_CAP = """
select count(*) from message a join message b on b.bucket = a.bucket and b.profile = a.profile and b.id <> a.id
where a.state = 'sent' and b.state = 'sent' and b.decided_at >= a.decided_at and b.decided_at < a.decided_at + interval '24 hours'
"""
OUTCOMES = """
with sent as (select profile, count(*) from message where state = 'sent' group by 1),
    capped as (select profile, count(*) from message where reason = 'frequency_cap' group by 1),
    decided as (select profile, count(*) from journal where outcome in ('sent', 'skipped') group by 1),
    queued as (select profile, count(*) from delivery group by 1)
select s.count, c.count, d.count, q.count, count(*)
from profile p
left join sent s on s.profile = p.id
left join capped c on c.profile = p.id
left join decided d on d.profile = p.id
left join queued q on q.profile = p.id
group by 1, 2, 3, 4
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "people", "kills"),
    [(5, 100, frozenset({20, 31, 47})), pytest.param(16, 1000, frozenset(range(40, 400, 30)), marks=pytest.mark.prove)],
)
def test_nobody_gets_more_than_the_cap_allows_and_nobody_less(
    dsn: str, workers: int, people: int, kills: frozenset[int]
) -> None:
    """One of the five within the first day, whichever is due first; and one more as soon as the cap allows it."""
    flows = {f"flow-{n}": FLOW.format(number=n, minutes=10 + n // 2) for n in range(FLOWS)} | {"again": AFTER}
    with connect(dsn) as conn:
        book = found_shop(conn, small(flows, settings=CAP), buckets=64, zones=["UTC"])
        calls = [call for number in range(people) for call in coming(number)]
        director = Director(
            HandClock(T0, speed=600),
            Feed(conn, ref_of(book), calls),
            T0 + 48 * HOUR,
            5 * MINUTE,
            hands=workers,
            kills=kills,
        )
        lives = live(dsn, director, [f"w{number}" for number in range(workers)])
        assert len(lives) == workers + len(kills)
        # Most had a hand in it.
        assert sum(worker.items > 0 for worker in lives) >= workers * 3 // 4
        assert conn.execute(WITHIN_THE_CAP).fetchone() == (0,)
        # Two were sent, and four of the first five never could be.
        assert conn.execute(OUTCOMES).fetchall() == [(2, FLOWS - 1, FLOWS + 1, 2, people)]
        assert first_sent(conn) == {"letter-1": people}


def coming(number: int) -> list[Call]:
    """Somebody says who they are, and comes; all of them within an hour, so that some come while workers go."""
    at = T0 + MINUTE * (number % 60)
    user = f"u{number}"
    return [
        Call(CallKind.IDENTIFY, at, at, user_id=user, properties={"email": f"{user}@example.com"}, ord=2 * number),
        Call(CallKind.TRACK, at, at, user_id=user, name="Came", ord=2 * number + 1),
    ]


def first_sent(conn: Connection) -> dict[str, int]:
    """How many got which message first: of those due at one moment the flow with the highest priority goes first."""
    rows = conn.execute(
        "select message, count(*) from (select distinct on (profile) profile, message from message where state = 'sent'"
        " order by profile, decided_at) x group by 1"
    )
    return dict(rows.fetchall())
