"""A condition in one short line, much as it is written: for whoever is told why it holds, or does not."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never

from tamshy.domain.duration import Duration
from tamshy.language.durations import format_duration
from tamshy.language.model import (
    All,
    AnyOf,
    Behaviour,
    Clause,
    Condition,
    Engagement,
    Enrolled,
    In,
    MonthDay,
    Near,
    Not,
    Operator,
    PropertyTest,
    Recency,
    Season,
    Subscribed,
    Test,
    Top,
    Window,
)

_NONE = Test((Clause(Operator.EQ, 0),))


def describe_condition(condition: Condition) -> str:
    """A condition as text."""
    match condition:
        case All():
            return " and ".join(map(_inner, condition.members)) or "everybody"
        case AnyOf():
            return " or ".join(map(_inner, condition.members)) or "nobody"
        case Not():
            return f"not {_inner(condition.member)}"
        case PropertyTest():
            return f"{condition.ref} {_test(condition.test)}"
        case Behaviour():
            return _behaviour(condition)
        case Recency():
            which = "last" if condition.newest else "first"
            return f"{which} {condition.event}{_where(condition.where)}, ago {_test(condition.ago)}"
        case _:
            return _state(condition)


def _state(condition: Enrolled | Engagement | Subscribed | In | Top) -> str:
    match condition:
        case Enrolled():
            return f"enrolled {condition.flow}{_within(condition.within)}"
        case Engagement():
            whose = f"message/{condition.message}" if condition.message else f"flow/{condition.flow}"
            what = condition.step or (whose if condition.message or condition.flow else "any")
            count = "" if condition.count is None else f", count {_test(condition.count)}"
            url = "" if condition.url is None else f", url {_test(condition.url)}"
            return f"{condition.kind} {what}{count}{url}{_window(condition.window)}"
        case Subscribed():
            return f"subscribed {condition.topic}"
        case In():
            return f"in {condition.segment}"
        case Top():
            by = f"count {condition.event}" if condition.ref is None else f"sum {condition.ref} of {condition.event}"
            if not condition.event:
                by = str(condition.ref)
            return f"top {(condition.share * 100).normalize():f}% by {by}{_within(condition.within)}"
        case _:
            assert_never(condition)


def _within(length: Duration | None) -> str:
    return "" if length is None else f" within {format_duration(length)}"


def _inner(condition: Condition) -> str:
    said = describe_condition(condition)
    return f"({said})" if isinstance(condition, All | AnyOf) else said


def _behaviour(condition: Behaviour) -> str:
    never = condition.count == _NONE
    count = "" if condition.count is None or never else f", count {_test(condition.count)}"
    sums = "".join(f", {one.function} {one.ref} {_test(one.test)}" for one in condition.aggregates)
    verb = "did_not" if never else "did"
    return f"{verb} {condition.event}{_where(condition.where)}{count}{sums}{_window(condition.window)}"


def _where(condition: Condition | None) -> str:
    return "" if condition is None else f" where {_inner(condition)}"


def _window(window: Window) -> str:
    said = ""
    for name in ("within", "until", "since", "after", "before"):
        value = getattr(window, name)
        if value is not None:
            said += f" {name} {_operand(value)}"
    return said


def _test(test: Test) -> str:
    return " and ".join(
        _operand(clause.operand) if clause.operator is Operator.EQ else f"{clause.operator} {_operand(clause.operand)}"
        for clause in test.clauses
    )


def _operand(operand: object) -> str:
    match operand:
        case Duration():
            return format_duration(operand)
        case datetime():
            return operand.isoformat().replace("+00:00", "Z")
        case tuple():
            return f"[{', '.join(map(_operand, operand))}]"
        case Season():
            return f"from {_operand(operand.start)} to {_operand(operand.end)}"
        case MonthDay():
            return f"{operand.month:02}-{operand.day:02}"
        case Near():
            return f"{operand.km:f} km of {operand.lat:f}, {operand.lon:f}"
        case bool():
            return str(operand).lower()
        case StrEnum():
            return operand.value
        case None:
            return "null"
        case _:
            return str(operand)
