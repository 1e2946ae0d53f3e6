"""Matching events with triggers, a set at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.domain.call import IMPORTED
from tamshy.language.model import SEGMENT_BACKFILLED, SEGMENT_ENTERED, EventTrigger
from tamshy.rulebook import Statement, by_number
from tamshy.rulebook.weaver import EVENT_ROWS, Weaver
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection


def run(conn: Connection, book: Rulebook, bucket: int) -> int:
    """Leave the candidates of the agenda's events in ``candidate``; returns how many."""
    statement = book.statement("trigger", build)
    if statement is None:
        return 0
    return statement.run(conn, {"bucket": bucket, "workspace": book.workspace}).rowcount


def starting_names(book: Rulebook) -> frozenset[str]:
    """The names of the events that can start a flow."""
    triggers = [
        trigger
        for running in book.flows
        if running.live
        for trigger in running.flow.triggers
        if isinstance(trigger, EventTrigger)
    ]
    backfilled = {SEGMENT_BACKFILLED} if any(trigger.segment is not None for trigger in triggers) else set()
    return frozenset(trigger.event for trigger in triggers) | backfilled


def build(book: Rulebook) -> Statement | None:
    """Compile all triggers of the workspace into one statement; None where there are none."""
    weave = Weaver(book)
    listeners: list[str] = []
    where: list[tuple[int, str]] = []
    too_old: list[tuple[int, str]] = []
    keys: list[tuple[int, str]] = []
    place = 0
    for running in book.flows:
        if not running.live:
            continue
        for trigger in running.flow.triggers:
            if not isinstance(trigger, EventTrigger):
                continue
            place += 1
            listeners.append(_listener(weave, running, place, trigger.event))
            if trigger.where is not None:
                where.append((place, weave.condition(trigger.where)))
            if trigger.segment is not None:
                # Of the engine's own word: anybody may send an event of that name.
                said = f"x.origin <> 0 and x.ev_props ->> 'segment' = {weave.literal(trigger.segment, 'text')}"
                told = f"coalesce(x.ev_ctx ->> 'flow', {weave.literal(running.name, 'text')})"
                where.append((place, f"({said} and {told} = {weave.literal(running.name, 'text')})"))
                if trigger.event == SEGMENT_ENTERED:
                    listeners.append(_listener(weave, running, place, SEGMENT_BACKFILLED))
            oldest = add_sql("x.moment", "x.zone", -trigger.max_age)
            # Imported events are history whatever their age: they count, and start nothing.
            too_old.append((place, f"(x.ev_at < {oldest} or x.origin = {IMPORTED})"))
            if running.flow.per is not None:
                keys.append((place, weave.key(running.flow.per)))
    if not listeners:
        return None
    matches = by_number("l.place", where, "true")
    key = by_number("l.place", keys, "''")
    sql = f"""
insert into candidate (profile, place, flow, version, key, too_old, paused)
select distinct on (t.profile, t.flow) t.profile, t.place, t.flow, t.version, t.key, t.too_old, f.paused
from (
    select x.profile, l.place, l.flow, l.version, {key} as key, {by_number("l.place", too_old, "false")} as too_old
    from ({EVENT_ROWS}) x
    join (values {", ".join(listeners)}) as l (place, name, flow, version) on l.name = x.name
    where {matches}
) t
join flow f on f.workspace = %(workspace)s and f.name = t.flow
order by t.profile, t.flow, t.too_old, t.place"""
    return Statement(sql, weave.params)


def _listener(weave: Weaver, running: RunningFlow, place: int, event: str) -> str:
    name, flow = weave.literal(event, "text"), weave.literal(running.name, "text")
    return f'({place}, {name}, {flow} collate "C", {running.version})'
