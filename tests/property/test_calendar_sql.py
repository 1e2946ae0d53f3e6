"""The calendar in SQL says what `domain.calendar` says, in every zone, around every change of offset of five years."""

from __future__ import annotations

import os
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from tamshy import sqlkit
from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.sqlkit import calendar as in_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

SINCE: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - spans are naive UTC
UNTIL: Final = datetime(2031, 1, 1)  # noqa: DTZ001
# Around a change: the edges of the doubled or left-out hour, and hours and days from which sums land in it.
AROUND: Final = tuple(
    timedelta(hours=hours, seconds=seconds)
    for hours, seconds in [
        (-24, 0),
        (-23, -1800),
        (-3, 0),
        (-1, 0),
        (0, -1),
        (0, 0),
        (0, 1800),
        (0, 3600),
        (1, 1800),
        (21, 0),
        (24, 0),
        (-24 * 28, 0),
        # where a night is near enough to a change to be looked up
        (-49, 0),
        (-48, 0),
        (-47, 0),
        (47, 0),
        (48, 0),
        (49, 0),
    ]
)
DURATIONS: Final = (
    Duration(),
    Duration(seconds=90),
    Duration(seconds=-7200),
    Duration(days=1),
    Duration(days=-1),
    Duration(days=1, seconds=43_200),
    Duration(months=1),
    Duration(months=-1, days=-1, seconds=-60),
    Duration(months=12),
    Duration(days=28),
)
CLOCKS: Final = ((time(10), frozenset[int]()), (time(2, 30), frozenset({1, 7})), (time(0), frozenset({6})))
NIGHTS: Final = ((time(21), time(9)), (time(1, 30), time(2, 30)), (time(2), time(1)), (time(9), time(9)))


@cache
def samples() -> list[tuple[str, datetime]]:
    """List (zone, moment) around each change; of several names with the same spans, the first stands for all."""
    found: list[tuple[str, datetime]] = [("Asia/Almaty", datetime(2026, 3, 2, 12, tzinfo=UTC))]
    seen: set[tuple[calendar.Span, ...]] = set()
    for zone in sorted(calendar.zone_names()):
        spans = calendar.zone_spans(zone)
        if spans in seen:
            continue
        seen.add(spans)
        found += [
            (zone, (span.utc_from + by).replace(tzinfo=UTC))
            for span in spans
            if span.utc_from is not None and SINCE <= span.utc_from < UNTIL
            for by in AROUND
        ]
        found.append((zone, datetime(2028, 2, 29, 23, 30, tzinfo=UTC)))
    return found


def asked(db: sqlkit.Connection, rows: list[tuple[str, datetime]], expression: str) -> list[object]:
    """Evaluate an expression over `x.zone` and `x.moment`, row by row in order, in a session far from UTC."""
    db.execute("set local timezone = 'America/St_Johns'")
    statement = (
        f"select {expression} from (select v.value ->> 0 as zone, (v.value ->> 1)::timestamptz as moment, n"
        " from json_array_elements(%(rows)s::json) with ordinality v (value, n)) x order by x.n"
    )
    values = [row[0] for row in db.execute(statement.encode(), {"rows": sqlkit.rows_json(rows)}).fetchall()]
    # Python holds a moment in another zone's doubled hour unequal to the same moment in UTC.
    return [value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in values]


@pytest.fixture(scope="module")
def with_zones(databases: Databases) -> Iterator[sqlkit.Connection]:
    """Give a connection to a database with all zones, shared by the questions, which write nothing."""
    name = f"tamshy_zones_{os.getpid()}"
    with sqlkit.connect(databases.create(name, databases.template)) as conn:
        in_sql.fill_zones(conn)
        conn.execute("analyze zone_span")
        conn.commit()
        yield conn
    databases.drop(name)


@pytest.fixture
def filled(with_zones: sqlkit.Connection) -> Iterator[sqlkit.Connection]:
    yield with_zones
    with_zones.rollback()


def holds(db: sqlkit.Connection, sql: str, expected: Callable[[datetime, str], object]) -> None:
    rows = samples()
    differing = [
        (zone, moment, got, wanted)
        for (zone, moment), got in zip(rows, asked(db, rows, sql), strict=True)
        if got != (wanted := expected(moment, zone))
    ]
    assert differing == []


def beside(about: str) -> Callable[[str], str]:
    """Have an expression over ``x`` be told what the clock shows at a moment: its own, or one that is far from most."""

    def told(expression: str) -> str:
        return (
            f"(select {expression} from (select x.zone, x.moment) y"
            f" left join lateral {in_sql.clock_sql('y.zone', about)} clock on true)"
        )

    return told


ABOUT: Final = [beside("y.moment"), beside("timestamptz '2028-07-01 00:00Z'")]


def test_local_readings(filled: sqlkit.Connection) -> None:
    holds(filled, in_sql.local_sql("x.moment", "x.zone"), calendar.local)


def test_resolving_a_reading(filled: sqlkit.Connection) -> None:
    # Every UTC reading taken as a local one: many fall into left-out and doubled hours.
    sql = in_sql.resolve_sql("(x.moment at time zone 'UTC')", "x.zone")
    holds(filled, sql, lambda moment, zone: calendar.resolve(moment.replace(tzinfo=None), zone))
    local = in_sql.resolve_sql(in_sql.local_sql("x.moment", "x.zone"), "x.zone")
    holds(filled, local, lambda moment, zone: calendar.resolve(calendar.local(moment, zone), zone))


@pytest.mark.parametrize("duration", DURATIONS, ids=str)
def test_adding_a_duration(filled: sqlkit.Connection, duration: Duration) -> None:
    sql = in_sql.add_sql("x.moment", "x.zone", duration)
    holds(filled, sql, lambda moment, zone: calendar.add(moment, duration, zone))


@pytest.mark.parametrize("about", ABOUT, ids=("its own", "far off"))
@pytest.mark.parametrize("duration", DURATIONS, ids=str)
def test_adding_a_duration_beside_a_clock(
    filled: sqlkit.Connection, duration: Duration, about: Callable[[str], str]
) -> None:
    sql = about(in_sql.add_sql("x.moment", "x.zone", duration, "clock"))
    holds(filled, sql, lambda moment, zone: calendar.add(moment, duration, zone))


def test_lengths_that_are_data(filled: sqlkit.Connection) -> None:
    """Which duration is added depends on the row."""
    long, short = Duration(months=1, seconds=60), Duration(days=-1)
    days, seconds = (
        f"case when x.moment < timestamptz '2028-01-01 00:00Z' then {one} else {other} end"
        for one, other in (
            (in_sql.calendar_interval(long), in_sql.calendar_interval(short)),
            ("interval '60 seconds'", "interval '0'"),
        )
    )
    sql = in_sql.add_lengths_sql("x.moment", "x.zone", days, seconds)
    holds(
        filled,
        sql,
        lambda moment, zone: calendar.add(moment, long if moment < datetime(2028, 1, 1, tzinfo=UTC) else short, zone),
    )


@pytest.mark.parametrize(("at", "weekdays"), CLOCKS, ids=str)
def test_next_time_of_day(filled: sqlkit.Connection, at: time, weekdays: frozenset[int]) -> None:
    sql = in_sql.next_time_of_day_sql("x.moment", "x.zone", at, weekdays)
    holds(filled, sql, lambda moment, zone: calendar.next_time_of_day(moment, at, weekdays, zone))


@pytest.mark.parametrize("hour", [0, 2, 3, 23])
def test_next_hour(filled: sqlkit.Connection, hour: int) -> None:
    sql = in_sql.next_hour_sql("x.moment", "x.zone", str(hour))
    holds(filled, sql, lambda moment, zone: calendar.next_hour(moment, hour, zone))


@pytest.mark.parametrize(("start", "end"), NIGHTS, ids=str)
def test_quiet_hours(filled: sqlkit.Connection, start: time, end: time) -> None:
    sql = in_sql.quiet_until_sql("x.moment", "x.zone", start, end)
    holds(filled, sql, lambda moment, zone: calendar.quiet_until(moment, start, end, zone))


@pytest.mark.parametrize("about", ABOUT, ids=("its own", "far off"))
@pytest.mark.parametrize(("start", "end"), NIGHTS, ids=str)
def test_quiet_hours_beside_a_clock(
    filled: sqlkit.Connection, start: time, end: time, about: Callable[[str], str]
) -> None:
    sql = about(in_sql.quiet_until_sql("x.moment", "x.zone", start, end, "clock"))
    holds(filled, sql, lambda moment, zone: calendar.quiet_until(moment, start, end, zone))


def test_no_clock_was_ever_further_off_than_what_the_sums_take_for_sure() -> None:
    furthest = max(abs(span.offset_seconds) for zone in calendar.zone_names() for span in calendar.zone_spans(zone))
    assert furthest < 16 * 3600


def test_a_sum_of_a_sum(filled: sqlkit.Connection) -> None:
    """Arguments may be results: the names inside do not catch each other."""
    day, month = Duration(days=1), Duration(months=1)
    sql = in_sql.add_sql(in_sql.add_sql("x.moment", "x.zone", day), "x.zone", month)
    holds(filled, sql, lambda moment, zone: calendar.add(calendar.add(moment, day, zone), month, zone))


def test_filling_again_writes_nothing_and_mends_what_differs(db: sqlkit.Connection) -> None:
    names = ["Europe/Paris", "Asia/Almaty", "No/Where"]
    spans = sum(len(calendar.zone_spans(zone)) for zone in names[:2])
    assert in_sql.fill_zones(db, names) == spans
    assert in_sql.fill_zones(db, names) == 0
    db.execute("update zone_span set utc_offset = '1 second' where zone = 'Asia/Almaty' and utc_until = 'infinity'")
    db.execute(
        "insert into zone_span values ('Asia/Almaty', '2090-01-01', 'infinity', '0', 'infinity'),"
        " ('Europe/Oslo', '2090-01-01', 'infinity', '0', 'infinity')"
    )
    assert in_sql.fill_zones(db, names) == 2
    assert db.execute("select count(*) from zone_span where zone = 'Europe/Oslo'").fetchone() == (1,)


def test_an_unknown_zone_or_no_moment_gives_null(filled: sqlkit.Connection) -> None:
    for expression in (
        in_sql.add_sql("x.moment", "'No/Where'", Duration(days=1)),
        in_sql.add_sql("null::timestamptz", "x.zone", Duration(days=1)),
        in_sql.local_sql("x.moment", "null::text"),
        in_sql.next_time_of_day_sql("x.moment", "'No/Where'", time(10)),
        in_sql.quiet_until_sql("null::timestamptz", "x.zone", time(21), time(9)),
        ABOUT[0](in_sql.add_sql("null::timestamptz", "x.zone", Duration(days=1), "clock")),
        ABOUT[0](in_sql.add_sql("x.moment", "'No/Where'", Duration(days=1), "clock")).replace("y.zone", "'No/Where'"),
    ):
        assert asked(filled, samples()[:1], expression) == [None]
