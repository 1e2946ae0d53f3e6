"""When a date comes next, as SQL plans it, is what a slow reading of the language says, whatever date, offset, zone and moment."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tamshy import sqlkit
from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.language import read_workspace
from tamshy.language.program import program
from tamshy.rulebook import Rulebook, RunningFlow
from tamshy.sqlkit.calendar import fill_zones
from tamshy.trigger.occasions import build_everybody
from tamshy.trigger.sources import sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

ZONES = (
    "UTC",
    "Asia/Almaty",
    "Europe/Paris",
    "America/New_York",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Africa/Casablanca",
)
OFFSETS = ("", "-7d", "-1mo", "1mo", "30d", "-400d", "3y", "-12h", "36h", "-1d12h", "1mo90s")
HOURS = ("00:00", "02:30", "09:00", "23:59")
LENGTHS = {
    "": Duration(),
    "-7d": Duration(days=-7),
    "-1mo": Duration(months=-1),
    "1mo": Duration(months=1),
    "30d": Duration(days=30),
    "-400d": Duration(days=-400),
    "3y": Duration(months=36),
    "-12h": Duration(seconds=-43200),
    "36h": Duration(seconds=129600),
    "-1d12h": Duration(days=-1, seconds=-43200),
    "1mo90s": Duration(months=1, seconds=90),
}
SOMEBODY = UUID(int=7)


def slowly(written: str, every: str, offset: Duration, at: time, zone: str, since: datetime) -> datetime | None:
    """Look at every year, one after the other."""
    month, day, year = int(written[-5:-3]), int(written[-2:]), int(written[:-6]) if len(written) > 5 else None
    if every == "once":
        days = [] if year is None else [date(year, month, day)]
    else:
        days = []
        for one in range(1985 if year is None else year + 1, 2045):
            last = 29 if one % 4 == 0 and (one % 100 != 0 or one % 400 == 0) else 28
            days.append(date(one, month, min(day, last) if month == 2 else day))
    coming = []
    for due in days:
        # the calendar's part on the day itself, the hour on the day that comes of it, then what has elapsed
        moved = calendar.add(datetime.combine(due, time(0), UTC), Duration(offset.months, offset.days), "UTC").date()
        coming.append(calendar.resolve(datetime.combine(moved, at), zone) + timedelta(seconds=offset.seconds))
    return min((moment for moment in coming if moment >= since), default=None)


def book_of(every: str, offset: str, at: str) -> Rulebook:
    beside = f", offset: {offset}" if offset else ""
    text = f'trigger: {{date: profile.day, every: {every}{beside}, at: "{at}"}}\nsteps: [{{exit: done}}]\n'
    workspace, problems = read_workspace({"tamshy.yaml": "name: Shop\n", "flows/f.yaml": text})
    assert problems == []
    flow = workspace.flows["f"]
    return Rulebook(1, "default", 0, 1, workspace.settings, (RunningFlow(1, flow, program(flow), live=True),), {})


BOOKS = {
    (every, offset, at): book_of(every, offset, at) for every in ("year", "once") for offset in OFFSETS for at in HOURS
}


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[sqlkit.Connection]:
    with sqlkit.connect(databases.create("tamshy_occasions_sql", databases.template)) as conn:
        fill_zones(conn, ZONES)
        conn.commit()
        yield conn
    databases.drop("tamshy_occasions_sql")


days = st.dates(date(1950, 1, 1), date(2030, 12, 31))
near = st.one_of(days, st.sampled_from([date(2004, 2, 29), date(1999, 12, 31), date(2000, 1, 1), date(2026, 3, 29)]))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    day=near,
    yearless=st.booleans(),
    every=st.sampled_from(["year", "once"]),
    offset=st.sampled_from(OFFSETS),
    at=st.sampled_from(HOURS),
    zone=st.sampled_from(ZONES),
    since=moments,
    exactly=st.booleans(),
)
def test_a_date_comes_next_when_it_should(  # noqa: PLR0913, PLR0917 - what it depends on
    shared: sqlkit.Connection,
    day: date,
    yearless: bool,  # noqa: FBT001
    every: str,
    offset: str,
    at: str,
    zone: str,
    since: datetime,
    exactly: bool,  # noqa: FBT001
) -> None:
    written = f"{day:%m-%d}" if yearless else day.isoformat()
    length, hour = LENGTHS[offset], time.fromisoformat(at)
    if exactly:
        # at the very moment of some occurrence it has not gone by
        since = slowly(written, every, length, hour, zone, since) or since
    book = BOOKS[every, offset, at]
    statement = build_everybody(book)
    assert statement is not None
    shared.execute(
        "insert into profile (bucket, id, workspace, die, created_at, properties, zone)"
        " values (0, %(id)s, 1, 'user_id:u', %(since)s, %(properties)s::jsonb, %(zone)s)",
        {"id": SOMEBODY, "since": since, "properties": json.dumps({"day": written}), "zone": zone},
    )
    given_ = {"bucket": 0, "workspace": 1, "at": since, "fresh": [one.mark for one in sources(book)]}
    statement.run(shared, given_)
    row = shared.execute("select at from occasion").fetchone()
    shared.rollback()
    assert (None if row is None else row[0]) == slowly(written, every, length, hour, zone, since)
