"""Asking for a code: what a pass leaves of the ``coupon`` steps that are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import TakeCoupon
from tamshy.rulebook import Statement, by_number, later_by_number
from tamshy.rulebook.weaver import Weaver, due_rows

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def ask(conn: Connection, book: Rulebook, bucket: int, pass_: int, places: set[int]) -> int:
    """Ask for a code for everybody at a due ``coupon`` step; gives how many go on at once: a ``move`` for each.

    Whoever asks stays at the step, and does nothing else, until `deal` and `settle` have answered. The held out take none.
    """
    statement = book.statement_for("ask_coupons", places, build)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_}
    return statement.run(conn, params).rowcount


def build(book: Rulebook) -> Statement | None:
    """Compile all ``coupon`` steps of the workspace into the statement that asks."""
    weave = Weaver(book, inside=True)
    takes = [(place, place.node.step) for place in book.places() if isinstance(place.node.step, TakeCoupon)]
    if not takes:
        return None
    rows = ", ".join(
        f"({place.number}, {weave.literal(step.id, 'text')}, {weave.literal(step.pool, 'text')},"
        f" {weave.literal(step.variable, 'text')}, {'null' if place.node.next is None else place.node.next}::smallint)"
        for place, step in takes
    )
    lengths = [(place.number, step.expires) for place, step in takes if step.expires is not None]
    expires = by_number(
        "x.place", later_by_number("x.place", "x.moment", "x.zone", lengths, weave.clock), "null::timestamptz"
    )
    numbers = weave.literal([place.number for place, _ in takes], "bigint[]")
    sql = f"""
with t as materialized (
    select x.profile, x.enrollment, x.flow, x.version, x.visit, x.moment, x.due_at, x.held_out, l.step, l.pool, l.variable,
        l.target, {expires} as expires_at
    from ({due_rows(f"x.zone {expires}")} and a.place = any({numbers})) x
    join (values {rows}) as l (place, step, pool, variable, target) on l.place = x.place
), asked as (
    insert into coupon (bucket, profile, id, workspace, enrollment, flow, version, step, visit, pool, variable, state, asked_at,
        expires_at)
    select %(bucket)s, profile, md5(concat_ws('|', enrollment, step, visit))::uuid, %(workspace)s, enrollment, flow, version, step,
        visit, pool, variable, 'asked', moment, expires_at
    from t where not held_out
    on conflict do nothing
)
insert into move (profile, enrollment, version, target, reached_at, moment, reason)
select profile, enrollment, version, target, due_at, moment, case when target is null then 'finished' end
from t where held_out"""
    return Statement(sql, weave.params, frozenset(place.number for place, _ in takes))
