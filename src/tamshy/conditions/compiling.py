"""Conditions as SQL: which form is written how, and the order that lets the cheap ones spare the dear."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from tamshy.conditions import behaviours, references, segments, testing
from tamshy.conditions.writing import Environment, Fragment, Tested, Writer
from tamshy.language.model import (
    All,
    AnyOf,
    Behaviour,
    Engagement,
    Enrolled,
    In,
    Not,
    PropertyTest,
    Recency,
    Subscribed,
    Top,
)

if TYPE_CHECKING:
    from tamshy.language.model import Condition, EventMatch, Ref, Test, Window

_WORD = 1
_PROPERTY = 2
_FAN_OUT = 8
_ROWS = 30
_NESTED = 10
_SEGMENT = 60


def compile_condition(condition: Condition, env: Environment) -> Fragment:
    """Compile a condition into a boolean expression over `x` that is never null and never raises."""
    writer = Writer(env)
    return writer.fragment(written(writer, condition, env.tested))


def compile_match(match: EventMatch, env: Environment, tested: tuple[str, str, str]) -> Fragment:
    """Compile `where` and `same` of an event match; that the event has the name is the caller's to ask.

    Args:
        match: the event match.
        env: its `tested` is put aside.
        tested: SQL of the properties, context and own time of the event that may match.
    """
    writer, event = Writer(env), Tested(*tested)
    parts = []
    if match.same:
        parts.append(behaviours.same(writer, match.same, event))
    if match.where is not None:
        parts.append(written(writer, match.where, event))
    return writer.fragment(f"({' and '.join(parts) or 'true'})")


def compile_window(window: Window, env: Environment, at: str) -> Fragment:
    """Compile a window into an expression that tells whether the moment `at` (SQL) lies in it; never null."""
    writer = Writer(env)
    return writer.fragment(f"coalesce({behaviours.window(writer, window, at)}, false)")


def compile_test(test: Test, env: Environment, value: str) -> Fragment:
    """Compile a TEST of one jsonb expression into an expression that is never null and never raises."""
    writer = Writer(env)
    return writer.fragment(testing.property_test(writer, references.Source(value, ()), test))


def value_sql(ref: Ref, env: Environment) -> Fragment:
    """Give the first text, number or boolean at a reference as jsonb; null where there is none."""
    writer = Writer(env)
    return writer.fragment(references.first_scalar(writer, references.source(writer, ref, env.tested)))


def moment_sql(ref: Ref, env: Environment) -> Fragment:
    """Give the moment that a reference holds as timestamptz, or null.

    A moment is ISO 8601 text, a date (its midnight) or a timestamp; without an offset it is in the workspace's zone.
    One before 1900 or after 7000 is given as that edge.
    """
    writer = Writer(env)
    return writer.fragment(references.source_moment(writer, references.source(writer, ref, env.tested)))


def day_sql(value: str, env: Environment) -> Fragment:
    """Give the date that a jsonb value (SQL about `x`) means, or null.

    A date is itself, `MM-DD` that day in the year 4, a timestamp the local date of its moment for the profile.
    """
    writer = Writer(env)
    return writer.fragment(references.day(writer, value))


def key_sql(ref: Ref, env: Environment) -> Fragment:
    """Give an enrollment's key: the value as text, '' where it is missing, null, a list or an object (rule 12)."""
    writer = Writer(env)
    return writer.fragment(references.key(writer, references.source(writer, ref, env.tested)))


def cost(condition: Condition) -> int:
    """Rate what looking at a condition costs, about in tenths of a microsecond."""
    match condition:
        case All() | AnyOf():
            rate = sum(cost(member) for member in condition.members)
        case Not():
            rate = cost(condition.member)
        case Subscribed():
            rate = _WORD
        case PropertyTest() if condition.ref.root in references.FIGURES:
            rate = _ROWS * len(condition.test.clauses)
        case PropertyTest():
            rate = (_FAN_OUT if len(condition.ref.path) > 1 else _PROPERTY) * len(condition.test.clauses)
        case Enrolled() | Engagement() | Top():
            rate = _ROWS
        case In():
            rate = _SEGMENT
        case Behaviour():
            rate = (_ROWS + _nested_cost(condition.where)) * (len(condition.aggregates) + 1)
        case Recency():
            rate = _ROWS + _nested_cost(condition.where)
        case _:
            assert_never(condition)
    return rate


def _nested_cost(where: Condition | None) -> int:
    return 0 if where is None else _NESTED + cost(where)


def written(writer: Writer, condition: Condition, tested: Tested) -> str:
    """Write a condition on the event under test; never null."""
    match condition:
        case All():
            return _joined(writer, condition.members, "and", tested)
        case AnyOf():
            return _joined(writer, condition.members, "or", tested)
        case Not():
            return f"not {written(writer, condition.member, tested)}"
        case _:
            return _form(writer, condition, tested)


def _form(
    writer: Writer,
    condition: PropertyTest | Behaviour | Recency | Enrolled | Engagement | Subscribed | In | Top,
    tested: Tested,
) -> str:
    def nested(where: Condition, event: Tested) -> str:
        return written(writer, where, event)

    match condition:
        case PropertyTest():
            test = testing.figure_test if condition.ref.root in references.BUYERS else testing.property_test
            return test(writer, references.source(writer, condition.ref, tested), condition.test)
        case Behaviour():
            return behaviours.did(writer, condition, nested)
        case Recency():
            return behaviours.ago(writer, condition, nested)
        case Enrolled():
            return behaviours.enrolled(writer, condition)
        case Engagement():
            return behaviours.engaged(writer, condition)
        case Subscribed():
            return behaviours.subscribed(writer, condition)
        case In():
            return segments.member(writer, condition.segment, lambda one: written(writer, one, tested))
        case Top():
            return segments.among_the_best(writer, condition)


def _joined(writer: Writer, members: tuple[Condition, ...], word: str, tested: Tested) -> str:
    """Join members, the cheap ones first: what they settle spares the others."""
    if not members:
        return "true" if word == "and" else "false"
    parts = [written(writer, member, tested) for member in sorted(members, key=cost)]
    return f"({f' {word} '.join(parts)})"
