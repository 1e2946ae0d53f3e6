"""Arriving at a step: when it is due, computed once and kept (rule 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.advance.best_hour import best_hour_sql
from tamshy.advance.references import steps_referred_to
from tamshy.conditions import Tested
from tamshy.language.model import (
    CallWebhook,
    Repeat,
    Send,
    TakeCoupon,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilMoment,
    WaitUntilTime,
)
from tamshy.rulebook import PLACES_PER_VERSION, Statement, by_number, later_by_number
from tamshy.rulebook.weaver import Weaver, joins
from tamshy.sqlkit.calendar import add_sql, engine_moment_sql, next_time_of_day_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.domain.duration import Duration
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_KNOWN = Tested("v.properties", "v.context", "v.occurred_at")


def arrive(conn: Connection, book: Rulebook, bucket: int, pass_: int, *, anywhere: bool = False) -> int:
    """Apply the moves: enrollments stand at their next step, or have ended. Returns how many moved.

    ``anywhere``: a move may lead to any step (publishing and resuming), not only to where newcomers and sent messages go on.
    """
    statement = book.statement("arrive_anywhere", build_anywhere) if anywhere else book.statement("arrive", build)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    return statement.run(conn, params).rowcount


_MOVED = """
    select e.bucket, e.profile, m.moment, e.id as enrollment, e.flow, m.version, e.key, e.entered_at, e.reached, e.vars, e.rounds,
        m.target, m.reached_at, m.reason, m.version::bigint * 1000 + m.target as place, e.spot
        {columns}
    from move m
    cross join lateral (
        select e.*, e.ctid as spot from enrollment e
        where e.bucket = %(bucket)s and e.profile = m.profile and e.id = m.enrollment offset 0
    ) e{joined}"""


def build(book: Rulebook) -> Statement | None:
    """Compile the statement that applies the moves: of newcomers, and of those who leave a ``send``, ``coupon`` or ``webhook``."""
    reached = {
        running.version * PLACES_PER_VERSION + index
        for running in book.flows
        for node in running.program.nodes
        if isinstance(node.step, Send | TakeCoupon | CallWebhook) or node.index == 0
        for index in (0, node.next)
        if index is not None
    }
    return _arriving(book, [place for place in book.places() if place.number in reached]) if reached else None


def build_anywhere(book: Rulebook) -> Statement | None:
    """Compile the same for moves to any step."""
    places = list(book.places())
    return _arriving(book, places) if places else None


def _arriving(book: Rulebook, places: list[Place]) -> Statement:
    weave = Weaver(book, inside=True)
    due = Arrival(weave, places)
    columns, joined = joins(due.asked, "m", "move")
    return Statement(due.statement(_MOVED.format(columns=columns, joined=joined)), weave.params)


class Arrival:
    """What is worked out for whoever reaches one of these steps, and the statement that writes it down."""

    def __init__(self, weave: Weaver, places: Sequence[Place]) -> None:
        """Compile when each step is due, what of it has come already, and which of them are looked back to."""
        self._due = by_number("x.place", _dues(weave, places), "x.reached_at")
        mets = [(p.number, _met(weave, p.node.step)) for p in places if isinstance(p.node.step, WaitFor)]
        self._met = by_number("x.place", mets, "null::timestamptz")
        back = [
            (place.number, weave.literal(place.node.step.id, "text"))
            for place in places
            if place.node.step.id in steps_referred_to(place.running.flow)
        ]
        self._looked_back_to = by_number("x.place", back, "null::text")
        moments = [(place.number, place.node.step) for place in places if isinstance(place.node.step, WaitUntilMoment)]
        self._lacking = by_number("x.place", [(n, f"({weave.moment(s.until)}) is null") for n, s in moments], "false")
        self._waits = by_number("x.place", [(n, weave.literal(s.id, "text")) for n, s in moments], "null::text")
        self._notes = bool(moments)
        self.asked = f"{self._due} {self._met} {self._lacking}"
        """SQL about ``x``, for what has to be known of it."""

    def statement(self, rows: str, keeps: tuple[str, ...] = (), carries: tuple[str, ...] = (), first: str = "") -> str:
        """Write the statement for ``rows``: SQL of who arrives where (a null ``target``: nowhere, it has ended).

        Columns: those of a condition's ``x`` as far as `asked` wants them, with ``target``, ``place`` of the target,
        ``reached_at``, ``reason``, ``version``, ``flow`` and ``key``. ``keeps``: columns of the enrollment that ``rows`` give anew.
        ``first``: members of the statement's ``with`` that write of ``t``, the rows with what was worked out and what they carry.
        """
        lacking = f", case when {self._lacking} then {self._waits} end as lacking" if self._notes else ""
        kept = "".join(f", x.{column}" for column in (*keeps, *carries))
        written = "".join(f", {column} = t.{column}" for column in keeps)
        # Each `offset 0` keeps what it fences from being worked out anew wherever it is read.
        return f"""
with t as materialized (
    select x.profile, x.enrollment, x.moment, x.flow, x.version, x.key, x.target, x.reached_at, x.reason, x.due, x.step_id,
        x.spot,
        {self._met} as met{", x.lacking" if self._notes else ""}{kept}
    from (
        select x.*, {self._due} as due, {self._looked_back_to} as step_id{lacking}
        from ({rows}
        offset 0) x
        offset 0
    ) x
), ended as (
    insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key)
    select %(bucket)s, profile, %(pass)s, 70, enrollment, %(workspace)s, moment, 'enrollment', flow, version, enrollment, 'exited',
        reason, key
    from t where target is null
){_NOTED if self._notes else ""}{first}
update enrollment e
set active = t.target is not null, step = coalesce(t.target, e.step), visit = e.visit + 1, version = t.version,
    reached_at = t.reached_at, due_at = coalesce(t.met, t.due), met_at = t.met,
    work_at = case when t.target is null then 'infinity' else greatest(coalesce(t.met, t.due), t.moment) end,
    reached = case when t.step_id is null then e.reached else e.reached || jsonb_build_object(t.step_id, t.reached_at) end,
    exited_at = case when t.target is null then t.moment end, exit_reason = t.reason{written}
from t
where e.bucket = %(bucket)s and e.ctid = t.spot"""


# Waits for a moment that the data does not hold: they go on at once, and that is written down.
_NOTED = """, noted as (
    insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, step)
    select %(bucket)s, profile, %(pass)s, 80, enrollment, %(workspace)s, moment, 'problem', flow, version, enrollment, 'no_moment',
        'went_on', lacking
    from t where lacking is not null
)"""


def _dues(weave: Weaver, places: Sequence[Place]) -> list[tuple[int, str]]:
    """When each step is due that was reached at ``x.reached_at``; those left out: at once."""
    lengths = []
    found = []
    for place in places:
        step = place.node.step
        if isinstance(step, Wait | WaitFor):
            lengths.append((place.number, step.duration if isinstance(step, Wait) else step.at_most))
        elif isinstance(step, WaitUntilTime):
            zone = "x.zone" if step.zone is None else weave.literal(step.zone, "text")
            found.append((place.number, next_time_of_day_sql("x.reached_at", zone, step.until, step.on)))
        elif isinstance(step, WaitBestHour):
            found.append((place.number, best_hour_sql(step, weave.clock)))
        elif isinstance(step, WaitUntilMoment):
            found.append((place.number, f"coalesce(greatest({_moment(weave, step)}, x.reached_at), x.reached_at)"))
        elif isinstance(step, Repeat) and step.every is not None:
            found.append((place.number, _next_round(weave, step, step.every)))
    return later_by_number("x.place", "x.reached_at", "x.zone", lengths, weave.clock) + found


def _moment(weave: Weaver, step: WaitUntilMoment) -> str:
    moment = weave.moment(step.until)
    return f"(select {add_sql('q.at', 'x.zone', step.offset)} from (select {moment} as at offset 0) q)"


def _next_round(weave: Weaver, step: Repeat, every: Duration) -> str:
    """When the next round begins: ``every`` after the one before did, or now that it has ended, if that is later (rule 31).

    Who comes for the first time begins at once, and who has had all rounds waits for none.
    """
    rounds = f"(x.rounds -> {weave.literal(step.id, 'text')})"
    later = add_sql("q.at", "x.zone", every)
    began = engine_moment_sql(f"{rounds} ->> 'at'")
    return (
        f"case when ({rounds} ->> 'n')::integer < {step.times}"
        f" then greatest((select {later} from (select {began} as at offset 0) q), x.reached_at) else x.reached_at end"
    )


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
