"""People who are put into a flow by hand: candidates like those of any other trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import EVENT_ROWS, Weaver

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection


def by_hand(conn: Connection, book: Rulebook, bucket: int) -> int:
    """Leave the candidates of the agenda's people by hand in ``candidate``; returns how many."""
    statement = book.statement("by_hand", build)
    if statement is None:
        return 0
    return statement.run(conn, {"bucket": bucket, "workspace": book.workspace}).rowcount


def build(book: Rulebook) -> Statement | None:
    """Compile the keys of all live flows: whether a flow takes people by hand was asked when they were sent."""
    weave = Weaver(book)
    live = [running for running in book.flows if running.live]
    if not live:
        return None
    keys = [(running.version, weave.key(running.flow.per)) for running in live if running.flow.per is not None]
    flows = ", ".join(f"({weave.literal(running.name, 'text')}, {running.version})" for running in live)
    sql = f"""
insert into candidate (profile, place, flow, version, key, too_old, paused)
select x.profile, 0, f.name, l.version, {by_number("l.version", keys, "''")}, false, f.paused
from ({EVENT_ROWS} and a.kind = 'by_hand') x
join (values {flows}) as l (flow, version) on l.flow = x.facts ->> 'flow'
join flow f on f.workspace = %(workspace)s and f.name = l.flow"""
    return Statement(sql, weave.params)
