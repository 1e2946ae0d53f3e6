"""Leaving a step: where each due enrollment goes next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import Branch, Exit, Send, WaitFor
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import DUE_ROWS, Weaver

if TYPE_CHECKING:
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection


def leave(conn: Connection, book: Rulebook, bucket: int, places: set[int]) -> int:
    """Leave a move for every due enrollment but those at a ``send``; returns how many."""
    moved = 0
    for name, build in (("leave_plain", build_plain), ("leave_branch", build_branches)):
        statement = book.statement_for(name, places, build)
        if statement is not None:
            moved += conn.execute(statement.sql, statement.params | {"bucket": bucket}).rowcount
    return moved


def build_plain(book: Rulebook) -> Statement | None:
    """Steps that lead to one place (or, for ``wait_for``, to one of two): no profile is looked at."""
    weave = Weaver(book)
    cases: list[str] = []
    reasons: list[str] = []
    numbers: list[int] = []
    for place in book.places():
        step = place.node.step
        if isinstance(step, Branch | Send):
            continue
        numbers.append(place.number)
        cases.append(f"when {place.number} then {_target(place)}")
        if isinstance(step, Exit):
            reasons.append(f"when {place.number} then {weave.literal(step.reason, 'text')}")
    if not numbers:
        return None
    reason = f"case t.place {' '.join(reasons)} else 'finished' end" if reasons else "'finished'"
    sql = f"""
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select t.profile, t.id, t.version, t.target, t.due_at, t.moment, case when t.target is null then {reason} end
from (
    select e.profile, e.id, e.version, a.place, case a.place {" ".join(cases)} end::smallint as target, e.due_at, a.moment
    from agenda a
    join enrollment e on e.bucket = %(bucket)s and e.profile = a.profile and e.id = a.id
    where a.place = any({weave.literal(numbers, "bigint[]")})
) t"""
    return Statement(sql, weave.params, frozenset(numbers))


def build_branches(book: Rulebook) -> Statement | None:
    """Branches: the first arm whose condition holds; none: on with the next step."""
    weave = Weaver(book)
    cases: list[str] = []
    numbers: list[int] = []
    for place in book.places():
        if isinstance(place.node.step, Branch):
            numbers.append(place.number)
            cases.append(f"when {place.number} then {_arms(weave, place)}")
    if not numbers:
        return None
    sql = f"""
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select t.profile, t.enrollment, t.version, t.target, t.due_at, t.moment, case when t.target is null then 'finished' end
from (
    select x.profile, x.enrollment, x.version, case x.place {" ".join(cases)} end::smallint as target, x.due_at, x.moment
    from ({DUE_ROWS} and a.place = any({weave.literal(numbers, "bigint[]")})) x
) t"""
    return Statement(sql, weave.params, frozenset(numbers))


def index_sql(index: int | None) -> str:
    """A target in SQL; null: the flow is finished."""
    return "null" if index is None else str(index)


def _target(place: Place) -> str:
    if isinstance(place.node.step, WaitFor):
        then, otherwise = index_sql(place.node.then), index_sql(place.node.otherwise)
        return f"case when e.met_at is not null then {then}::integer else {otherwise}::integer end"
    return index_sql(place.node.next) + "::integer"


def _arms(weave: Weaver, place: Place) -> str:
    arms: list[str] = []
    otherwise = index_sql(place.node.next)
    for condition, target in place.node.arms:
        if condition is None:
            otherwise = index_sql(target)
            break
        arms.append(f"when {weave.condition(condition)} then {index_sql(target)}::integer")
    if not arms:
        return f"{otherwise}::integer"
    return f"case {' '.join(arms)} else {otherwise}::integer end"
