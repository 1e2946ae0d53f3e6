"""What a compiled condition is, what it is compiled for, and the writer that names its parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.language.model import Condition, TopicDefault

_GREATEST: Final = Decimal("1e131000")
_NOT_STORABLE: Final = "\x00"
_MOST_EXPONENT: Final = 131_000
_LEAST_EXPONENT: Final = -16_000


@dataclass(frozen=True, slots=True)
class Fragment:
    """An SQL expression, which can stand anywhere an `x` is in sight, and the parameters it names as `%(name)s`."""

    sql: str
    params: dict[str, object]


class Tested(NamedTuple):
    """SQL of the event under test: its properties (jsonb), its context (jsonb), its own time (timestamptz)."""

    properties: str
    context: str
    occurred_at: str


ENTRY: Final = Tested("x.ev_props", "x.ev_ctx", "x.ev_at")
"""The event that started the enrollment, or would start it."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a condition is compiled for.

    Attributes:
        topics: the workspace's topics with what holds without a word of the profile; others are `opt_in`.
        zone: the workspace's time zone, for texts of moments that carry no offset.
        prefix: begins the names of parameters and aliases; every fragment of a statement needs another.
        tested: what `event.…` means; the event that started the enrollment, unless given.
        inside: `x` is an enrollment for certain, so that its `entered_at` is never null.
        clock: `x` where it holds the columns of `sqlkit.calendar.clock_sql` for its zone as well; empty: it does not.
        segments: the conditions of the workspace's segments, by name; a segment that is not among them has nobody in it.
        bucket: SQL of the bucket that the rows `x` lie in; a constant lets the planner look at one partition.
    """

    topics: Mapping[str, TopicDefault] = field(default_factory=dict)
    zone: str = "UTC"
    prefix: str = "c"
    tested: Tested = ENTRY
    bucket: str = "x.bucket"
    clock: str = ""
    inside: bool = False
    segments: Mapping[str, Condition] = field(default_factory=dict)


class Writer:
    """Names parameters and aliases while one fragment is written, and keeps the parameters."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.params: dict[str, object] = {}
        self.held: dict[str, str] = {}
        """Segments that are worked out already where the text stands, each with the SQL that tells."""
        self._aliases = 0

    def fragment(self, sql: str) -> Fragment:
        """Put the expression and its parameters together."""
        return Fragment(sql, self.params)

    def alias(self) -> str:
        """Give a name for a row that no other row of the statement has."""
        self._aliases += 1
        return f"{self.env.prefix}r{self._aliases}"

    def value(self, value: object, type_: str) -> str:
        """Give SQL for a value as a parameter of an SQL type."""
        name = f"{self.env.prefix}p{len(self.params)}"
        self.params[name] = value
        return f"%({name})s::{type_}"

    def text(self, value: str) -> str:
        """Give SQL for a text; null for one that no database can hold, so that nothing equals it."""
        return self.value(value if storable(value) else None, "text")

    def number(self, value: Decimal) -> str:
        """Give SQL for a finite number."""
        return self.value(_number_text(value), "numeric")

    def json(self, value: str | Decimal | bool) -> str:  # noqa: FBT001 - a value among others, not a switch
        """Give SQL for a scalar as jsonb; null for a text that no database can hold."""
        if isinstance(value, bool):
            return f"'{json.dumps(value)}'::jsonb"
        if isinstance(value, Decimal):
            return self.value(_number_text(value), "jsonb")
        return self.value(json.dumps(value, ensure_ascii=False) if storable(value) else None, "jsonb")


def storable(text: str) -> bool:
    """Tell whether a database can hold the text: no U+0000, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _NOT_STORABLE not in text


def finite(value: object) -> Decimal | None:
    """Give an operand as a number, or None where it is none (booleans, text, infinity, NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def _number_text(value: Decimal) -> str:
    """Write a number within what `numeric` can hold: beyond it, no property can lie on its other side."""
    if value and value.adjusted() > _MOST_EXPONENT:
        value = _GREATEST.copy_sign(value)
    elif value and (value.adjusted() < _LEAST_EXPONENT or int(value.as_tuple().exponent) < _LEAST_EXPONENT):
        value = round(value, 1000)
    return str(value)
