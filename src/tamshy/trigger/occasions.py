"""Occasions: the moments at which a date that a profile holds comes round, a schedule that means it, or the next look at arrivals.

The next one of each is a row of ``occasion``, put right whenever the profile's properties, zone or memberships change, and when a
flow is published. A pass first puts what has come into the inbox, behind the events of its moment; taken from there, the date is
read again, and the member asked for: is it another by now, or none, nothing happens.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tamshy.conditions.figures import figure
from tamshy.domain import calendar
from tamshy.language.model import SEGMENT_ENTERED, SEGMENT_LEFT, Every, Root, SetProperties
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import calendar_interval, local_sql, resolve_sql
from tamshy.trigger import arrivals as new_arrivals
from tamshy.trigger.sources import arrivals, dates, everybodys, schedules, sources, ticking
from tamshy.trigger.ticks import AHEAD, write_ticks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tamshy.language.model import DateTrigger, NewArrivals, ScheduleTrigger
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection
    from tamshy.trigger.sources import Source

    _Meant = Callable[[Weaver, Sequence[tuple[Source, ScheduleTrigger | NewArrivals]]], str]

_SQL = queries("tamshy.trigger")
_YEAR: Final = 365.2425
_MEMBERSHIPS: Final = (SEGMENT_ENTERED, SEGMENT_LEFT)
_ORDERS: Final = ("Order Completed", "Order Updated", "Order Cancelled", "Order Refunded")
"""Those after which an order counts, or no more."""
_NO_YEAR: Final = 4
"""The year in which a date without one is read: the first leap year."""
_BEHIND_EVENTS: Final = 9_100_000_000_000_000_000
"""More than what any client's call, or a flip, counts to: at its moment an occasion comes behind all events (rule 1)."""


@lru_cache(maxsize=8)
def telling_names(book: Rulebook) -> frozenset[str]:
    """The names of the events by which somebody's occasions may change."""
    found: set[str] = set()
    if ticking(book):
        found.update(_MEMBERSHIPS)
    if any(trigger.date.root is Root.ORDER for _, trigger in dates(book)):
        found.update(_ORDERS)
    return frozenset(found)


class Planning(Enum):
    """Whose occasions are planned anew."""

    TAKEN_IN = "taken_in"
    """Those of whom something was told in this pass, and those whose occasion has come."""
    CHANGED = "changed"
    """Those whose properties a step has set."""
    MERGED = "merged"
    """Those who stay of two profiles."""


def call_occasions(conn: Connection, book: Rulebook, bucket: int, horizon: datetime) -> int:
    """Put what has come by the horizon into the inbox; returns how many."""
    statement = book.statement("call_occasions", build_call)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "horizon": horizon}
    return statement.run(conn, params).rowcount


def come_round(conn: Connection, book: Rulebook, bucket: int) -> int:
    """Leave the candidates of the agenda's occasions in ``candidate``; returns how many."""
    statement = book.statement("come_round", build_coming)
    if statement is None:
        return 0
    return statement.run(conn, {"bucket": bucket, "workspace": book.workspace}).rowcount


def plan_occasions(
    conn: Connection, book: Rulebook, bucket: int, whose: Planning, places: set[int] | None = None
) -> None:
    """Put right when the dates of some profiles come round; ``places``: the due steps that may have changed them."""
    statement = book.statement(f"plan_{whose.value}", _BUILDERS[whose])
    if statement is None or (places is not None and statement.places.isdisjoint(places)):
        return
    statement.run(conn, {"bucket": bucket, "workspace": book.workspace})


def plan_everybody(conn: Connection, before: Rulebook, now: Rulebook, at: datetime) -> int:
    """Plan the dates of newly published triggers for everybody, and forget those that are gone; returns how many were planned."""
    marks, old = ({one.mark for one in sources(book)} for book in (now, before))
    if marks != old:
        span = {"first": now.first_bucket, "beyond": now.first_bucket + now.buckets, "workspace": now.workspace}
        for name in ("forget", "forget_ticks"):
            conn.execute(_SQL[name], span | {"marks": sorted(marks)})
    write_ticks(conn, now, at, at + AHEAD)
    fresh = sorted(marks - old)
    statement = now.statement("plan_everybody", build_everybody) if fresh else None
    if statement is None:
        return 0
    params = {"workspace": now.workspace, "at": at, "fresh": fresh}
    return sum(
        statement.run(conn, params | {"bucket": bucket}).rowcount
        for bucket in range(now.first_bucket, now.first_bucket + now.buckets)
    )


def build_call(book: Rulebook) -> Statement | None:
    """Takes what has come out of ``occasion`` and puts it into the inbox, in the order in which what is due is worked (rule 1)."""
    if not sources(book):
        return None
    weave = Weaver(book)
    flows = [running for running in book.flows if running.live and running.flow.priority]
    arms = " ".join(f"when {weave.literal(one.name, 'text')} then {one.flow.priority}" for one in flows)
    priority = f"case flow {arms} else 0 end" if arms else "0"
    sql = f"""
with come as (
    delete from occasion where bucket = %(bucket)s and at <= %(horizon)s returning *
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, occurred_at, facts)
select bucket, profile, at, false,
    {_BEHIND_EVENTS} + row_number() over (partition by profile, at order by {priority} desc, flow, key, mark),
    md5(concat_ws('|', profile, mark, key))::uuid, %(workspace)s, 'occasion', 1, at,
    jsonb_build_object('flow', flow, 'mark', mark, 'item', item, 'key', key, 'day', day, 'told_until', told_until)
from come
on conflict do nothing"""
    return Statement(sql, weave.params)


def build_coming(book: Rulebook) -> Statement | None:
    """Reads the dates of the agenda's occasions again, and asks for members: those for whom it still holds are candidates.

    What an occasion holds becomes ``event`` of its conditions and templates (rule 22). The occurrence of a date is known by the
    date, whichever flow it starts; a tick is its schedule's own (rule 14).
    """
    weave = Weaver(book)
    few = ""
    parts = [part for part in (_dates_come(weave, book), _ticks_come(weave, book)) if part]
    arrived = new_arrivals.arrived(weave, arrivals(book), _member(weave, arrivals(book)))
    if arrived:
        parts.append(new_arrivals.ENOUGH)
        few = f" union all {new_arrivals.TOO_FEW}"
        arrived = f", arrived as materialized ({arrived})"
    if not parts:
        return None
    sql = f"""
with x as materialized (
    select a.profile, a.facts, a.moment, (a.facts ->> 'mark')::uuid as mark, (a.facts ->> 'day')::date as day, p.zone,
        p.properties as props, p.consents, {_NOBODYS}
    from agenda a
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = a.profile offset 0) p
    where a.kind = 'occasion'
){arrived}, come as materialized ({" union all ".join(parts)}
), told as (
    update agenda a set id = coalesce(c.id, a.id), name = coalesce(c.name, a.name), properties = coalesce(c.holds, a.properties),
        facts = a.facts || case when c.told_until is null then '{{}}' else jsonb_build_object('told_until', c.told_until) end
    from (select profile, name, id, holds, told_until from come{few}) c
    where a.profile = c.profile and a.kind = 'occasion'
)
insert into candidate (profile, place, flow, version, key, too_old, paused)
select c.profile, 0, c.flow, c.version, c.key, false, f.paused
from come c
join flow f on f.workspace = %(workspace)s and f.name = c.flow"""
    return Statement(sql, weave.params)


_NOBODYS: Final = (
    "%(bucket)s::smallint as bucket, null::uuid as enrollment, null::timestamptz as entered_at, null::jsonb as reached,"
    " null::jsonb as ev_props, null::jsonb as ev_ctx, null::timestamptz as ev_at"
)
"""What a condition may ask of ``x`` beside the profile: nobody is enrolled, and there is no event."""


def _dates_come(weave: Weaver, book: Rulebook) -> str:
    found = dates(book)
    if not found:
        return ""
    held_in = _held_in(found)
    return f"""
    select x.profile, t.flow, t.version, x.facts ->> 'key' as key, t.name,
        md5(concat_ws('|', 'date', x.facts ->> 'key'))::uuid as id,
        jsonb_build_object('date', to_char(x.day, 'YYYY-MM-DD'), 'years', case when extract(year from d.day) <> {_NO_YEAR}
            then (extract(year from x.day) - extract(year from d.day))::integer end)
            || case when e.element is null then '{{}}' else jsonb_build_object('item', e.element) end as holds,
        null::timestamptz as told_until
    from x
    join (values {_rows(weave, found)}) as t ({_COLUMNS}) on t.mark = x.mark
    cross join lateral dates_at({held_in}, t.path) e
    cross join lateral (select {weave.day("e.value")} as day offset 0) d
    where e.item = x.facts ->> 'item' and d.day is not null and case when t.yearly
        then {_in_year("d.day", "extract(year from x.day)::integer")} = x.day
            and (extract(year from d.day) = {_NO_YEAR} or d.day < x.day)
        else d.day = x.day end"""


def _ticks_come(weave: Weaver, book: Rulebook) -> str:
    found = schedules(book)
    if not found:
        return ""
    return f"""
    select x.profile, t.flow, t.version, x.facts ->> 'key' as key, 'schedule' as name,
        md5(concat_ws('|', 'tick', t.mark, x.facts ->> 'key'))::uuid as id,
        jsonb_build_object('at', iso_text(x.moment)) as holds, null::timestamptz as told_until
    from x
    join (values {_schedule_rows(weave, found)}) as t ({_SCHEDULE_COLUMNS}) on t.mark = x.mark
    where {_member(weave, found)}"""


def _member(weave: Weaver, found: Sequence[tuple[Source, ScheduleTrigger | NewArrivals]]) -> str:
    """Whether ``x`` is a member of the segment of the trigger ``t`` at ``x.moment``; without a segment everybody is."""
    members = [
        (place, "true" if trigger.segment is None else weave.segment(trigger.segment))
        for place, (_, trigger) in enumerate(found)
    ]
    return by_number("t.place", members, "false")


def _asked(weave: Weaver, found: Sequence[tuple[Source, ScheduleTrigger | NewArrivals]]) -> str:
    """The same for all people of a bucket at once, at ``at``."""
    moment = "%(at)s::timestamptz"
    members = [
        (place, "true" if trigger.segment is None else f"x.profile in ({weave.question(trigger.segment, moment)})")
        for place, (_, trigger) in enumerate(found)
    ]
    return by_number("t.place", members, "false")


def build_taken_in(book: Rulebook) -> Statement | None:
    """Plans for those on the agenda of whom something was told that matters; an occasion that has come is behind them."""
    if not sources(book):
        return None
    named = ", ".join(f"'{name}'" for name in sorted(telling_names(book)))
    weave = Weaver(book)
    properties = weave.literal(sorted(_properties(book)), "text[]")
    open_to_all = everybodys(book)
    marks = weave.literal(open_to_all, "uuid[]") if open_to_all else ""
    who = f"""
        select a.profile, a.moment,
            a.moment + case a.kind when 'occasion' then interval '1 microsecond' else interval '0' end as since
        from agenda a
        where a.kind = 'occasion' or a.facts -> 'ambient' ? 'timezone' or (a.kind = 'identify' and a.properties ?| {properties})
            {f"or a.name in ({named})" if named else ""}
            {f"or (not a.due and {_unplanned('a', marks, len(open_to_all))})" if open_to_all else ""}"""
    return _planning(book, weave, who)


def _unplanned(row: str, marks: str, number: int) -> str:
    """Whether somebody is not yet among those whom everybody's triggers mean: they have just appeared."""
    return f"""(
            select count(*) from occasion o
            where o.bucket = %(bucket)s and o.profile = {row}.profile and o.mark = any({marks})) < {number}"""


def means_everybody(book: Rulebook) -> bool:
    """Whether a trigger means whoever appears, so that anything said of somebody may be the first."""
    return bool(everybodys(book))


def _properties(book: Rulebook) -> set[str]:
    """The properties by which somebody's occasions may change."""
    return {trigger.date.path[0] for _, trigger in dates(book) if trigger.date.root is Root.PROFILE} | {"timezone"}


def build_changed(book: Rulebook) -> Statement | None:
    """Plans for those whose dates or zone a due step has set."""
    if not sources(book):
        return None
    names = _properties(book)
    places = frozenset(
        place.number
        for place in book.places()
        if isinstance(place.node.step, SetProperties)
        and any(path[0] in names for path, _ in place.node.step.assignments)
    )
    who = "select s.profile, max(s.moment) as moment, max(s.moment) as since from assignment s group by s.profile"
    planned = _planning(book, Weaver(book), who)
    return Statement(planned.sql, planned.params, places)


def build_merged(book: Rulebook) -> Statement | None:
    """Plans for the profiles that stay of those in ``pair``."""
    if not sources(book):
        return None
    who = (
        "select r.survivor as profile, max(r.moment) as moment, max(r.moment) as since from pair r group by r.survivor"
    )
    return _planning(book, Weaver(book), who)


def build_everybody(book: Rulebook) -> Statement | None:
    """Plans the triggers of which there is nothing yet (``fresh``) for everybody, from the moment of publishing on."""
    if not sources(book):
        return None
    weave = Weaver(book)
    who = """
        select p.id as profile, %(at)s::timestamptz as moment, %(at)s::timestamptz as since from profile p
        where p.bucket = %(bucket)s and p.merged_into is null"""
    planned = _planned(weave, book, _asked, known=False)
    sql = f"""
with x as materialized ({_whose(who)}), planned as materialized (
    select * from ({planned}
    ) n where n.mark = any(%(fresh)s::uuid[])
)
{_PUTTING}"""
    return Statement(sql, weave.params)


_BUILDERS: Final = {
    Planning.TAKEN_IN: build_taken_in,
    Planning.CHANGED: build_changed,
    Planning.MERGED: build_merged,
}


def _planning(book: Rulebook, weave: Weaver, who: str) -> Statement:
    """The statement that puts the occasions of some right: ``who`` gives profile, moment, and since when they are looked for."""
    sql = f"""
with x as materialized ({_whose(who)}), planned as materialized ({_planned(weave, book, _member)}
), gone as (
    delete from occasion o using x
    where o.bucket = %(bucket)s and o.profile = x.profile and not exists (
        select from planned n where n.profile = o.profile and n.flow = o.flow and n.mark = o.mark and n.item = o.item)
), stale as (
    delete from inbox i using x
    where i.bucket = %(bucket)s and i.profile = x.profile and i.kind = 'occasion' and i.moment >= x.since and not exists (
        select from planned n
        where n.profile = i.profile and n.at = i.moment and n.mark = (i.facts ->> 'mark')::uuid and n.item = i.facts ->> 'item')
)
{_PUTTING}"""
    return Statement(sql, weave.params)


def _whose(who: str) -> str:
    return f"""
    select w.profile, w.moment, w.since, p.zone, p.properties as props, p.consents, {_NOBODYS}
    from ({who}) w
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = w.profile offset 0) p
"""


_COLUMNS: Final = "flow, version, mark, name, of_orders, path, yearly, days, seconds, hour, back"


def _rows(weave: Weaver, found: Sequence[tuple[Source, DateTrigger]]) -> str:
    """The triggers as rows of SQL. ``back``: about so many years before it the day of an occasion may lie."""
    rows = []
    for one, trigger in found:
        offset = calendar.bounded(trigger.offset)
        days = offset.months * _YEAR / 12 + offset.days + offset.seconds / 86_400
        rows.append(
            f"({weave.literal(one.flow, 'text')}, {one.version}, {weave.literal(one.mark, 'uuid')},"
            f" {weave.literal(str(trigger.date), 'text')}, {str(trigger.date.root is Root.ORDER).lower()},"
            f" {weave.literal(list(trigger.date.path), 'text[]')},"
            f" {str(trigger.every is Every.YEAR).lower()}, {calendar_interval(offset)},"
            f" interval '{offset.seconds} seconds', time '{trigger.at.isoformat()}', {days // _YEAR:.0f})"
        )
    return ", ".join(rows)


def _in_year(day: str, year: str) -> str:
    """The day on which a date comes round in a year: 29 February on the 28th where there is none."""
    return f"({day} + make_interval(years => {year} - extract(year from {day})::integer))::date"


_SCHEDULE_COLUMNS: Final = "place, flow, version, mark, zone, seconds"


def _schedule_rows(weave: Weaver, found: Sequence[tuple[Source, ScheduleTrigger]]) -> str:
    """The schedules as rows of SQL, numbered by ``place``; their ticks lie in ``tick``."""
    rows = [
        f"({place}, {weave.literal(one.flow, 'text')}, {one.version}, {weave.literal(one.mark, 'uuid')},"
        f" {weave.literal(trigger.zone, 'text')}, interval '{calendar.bounded(trigger.offset).seconds} seconds')"
        for place, (one, trigger) in enumerate(found)
    ]
    return ", ".join(rows)


def _planned(weave: Weaver, book: Rulebook, member: _Meant, *, known: bool = True) -> str:
    """When each date of ``x`` and each schedule that means it comes next, from ``x.since`` on, and the next look at arrivals.

    What was still ahead, and has gone by because the profile lives elsewhere now, comes at once: nobody's day falls between two
    zones. ``member``: whether ``x`` is meant by the trigger ``t``. ``known``: people may have been told of arrivals before.
    """
    found = arrivals(book)
    parts = [
        _dates_planned(weave, dates(book)),
        _ticks_planned(weave, schedules(book), member),
        new_arrivals.planned(weave, found, member(weave, found), _held, _has_come("x.flow"), known=known),
    ]
    return " union all ".join(part for part in parts if part)


def _ticks_planned(weave: Weaver, found: Sequence[tuple[Source, ScheduleTrigger]], member: _Meant) -> str:
    if not found:
        return ""
    local = local_sql("(x.since - t.seconds)", "coalesce(t.zone, x.zone)")
    return f"""
    select x.profile, x.flow, x.mark, '' as item, o.at, o.key, o.day, null::timestamptz as told_until
    from (
        select x.profile, x.since, x.zone, t.flow, t.mark, t.zone as its_zone, t.seconds, {local} as reading
        from x
        cross join (values {_schedule_rows(weave, found)}) as t ({_SCHEDULE_COLUMNS})
        where {member(weave, found)}
        offset 0
    ) x
    cross join lateral (
        select c.reading::date as day, c.key, case when c.at >= x.since then c.at else x.since end as at
        from (
            select k.reading, to_char(k.reading, 'YYYY-MM-DD"T"HH24:MI') as key,
                {resolve_sql("k.reading", "coalesce(x.its_zone, x.zone)")} + x.seconds as at
            from (
                select k.reading from tick k
                -- a day back: what was ahead may have gone by in another zone
                where k.workspace = %(workspace)s and k.mark = x.mark and k.reading >= x.reading - interval '27 hours'
                order by k.reading limit 40
            ) k
            offset 0
        ) c
        where c.at > x.since or (c.at = x.since and not {_has_come("x.flow")})
            or {_held("x", "x.flow", "x.mark", "''", "h.key = c.key", "h.facts ->> 'key' = c.key")}
        order by at limit 1
    ) o"""


def _held_in(found: Sequence[tuple[Source, DateTrigger]]) -> str:
    """The document that the date ``t`` is read from: the profile's properties, or what its orders add up to."""
    if all(trigger.date.root is Root.PROFILE for _, trigger in found):
        return "x.props"
    last = figure("order", "last_at", "%(bucket)s::smallint", "last_order")
    return f"case when t.of_orders then jsonb_build_object('last_at', iso_text({last})) else x.props end"


def _has_come(flow: str) -> str:
    """Whether the occurrence ``c`` of a flow has come for ``x`` at this very moment: what is told behind it plans anew."""
    return f"""exists (
                select from journal j
                where j.bucket = %(bucket)s and j.profile = x.profile and j.at = x.since and j.kind = 'enrollment'
                    and j.outcome in ('entered', 'refused') and j.flow = {flow} and j.key = c.key)"""


def _held(row: str, flow: str, mark: str, item: str, planned: str, called: str) -> str:
    """Whether an occurrence is still ahead of the profile by what was planned before, or lies in its inbox."""
    return f"""coalesce((
            select true from occasion h
            where h.bucket = %(bucket)s and h.profile = {row}.profile and h.flow = {flow} and h.mark = {mark} and h.item = {item}
                and {planned} and h.at >= {row}.since limit 1), false)
            or coalesce((
            select true from inbox h
            where h.bucket = %(bucket)s and h.profile = {row}.profile and h.kind = 'occasion' and h.moment >= {row}.since
                and (h.facts ->> 'mark')::uuid = {mark} and h.facts ->> 'item' = {item} and {called}
            limit 1), false)"""


def _dates_planned(weave: Weaver, found: Sequence[tuple[Source, DateTrigger]]) -> str:
    if not found:
        return ""
    year = "extract(year from x.since at time zone 'UTC')::integer - t.back"
    # Returns alone count, not the day itself.
    held_in = _held_in(found)
    first = f"case extract(year from d.day) when {_NO_YEAR} then 0 else extract(year from d.day)::integer + 1 end"
    return f"""
    select x.profile, t.flow, t.mark, e.item, o.at, o.key, o.day, null::timestamptz as told_until
    from x
    cross join (values {_rows(weave, found)}) as t ({_COLUMNS})
    cross join lateral dates_at({held_in}, t.path) e
    cross join lateral (select {weave.day("e.value")} as day offset 0) d
    cross join lateral (
        select c.day, c.key, case when c.at >= x.since then c.at else x.since end as at
        from (
            select r.day, {resolve_sql("r.reading", "x.zone")} + t.seconds as at,
                concat_ws(' ', t.name, case when t.yearly then to_char(r.day, 'FMYYYY') else left(e.value #>> '{{}}', 40) end,
                    nullif(e.item, '')) as key
            from (
                select y.day, (y.day + t.days)::date + t.hour as reading
                from (
                    select {_in_year("d.day", "g.year")} as day
                    from generate_series(greatest({year} - 2, {first}), greatest({year} + 2, {first})) g (year)
                    where t.yearly
                    union all
                    select d.day where not t.yearly and extract(year from d.day) <> {_NO_YEAR}
                ) y
                offset 0
            ) r
            where r.reading >= x.since at time zone 'UTC' - t.seconds - interval '2 days'
                and r.reading <= x.since at time zone 'UTC' - t.seconds + interval '110 years'
            order by r.reading limit 3
        ) c
        where c.at > x.since or (c.at = x.since and not {_has_come("t.flow")})
            or {_held("x", "t.flow", "t.mark", "e.item", "h.day = c.day", "(h.facts ->> 'day')::date = c.day")}
        order by at limit 1
    ) o"""


_PUTTING: Final = """insert into occasion (bucket, profile, flow, mark, item, at, key, day, told_until)
select %(bucket)s, n.profile, n.flow, n.mark, n.item, n.at, n.key, n.day, n.told_until
from planned n
where not exists (
    select from inbox i
    where i.bucket = %(bucket)s and i.profile = n.profile and i.moment = n.at and i.kind = 'occasion'
        and (i.facts ->> 'mark')::uuid = n.mark and i.facts ->> 'item' = n.item)
on conflict (bucket, profile, flow, mark, item) do update
set at = excluded.at, key = excluded.key, day = excluded.day, told_until = excluded.told_until
where (occasion.at, occasion.key, occasion.day, occasion.told_until)
    is distinct from (excluded.at, excluded.key, excluded.day, excluded.told_until)"""
