"""TEST as SQL: operators over a value's places, over counts and sums, and over a moment's age (rules 8, 16, 17, 19).

Every expression for one value may be null and none raises: kinds are looked at before values are.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from tamshy.conditions import references
from tamshy.conditions.writing import finite
from tamshy.domain.duration import Duration
from tamshy.language.model import Clause, Near, Operator, Season
from tamshy.sqlkit.calendar import add_sql, local_sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.conditions.references import Source
    from tamshy.conditions.writing import Writer
    from tamshy.language.model import MonthDay, Test

_ORDER: Final = {Operator.GT: ">", Operator.GTE: ">=", Operator.LT: "<", Operator.LTE: "<="}
_MOMENTS: Final = {Operator.BEFORE: "<", Operator.AFTER: ">"}
# Longer ago is earlier.
_AGES: Final = {Operator.GT: "<", Operator.GTE: "<=", Operator.LT: ">", Operator.LTE: ">=", Operator.EQ: "="}
_OPPOSITE: Final = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN}
_MOMENT: Final = "x.moment"
_ZONE: Final = "x.zone"
_NO: Final = "false"


def property_test(writer: Writer, place: Source, test: Test) -> str:
    """Give SQL that tells whether the values at a place pass; never null.

    `ne` and `not_in` hold where no value passes `eq` and `in`; the rest must be met by one value together.
    """
    whole = [clause for clause in test.clauses if clause.operator in _OPPOSITE]
    rest = [clause for clause in test.clauses if clause.operator not in _OPPOSITE]
    parts = []
    if rest:
        parts.append(references.some_leaf(writer, place, lambda value: _together(writer, place, rest, value)))
    for clause in whole:
        opposite = Clause(_OPPOSITE[clause.operator], clause.operand)
        some = references.some_leaf(writer, place, lambda value, one=opposite: _clause(writer, one, value))  # type: ignore[misc]
        parts.append(f"not {some}")
    return _and(parts)


def figure_test(writer: Writer, place: Source, test: Test) -> str:
    """Give the same for a figure that there may not be: no test holds then but `exists: false` (spec: no figure: does not hold)."""
    said = property_test(writer, place, test)
    if all(clause.operator not in _OPPOSITE for clause in test.clauses):
        return said
    found = place.moment if place.moment is not None else references.single(writer, place)
    return f"({found} is not null and {said})"


def number_test(writer: Writer, number: str, test: Test) -> str:
    """Give SQL that tells whether a numeric expression passes; null where it is null and nothing else decides."""
    return _and([_number_clause(writer, clause, number) for clause in test.clauses])


def age_test(at: str, test: Test) -> str:
    """Give SQL that tells whether the time since a moment passes; the operands are durations."""
    return _and([_age_clause(clause, at) for clause in test.clauses])


def _together(writer: Writer, place: Source, clauses: list[Clause], value: str) -> str:
    return _and([_clause(writer, clause, value, place.moment) for clause in clauses])


def _and(parts: list[str]) -> str:
    return f"({' and '.join(parts)})" if parts else "true"


def _clause(writer: Writer, clause: Clause, value: str, moment: str | None = None) -> str:
    """Give the test of one value; `moment` is given where the value is a moment by itself."""
    operator, operand = clause.operator, clause.operand
    if operator is Operator.EQ:
        return _one_of(writer, (operand,), value)
    if operator is Operator.IN:
        return _one_of(writer, operand if isinstance(operand, tuple) else (), value)
    if operator is Operator.EXISTS:
        there = f"coalesce(jsonb_typeof({value}), 'null') <> 'null'"
        return there if operand else f"not ({there})"
    if operator in _ORDER and not isinstance(operand, datetime):
        return _ordered(writer, _ORDER[operator], operand, value)
    return _SPECIAL[operator](writer, clause, value, moment)


def _one_of(writer: Writer, operands: tuple[object, ...], value: str) -> str:
    """Give equality by kind: jsonb compares numbers as numbers, and finds different kinds different."""
    found = []
    for operand in operands:
        if isinstance(operand, str | bool):
            found.append(writer.json(operand))
        elif (number := finite(operand)) is not None:
            found.append(writer.json(number))
    return f"{value} in ({', '.join(found)})" if found else _NO


def _ordered(writer: Writer, sign: str, operand: object, value: str) -> str:
    number = finite(operand)
    if number is None:
        return _NO
    return f"(jsonb_typeof({value}) = 'number' and {value} {sign} {writer.json(number)})"


def _moments(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    """Compare with a moment."""
    sign = _ORDER.get(clause.operator) or _MOMENTS[clause.operator]
    if not isinstance(clause.operand, datetime):
        return _NO
    at = moment or references.moment(writer, value)
    return f"{at} {sign} {writer.value(clause.operand, 'timestamptz')}"


def _window(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    """Tell whether a moment lies in (T-D, T] or in (T, T+D]."""
    if not isinstance(clause.operand, Duration):
        return _NO
    at = moment or references.moment(writer, value)
    row = writer.alias()
    if clause.operator is Operator.WITHIN_LAST:
        since, until = add_sql(_MOMENT, _ZONE, -clause.operand, writer.env.clock), _MOMENT
    else:
        since, until = _MOMENT, add_sql(_MOMENT, _ZONE, clause.operand, writer.env.clock)
    return f"(select {row}.at > {since} and {row}.at <= {until} from (select {at} as at offset 0) {row})"


def _text(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    """Look for a text in, at the beginning or at the end of another, sign by sign: no sign has a meaning of its own."""
    del moment
    operand = clause.operand
    if not isinstance(operand, str):
        return _NO
    given, held = writer.text(operand), f"{value} #>> '{{}}'"
    found = {
        Operator.CONTAINS: f"position({given} in {held}) > 0",
        Operator.STARTS_WITH: f"starts_with({held}, {given})",
        Operator.ENDS_WITH: f"right({held}, {len(operand)}) = {given}",
    }[clause.operator]
    return f"case when jsonb_typeof({value}) = 'string' then {found} end"


def _contains(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    """Look for a member of a list, or for a text in a text."""
    operand = clause.operand
    member = operand if isinstance(operand, str | bool) else finite(operand)
    if member is None:
        return _NO
    in_list = f"case when jsonb_typeof({value}) = 'array' then {value} @> {writer.json(member)} end"
    return f"coalesce({in_list}, {_text(writer, clause, value, moment)})" if isinstance(operand, str) else in_list


def _anniversary(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    if not isinstance(clause.operand, Duration):
        return _NO
    first = f"({local_sql(_MOMENT, _ZONE)})::date"
    last = f"({local_sql(add_sql(_MOMENT, _ZONE, clause.operand), _ZONE)})::date"
    return f"anniversary_between({_day(writer, value, moment)}, {first}, {last})"


def _season(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    if not isinstance(clause.operand, Season):
        return _NO
    start, end = _month_day(clause.operand.start), _month_day(clause.operand.end)
    row = writer.alias()
    month_day = f"extract(month from {row}.day) * 100 + extract(day from {row}.day)"
    joined = "and" if start <= end else "or"
    inside = f"{month_day} >= {start} {joined} {month_day} <= {end}"
    return f"(select {inside} from (select {_day(writer, value, moment)} as day offset 0) {row})"


def _near(writer: Writer, clause: Clause, value: str, moment: str | None) -> str:
    del moment
    if not isinstance(clause.operand, Near):
        return _NO
    here = [
        f"case when jsonb_typeof({value} -> '{name}') = 'number' then ({value} -> '{name}')::numeric end"
        for name in ("lat", "lon")
    ]
    there = [writer.number(degree) for degree in (clause.operand.lat, clause.operand.lon)]
    distance = f"kilometres({', '.join(here + there)})"
    return f"{distance}::numeric <= {writer.number(clause.operand.km)}"


def _day(writer: Writer, value: str, moment: str | None) -> str:
    return references.day(writer, value) if moment is None else f"({local_sql(moment, _ZONE)})::date"


def _month_day(day: MonthDay) -> int:
    return day.month * 100 + day.day


def _number_clause(writer: Writer, clause: Clause, number: str) -> str:
    operator, operand = clause.operator, clause.operand
    if operator in _OPPOSITE:
        return f"not ({_number_clause(writer, Clause(_OPPOSITE[operator], operand), number)})"
    if operator is Operator.EXISTS:
        return f"{number} is not null" if operand else f"{number} is null"
    operands = operand if isinstance(operand, tuple) else (operand,)
    numbers = [writer.number(one) for one in map(finite, operands) if one is not None]
    if not numbers:
        return _NO
    if operator in {Operator.EQ, Operator.IN}:
        return f"{number} in ({', '.join(numbers)})"
    return f"{number} {_ORDER[operator]} {numbers[0]}" if operator in _ORDER else _NO


def _age_clause(clause: Clause, at: str) -> str:
    if clause.operator is Operator.NE:
        return f"not ({_age_clause(Clause(Operator.EQ, clause.operand), at)})"
    if clause.operator not in _AGES or not isinstance(clause.operand, Duration):
        return _NO
    return f"{at} {_AGES[clause.operator]} {add_sql(_MOMENT, _ZONE, -clause.operand)}"


_SPECIAL: Final[dict[Operator, Callable[[Writer, Clause, str, str | None], str]]] = {
    **dict.fromkeys((*_ORDER, *_MOMENTS), _moments),
    Operator.CONTAINS: _contains,
    Operator.STARTS_WITH: _text,
    Operator.ENDS_WITH: _text,
    Operator.WITHIN_LAST: _window,
    Operator.WITHIN_NEXT: _window,
    Operator.ANNIVERSARY: _anniversary,
    Operator.SEASON: _season,
    Operator.NEAR: _near,
}
