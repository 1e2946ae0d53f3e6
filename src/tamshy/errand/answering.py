"""Letting those move on whose webhook was answered, or was given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import CallWebhook
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.errand")


def any_answered(conn: Connection, book: Rulebook, bucket: int) -> bool:
    """Whether a bucket has an answer that somebody waits for: a look at an index, before anything is held."""
    given = {"bucket": bucket, "paused": sorted(book.paused)}
    return conn.execute(_SQL["any_answered"], given).fetchone() == (True,)


def settle(
    conn: Connection, book: Rulebook, bucket: int, pass_: int, until: datetime, only: Sequence[UUID] | None = None
) -> int:
    """Keep each answer with its enrollment and leave a ``move``; gives how many errands were settled.

    Found by the step's id, not by its place: a publishing in between may have moved it, or taken it away. Paused flows stay as
    they are. Whoever is set aside later than ``until`` waits; ``only``: these profiles and nobody else.
    """
    statement = book.statement("settle_webhooks", build)
    given = {"bucket": bucket, "workspace": book.workspace, "pass": pass_, "paused": sorted(book.paused)}
    params = given | {"horizon": until, "only": only}
    return 0 if statement is None else statement.run(conn, params).rowcount


def build(book: Rulebook) -> Statement | None:
    """Compile where each ``webhook`` step leads into the statement that settles what came back."""
    weave = Weaver(book)
    rows = ", ".join(
        f"({place.number}, {weave.literal(place.node.step.id, 'text')},"
        f" {'null' if place.node.next is None else place.node.next}::smallint)"
        for place in book.places()
        if isinstance(place.node.step, CallWebhook)
    )
    # With no such step left, an answer still has to be told, and waited for no more.
    rows = rows or "(null::bigint, null::text, null::smallint)"
    sql = f"""
with r as materialized (
    select g.profile, g.id, g.enrollment, g.step as step_id, g.state, g.answer, g.reply, g.attempts, g.flow,
        greatest(g.settled_at, e.due_at) as moment, e.version, e.due_at, l.place is not null as there, l.target
    from errand g
    join enrollment e on e.bucket = %(bucket)s and e.profile = g.profile and e.id = g.enrollment
    left join (values {rows}) as l (place, step, target)
        on e.active and l.place = e.version::bigint * 1000 + e.step and l.step = g.step
    where g.bucket = %(bucket)s and g.waits and g.state in ('done', 'failed') and g.flow <> all(%(paused)s)
        and (%(only)s::uuid[] is null or g.profile = any(%(only)s))
        and not exists (
            select from set_aside s where s.bucket = %(bucket)s and s.profile = g.profile and s.until > %(horizon)s)
        and not exists (
            select from inbox i where i.bucket = %(bucket)s and i.profile = g.profile and i.moment <= g.settled_at)
        -- whoever is rendered for, or asks for a code, is not moved meanwhile
        and g.profile not in (select m.profile from message m where m.bucket = %(bucket)s and m.state = 'accepted')
        and g.profile not in (
            select o.profile from coupon o where o.bucket = %(bucket)s and o.state in ('asked', 'dealt'))
), kept as (
    update enrollment e
    set vars = case when r.state = 'done' then e.vars || jsonb_build_object(r.step_id, r.answer) else e.vars - r.step_id end
    from r
    where e.bucket = %(bucket)s and e.profile = r.profile and e.id = r.enrollment
), moved as (
    insert into move (profile, enrollment, version, target, reached_at, moment, reason)
    select profile, enrollment, version, target, due_at, moment, case when target is null then 'finished' end
    from r where there
), told as (
    insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, enrollment, outcome, reason, step,
        facts)
    select %(bucket)s, profile, %(pass)s, 60, id, %(workspace)s, moment, 'problem', flow, version, enrollment, 'webhook_failed',
        'went_on', step_id, jsonb_build_object('reply', reply, 'attempts', attempts)
    from r where state = 'failed'
)
update errand g
set waits = false
from r
where g.bucket = %(bucket)s and g.profile = r.profile and g.id = r.id"""
    return Statement(sql, weave.params)
