"""Arriving at a step: when it is due, computed once and kept (rule 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.advance.references import steps_referred_to
from tamshy.conditions import Tested
from tamshy.language.model import Wait, WaitFor, WaitUntilMoment, WaitUntilTime
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit import queries
from tamshy.sqlkit.calendar import add_sql, next_time_of_day_sql

if TYPE_CHECKING:
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.advance")
_KNOWN = Tested("v.properties", "v.context", "v.occurred_at")


def arrive(conn: Connection, book: Rulebook, bucket: int, pass_: int) -> int:
    """Apply the moves: enrollments stand at their next step, or have ended. Returns how many moved."""
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    statement = book.statement("arrive", build)
    moved = conn.execute(statement.sql, statement.params | params).rowcount if statement is not None else 0
    conn.execute(_SQL["note_exits"], params)
    notes = book.statement("note_moments", build_notes)
    if notes is not None:
        conn.execute(notes.sql, notes.params | params)
    return moved


_ROWS = """
    select e.bucket, e.profile, m.moment, p.zone, p.properties as props, p.consents, e.id as enrollment, e.flow, m.version,
        e.entered_at, e.reached, n.properties as ev_props, n.context as ev_ctx, n.occurred_at as ev_at, e.vars,
        m.target, m.reached_at, m.reason, m.version::bigint * 1000 + m.target as place
    from move m
    join enrollment e on e.bucket = %(bucket)s and e.profile = m.profile and e.id = m.enrollment
    join profile p on p.bucket = %(bucket)s and p.id = m.profile
    join entry n on n.bucket = %(bucket)s and n.profile = m.profile and n.enrollment = m.enrollment"""


def build(book: Rulebook) -> Statement | None:
    """Compile the due moment of every step into the statement that applies the moves."""
    weave = Weaver(book)
    dues: list[tuple[int, str]] = []
    mets: list[tuple[int, str]] = []
    steps: list[tuple[int, str]] = []
    for place in book.places():
        due = due_sql(weave, place)
        if due is not None:
            dues.append((place.number, due))
        if isinstance(place.node.step, WaitFor):
            mets.append((place.number, _met(weave, place.node.step)))
        if place.node.step.id in steps_referred_to(place.running.flow):
            steps.append((place.number, weave.literal(place.node.step.id, "text")))
    due = by_number("x.place", dues, "x.reached_at")
    met = by_number("x.place", mets, "null::timestamptz")
    step = by_number("x.place", steps, "null::text")
    sql = f"""
update enrollment e
set active = t.target is not null, step = coalesce(t.target, e.step), visit = e.visit + 1, version = t.version,
    reached_at = t.reached_at, due_at = coalesce(t.met, t.due), met_at = t.met,
    work_at = case when t.target is null then 'infinity' else greatest(coalesce(t.met, t.due), t.moment) end,
    reached = case when t.step_id is null then e.reached else e.reached || jsonb_build_object(t.step_id, t.reached_at) end,
    exited_at = case when t.target is null then t.moment end, exit_reason = t.reason
from (
    select x.*, {met} as met
    from (select x.*, {due} as due, {step} as step_id from ({_ROWS}) x) x
) t
where e.bucket = %(bucket)s and e.profile = t.profile and e.id = t.enrollment"""
    return Statement(sql, weave.params)


def due_sql(weave: Weaver, place: Place) -> str | None:
    """When a step is due that was reached at ``x.reached_at``; None: at once."""
    step = place.node.step
    if isinstance(step, Wait):
        return add_sql("x.reached_at", "x.zone", step.duration)
    if isinstance(step, WaitFor):
        return add_sql("x.reached_at", "x.zone", step.at_most)
    if isinstance(step, WaitUntilTime):
        zone = "x.zone" if step.zone is None else weave.literal(step.zone, "text")
        return next_time_of_day_sql("x.reached_at", zone, step.until, step.on)
    if isinstance(step, WaitUntilMoment):
        return f"coalesce(greatest({_moment(weave, step)}, x.reached_at), x.reached_at)"
    return None


def _moment(weave: Weaver, step: WaitUntilMoment) -> str:
    moment = weave.moment(step.until)
    return f"(select {add_sql('q.at', 'x.zone', step.offset)} from (select {moment} as at offset 0) q)"


def _met(weave: Weaver, step: WaitFor) -> str:
    """The own time of the earliest awaited event that is known already (rule 2)."""
    cases = []
    for match in step.matches:
        named = f"v.name = {weave.literal(match.event, 'text')}"
        more = weave.match(match, _KNOWN)
        cases.append(f"({named} and {more})" if more else f"({named})")
    return f"""(
        select min(v.occurred_at) from event v where v.bucket = %(bucket)s and v.profile = x.profile
            and v.occurred_at > x.reached_at and v.occurred_at <= x.due and ({" or ".join(cases)}))"""


def build_notes(book: Rulebook) -> Statement | None:
    """Records the waits for a moment that the data does not hold: they go on at once."""
    weave = Weaver(book)
    places = [place for place in book.places() if isinstance(place.node.step, WaitUntilMoment)]
    if not places:
        return None
    cases = " ".join(
        f"when {place.number} then ({weave.moment(place.node.step.until)}) is null"
        for place in places
        if isinstance(place.node.step, WaitUntilMoment)
    )
    names = " ".join(f"when {place.number} then {weave.literal(place.node.step.id, 'text')}" for place in places)
    sql = f"""
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, step)
select %(bucket)s, x.profile, %(pass)s, 80, x.enrollment, %(workspace)s, x.moment, 'problem', x.flow, x.version, x.enrollment,
    'no_moment', 'went_on', case x.place {names} end
from ({_ROWS}) x
where case x.place {cases} else false end"""
    return Statement(sql, weave.params)
