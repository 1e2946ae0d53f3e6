# ruff: noqa: S608 - SQL is what this module makes, of its own words and numbers and of expressions its callers made
"""The calendar of `domain.calendar` as SQL text, for use inside statements over many rows.

Each function takes SQL expressions and gives one: a correlated scalar subselect over the table `zone_span`, evaluated
once a row by two index look-ups. The zone's expression must give a zone that `fill_zones` has filled in; otherwise,
and where an argument is null, the result is null. Nothing depends on the session's time zone, no parameter is
needed, and no `%` stands in the text. Arguments may be results of these functions.
"""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Final

from tamshy.domain import calendar
from tamshy.sqlkit.batches import rows_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from tamshy.domain.duration import Duration
    from tamshy.sqlkit.connection import Connection

# The arguments stand in a subselect of their own (`given`), so that no name used here can be taken for one of theirs.
_LOCAL_AT: Final = (
    "(select given.utc + span.utc_offset as reading, given.utc, given.zone,"
    " span.utc_from, span.utc_until, span.utc_offset, span.local_until"
    " from (select {moment} at time zone 'UTC' as utc, {zone} as zone) given"
    " cross join lateral (select s.utc_from, s.utc_until, s.utc_offset, s.local_until from zone_span s"
    " where s.zone = given.zone and s.utc_from <= given.utc order by s.utc_from desc limit 1) span)"
)
_RESOLVED: Final = (
    "cross join lateral (select greatest(s.utc_from, {reading} - s.utc_offset) at time zone 'UTC' as moment"
    " from zone_span s where s.zone = {zone} and s.local_until > {reading}"
    " order by s.local_until, s.utc_from limit 1) {alias}"
)


_WIDEST: Final = "interval '16 hours'"
"""More than any clock was ever off UTC: by so long after a span's beginning no reading of an earlier one is left."""


def engine_moment_sql(written: str, alias: str = "held") -> str:
    """Give the moment that the engine itself has written into a document, with its offset; null where there is none."""
    reading = f"iso_reading({alias}.written) - iso_offset({alias}.written)"
    return f"(select ({reading}) at time zone 'UTC' from (select {written} as written offset 0) {alias})"


def local_sql(moment: str, zone: str) -> str:
    """Give the naive reading of a local clock: timestamptz and zone name to `timestamp`."""
    return f"(select at.reading from {_LOCAL_AT.format(moment=moment, zone=zone)} at)"


def resolve_sql(reading: str, zone: str) -> str:
    """Give the first moment at which a local clock shows a reading: `timestamp` and zone name to `timestamptz`."""
    first = _RESOLVED.format(reading="given.reading", zone="given.zone", alias="first")
    return f"(select first.moment from (select {reading} as reading, {zone} as zone) given {first})"


def clock_sql(zone: str, about: str) -> str:
    """Give a subselect of one row, or none: the span in which a zone's clock stands at a moment, in columns `clock_…`.

    Joined to a row (`left join lateral … on true`), it spares the functions that are told of it (`clock`) looking the zone up for
    each of their moments: most lie in the same span. `about` had better be one moment for all rows.
    """
    return (
        "(select s.utc_from at time zone 'UTC' as clock_from, s.utc_until at time zone 'UTC' as clock_until,"
        f" s.utc_offset as clock_offset, s.utc_from + {_WIDEST} as clock_sure, s.local_until as clock_local"
        f" from zone_span s where s.zone = {zone} and s.utc_from <= {about} at time zone 'UTC' order by s.utc_from desc limit 1)"
    )


def add_sql(moment: str, zone: str, duration: Duration, clock: str = "") -> str:
    """Give the moment a duration later (earlier, where it is negative), as `domain.calendar.add` counts.

    An elapsed duration needs no zone: the result is then a plain sum. `clock`: a row that holds the columns of `clock_sql` for the
    zone; `moment` is then written out several times.
    """
    length = calendar.bounded(duration)
    if length.is_elapsed:
        return moment if length.seconds == 0 else f"({moment} + interval '{length.seconds} seconds')"
    return add_lengths_sql(moment, zone, calendar_interval(length), f"interval '{length.seconds} seconds'", clock)


def calendar_interval(duration: Duration) -> str:
    """Give the calendar's part of a duration (months and days) as an `interval`."""
    length = calendar.bounded(duration)
    return f"interval '{length.months} months {length.days} days'"


def add_lengths_sql(moment: str, zone: str, days: str, seconds: str, clock: str = "") -> str:
    """Give the same for a duration that is itself SQL: its calendar's part and its elapsed part, both `interval`.

    One subselect serves every length, so that a statement over many waits sets up one plan for all of them.
    """
    first = _RESOLVED.format(reading="moved.reading", zone="moved.zone", alias="first")
    looked_up = (
        # Mostly the clock is not set in between: then the span at hand is the first to show the reading.
        f"(select case when moved.reading >= moved.utc_from + {_WIDEST} and moved.reading < moved.local_until"
        " then (moved.reading - moved.utc_offset) at time zone 'UTC'"
        f" else (select first.moment from (select) one {first}) end + moved.seconds from"
        f" (select at.reading + {days} as reading, at.zone, at.utc_from, at.utc_offset, at.local_until, {seconds} as seconds"
        f" from {_LOCAL_AT.format(moment=moment, zone=zone)} at offset 0) moved)"
    )
    if not clock:
        return looked_up
    reading = f"({_reading(moment, clock)} + {days})"
    return (
        f"(case when {moment} >= {clock}.clock_from and {moment} < {clock}.clock_until"
        f" and {reading} >= {clock}.clock_sure and {reading} < {clock}.clock_local"
        f" then ({reading} - {clock}.clock_offset) at time zone 'UTC' + {seconds} else {looked_up} end)"
    )


def _reading(moment: str, clock: str) -> str:
    return f"({moment} at time zone 'UTC' + {clock}.clock_offset)"


def next_time_of_day_sql(moment: str, zone: str, at: time, weekdays: AbstractSet[int] = frozenset()) -> str:
    """Give the first moment not before `moment` at which it is `at`, on one of the ISO weekdays (empty: any)."""
    days = sorted(weekdays or range(1, 8))
    allowed = ", ".join(map(str, days))
    # Today's, and what may come round after it; one day more for clocks that are set back over midnight.
    furthest = 1 + max(after - day for day, after in zip(days, [*days[1:], days[0] + 7], strict=True))
    candidate = _RESOLVED.format(reading="day.reading", zone="day.zone", alias="first")
    return (
        "(select first.moment from"
        f" (select at.reading::date + k + {_time_sql(at)} as reading, at.utc, at.zone, k"
        f" from {_LOCAL_AT.format(moment=moment, zone=zone)} at cross join generate_series(-1, {furthest}) k"
        f" where extract(isodow from at.reading::date + k) in ({allowed}) offset 0) day {candidate}"
        f" where first.moment >= day.utc at time zone 'UTC' order by day.k limit 1)"
    )


def next_hour_sql(moment: str, zone: str, hour: str) -> str:
    """Give the first moment not before `moment` at which a clock stands in an hour of the day (SQL of an integer, or null)."""
    target = (
        "(asked.reading::date + make_interval(hours => asked.hour)"
        " + case when extract(hour from asked.reading) > asked.hour then interval '1 day' else interval '0' end)"
    )
    return (
        "(select case when extract(hour from asked.reading)::integer = asked.hour then asked.at"
        f" else greatest({resolve_sql(target, 'asked.zone')}, asked.at) end"
        f" from (select {moment} as at, {zone} as zone, {hour} as hour, {local_sql(moment, zone)} as reading offset 0) asked"
        " where asked.hour is not null)"
    )


def quiet_until_sql(moment: str, zone: str, start: time, end: time, clock: str = "") -> str:
    """Give the end of the quiet hours that `moment` lies in; null outside them. `clock`: as for `add_sql`."""
    if start == end:
        return "null::timestamptz"
    over_midnight = int(start > end)
    begins = _RESOLVED.format(reading="night.start_reading", zone="night.zone", alias="begins")
    ends = _RESOLVED.format(reading="night.end_reading", zone="night.zone", alias="ends")
    searched = (
        "(select ends.moment from"
        f" (select clock.reading::date + k + {_time_sql(start)} as start_reading,"
        f" clock.reading::date + k + {over_midnight} + {_time_sql(end)} as end_reading, clock.zone, k"
        " from generate_series(-1, 1) k) night"
        f" {begins} {ends}"
        # A clock is never set back by a day, so nights that are further off need no look-up.
        " where clock.reading >= night.start_reading - interval '24 hours' and clock.reading < night.end_reading"
        " and begins.moment <= clock.utc at time zone 'UTC' and clock.utc at time zone 'UTC' < ends.moment"
        " order by night.k limit 1)"
    )
    looked_up = (
        # Two days off any change of the clock the night is as long as it reads.
        f"(select case when clock.utc >= clock.utc_from + {_TWO_DAYS} and clock.utc < clock.utc_until - {_TWO_DAYS}"
        f" then {_by_clock('clock.reading', 'clock.utc_offset', start, end)}"
        f" else {searched} end from {_LOCAL_AT.format(moment=moment, zone=zone)} clock)"
    )
    if not clock:
        return looked_up
    return (
        f"(case when {moment} >= {clock}.clock_from + {_TWO_DAYS} and {moment} < {clock}.clock_until - {_TWO_DAYS}"
        f" then {_by_clock(_reading(moment, clock), f'{clock}.clock_offset', start, end)} else {looked_up} end)"
    )


_TWO_DAYS: Final = "interval '48 hours'"


def _by_clock(reading: str, offset: str, start: time, end: time) -> str:
    """Give the end of the quiet hours of a clock that is not set while they last."""
    begins, ends = _time_sql(start), _time_sql(end)
    both, morrow = ("or", f" + ({reading}::time >= {begins})::integer") if start > end else ("and", "")
    return (
        f"case when {reading}::time >= {begins} {both} {reading}::time < {ends}"
        f" then ({reading}::date{morrow} + {ends} - {offset}) at time zone 'UTC' end"
    )


def let_go_sql(moment: str, zone: str, length: Duration, after: str) -> str:
    """Give the first moment after `after` at which a window of a length, ending then, reaches back no further than `moment`.

    Mostly the moment that long after it. Another one where the way back is not the way there: behind an hour that comes
    twice, around a clock that was set in between, and where a month's end clamps.
    """
    there = calendar.bounded(length)
    if there.is_elapsed:
        return f"greatest({add_sql(moment, zone, there)}, {after})"
    midnight = next_time_of_day_sql("(f.at + interval '1 microsecond')", "g.zone", time(0))
    # Where the calendar's part of the way began, and the reading at which the clock was set before: by then it has been later
    # already (an hour that came twice), or is set right then (one that was left out). That reading, the calendar's part later.
    begun = f"(g.at + interval '{there.seconds} seconds')"
    behind = resolve_sql(
        "((select max(s.utc_until + s.utc_offset) from zone_span s"
        f" where s.zone = g.zone and s.utc_until <= {begun} at time zone 'UTC'"
        f" and (s.utc_until + s.utc_offset > {local_sql(begun, 'g.zone')} or s.utc_until = {begun} at time zone 'UTC'))"
        f" + interval '{there.months} months {there.days} days')",
        "g.zone",
    )
    reaches = [add_sql(at, "g.zone", -there) for at in ("f.at", "s.at", "c.at")]
    return (
        # One of the places where it can be; an hour later where it is none of them, to be asked again.
        f"(select coalesce(min(c.at) filter (where c.at > g.after and {reaches[2]} >= g.at),"
        " greatest(f.at, g.after) + interval '1 hour')"
        f" from (select {moment} as at, {zone} as zone, {after} as after) g"
        f" cross join lateral (select {add_sql('g.at', 'g.zone', there)} as at) f"
        # As far off as the way back misses it, twice: an hour that is left out may lie on the way as well.
        f" cross join lateral (select f.at + (g.at - {reaches[0]}) as at) s"
        f" cross join lateral (values (f.at), (s.at), (s.at + (g.at - {reaches[1]})), ({behind}), ({midnight})) c (at)"
        " group by f.at, g.after)"
    )


def fill_zones(conn: Connection, names: Iterable[str] | None = None) -> int:
    """Fill `zone_span` for these zones, or for all that are known; what differs from before is put right.

    Args:
        conn: rows are written in its open transaction; the caller commits.
        names: names of zones; those that are not known are passed over, as `known_zone` is asked elsewhere.

    Returns:
        How many rows were written or removed; 0 when all was there already.
    """
    wanted = calendar.zone_names() if names is None else calendar.zone_names() & set(names)
    given = rows_json([{"zone": zone, "spans": _rows(zone)} for zone in sorted(wanted)])
    row = conn.execute(_FILL, {"given": given}).fetchone()
    return int(row[0]) if row else 0


_FILL: Final = """
with given as materialized (
    select z.zone, (s.value ->> 0)::timestamp as utc_from, (s.value ->> 1)::timestamp as utc_until,
        make_interval(secs => (s.value ->> 2)::integer) as utc_offset, (s.value ->> 3)::timestamp as local_until
    from json_to_recordset(%(given)s::json) as z (zone text, spans json)
    cross join lateral json_array_elements(z.spans) s
), gone as (
    delete from zone_span old
    where old.zone in (select g.zone from given g)
        and not exists (select from given g where g.zone = old.zone and g.utc_from = old.utc_from)
    returning 1
), put as (
    insert into zone_span as old (zone, utc_from, utc_until, utc_offset, local_until)
    select g.zone, g.utc_from, g.utc_until, g.utc_offset, g.local_until from given g order by 1, 2
    on conflict (zone, utc_from) do update
    set utc_until = excluded.utc_until, utc_offset = excluded.utc_offset, local_until = excluded.local_until
    where (old.utc_until, old.utc_offset, old.local_until)
        is distinct from (excluded.utc_until, excluded.utc_offset, excluded.local_until)
    returning 1
)
select (select count(*) from gone) + (select count(*) from put)
"""


def _rows(zone: str) -> list[tuple[str, str, int, str]]:
    return [
        (
            _bound(span.utc_from, "-infinity"),
            _bound(span.utc_until, "infinity"),
            span.offset_seconds,
            _bound(span.local_until, "infinity"),
        )
        for span in calendar.zone_spans(zone)
    ]


def _bound(edge: datetime | None, beyond: str) -> str:
    return beyond if edge is None else edge.isoformat()


def _time_sql(at: time) -> str:
    return f"time '{at.replace(tzinfo=None).isoformat()}'"
