"""What an event means to those already enrolled: exits, conversions, and the events they wait for, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.conditions import Tested
from tamshy.language.model import WORTH, Conversion, WaitFor
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import TESTED, Weaver
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tamshy.language.model import EventMatch
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.enroll")

# Those enrolled whose profile has an event on the agenda: `x` for conditions, the event as t_name, t_props, t_ctx, t_at, t_id.
_HEARING = """
    select e.bucket, e.profile, a.moment, p.zone, p.properties as props, p.consents, e.id as enrollment, e.flow, e.version,
        e.key, e.entered_at, e.reached, n.properties as ev_props, n.context as ev_ctx, n.occurred_at as ev_at, e.active,
        e.version::bigint * 1000 + e.step as place, e.reached_at, e.due_at, e.met_at, e.held_out, e.vars,
        a.name as t_name, a.origin as t_origin, a.properties as t_props, a.context as t_ctx, a.occurred_at as t_at, a.id as t_id
    from agenda a
    cross join lateral (select * from enrollment e where e.bucket = %(bucket)s and e.profile = a.profile offset 0) e
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = a.profile offset 0) p
    cross join lateral (
        select * from entry n where n.bucket = %(bucket)s and n.profile = a.profile and n.enrollment = e.id offset 0) n
    where not a.due and a.name = any(%(names)s)"""

# The same for events taken in before: `x` is each enrollment just opened or merged, `v` every event it may have missed.
KNOWN = Tested("v.properties", "v.context", "v.occurred_at")


def listened_names(book: Rulebook) -> frozenset[str]:
    """The names of the events that mean something to somebody enrolled."""
    found: set[str] = set()
    for running in book.flows:
        found.update(match.event for match in running.flow.exit_on)
        if running.flow.conversion is not None:
            found.update(match.event for match in running.flow.conversion.matches)
        for node in running.program.nodes:
            if isinstance(node.step, WaitFor):
                found.update(match.event for match in node.step.matches)
    return frozenset(found)


def hear(conn: Connection, book: Rulebook, bucket: int, pass_: int, names: set[str]) -> None:
    """Apply the agenda's events of these names as exits, conversions and awaited events (rules 1, 2, 3)."""
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "names": sorted(names)}
    exits = book.statement("exits", build_exits)
    if exits is not None and exits.run(conn, params).rowcount:
        conn.execute(_SQL["withdraw"], params)
    for name, build in (("conversions", build_conversions), ("awaited", build_awaited)):
        statement = book.statement(name, build)
        if statement is not None:
            statement.run(conn, params)


def match_any(weave: Weaver, matches: Iterable[EventMatch], tested: Tested, name: str) -> str:
    """A condition that holds for a tested event with one of the matches' names and properties."""
    parts = []
    for match in matches:
        named = f"{name} = {weave.literal(match.event, 'text')}"
        more = weave.match(match, tested)
        if match.segment is not None:
            # Of the engine's own word: anybody may send an event of that name.
            said = weave.literal(match.segment, "text")
            more = f"{name.replace('name', 'origin')} <> 0 and {tested.properties} ->> 'segment' = {said}"
        parts.append(f"({named} and {more})" if more else f"({named})")
    return f"({' or '.join(parts)})"


def build_exits(book: Rulebook) -> Statement | None:
    """Ends the enrollments whose ``exit_on`` an event of the agenda is, if its own time is later than the entry's."""
    weave = Weaver(book)
    cases = [
        f"when {running.version} then {match_any(weave, running.flow.exit_on, TESTED, 'x.t_name')}"
        for running in book.flows
        if running.flow.exit_on
    ]
    if not cases:
        return None
    versions = ", ".join(str(running.version) for running in book.flows if running.flow.exit_on)
    sql = f"""
with gone as materialized (
    select x.profile, x.enrollment, x.moment, x.t_id
    from ({_HEARING} and e.active and a.occurred_at > e.entered_at and e.version in ({versions})) x
    where case x.version {" ".join(cases)} else false end
), {_ENDING}"""
    return Statement(sql, weave.params)


# Ends the enrollments in `gone` and says so.
_ENDING = """ended as (
    update enrollment e
    set active = false, exited_at = g.moment, exit_reason = 'exit_on', work_at = 'infinity'
    from gone g
    where e.bucket = %(bucket)s and e.profile = g.profile and e.id = g.enrollment and e.active
    returning e.profile, e.id, e.flow, e.version, e.key, e.step, g.moment, g.t_id
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key, facts)
select %(bucket)s, profile, %(pass)s, 20, id, %(workspace)s, moment, 'enrollment', flow, version, id, 'exited', 'exit_on', key,
    jsonb_build_object('event', t_id)
from ended"""


def build_conversions(book: Rulebook) -> Statement | None:
    """Counts an event of the agenda once as the conversion of each enrollment it belongs to, ended ones too (rule 28)."""
    weave = Weaver(book)
    cases: list[str] = []
    values: list[str] = []
    for running in book.flows:
        conversion = running.flow.conversion
        if conversion is None:
            continue
        matches = match_any(weave, conversion.matches, TESTED, "x.t_name")
        cases.append(f"when {running.version} then {matches}{_in_time(conversion, 'x.t_at')}")
        values.append(f"when {running.version} then {weave.number(_worth(conversion), TESTED)}")
    if not cases:
        return None
    sql = f"""
insert into conversion (bucket, profile, enrollment, flow, version, event, occurred_at, value, held_out)
select x.bucket, x.profile, x.enrollment, x.flow, x.version, x.t_id, x.t_at,
    case r.version {" ".join(values)} end, x.held_out
from ({_HEARING} and a.occurred_at > e.entered_at and e.flow = any({converting(weave, book)})) x
cross join lateral (select {ruling_version(weave, book)}) as r (version)
where case r.version {" ".join(cases)} else false end
on conflict do nothing"""
    return Statement(sql, weave.params)


def converting(weave: Weaver, book: Rulebook) -> str:
    """The flows of which any version counts conversions: nobody else's events need be looked at for that."""
    return weave.literal(sorted({running.name for running in book.flows if running.flow.conversion}), "text[]")


def ruling_version(weave: Weaver, book: Rulebook) -> str:
    """The version whose conversion counts for ``x``: its own while it is known, else that of its flow that is live.

    Versions that nobody is inside any more are not in the rulebook; those who have left them may still be converted.
    """
    known = weave.literal([running.version for running in book.flows], "integer[]")
    live = " ".join(
        f"when {weave.literal(running.name, 'text')} then {running.version}" for running in book.flows if running.live
    )
    return f"case when x.version = any({known}) then x.version else case x.flow {live} end end" if live else "x.version"


def _in_time(conversion: Conversion, at: str) -> str:
    return "" if conversion.within is None else f" and {at} <= {add_sql('x.entered_at', 'x.zone', conversion.within)}"


def _worth(conversion: Conversion) -> tuple[tuple[str, ...], ...]:
    """The paths of the event's properties, of which the first present is the conversion's worth."""
    if conversion.value is not None:
        return (conversion.value.path,)
    return WORTH


def build_awaited(book: Rulebook) -> Statement | None:
    """Marks the enrollments at a ``wait_for`` whose event has come: they are due from its own time on."""
    weave = Weaver(book)
    cases = [
        f"when {place.number} then {match_any(weave, place.node.step.matches, TESTED, 'x.t_name')}"
        for place in book.places()
        if isinstance(place.node.step, WaitFor)
    ]
    if not cases:
        return None
    waiting = ", ".join(str(place.number) for place in book.places() if isinstance(place.node.step, WaitFor))
    sql = f"""
update enrollment e
set met_at = m.t_at, due_at = m.t_at, work_at = m.moment
from (
    select x.profile, x.enrollment, x.t_at, x.moment
    from ({_HEARING} and e.active and e.met_at is null and a.occurred_at > e.reached_at and a.occurred_at <= e.due_at
        and e.version::bigint * 1000 + e.step in ({waiting})) x
    where case x.place {" ".join(cases)} else false end
) m
where e.bucket = %(bucket)s and e.profile = m.profile and e.id = m.enrollment"""
    return Statement(sql, weave.params)
