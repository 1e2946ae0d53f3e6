"""TEST: a scalar, a list, or a mapping of operators (spec: *Conditions* and rules 16 to 19)."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING

from tamshy.domain.duration import Duration
from tamshy.language import fields
from tamshy.language.model import Clause, MonthDay, Near, Operator, Scalar, Season, Test
from tamshy.language.moments import parse_moment
from tamshy.language.reading import Reading, unknown
from tamshy.language.trees import Items, Leaf, Mapping, Tree
from tamshy.language.vocabulary import Form, Key

if TYPE_CHECKING:
    from collections.abc import Callable

Operand = Scalar | tuple[Scalar, ...] | Duration | datetime | Season | Near


class Measure(Enum):
    """What a TEST looks at, which decides the operators and operands it may have."""

    VALUE = auto()
    """A property: anything."""
    NUMBER = auto()
    """A sum, average, least or greatest."""
    COUNT = auto()
    """How many: whole numbers from 0."""
    AGE = auto()
    """How long ago: durations."""


_ORDER = (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE)
_EQUAL = (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN)
_ALLOWED = {
    Measure.VALUE: tuple(Operator),
    Measure.NUMBER: (*_EQUAL, *_ORDER),
    Measure.COUNT: (*_EQUAL, *_ORDER),
    Measure.AGE: _ORDER,
}
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_LARGEST_COUNT = 1_000_000_000

SEASON = Form("'season'", (Key("from", '`"MM-DD"`, in', required=True), Key("to", '`"MM-DD"`, in', required=True)))
NEAR = Form(
    "'near'",
    (
        Key("lat", "degrees north, -90 to 90", required=True),
        Key("lon", "degrees east, -180 to 180", required=True),
        Key("km", "distance in kilometres", required=True),
    ),
)


def read_test(reading: Reading, tree: Tree, label: str, measure: Measure = Measure.VALUE) -> Test | None:
    """Read a TEST; ``label`` is what it tests, for problems."""
    if isinstance(tree, Mapping):
        return _operators(reading, tree, label, measure)
    if measure is Measure.AGE:
        fields.wrong(reading, tree, label, "a test such as {gte: 3d}, with gt, gte, lt or lte")
        return None
    operator = Operator.IN if isinstance(tree, Items) else Operator.EQ
    operand = _operand(reading, tree, label, operator, measure)
    return None if operand is None else Test((Clause(operator, operand),))


def _operators(reading: Reading, tree: Mapping, label: str, measure: Measure) -> Test | None:
    allowed = [operator.value for operator in _ALLOWED[measure]]
    clauses = []
    if not tree.entries:
        reading.refuse(tree.at, f"'{label}' needs at least one operator such as {allowed[0]}")
    for name, entry in tree.entries.items():
        if name not in allowed:
            known = name in set(Operator)
            text = f"'{name}' does not go with '{label}'; there are {', '.join(allowed)}"
            reading.refuse(
                entry.at, text if known else f"{unknown('operator', name, allowed)} in the test of '{label}'"
            )
            continue
        operand = _operand(reading, entry.value, name, Operator(name), measure)
        if operand is not None:
            clauses.append(Clause(Operator(name), operand))
    return Test(tuple(clauses)) if len(clauses) == len(tree.entries) and clauses else None


def _operand(reading: Reading, tree: Tree, label: str, operator: Operator, measure: Measure) -> Operand:
    """The operand; None where it was refused (nothing is never an operand)."""
    if operator in {Operator.IN, Operator.NOT_IN}:
        members = fields.items(reading, tree, label)
        found = [_scalar(reading, member, label, measure) for member in members]
        if isinstance(tree, Items) and not members:
            reading.refuse(tree.at, f"'{label}' needs at least one value in its list")
        return tuple(found) if found and None not in found else None
    if operator in _ORDER and measure is Measure.VALUE:
        return _ordered(reading, tree, label)
    if measure is Measure.AGE:
        return fields.duration(reading, tree, label, zero=True)
    special = _SPECIAL.get(operator)
    return special(reading, tree, label) if special else _scalar(reading, tree, label, measure)


def _scalar(reading: Reading, tree: Tree, label: str, measure: Measure) -> Scalar:
    if measure is Measure.COUNT:
        return fields.integer(reading, tree, label, 0, _LARGEST_COUNT)
    if not isinstance(tree, Leaf):
        fields.wrong(reading, tree, label, "a single value")
        return None
    if tree.value is None:
        reading.refuse(tree.at, f"'{label}' is compared with nothing; for a missing value write {{exists: false}}")
        return None
    if measure is Measure.NUMBER and (isinstance(tree.value, bool) or not isinstance(tree.value, int | Decimal)):
        fields.wrong(reading, tree, label, "a number")
        return None
    return unicodedata.normalize("NFC", tree.value) if isinstance(tree.value, str) else tree.value


def _ordered(reading: Reading, tree: Tree, label: str) -> Scalar | datetime:
    """A number or a moment; other text stays text, numeric or not, and compares with nothing (rule 16)."""
    if isinstance(tree, Leaf):
        if isinstance(tree.value, int | Decimal) and not isinstance(tree.value, bool):
            return tree.value
        if isinstance(tree.value, str):
            return parse_moment(tree.value, reading.zone) or unicodedata.normalize("NFC", tree.value)
    fields.wrong(reading, tree, label, "a number, a date such as 2026-12-24 or a timestamp")
    return None


def _season(reading: Reading, tree: Tree, label: str) -> Season | None:
    del label  # the form's own name is said
    found = fields.mapping(reading, tree, SEASON)
    if found is None or set(found) != {"from", "to"}:
        return None
    start, end = (_month_day(reading, found[key], key) for key in ("from", "to"))
    return Season(start, end) if start and end else None


def _month_day(reading: Reading, tree: Tree, label: str) -> MonthDay | None:
    found = month_day(tree.text) if isinstance(tree, Leaf) else None
    if found is None:
        fields.wrong(reading, tree, label, 'a date without a year such as "12-25"')
    return found


def month_day(text: str) -> MonthDay | None:
    """``12-25``: a date without a year; None where the text is none."""
    found = _MONTH_DAY.fullmatch(text)
    if found is None or int(found[2]) > _DAYS[int(found[1]) - 1]:
        return None
    return MonthDay(int(found[1]), int(found[2]))


def _near(reading: Reading, tree: Tree, label: str) -> Near | None:
    del label  # the form's own name is said
    found = fields.mapping(reading, tree, NEAR)
    if found is None or set(found) != {"lat", "lon", "km"}:
        return None
    bounds = {"lat": (-90, 90), "lon": (-180, 180), "km": (0, 100_000)}
    values = {key: fields.number(reading, found[key], key, *bounds[key]) for key in bounds}
    lat, lon, km = values["lat"], values["lon"], values["km"]
    return None if lat is None or lon is None or km is None else Near(lat, lon, km)


def _affix(reading: Reading, tree: Tree, label: str) -> str | None:
    if isinstance(tree, Leaf) and tree.value == "" and tree.style:
        return ""  # every text begins and ends with nothing
    return fields.text(reading, tree, label)


def _length(reading: Reading, tree: Tree, label: str) -> Duration | None:
    return fields.duration(reading, tree, label, zero=True)


_SPECIAL: dict[Operator, Callable[[Reading, Tree, str], Operand]] = {
    Operator.STARTS_WITH: _affix,
    Operator.ENDS_WITH: _affix,
    Operator.EXISTS: fields.boolean,
    Operator.WITHIN_LAST: _length,
    Operator.WITHIN_NEXT: _length,
    Operator.ANNIVERSARY: _length,
    Operator.BEFORE: fields.moment,
    Operator.AFTER: fields.moment,
    Operator.SEASON: _season,
    Operator.NEAR: _near,
}
