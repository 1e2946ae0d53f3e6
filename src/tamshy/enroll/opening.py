"""Opening enrollments for the candidates, or refusing them with the first reason that objects."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tamshy.enroll.listening import KNOWN, converting, match_any, ruling_version
from tamshy.language.model import WORTH, Reentry, ReentryKind, WaitFor
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import EVENT_ROWS, Weaver
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from tamshy.language.model import Conversion
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

# Each enrollment just opened (or just come to another profile) as `x`.
_FRESH = """
    select e.bucket, e.profile, f.moment, p.zone, p.properties as props, p.consents, e.id as enrollment, e.flow, e.version,
        e.key, e.entered_at, e.reached, n.properties as ev_props, n.context as ev_ctx, n.occurred_at as ev_at, e.held_out,
        e.version::bigint * 1000 + e.step as place, e.reached_at, e.due_at, e.met_at, e.active, e.vars
    from fresh f
    cross join lateral (
        select * from enrollment e where e.bucket = %(bucket)s and e.profile = f.profile and e.id = f.enrollment offset 0) e
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = f.profile offset 0) p
    cross join lateral (
        select * from entry n where n.bucket = %(bucket)s and n.profile = f.profile and n.enrollment = f.enrollment offset 0) n"""

# An event taken in before, under test against `x`.
_KNOWN_EVENTS = "event v where v.bucket = %(bucket)s and v.profile = x.profile"


def open_enrollments(conn: Connection, book: Rulebook, bucket: int, pass_: int) -> None:
    """Judge the candidates; then end at once what a known later ``exit_on`` event ends, and count known conversions."""
    opening = book.statement("opening", build_opening)
    if opening is None:
        return
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    if not opening.run(conn, params).rowcount:
        return
    hear_known(conn, book, bucket, pass_)


def hear_known(conn: Connection, book: Rulebook, bucket: int, pass_: int) -> None:
    """Apply events taken in before to the enrollments in ``fresh``: exits, conversions, awaited events."""
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    builders = (("known_exits", build_known_exits), ("known_conversions", build_known_conversions))
    for name, build in (*builders, ("known_awaited", build_known_awaited)):
        statement = book.statement(name, build)
        if statement is not None:
            statement.run(conn, params)


def build_opening(book: Rulebook) -> Statement | None:
    """Compile audience, re-entry and holdout of every flow into the statement that judges candidates."""
    weave = Weaver(book)
    live = [running for running in book.flows if running.live]
    if not live:
        return None
    audiences = [
        (running.version, f"not {weave.condition(running.flow.audience)}")
        for running in live
        if running.flow.audience is not None
    ]
    objects = by_number("x.to_version", audiences, "false")
    refuses = by_number(
        "x.to_version", [(running.version, _reentry(running.flow.reentry)) for running in live], "false"
    )
    priority = by_number("j.to_version", [(running.version, str(running.flow.priority)) for running in live], "0")
    drawn = by_number("j.to_version", [(running.version, _drawn(weave, running)) for running in live], "false")
    everywhere = _share(weave, "", book.settings.holdout)
    seed = weave.literal(str(book.seed), "text")
    sql = f"""
with x as materialized (
    select y.*, c.flow as to_flow, c.version as to_version, c.key, c.too_old, c.paused
    from candidate c
    join ({EVENT_ROWS}) y on y.profile = c.profile
), judged as materialized (
    select x.*, md5(concat_ws('|', x.profile, x.to_flow, x.id))::uuid as to_id,
        case when x.too_old then 'too_old'
            when x.paused then 'paused'
            when {objects} then 'audience'
            when (
                select true from enrollment e where e.bucket = %(bucket)s and e.profile = x.profile and e.flow = x.to_flow
                    and e.key = x.key and e.active limit 1) then 'active'
            when {refuses} then 'reentry'
        end as reason,
        {seed} as seed
    from x
), opened as (
    insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority,
        held_out, entered_at, reached_at, due_at, work_at)
    select %(bucket)s, j.profile, j.to_id, %(workspace)s, j.to_flow, j.to_version, j.key, j.id, true, -1, 0,
        {priority},
        coalesce((
            select e.held_out from enrollment e
            where e.bucket = %(bucket)s and e.profile = j.profile and e.flow = j.to_flow
            order by e.entered_at, e.id limit 1
        ), {everywhere} or {drawn}),
        j.ev_at, j.ev_at, j.ev_at, 'infinity'
    from judged j where j.reason is null
    on conflict do nothing
    returning profile, id, flow, version, key, entered_at
), entered as (
    insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context)
    select %(bucket)s, j.profile, j.to_id, j.name, j.ev_at, j.ev_props, j.ev_ctx
    from judged j join opened o on o.profile = j.profile and o.id = j.to_id
    on conflict do nothing
), moved as (
    insert into move (profile, enrollment, version, target, reached_at, moment)
    select j.profile, j.to_id, j.to_version, 0, j.ev_at, j.moment
    from judged j join opened o on o.profile = j.profile and o.id = j.to_id
), freshened as (
    insert into fresh (profile, enrollment, moment)
    select j.profile, j.to_id, j.moment
    from judged j join opened o on o.profile = j.profile and o.id = j.to_id
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key, facts)
select %(bucket)s, j.profile, %(pass)s, 30, j.to_id, %(workspace)s,
    case when j.reason is null then j.ev_at else j.moment end, 'enrollment', j.to_flow, j.to_version,
    case when j.reason is null then j.to_id end, case when j.reason is null then 'entered' else 'refused' end, j.reason, j.key,
    jsonb_build_object('event', j.id, 'occurred_at', j.ev_at, 'moment', j.moment)
        || case j.kind when 'by_hand' then jsonb_build_object('by_hand', j.ev_props)
            when 'occasion' then jsonb_build_object('occasion', j.name, 'holds', j.ev_props)
            when 'offer' then jsonb_build_object('offer', j.name, 'product', j.ev_props -> 'product' -> 'sku')
            else '{{}}' end
from judged j
where j.reason is not null or exists (select from opened o where o.profile = j.profile and o.id = j.to_id)"""
    return Statement(sql, weave.params)


def hold_out_again(conn: Connection, book: Rulebook, bucket: int) -> None:
    """Give the enrollments of the profiles in ``pair`` that go the holdout of those that stay (rule 30)."""
    statement = book.statement("hold_out_again", build_holdouts)
    if statement is not None:
        statement.run(conn, {"bucket": bucket})


def build_holdouts(book: Rulebook) -> Statement | None:
    """Draws for the profile that stays, unless it has been drawn for already."""
    shares = [running for running in book.flows if running.flow.holdout]
    if not shares and book.settings.holdout <= 0:
        return None
    weave = Weaver(book)
    everywhere = _share(weave, "", book.settings.holdout)
    drawn = by_number("e.version", [(running.version, _drawn(weave, running)) for running in book.flows], "false")
    sql = f"""
update enrollment e
set held_out = coalesce((
    select s.held_out from enrollment s
    where s.bucket = j.survivor_bucket and s.profile = j.survivor and s.flow = e.flow order by s.entered_at, s.id limit 1
), {everywhere} or {drawn})
from (
    select r.*, p.die, {weave.literal(str(book.seed), "text")} as seed
    from pair r join profile p on p.bucket = r.survivor_bucket and p.id = r.survivor
) j
where e.bucket = j.loser_bucket and e.profile = j.loser"""
    return Statement(sql, weave.params)


_OF_FLOW = "from enrollment e where e.bucket = %(bucket)s and e.profile = x.profile and e.flow = x.to_flow"
_ENTRIES = f"{_OF_FLOW} and e.key = x.key"


def _reentry(reentry: Reentry) -> str:
    """Whether re-entry refuses: counted per key, from the last entry (rules 8, 12).

    Each occurrence is a key of its own, and comes once whatever the flow says; a time counts over all of them (rule 13).
    """
    # No `exists`: where many candidates are expected, one of those reads the bucket's enrollments whole.
    before = f"coalesce((select true {_ENTRIES} limit 1), false)"
    if reentry.kind is ReentryKind.ALWAYS:
        return f"x.kind = 'occasion' and {before}"
    if reentry.kind is ReentryKind.ONCE or reentry.after is None:
        return before
    last = add_sql("l.at", "x.zone", reentry.after)
    # Each product that is offered, and each day that comes round, is a key of its own; a time counts over all (rule 13).
    counted = f"{_OF_FLOW} and (e.key = x.key or x.kind in ('offer', 'occasion'))"
    lately = f"coalesce((select x.ev_at < {last} from (select max(e.entered_at) as at {counted}) l), false)"
    return f"(x.kind = 'occasion' and {before} or {lately})"


def _share(weave: Weaver, scope: str, share: Decimal) -> str:
    """Whether the profile's draw for a scope (a flow's name; empty: the workspace) lies in the share held out (rule 25)."""
    if share <= 0:
        return "false"
    drawn = f"md5(concat(j.seed, ':holdout:', {weave.literal(scope, 'text')}, ':', j.die))"
    return f"(('x' || left({drawn}, 8))::bit(32)::bigint / 4294967296.0 < {weave.literal(share, 'numeric')})"


def _drawn(weave: Weaver, running: RunningFlow) -> str:
    return _share(weave, running.name, running.flow.holdout or Decimal(0))


def build_known_exits(book: Rulebook) -> Statement | None:
    """Ends at once what an ``exit_on`` event with a later own time, known already, ends."""
    weave = Weaver(book)
    cases = [
        f"when {running.version} then {match_any(weave, running.flow.exit_on, KNOWN, 'v.name')}"
        for running in book.flows
        if running.flow.exit_on
    ]
    if not cases:
        return None
    names = weave.literal(sorted({m.event for running in book.flows for m in running.flow.exit_on}), "text[]")
    versions = ", ".join(str(running.version) for running in book.flows if running.flow.exit_on)
    sql = f"""
with gone as materialized (
    select x.profile, x.enrollment, x.moment, k.id as t_id
    from ({_FRESH} where e.active and e.version in ({versions})) x
    cross join lateral (
        select v.id from {_KNOWN_EVENTS} and v.name = any({names}) and v.occurred_at > x.entered_at
            and case x.version {" ".join(cases)} else false end
        order by v.occurred_at, v.id limit 1
    ) k
), stay as (
    delete from move m using gone g where m.profile = g.profile and m.enrollment = g.enrollment
), ended as (
    update enrollment e
    set active = false, exited_at = g.moment, exit_reason = 'exit_on', work_at = 'infinity'
    from gone g
    where e.bucket = %(bucket)s and e.profile = g.profile and e.id = g.enrollment and e.active
    returning e.profile, e.id, e.flow, e.version, e.key, g.moment, g.t_id
)
insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, key, facts)
select %(bucket)s, profile, %(pass)s, 30, md5(concat_ws('|', id, 'exit'))::uuid, %(workspace)s, moment, 'enrollment', flow,
    version, id, 'exited', 'exit_on', key,
    jsonb_build_object('event', t_id)
from ended"""
    return Statement(sql, weave.params)


def build_known_conversions(book: Rulebook) -> Statement | None:
    """Counts the earliest known event that is a fresh enrollment's conversion."""
    weave = Weaver(book)
    cases: list[str] = []
    values: list[str] = []
    names: set[str] = set()
    for running in book.flows:
        conversion = running.flow.conversion
        if conversion is None:
            continue
        names.update(match.event for match in conversion.matches)
        matches = match_any(weave, conversion.matches, KNOWN, "v.name")
        late = f" and v.occurred_at <= {_limit(conversion)}" if conversion.within is not None else ""
        cases.append(f"when {running.version} then {matches}{late}")
        paths = (conversion.value.path,) if conversion.value is not None else WORTH
        values.append(f"when {running.version} then {weave.number(paths, KNOWN)}")
    if not cases:
        return None
    sql = f"""
insert into conversion (bucket, profile, enrollment, flow, version, event, occurred_at, value, held_out)
select x.bucket, x.profile, x.enrollment, x.flow, x.version, k.id, k.occurred_at, k.value, x.held_out
from ({_FRESH} where e.flow = any({converting(weave, book)})) x
cross join lateral (select {ruling_version(weave, book)}) as r (version)
cross join lateral (
    select v.id, v.occurred_at, case r.version {" ".join(values)} end as value
    from {_KNOWN_EVENTS} and v.name = any({weave.literal(sorted(names), "text[]")}) and v.occurred_at > x.entered_at
        and case r.version {" ".join(cases)} else false end
    order by v.occurred_at, v.id limit 1
) k
on conflict do nothing"""
    return Statement(sql, weave.params)


def _limit(conversion: Conversion) -> str:
    if conversion.within is None:
        return "'infinity'"
    return add_sql("x.entered_at", "x.zone", conversion.within)


def build_known_awaited(book: Rulebook) -> Statement | None:
    """Marks fresh enrollments that stand at a ``wait_for`` whose event is known already (they came by a merge)."""
    weave = Weaver(book)
    places = [place for place in book.places() if isinstance(place.node.step, WaitFor)]
    if not places:
        return None
    waiting = ", ".join(str(place.number) for place in places)
    cases = " ".join(
        f"when {place.number} then {match_any(weave, place.node.step.matches, KNOWN, 'v.name')}"
        for place in places
        if isinstance(place.node.step, WaitFor)
    )
    sql = f"""
update enrollment e
set met_at = t.occurred_at, due_at = t.occurred_at, work_at = t.moment
from (
    select x.profile, x.enrollment, x.moment, k.occurred_at
    from ({_FRESH} where e.active and e.met_at is null and e.version::bigint * 1000 + e.step in ({waiting})) x
    cross join lateral (
        select v.occurred_at from {_KNOWN_EVENTS} and v.occurred_at > x.reached_at and v.occurred_at <= x.due_at
            and case x.place {cases} else false end
        order by v.occurred_at, v.id limit 1
    ) k
) t
where e.bucket = %(bucket)s and e.profile = t.profile and e.id = t.enrollment"""
    return Statement(sql, weave.params)
