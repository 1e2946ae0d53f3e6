"""Letting those move on whose asking has its answer: the code is kept with the enrollment, and stays the profile's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import COUPONS, IfEmpty, TakeCoupon
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.coupon")


def any_in(conn: Connection, bucket: int, state: str) -> bool:
    """Whether a bucket has anybody who has ``asked``, or was ``dealt`` a code: a look at an index, before anything is held.

    By the table and not by the rules, which may have lost their last pool or step meanwhile: whoever asks is shut out until then.
    """
    return conn.execute(_SQL["any_in"], {"bucket": bucket, "state": state}).fetchone() == (True,)


def settle(
    conn: Connection, book: Rulebook, bucket: int, pass_: int, until: datetime, only: Sequence[UUID] | None = None
) -> int:
    """Leave a ``move`` for each enrollment whose code was dealt; gives how many askings were settled.

    Found by the step's id, not by its place: a publishing in between may have moved it, or taken it away. Whoever is set aside
    later than ``until`` waits; ``only``: these profiles and nobody else.
    """
    statement = book.statement("settle_coupons", build)
    params = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "horizon": until, "only": only}
    return 0 if statement is None else statement.run(conn, params).rowcount


def build(book: Rulebook) -> Statement | None:
    """Compile where each ``coupon`` step leads into the statement that settles the askings."""
    weave = Weaver(book)
    takes = [(place, place.node.step) for place in book.places() if isinstance(place.node.step, TakeCoupon)]
    rows = ", ".join(
        f"({place.number}, {weave.literal(step.id, 'text')}, {'null' if place.node.next is None else place.node.next}::smallint,"
        f" {str(step.if_empty is IfEmpty.EXIT).lower()})"
        for place, step in takes
    )
    # With no such step left, whoever was dealt a code still has to be let go.
    rows = rows or "(null::bigint, null::text, null::smallint, null::boolean)"
    sql = f"""
with r as materialized (
    select c.profile, c.id, c.enrollment, c.step as step_id, c.variable, c.pool, c.code, c.discount, c.expires_at, c.asked_at,
        c.flow, e.version, e.due_at, e.active, l.place is not null as there, l.target, l.leaves and c.code is null as leaves
    from coupon c
    join enrollment e on e.bucket = %(bucket)s and e.profile = c.profile and e.id = c.enrollment
    left join (values {rows}) as l (place, step, target, leaves)
        on e.active and l.place = e.version::bigint * 1000 + e.step and l.step = c.step
    where c.bucket = %(bucket)s and c.state = 'dealt' and (%(only)s::uuid[] is null or c.profile = any(%(only)s))
        and not exists (
            select from set_aside s where s.bucket = %(bucket)s and s.profile = c.profile and s.until > %(horizon)s)
), kept as (
    update enrollment e
    set vars = e.vars || jsonb_build_object('{COUPONS}', coalesce(e.vars -> '{COUPONS}', '{{}}') || jsonb_build_object(r.variable,
        jsonb_build_object('code', r.code, 'expires_at', r.expires_at, 'discount', r.discount)))
    from r
    where r.code is not null and e.bucket = %(bucket)s and e.profile = r.profile and e.id = r.enrollment
), moved as (
    insert into move (profile, enrollment, version, target, reached_at, moment, reason)
    select profile, enrollment, version, case when not leaves then target end, due_at, greatest(asked_at, due_at),
        case when leaves then 'empty_pool' when target is null then 'finished' end
    from r where there
), told as (
    insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, step,
        facts)
    select %(bucket)s, profile, %(pass)s, 60, id, %(workspace)s, asked_at, 'problem', flow, version, enrollment, 'empty_pool',
        'none_taken', step_id, jsonb_build_object('pool', pool)
    from r where code is null
)
update coupon c
set state = case when r.code is null then 'empty' else 'taken' end
from r
where c.bucket = %(bucket)s and c.profile = r.profile and c.id = r.id"""
    return Statement(sql, weave.params)
