"""Reorders: when what somebody has bought is used up, by the interval of the product, its category, or the shop's own experience.

The next time of each is a row of ``reorder``, put right whenever an order of the profile changes. A pass first puts what has come
into the inbox; taken from there, the last purchase is looked at again (`tamshy.trigger.offers`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.language.model import ReorderDue
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit.calendar import add_lengths_sql, add_sql, local_sql, resolve_sql
from tamshy.trigger.offers import BEHIND_EVENTS, sources

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection
    from tamshy.trigger.offers import Source

_BEHIND_OFFERS: Final = BEHIND_EVENTS + 50_000_000_000_000_000


def plan_reorders(conn: Connection, book: Rulebook, bucket: int) -> None:
    """Put right when the products that the agenda's profiles have bought are due again."""
    statement = book.statement("plan_reorders", build_plan)
    if statement is not None:
        statement.run(conn, {"bucket": bucket, "workspace": book.workspace})


def plan_merged_reorders(conn: Connection, book: Rulebook, bucket: int) -> None:
    """The same for the profiles of ``pair`` that stay."""
    statement = book.statement("plan_merged_reorders", build_merged_plan)
    if statement is not None:
        statement.run(conn, {"bucket": bucket, "workspace": book.workspace})


def plan_all_reorders(conn: Connection, book: Rulebook, bucket: int, now: datetime) -> None:
    """The same for everybody in a bucket: after new intervals were learnt or told, and when a flow is published."""
    statement = book.statement("plan_all_reorders", build_whole_plan)
    if statement is not None:
        statement.run(conn, {"bucket": bucket, "workspace": book.workspace, "now": now})


def speaks_of_reorders(book: Rulebook) -> bool:
    """Whether any live flow asks for what is used up."""
    return bool(_found(book))


def call_reorders(conn: Connection, book: Rulebook, bucket: int, horizon: datetime) -> int:
    """Put what has come by the horizon into the inbox; returns how many."""
    statement = book.statement("call_reorders", build_call)
    if statement is None:
        return 0
    params = {"bucket": bucket, "workspace": book.workspace, "horizon": horizon}
    return statement.run(conn, params).rowcount


def _found(book: Rulebook) -> list[Source]:
    return [source for source in sources(book) if isinstance(source.offer, ReorderDue)]


def build_plan(book: Rulebook) -> Statement | None:
    """Plans for those with an order on the agenda."""
    return _planning(book, "select a.profile, a.moment from agenda a where not a.due")


def build_merged_plan(book: Rulebook) -> Statement | None:
    """Plans for the profiles that stay of two."""
    return _planning(book, "select r.survivor as profile, max(r.moment) as moment from pair r group by r.survivor")


def build_whole_plan(book: Rulebook) -> Statement | None:
    """Plans for everybody with an order."""
    return _planning(
        book,
        "select distinct o.profile, %(now)s::timestamptz as moment from orders o where o.bucket = %(bucket)s",
    )


def _planning(book: Rulebook, whose: str) -> Statement | None:
    weave = Weaver(book)
    found = _found(book)
    if not found:
        return None
    rows = ", ".join(
        f'({place}, {weave.literal(source.running.name, "text")} collate "C")' for place, source in enumerate(found)
    )
    offsets = by_number(
        "t.place", [(place, _on_the_day(source)) for place, source in enumerate(found)], "null::timestamptz"
    )
    due = add_lengths_sql("b.bought_at", "b.zone", "coalesce(b.lasts_days, interval '0')", "b.lasts_seconds")
    sql = f"""
with whose as materialized ({whose}
), bought as materialized (
    -- When each product of the catalogue was bought last, and how long it lasts.
    select w.profile, w.moment, p.zone, d.sku, max(o.placed_at) as bought_at,
        coalesce(d.lasts_days, c.lasts_days, i.lasts_days) as lasts_days,
        coalesce(d.lasts_seconds, c.lasts_seconds, interval '0') as lasts_seconds
    from whose w
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = w.profile offset 0) p
    join orders o on o.bucket = %(bucket)s and o.profile = w.profile and o.counts
    cross join lateral jsonb_array_elements(o.products) l (product)
    cross join lateral product_of(%(workspace)s, l.product) n
    join product d on d.workspace = %(workspace)s and d.sku = n.sku
    left join product_category c on c.workspace = %(workspace)s and c.category = d.category
    left join learnt_interval i on i.workspace = %(workspace)s and i.sku = d.sku
    group by w.profile, w.moment, p.zone, d.sku, d.lasts_days, c.lasts_days, i.lasts_days, d.lasts_seconds, c.lasts_seconds
), due as materialized (
    select b.*, {due} as due_at
    from bought b
    where b.lasts_days is not null or b.lasts_seconds > interval '0'
), planned as materialized (
    select x.profile, x.sku, t.flow, x.bought_at, x.due_at, {offsets} as at, x.moment
    from due x
    cross join (values {rows}) as t (place, flow)
), gone as (
    delete from reorder r
    using whose w
    where r.bucket = %(bucket)s and r.profile = w.profile
        and (r.profile, r.sku, r.flow) not in (select p.profile, p.sku, p.flow from planned p where p.at > p.moment)
)
insert into reorder as r (bucket, profile, sku, flow, at, bought_at, due_at)
select distinct on (profile, sku, flow) %(bucket)s, profile, sku, flow, at, bought_at, due_at
from planned
where at > moment
order by profile, sku, flow, at
on conflict (bucket, profile, sku, flow) do update set at = excluded.at, bought_at = excluded.bought_at, due_at = excluded.due_at"""
    return Statement(sql, weave.params)


def _on_the_day(source: Source) -> str:
    """The moment of the day on which a flow speaks of what is due: its offset away, at its time of day."""
    offer = source.offer
    if not isinstance(offer, ReorderDue):
        msg = f"no reorder trigger: {offer!r}"
        raise TypeError(msg)
    away = add_sql("x.due_at", "x.zone", calendar.bounded(offer.offset) if offer.offset != Duration() else Duration())
    day = f"({local_sql(away, 'x.zone')})::date"
    return resolve_sql(f"({day} + time '{offer.at:%H:%M}')", "x.zone")


def build_call(book: Rulebook) -> Statement | None:
    """Takes what has come out of ``reorder`` and puts it into the inbox."""
    weave = Weaver(book)
    found = _found(book)
    if not found:
        return None
    rows = ", ".join(
        f'({weave.literal(source.running.name, "text")} collate "C", {source.running.flow.priority},'
        f" {weave.literal(source.mark, 'uuid')})"
        for source in found
    )
    sql = f"""
with come as (
    delete from reorder where bucket = %(bucket)s and at <= %(horizon)s returning *
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, occurred_at, properties, facts)
select c.bucket, c.profile, c.at, false,
    {_BEHIND_OFFERS} + row_number() over (partition by c.profile, c.at order by t.priority desc, c.flow, c.sku),
    md5(concat_ws('|', 'reorder', c.sku, iso_text(c.bought_at)))::uuid, %(workspace)s, 'offer', 1, c.at,
    jsonb_build_object('product', d.told || jsonb_build_object('sku', d.sku), 'due_at', iso_text(c.due_at),
        'bought_at', iso_text(c.bought_at)),
    jsonb_build_object('kind', 'reorder_due', 'flow', c.flow, 'mark', t.mark, 'sku', c.sku, 'bought_at', c.bought_at,
        'key', c.sku || '@' || to_char({local_sql("c.due_at", "p.zone")}, 'YYYY-MM-DD'))
from come c
join profile p on p.bucket = %(bucket)s and p.id = c.profile
join (values {rows}) as t (flow, priority, mark) on t.flow = c.flow
join product d on d.workspace = %(workspace)s and d.sku = c.sku
where not exists (
    -- Planned and called before: another word of the same order has come in between.
    select from inbox i
    where i.bucket = %(bucket)s and i.profile = c.profile and i.moment = c.at and i.kind = 'offer'
        and i.id = md5(concat_ws('|', 'reorder', c.sku, iso_text(c.bought_at)))::uuid and i.facts ->> 'flow' = c.flow)
on conflict do nothing"""
    return Statement(sql, weave.params)
