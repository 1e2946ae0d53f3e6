# ruff: noqa: S608 - woven of this project's own words, values always as parameters
"""Which mail an order counts for: the last one clicked, else the last one opened, so long before it (`attribution`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.conditions import Tested
from tamshy.language.model import WORTH
from tamshy.rulebook import Statement
from tamshy.rulebook.weaver import Weaver
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def credited(conn: Connection, book: Rulebook, flows: list[str]) -> dict[tuple[str, str, str], tuple[int, float]]:
    """How many orders count for the mails of each (flow, step, message), and what they were worth together."""
    found: dict[tuple[str, str, str], tuple[int, float]] = {}
    statement = crediting(book)
    for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
        for flow, step, message, orders, worth in statement.run(conn, {"bucket": bucket, "flows": flows}):
            before = found.get((flow, step, message), (0, 0.0))
            found[flow, step, message] = (before[0] + orders, before[1] + worth)
    return found


def crediting(book: Rulebook) -> Statement:
    """The statement for one bucket. An order counts once by its ``order_id``, for the moment at which it was first told."""
    settings, weave = book.settings, Weaver(book)
    worth = weave.number(WORTH, Tested("o.properties", "null::jsonb", "o.occurred_at"))
    ways = " union all ".join(
        f"""(
            select {place} as place, v.occurred_at, v.properties ->> 'message_id' as message from event v
            where v.bucket = %(bucket)s and v.profile = o.profile and v.name = '{deed}' and v.origin = 1
                and v.occurred_at > {add_sql("o.occurred_at", "o.zone", -window)} and v.occurred_at <= o.occurred_at
            order by v.occurred_at desc, v.id limit 1)"""
        for place, (deed, window) in enumerate(
            (("Message Clicked", settings.clicked_attribution), ("Message Opened", settings.opened_attribution))
        )
    )
    sql = f"""
with ordered as materialized (
    select distinct on (v.profile, coalesce(v.properties ->> 'order_id', v.id::text)) v.profile, p.zone, v.occurred_at, v.properties
    from event v
    join profile p on p.bucket = %(bucket)s and p.id = v.profile
    where v.bucket = %(bucket)s and v.name = 'Order Completed'
    order by v.profile, coalesce(v.properties ->> 'order_id', v.id::text), v.occurred_at, v.id
)
select m.flow, m.step, m.message, count(*)::integer, sum(coalesce({worth}, 0))::double precision
from ordered o
cross join lateral (select w.message from ({ways}) w order by w.place limit 1) w
join message m on m.bucket = %(bucket)s and m.profile = o.profile and m.id::text = w.message and m.flow = any(%(flows)s)
group by m.flow, m.step, m.message"""
    return Statement(sql, weave.params)
