"""New arrivals: what has come into the catalogue since somebody was told of arrivals the last time, if it is enough by now.

An occasion of each profile, by its own clock: on the days that the trigger names, it looks at what has arrived. Fewer products than
it asks for start nothing, and are looked at again the next time; how far somebody was told stands in ``occasion.told_until``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.language.model import MOST_ARRIVALS
from tamshy.rulebook import by_number
from tamshy.sqlkit.calendar import add_sql, calendar_interval, local_sql, resolve_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.language.model import NewArrivals
    from tamshy.rulebook.weaver import Weaver
    from tamshy.trigger.sources import Source

_COLUMNS: Final = "place, flow, version, mark, least"

ENOUGH: Final = """
    select profile, flow, version, key, 'new_arrivals' as name, md5(concat_ws('|', 'new_arrivals', key))::uuid as id,
        jsonb_build_object('products', products) as holds, moment as told_until
    from arrived where enough"""
"""Of ``arrived`` the candidates: the same day's arrivals are one occurrence, whichever flow they start (rule 14)."""

TOO_FEW: Final = """select profile, null, null, null, begins from arrived where not enough"""
"""The others: from where they look next time."""


def arrived(weave: Weaver, found: Sequence[tuple[Source, NewArrivals]], member: str) -> str:
    """What has arrived for each ``x`` whose occasion has come: its newest products in stock that fit, oldest first.

    Args:
        weave: the statement's.
        found: the triggers; numbered by ``place`` in their order.
        member: whether ``x`` is meant by the trigger ``t``.

    Returns:
        SQL of the columns profile, flow, version, key, moment, begins, products, enough; empty where there are no triggers.
    """
    if not found:
        return ""
    fits = [(place, weave.condition(one.where)) for place, (_, one) in enumerate(found) if one.where is not None]
    begins = [(place, add_sql("w.moment", "w.zone", -one.every)) for place, (_, one) in enumerate(found)]
    return f"""
    select w.profile, w.flow, w.version, w.facts ->> 'key' as key, w.moment, b.begins, n.products, n.number >= w.least as enough
    from (
        select x.*, t.place, t.flow, t.version, t.least
        from x
        join (values {_rows(weave, found)}) as t ({_COLUMNS}) on t.mark = x.mark
        where {member}
        offset 0
    ) w
    cross join lateral (
        -- Who was never told of any hears of as much as the others did in the time that lies between two.
        select coalesce((w.facts ->> 'told_until')::timestamptz, {by_number("w.place", begins, "w.moment")}) as begins offset 0
    ) b
    cross join lateral (
        select jsonb_agg(f.product order by f.arrived_at, f.sku) as products, count(*) as number
        from (
            select x.product, x.arrived_at, x.sku
            from (
                select w.profile, w.bucket, w.moment, w.zone, w.props, w.consents, w.enrollment, w.entered_at, w.reached,
                    jsonb_build_object('product', d.product, 'products', jsonb_build_array(d.product)) as ev_props,
                    '{{}}'::jsonb as ev_ctx, w.moment as ev_at, d.product, d.arrived_at, d.sku
                from (
                    select p.told || jsonb_build_object('sku', p.sku) as product, p.arrived_at, p.sku
                    from product p
                    where p.workspace = %(workspace)s and p.arrived_at > b.begins and p.arrived_at <= w.moment
                        and coalesce(p.stock > 0, true)
                    offset 0
                ) d
            ) x
            where {by_number("w.place", fits, "true")}
            order by x.arrived_at desc, x.sku limit {MOST_ARRIVALS}
        ) f
    ) n"""


def planned(
    weave: Weaver,
    found: Sequence[tuple[Source, NewArrivals]],
    member: str,
    held: Callable[[str, str, str, str, str, str], str],
    has_come: str,
    *,
    known: bool,
) -> str:
    """When each ``x`` looks at arrivals next, from ``x.since`` on, and not before ``every`` has gone by since it was told of some.

    Args:
        weave: the statement's.
        found: the triggers.
        member: whether ``x`` is meant by the trigger ``t``.
        held: whether an occurrence is still ahead by what was planned before, as `tamshy.trigger.occasions` asks it.
        has_come: whether the occurrence ``c`` has come at this very moment.
        known: how far ``x`` was told stands on the agenda, in ``occasion`` or in the inbox; else nobody was told of anything.

    Returns:
        SQL of the columns of ``planned``; empty where there are no triggers.
    """
    if not found:
        return ""
    told = _TOLD if known else "null::timestamptz"
    every = by_number(
        "t.place", [(place, calendar_interval(one.every)) for place, (_, one) in enumerate(found)], "interval '0'"
    )
    return f"""
    select x.profile, x.flow, x.mark, '' as item, o.at, o.key, o.day, x.told_until
    from (
        select x.profile, x.since, x.zone, t.flow, t.mark, g.told_until, {local_sql("x.since", "x.zone")} as reading,
            (({local_sql("g.told_until", "x.zone")})::date + {every})::date as not_before
        from x
        cross join (values {_rows(weave, found)}) as t ({_COLUMNS})
        cross join lateral (select {told} as told_until offset 0) g
        where {member}
        offset 0
    ) x
    cross join lateral (
        select c.reading::date as day, c.key, case when c.at >= x.since then c.at else x.since end as at
        from (
            select k.reading, to_char(k.reading, 'YYYY-MM-DD"T"HH24:MI') as key, {resolve_sql("k.reading", "x.zone")} as at
            from (
                select k.reading from tick k
                -- a day back: what was ahead may have gone by in another zone
                where k.workspace = %(workspace)s and k.mark = x.mark and k.reading >= x.reading - interval '27 hours'
                    and (x.not_before is null or k.reading >= x.not_before)
                order by k.reading limit 40
            ) k
            offset 0
        ) c
        where c.at > x.since or (c.at = x.since and not {has_come})
            or {held("x", "x.flow", "x.mark", "''", "h.key = c.key", "h.facts ->> 'key' = c.key")}
        order by at limit 1
    ) o"""


_TOLD: Final = """coalesce(
            (select (a.facts ->> 'told_until')::timestamptz from agenda a
             where a.profile = x.profile and a.kind = 'occasion' and a.facts ->> 'mark' = t.mark::text),
            (select o.told_until from occasion o
             where o.bucket = %(bucket)s and o.profile = x.profile and o.flow = t.flow and o.mark = t.mark and o.item = ''),
            (select (i.facts ->> 'told_until')::timestamptz from inbox i
             where i.bucket = %(bucket)s and i.profile = x.profile and i.kind = 'occasion' and i.facts ->> 'mark' = t.mark::text
             limit 1))"""


def _rows(weave: Weaver, found: Sequence[tuple[Source, NewArrivals]]) -> str:
    rows = [
        f"({place}, {weave.literal(one.flow, 'text')}, {one.version}, {weave.literal(one.mark, 'uuid')}, {trigger.at_least})"
        for place, (one, trigger) in enumerate(found)
    ]
    return ", ".join(rows)
