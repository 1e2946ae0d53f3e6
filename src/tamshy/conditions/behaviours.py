"""What a profile did, received, is enrolled in and consents to, as correlated subselects (rules 8, 9, 10, 18, 23, 26).

Each subselect names one bucket and one profile and carries its lower bound of time, and is a scalar one: an `exists`
could be turned into a join over everybody's events.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.conditions import references, testing
from tamshy.conditions.references import Source
from tamshy.conditions.writing import ENTRY as ENTRY_EVENT
from tamshy.conditions.writing import Tested, finite
from tamshy.language.model import ALWAYS, ENTRY, Behaviour, Engaged, Engagement, TopicDefault
from tamshy.sqlkit.calendar import add_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.conditions.writing import Writer
    from tamshy.language.model import (
        Aggregate,
        Condition,
        Enrolled,
        Recency,
        Ref,
        Subscribed,
        Test,
        Window,
    )

    Nested = Callable[[Condition, Tested], str]
    """Compiles a condition on the event under test."""

_MOMENT: Final = "x.moment"
_ZONE: Final = "x.zone"
_EVENT_NAMES: Final = {Engaged.OPENED: "Message Opened", Engaged.CLICKED: "Message Clicked"}
# A count tested against more is counted to its end.
_FEW: Final = 10_000
# A sum that overflowed would raise; no money or count comes near.
_SUMMABLE: Final = "between '-1e300'::jsonb and '1e300'::jsonb"


def window(writer: Writer, span: Window, at: str) -> str:
    """Give SQL that tells whether a moment lies in a window and is not later than `x.moment`; null counts as no."""
    until = add_sql(_MOMENT, _ZONE, -span.until, writer.env.clock) if span.until is not None else _MOMENT
    parts = [f"{at} <= {until}"]
    if span.within is not None:
        parts.append(f"{at} > {add_sql(_MOMENT, _ZONE, -span.within, writer.env.clock)}")
    if span.since == ENTRY:
        # Before the enrollment is opened, its entry is the trigger event's own time.
        entry = "x.entered_at" if writer.env.inside else f"coalesce(x.entered_at, {ENTRY_EVENT.occurred_at})"
        parts.append(f"{at} > {entry}")
    elif span.since is not None:
        reached = f"(x.reached ->> {writer.text(span.since)})"
        parts.append(f"{at} > {references.engine_moment(writer, reached)}")
    if span.after is not None:
        parts.append(f"{at} > {writer.value(span.after, 'timestamptz')}")
    if span.before is not None:
        parts.append(f"{at} < {writer.value(span.before, 'timestamptz')}")
    return " and ".join(parts)


def did(writer: Writer, behaviour: Behaviour, nested: Nested) -> str:
    """`did` and `did_not`."""
    parts = []
    if behaviour.count is not None or not behaviour.aggregates:
        parts.append(_counted(writer, behaviour.count, _events(writer, behaviour, nested).sql))
    parts.extend(_aggregated(writer, behaviour, one, nested) for one in behaviour.aggregates)
    return f"({' and '.join(parts)})"


def ago(writer: Writer, recency: Recency, nested: Nested) -> str:
    """`last` and `first`."""
    sought = Behaviour(recency.event, recency.where, same=recency.same)
    events = _events(writer, sought, nested)
    at = f"{events.alias}.occurred_at"
    order = "desc" if recency.newest else "asc"
    row = writer.alias()
    one = f"(select {at} as at {events.sql} order by {at} {order} limit 1) {row}"
    return f"coalesce((select {testing.age_test(f'{row}.at', recency.ago)} from {one}), false)"


def same(writer: Writer, refs: Sequence[Ref], tested: Tested) -> str:
    """Give SQL that tells whether each property is the same in the event under test and in the starting one."""
    return " and ".join(_same(writer, ref, tested) for ref in refs) or "true"


def engaged(writer: Writer, engagement: Engagement) -> str:
    """`received`, `opened` and `clicked`."""
    if engagement.kind is Engaged.RECEIVED:
        return _counted(writer, engagement.count, _received(writer, engagement).sql)
    events = _touched(writer, engagement)
    minute = f"date_trunc('minute', {events.alias}.occurred_at at time zone 'UTC')"
    once = f"distinct ({events.alias}.properties ->> 'message_id', {minute})"
    return _counted(writer, engagement.count, events.sql, once)


def enrolled(writer: Writer, condition: Enrolled) -> str:
    """`enrolled`: active now, or entered within a time."""
    row = writer.alias()
    if condition.within is None:
        when = f"{row}.active"
    else:
        since = add_sql(_MOMENT, _ZONE, -condition.within, writer.env.clock)
        when = f"{row}.entered_at > {since} and {row}.entered_at <= {_MOMENT}"
    return _any(
        f"from enrollment {row} where {_whose(writer, row)} and {row}.flow = {writer.text(condition.flow)} and {when}"
    )


def subscribed(writer: Writer, condition: Subscribed) -> str:
    """`subscribed`: the profile's word, else the topic's default."""
    default = writer.env.topics.get(condition.topic, TopicDefault.OPT_IN) is TopicDefault.OPT_OUT
    return f"coalesce(x.consents -> {writer.text(condition.topic)} -> 'on' = 'true'::jsonb, {json.dumps(default)})"


def happened(
    writer: Writer, condition: Behaviour | Recency | Engagement, nested: Nested, *, whatever: bool = False
) -> tuple[str, Tested]:
    """Give what a behaviour is about, up to the moment and whatever its window: the rows, and each as the event under test.

    ``whatever``: also those that its ``where`` does not hold for.
    """
    if isinstance(condition, Engagement):
        received = condition.kind is Engaged.RECEIVED
        rows = (_received if received else _touched)(writer, replace(condition, window=ALWAYS))
        at = f"{rows.alias}.{'decided_at' if received else 'occurred_at'}"
        return rows.sql, Tested("null::jsonb", "null::jsonb", at)
    where = None if whatever else condition.where
    rows = _events(writer, Behaviour(condition.event, where, same=condition.same), nested)
    return rows.sql, _tested(rows.alias)


class _Rows(NamedTuple):
    """Rows of a table that are looked at: the table with its alias, what each must meet, and the alias."""

    table: str
    where: str
    alias: str

    @property
    def sql(self) -> str:
        return f"from {self.table} where {self.where}"


def _events(writer: Writer, behaviour: Behaviour, nested: Nested) -> _Rows:
    event = writer.alias()
    tested = _tested(event)
    parts = [
        _whose(writer, event),
        f"{event}.name = {writer.text(behaviour.event)}",
        window(writer, behaviour.window, tested.occurred_at),
    ]
    if behaviour.where is not None:
        parts.append(nested(behaviour.where, tested))
    if behaviour.same:
        parts.append(same(writer, behaviour.same, tested))
    return _Rows(f"event {event}", " and ".join(parts), event)


def _tested(event: str) -> Tested:
    return Tested(f"{event}.properties", f"{event}.context", f"{event}.occurred_at")


def _whose(writer: Writer, row: str) -> str:
    return f"{row}.bucket = {writer.env.bucket} and {row}.profile = x.profile"


def _any(found: str) -> str:
    return f"coalesce((select true {found} limit 1), false)"


def _counted(writer: Writer, test: Test | None, found: str, once: str = "*") -> str:
    """Test how many rows there are, reading no more of them than decide it; `once` says what counts as one."""
    if test is None:
        return _any(found)
    row = writer.alias()
    limit = _enough(test) if once == "*" else None
    rows = f"(select 1 {found} limit {limit}) {row}l" if limit is not None else ""
    counting = f"select count(*) as n from {rows}" if rows else f"select count({once}) as n {found}"
    return f"coalesce((select {testing.number_test(writer, f'{row}.n', test)} from ({counting}) {row}), false)"


def _enough(test: Test) -> int | None:
    """Give a count beyond which every greater one passes or fails alike; None where that is too many to be of use."""
    most = 0
    for clause in test.clauses:
        operands = clause.operand if isinstance(clause.operand, tuple) else (clause.operand,)
        for number in map(finite, operands):
            if number is not None and number > most:
                if number > _FEW:
                    return None
                most = int(number) + 1
    return most + 1


def _aggregated(writer: Writer, behaviour: Behaviour, aggregate: Aggregate, nested: Nested) -> str:
    """Test the sum and the like of a property over the matching events; what is no number is left out (rule 18)."""
    events = _events(writer, behaviour, nested)
    place = references.source(writer, aggregate.ref, _tested(events.alias))
    row = writer.alias()
    found = events.sql
    if place.fans_out:
        each = f"cross join lateral {references.leaves(writer, place)} {row}v (value)"
        found = f"from {events.table} {each} where {events.where}"
        value = f"{row}v.value"
    else:
        value = references.single(writer, place)
    test = testing.number_test(writer, f"{row}.n", aggregate.test)
    return (
        f"coalesce((select {row}.n is not null and {test}"
        f" from (select {aggregate.function.value}({number(value)}) as n {found}) {row}), false)"
    )


def number(value: str) -> str:
    """Give SQL of a jsonb value as a number that can be added up; null where it is none."""
    return f"case when jsonb_typeof({value}) = 'number' and {value} {_SUMMABLE} then ({value})::numeric end"


def _same(writer: Writer, ref: Ref, tested: Tested) -> str:
    here, there = references.source(writer, ref, tested), references.source(writer, ref, ENTRY_EVENT)
    if here.moment is not None:
        return f"coalesce({here.moment} = {there.moment}, false)"
    if not here.fans_out:
        one, other = references.single(writer, here), references.single(writer, there)
        return f"coalesce({one} = {other} and {one} <> 'null'::jsonb, false)"
    one, other = writer.alias(), writer.alias()
    return (
        f"exists (select from {references.leaves(writer, here)} {one} (value)"
        f" join {references.leaves(writer, there)} {other} (value) on {one}.value = {other}.value"
        f" where {one}.value <> 'null'::jsonb)"
    )


def _received(writer: Writer, engagement: Engagement) -> _Rows:
    message = writer.alias()
    parts = [
        _whose(writer, message),
        f"{message}.state = 'sent'",
        window(writer, engagement.window, f"{message}.decided_at"),
    ]
    if engagement.step is not None:
        parts.append(f"{message}.enrollment = x.enrollment and {message}.step = {writer.text(engagement.step)}")
    elif engagement.message is not None:
        parts.append(f"{message}.message = {writer.text(engagement.message)}")
    elif engagement.flow is not None:
        parts.append(f"{message}.flow = {writer.text(engagement.flow)}")
    return _Rows(f"message {message}", " and ".join(parts), message)


def _touched(writer: Writer, engagement: Engagement) -> _Rows:
    event = writer.alias()
    said = f"{event}.properties ->>"
    parts = [
        _whose(writer, event),
        f"{event}.name = '{_EVENT_NAMES[engagement.kind]}'",
        window(writer, engagement.window, f"{event}.occurred_at"),
        f"{event}.origin = 1",
    ]
    if engagement.step is not None:
        parts.append(f"{said} 'enrollment' = x.enrollment::text and {said} 'step' = {writer.text(engagement.step)}")
    elif engagement.message is not None:
        parts.append(f"{said} 'message' = {writer.text(engagement.message)}")
    elif engagement.flow is not None:
        parts.append(f"{said} 'flow' = {writer.text(engagement.flow)}")
    if engagement.url is not None:
        parts.append(testing.property_test(writer, Source(f"{event}.properties", ("url",)), engagement.url))
    return _Rows(f"event {event}", " and ".join(parts), event)
