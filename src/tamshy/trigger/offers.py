"""Offers: a product that became cheaper, or came back, put before everybody whom it concerns.

A bucket takes its turn with what has changed once nothing of it is left to be worked before, the events of that moment among it,
and before it works what is due then: who has looked at the product, or put it into a cart, is found for all changes together in one
statement, and each has an item in the inbox. Taken from there, it is a candidate of the flow; what it holds becomes ``event``
(rule 22), and each change of a product is a key of its own (rule 13).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from tamshy.language.model import BackInStock, Interest, PriceDrop, ReorderDue
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.language.model import Offer
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

BEHIND_EVENTS: Final = 9_100_000_000_000_000_000
"""More than what any client's call counts to: at its moment an offer comes behind all events (rule 1)."""
VIEWED: Final = ("Product Viewed",)
CARTED: Final = ("Product Added", "Wishlist Product Added to Cart", "Cart Viewed", "Cart Updated", "Checkout Started")
REQUESTED: Final = ("Back In Stock Requested",)
_SHOWN: Final = {Interest.VIEWED: VIEWED, Interest.CARTED: CARTED, Interest.REQUESTED: REQUESTED}
_SLACK_DAYS: Final = 2
"""Days by which a window in calendar days can reach farther back than days of 24 hours."""
_LONGEST_MONTH: Final = 31


class Source(NamedTuple):
    """An offer with the live flow that it starts; ``mark`` tells it from all others."""

    running: RunningFlow
    offer: Offer
    mark: UUID


def sources(book: Rulebook) -> list[Source]:
    """The offers that start the live flows."""
    return [
        Source(running, offer, _mark(running.name, offer))
        for running in book.flows
        if running.live
        for offer in running.flow.offers
    ]


def _mark(flow: str, offer: Offer) -> UUID:
    text = f"{flow}|{type(offer).__name__}|{_said(offer)}"
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def _said(offer: Offer) -> str:
    if isinstance(offer, ReorderDue):
        return repr(offer)
    share = offer.by if isinstance(offer, PriceDrop) else ""
    return f"{share}|{sorted(offer.whose)}|{offer.within!r}"


def call_offers(conn: Connection, book: Rulebook, bucket: int, horizon: datetime) -> int | None:
    """Take the bucket's turn with what of the catalogue has changed by the horizon.

    Returns how many offers lie in the inbox for it; None where it is not the bucket's turn.
    """
    params: dict[str, object] = {"bucket": bucket, "workspace": book.workspace, "horizon": horizon}
    turns = conn.execute(_TURNS, params).fetchone()
    if turns is None or not turns[0]:
        return None
    statement = book.statement("call_offers", build_call)
    called = 0
    if statement is not None:
        # Of what stands in the statement's own parts the planner takes everything for few: it would compare all with all.
        conn.execute("set local enable_nestloop = off")
        called = statement.run(conn, params).rowcount
        conn.execute("set local enable_nestloop = on")
    conn.execute(_TAKEN, params)
    return called


_TURNS: Final = "select exists (select from catalogue_turn where bucket = %(bucket)s and at <= %(horizon)s)"
_TAKEN: Final = "delete from catalogue_turn where bucket = %(bucket)s and at <= %(horizon)s"


def come_with_offers(conn: Connection, book: Rulebook, bucket: int) -> int:
    """Leave the candidates of the agenda's offers in ``candidate``; returns how many."""
    statement = book.statement("come_with_offers", build_coming)
    if statement is None:
        return 0
    return statement.run(conn, {"bucket": bucket, "workspace": book.workspace}).rowcount


def build_call(book: Rulebook) -> Statement | None:
    """Finds everybody whom what has changed concerns, for all offers and all changes together."""
    weave = Weaver(book)
    found = [source for source in sources(book) if isinstance(source.offer, PriceDrop | BackInStock)]
    if not found:
        return None
    rows = ", ".join(_row(weave, place, source) for place, source in enumerate(found))
    within = by_number(
        "t.place",
        [(place, add_sql("c.at", "p.zone", -source.offer.within)) for place, source in enumerate(found)],  # type: ignore[union-attr]
        "c.at",
    )
    names = sorted({name for source in found for name in _names(source.offer)})
    sql = f"""
with change as materialized (
    select c.batch, c.sku, c.names, c.product, c.old_price, c.price, c.back, t.at
    from catalogue_turn t
    join product_change c on c.workspace = %(workspace)s and c.batch = t.batch
    where t.bucket = %(bucket)s and t.at <= %(horizon)s
), named as materialized (
    select c.batch, c.sku, n.name from change c cross join lateral unnest(c.names) n (name)
), called as materialized (
    select array_agg(distinct n.name) as names from named n
), shown as materialized (
    -- What was done with these products, read once for all of them.
    select v.profile, v.name as event, v.occurred_at, n.name
    from called
    join event v on v.bucket = %(bucket)s and v.name = any({weave.literal(names, "text[]")})
        and v.occurred_at > (select min(c.at) from change c) - {weave.literal(_widest(found), "interval")}
        and v.occurred_at <= (select max(c.at) from change c)
        and (v.properties ->> 'sku' = any(called.names) or v.properties ->> 'product_id' = any(called.names)
            or v.properties ? 'products')
    cross join lateral shop_names(v.properties) n (name)
), concerned as materialized (
    select distinct on (s.profile, t.place, c.batch, c.sku) s.profile, t.mark, t.flow, t.kind, t.priority, c.sku, c.at, c.product,
        c.old_price, c.batch
    from shown s
    join named d on d.name = s.name
    join change c on c.batch = d.batch and c.sku = d.sku and s.occurred_at <= c.at
    join (values {rows}) as t (place, mark, flow, priority, kind, least, events) on s.event = any(t.events)
        and case t.kind when 'price_drop' then c.price < c.old_price and c.price <= c.old_price * (1 - t.least) else c.back end
    cross join lateral (
        select p.zone from profile p where p.bucket = %(bucket)s and p.id = s.profile and p.merged_into is null offset 0
    ) p
    where s.occurred_at > {within}
    order by s.profile, t.place, c.batch, c.sku
)
insert into inbox (bucket, profile, moment, emitted, ord, id, workspace, kind, origin, occurred_at, properties, facts)
select %(bucket)s, profile, at, false,
    {BEHIND_EVENTS} + row_number() over (partition by profile, at order by priority desc, flow, sku || '@', mark),
    md5(concat_ws('|', 'offer', kind, sku, batch))::uuid, %(workspace)s, 'offer', 1, at,
    case kind when 'price_drop' then jsonb_build_object('product', product, 'old_price', old_price)
        else jsonb_build_object('product', product) end,
    jsonb_build_object('kind', kind, 'flow', flow, 'mark', mark, 'key', sku || '@' || iso_text(at))
from concerned
on conflict do nothing"""
    return Statement(sql, weave.params)


def _row(weave: Weaver, place: int, source: Source) -> str:
    offer = source.offer
    drop = isinstance(offer, PriceDrop)
    least = weave.literal(offer.by if isinstance(offer, PriceDrop) else 0, "numeric")
    return (
        f'({place}, {weave.literal(source.mark, "uuid")}, {weave.literal(source.running.name, "text")} collate "C",'
        f" {source.running.flow.priority}, '{'price_drop' if drop else 'back_in_stock'}', {least},"
        f" {weave.literal(_names(offer), 'text[]')})"
    )


def _names(offer: Offer) -> list[str]:
    whose = offer.whose if isinstance(offer, PriceDrop | BackInStock) else frozenset()
    return sorted({name for interest in whose for name in _SHOWN[interest]})


def _widest(found: list[Source]) -> str:
    days = seconds = 0
    for source in found:
        if isinstance(source.offer, PriceDrop | BackInStock):
            within = source.offer.within
            days = max(days, within.months * _LONGEST_MONTH + within.days + _SLACK_DAYS)
            seconds = max(seconds, within.seconds)
    return f"{days} days {seconds} seconds"


def build_coming(book: Rulebook) -> Statement | None:
    """Makes candidates of the agenda's offers, as far as their flow still asks for them."""
    weave = Weaver(book)
    found = sources(book)
    if not found:
        return None
    rows = ", ".join(
        f'({place}, {weave.literal(source.mark, "uuid")}, {weave.literal(source.running.name, "text")} collate "C",'
        f" {source.running.version})"
        for place, source in enumerate(found)
    )
    where = [
        (place, weave.condition(source.offer.where))
        for place, source in enumerate(found)
        if isinstance(source.offer, ReorderDue) and source.offer.where is not None
    ]
    sql = f"""
with come as materialized (
    select x.profile, x.kind, x.key, t.flow, t.version
    from (
        select a.profile, p.bucket, a.moment, p.zone, p.properties as props, p.consents, null::uuid as enrollment,
            null::timestamptz as entered_at, null::jsonb as reached, a.properties as ev_props, a.context as ev_ctx,
            a.occurred_at as ev_at, (a.facts ->> 'mark')::uuid as mark, a.facts ->> 'key' as key, a.facts ->> 'kind' as kind,
            a.facts
        from agenda a
        cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = a.profile offset 0) p
        where a.kind = 'offer'
    ) x
    join (values {rows}) as t (place, mark, flow, version) on t.mark = x.mark
    where {by_number("t.place", where, "true")}
        -- Bought again, or not bought after all: then it is due another time, or not at all.
        and (x.kind <> 'reorder_due' or (x.facts ->> 'bought_at')::timestamptz = (
            select max(o.placed_at) from orders o
            cross join lateral jsonb_array_elements(o.products) l (product)
            where o.bucket = %(bucket)s and o.profile = x.profile and o.counts and (
                select true from product_name n
                where n.workspace = %(workspace)s and n.sku = x.facts ->> 'sku' and jsonb_typeof(l.product) = 'object'
                    and n.name = any(array[shop_key(l.product -> 'sku'), shop_key(l.product -> 'product_id')])
                limit 1)))
), told as (
    update agenda a set name = c.kind
    from come c
    where a.profile = c.profile and a.kind = 'offer'
)
insert into candidate (profile, place, flow, version, key, too_old, paused)
select c.profile, 0, c.flow, c.version, c.key, false, f.paused
from come c
join flow f on f.workspace = %(workspace)s and f.name = c.flow"""
    return Statement(sql, weave.params)
