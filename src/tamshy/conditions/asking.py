"""A condition asked of everybody in a bucket: a shortlist from an index alone, then the exact look at those on it.

What somebody did is found by who did it (`event_name`) where a pass asks about a few. Asked of a million people that index
is read whole; by what was done when (`event_time`) only the window's part of it is. Windows are calendar time in each
profile's zone, and the index knows no zones: a shortlist reaches as far as any zone could, and tells whom the part that lies
in every zone's window is enough for. Only for the others the condition itself is looked at.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import ceil, floor
from typing import TYPE_CHECKING, Final, NamedTuple

from tamshy.conditions.compiling import compile_condition, cost
from tamshy.conditions.figures import BUYER_COLUMNS
from tamshy.conditions.references import BUYERS, of_figure
from tamshy.conditions.segments import measure, nested
from tamshy.conditions.testing import figure_test
from tamshy.conditions.writing import Environment, Fragment, Writer, finite
from tamshy.language.model import (
    All,
    AnyOf,
    Behaviour,
    Engaged,
    Engagement,
    In,
    Operator,
    PropertyTest,
    Recency,
    Top,
    Window,
)

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.language.model import Condition, Test

_SHORTEST_MONTH: Final = 28
_LONGEST_MONTH: Final = 31
_SLACK: Final = 2
"""Days by which calendar days can differ from 24 hours each, put together: a zone may change its offset by a whole day."""
_LONGEST: Final = 36_500
"""Days beyond which a window counts as reaching back to the beginning."""
_ATTRIBUTED: Final = {Engaged.OPENED: "Message Opened", Engaged.CLICKED: "Message Clicked"}
_FEW_SEGMENTS: Final = 4
"""Segments within each other up to which a shortlist is made of theirs."""
_AT_LEAST: Final = (Operator.GTE, Operator.GT)
_NOBODYS: Final = (
    "null::uuid as enrollment, null::timestamptz as entered_at, null::jsonb as reached, null::jsonb as ev_props,"
    " null::jsonb as ev_ctx, null::timestamptz as ev_at, null::jsonb as vars"
)


class _Span(NamedTuple):
    """A stretch of time by its edges in SQL, the first not in it; None: no edge but the moment of asking."""

    after: str | None
    until: str | None


class _Sought(NamedTuple):
    """Events that a condition cannot hold without: so many of a name, in the widest and in the narrowest reading of the window.

    ``narrow``: None where being so many is not all that the condition asks for.
    """

    event: str
    least: int
    wide: _Span
    narrow: _Span | None
    own: bool = False


def compile_question(condition: Condition, env: Environment, moment: str) -> Fragment:
    """Compile a condition into a query that gives the profiles of one bucket for whom it holds at a moment.

    Args:
        condition: as an audience has it; nobody is enrolled, and there is no event under test.
        env: its `bucket` is SQL of a constant.
        moment: SQL of the moment of deciding (timestamptz), without any column.

    Returns:
        A query of one column, `profile` (uuid), each once and in no order. It reads the table `profile` beside those of a
        compiled condition.
    """
    writer = Writer(env)
    members = condition.members if isinstance(condition, All) else (condition,)
    joins, sure, parts = [], [], []
    for place, member in enumerate(sorted(members, key=cost)):
        exact = compile_condition(member, replace(env, prefix=f"{env.prefix}{place}"))
        writer.params.update(exact.params)
        short = _shortlist(writer, member, moment)
        if short is None:
            parts.append(exact.sql)
            continue
        row = writer.alias()
        joins.append(f"join ({short}) {row} on {row}.profile = p.id")
        sure.append(f"{row}.sure as {row}")
        parts.append(f"(x.{row} or {exact.sql})")
    columns = ", ".join([f"{moment} as moment", "p.zone, p.properties as props, p.consents", _NOBODYS, *sure])
    people = f"select p.bucket, p.id as profile, {columns} from profile p {' '.join(joins)}"
    return writer.fragment(
        f"select x.profile from ({people} where p.bucket = {env.bucket} and p.merged_into is null) x"
        f" where {' and '.join(parts) or 'true'}"
    )


def _shortlist(writer: Writer, condition: Condition, moment: str) -> str | None:
    """Give a query of `profile` and `sure`, with everybody for whom the condition can hold; None: that may be anybody."""
    if isinstance(condition, All):
        return _all(writer, condition, moment)
    if isinstance(condition, AnyOf):
        found = [_shortlist(writer, member, moment) for member in condition.members]
        lists = [one for one in found if one is not None]
        if not lists or len(lists) < len(found):
            return None
        row = writer.alias()
        union = " union all ".join(lists)
        return f"select {row}.profile, bool_or({row}.sure) as sure from ({union}) {row} group by {row}.profile"
    if isinstance(condition, In):
        return _segment(writer, condition, moment)
    if isinstance(condition, Top):
        row = writer.alias()
        return (
            f"select {row}.profile, true as sure from best {row}"
            f" where {row}.bucket = {writer.env.bucket} and {row}.measure = {writer.text(measure(condition))}"
        )
    if isinstance(condition, PropertyTest) and condition.ref.root in BUYERS:
        return _buyers(writer, condition)
    sought = _sought(writer, condition, moment)
    return None if sought is None else _listed(writer, sought, moment)


def _buyers(writer: Writer, condition: PropertyTest) -> str | None:
    """Those whose figure passes; not where having none passes, and of a moment only those who have one."""
    operators = {clause.operator for clause in condition.test.clauses}
    if Operator.EXISTS in operators:
        return None
    row = writer.alias()
    column = f"{row}.{BUYER_COLUMNS[condition.ref.root.value, condition.ref.path[0]]}"
    place = of_figure(condition.ref, column)
    passes = "true" if place.moment is not None else figure_test(writer, place, condition.test)
    return (
        f"select {row}.profile, {str(place.moment is None).lower()} as sure from buyer {row}"
        f" where {row}.bucket = {writer.env.bucket} and {column} is not null and {passes}"
    )


def _segment(writer: Writer, condition: In, moment: str) -> str | None:
    """The shortlist of the segment's own condition; none where it holds many others, each of which would be listed again."""
    inside = nested(writer.env.segments, condition.segment)
    if not 0 < len(inside) <= _FEW_SEGMENTS:
        return None
    return _shortlist(writer, writer.env.segments[condition.segment], moment)


def _all(writer: Writer, condition: All, moment: str) -> str | None:
    """The shortlist of all members together: sure where each of them has one, and is."""
    found = [_shortlist(writer, member, moment) for member in condition.members]
    lists = [one for one in found if one is not None]
    if not lists:
        return None
    rows = [writer.alias() for _ in lists]
    sure = " and ".join(f"{row}.sure" for row in rows) if len(lists) == len(found) else "false"
    joined = f"({lists[0]}) {rows[0]}" + "".join(
        f" join ({one}) {row} on {row}.profile = {rows[0]}.profile"
        for one, row in zip(lists[1:], rows[1:], strict=True)
    )
    return f"select {rows[0]}.profile, {sure} as sure from {joined}"


def _listed(writer: Writer, sought: _Sought, moment: str) -> str:
    row = writer.alias()
    at = f"{row}.occurred_at"
    where = [
        f"{row}.bucket = {writer.env.bucket} and {row}.name = {writer.text(sought.event)}",
        *_within(sought.wide, at, moment),
    ]
    if sought.own:
        where.append(f"{row}.origin = 1")
    sure = "false"
    if sought.narrow is not None:
        inside = " and ".join(_within(sought.narrow, at, moment))
        sure = f"count(*) filter (where {inside}) >= {sought.least}"
    return (
        f"select {row}.profile, {sure} as sure from event {row} where {' and '.join(where)}"
        f" group by {row}.profile having count(*) >= {sought.least}"
    )


def _within(span: _Span, at: str, moment: str) -> list[str]:
    parts = [f"{at} <= {moment}"]
    if span.after is not None:
        parts.append(f"{at} > {span.after}")
    if span.until is not None:
        parts.append(f"{at} <= {span.until}")
    return parts


def _sought(writer: Writer, condition: Condition, moment: str) -> _Sought | None:
    """The events that a condition cannot hold without; None: it can hold without any."""
    match condition:
        case Behaviour():
            least = max(_least(condition.count), 1 if condition.aggregates or condition.count is None else 0)
            plain = condition.where is None and not condition.same and not condition.aggregates
            sure = plain and _at_least(condition.count)
            return _counted(writer, condition.event, least, condition.window, moment, sure=sure)
        case Engagement(kind=Engaged.OPENED | Engaged.CLICKED):
            least = 1 if condition.count is None else _least(condition.count)
            named = (condition.step, condition.message, condition.flow, condition.url)
            # Two opens within a minute count as one: more rows than asked for prove nothing but that there is one.
            sure = least == 1 and named == (None,) * 4 and _at_least(condition.count)
            event = _ATTRIBUTED[condition.kind]
            found = _counted(writer, event, least, condition.window, moment, sure=sure)
            return None if found is None else found._replace(own=True)
        case Recency():
            return _counted(writer, condition.event, 1, Window(), moment, sure=False)
        case _:
            return None


def _counted(writer: Writer, event: str, least: int, window: Window, moment: str, *, sure: bool) -> _Sought | None:
    if least < 1:
        return None
    wide = _span(writer, window, moment, widest=True)
    # Who is asked about is in no flow: a window since a step of one is never open.
    narrow = _span(writer, window, moment, widest=False) if sure and window.since is None else None
    return _Sought(event, least, wide, narrow)


def _span(writer: Writer, window: Window, moment: str, *, widest: bool) -> _Span:
    """The window in the zone where it is widest, or what of it lies in the windows of all zones."""
    after, until = [], []
    if window.within is not None:
        days = _days(window.within, longest=widest)
        if days is not None or not widest:
            after.append(_before(writer, moment, window.within, _LONGEST if days is None else days))
    if window.until is not None:
        days = _days(window.until, longest=not widest)
        if days is not None or not widest:
            until.append(_before(writer, moment, window.until, _LONGEST * 2 if days is None else days))
    if window.after is not None:
        after.append(writer.value(window.after, "timestamptz"))
    if window.before is not None:
        # Up to the moment itself where it is not in the window: the shortlist may hold one too many, what is sure may not.
        edge = window.before if widest else window.before - timedelta(microseconds=1)
        until.append(writer.value(edge, "timestamptz"))
    return _Span(after[0] if after else None, until[0] if until else None)


def _days(length: Duration, *, longest: bool) -> int | None:
    """The calendar part in days of 24 hours, as long or as short as it can be; None: longer than is told apart."""
    if length.is_elapsed:
        return 0
    days = length.days + length.months * (_LONGEST_MONTH if longest else _SHORTEST_MONTH)
    days += _SLACK if longest else -_SLACK
    return max(days, 0) if days <= _LONGEST else None


def _before(writer: Writer, moment: str, length: Duration, days: int) -> str:
    elapsed = min(length.seconds, _LONGEST * 86_400)
    return f"{moment} - {writer.value(timedelta(days=days, seconds=elapsed), 'interval')}"


def _least(test: Test | None) -> int:
    """The smallest count that can pass; 0 where even none may."""
    least = 0
    for clause in () if test is None else test.clauses:
        operands = clause.operand if isinstance(clause.operand, tuple) else (clause.operand,)
        numbers = [number for number in map(finite, operands) if number is not None]
        if not numbers:
            continue
        if clause.operator is Operator.GT:
            least = max(least, floor(numbers[0]) + 1)
        elif clause.operator in {Operator.GTE, Operator.EQ, Operator.IN}:
            least = max(least, ceil(min(numbers)))
    return least


def _at_least(test: Test | None) -> bool:
    """Whether every greater count passes too, so that some of the events are enough to know."""
    return test is None or all(
        clause.operator in _AT_LEAST and finite(clause.operand) is not None for clause in test.clauses
    )
