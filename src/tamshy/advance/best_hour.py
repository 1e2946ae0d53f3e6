"""The hour of the day at which people open and click most: each profile's own, and the workspace's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.language.model import WaitBestHour
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql, local_sql, next_hour_sql

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.advance")
ENOUGH: Final = 5
"""Opens and clicks of people, from which on a profile's own hour is known."""

# The engine's own events alone: what machines did is none of them. At a tie the earlier hour.
_OWN: Final = f"""
        select case when sum(h.times) >= {ENOUGH} then (array_agg(h.hour order by h.times desc, h.hour))[1] end
        from (
            select extract(hour from {local_sql("v.occurred_at", "x.zone")})::integer as hour, count(*) as times
            from event v
            where v.bucket = %(bucket)s and v.profile = x.profile and v.name in ('Message Opened', 'Message Clicked')
                and v.occurred_at <= x.moment and v.origin = 1
            group by 1
        ) h"""
_WORKSPACE: Final = """
        select b.hour::integer from best_hour b
        where b.workspace = %(workspace)s and b.at <= x.moment order by b.at desc limit 1"""


def best_hour_sql(step: WaitBestHour, clock: str) -> str:
    """When the step is due that ``x`` reaches: at the best hour, ``at_most`` later at the latest; at once where none is known."""
    hour = f"coalesce(({_OWN}), ({_WORKSPACE}))"
    last = add_sql("x.reached_at", "x.zone", step.at_most, clock)
    found = next_hour_sql("x.reached_at", "x.zone", hour)
    return f"(select case when h.at is null then x.reached_at else least(h.at, {last}) end from (select {found} as at offset 0) h)"


def asks_for_best_hour(book: Rulebook) -> bool:
    """Whether any running flow waits for it."""
    return any(isinstance(place.node.step, WaitBestHour) for place in book.places())


def find_best_hour(conn: Connection, book: Rulebook, at: datetime) -> int | None:
    """Work out the workspace's best hour at a moment and write it down; gives it, or None where nobody has opened anything yet.

    Each open and click counts at the hour of its profile's own clock.
    """
    times: dict[int, int] = {}
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        for hour, count in conn.execute(_SQL["hours"], {"bucket": bucket, "at": at}).fetchall():
            times[hour] = times.get(hour, 0) + count
    if not times:
        return None
    best = min(times, key=lambda hour: (-times[hour], hour))
    conn.execute(_SQL["write_best_hour"], {"workspace": book.workspace, "at": at, "hour": best})
    return best
