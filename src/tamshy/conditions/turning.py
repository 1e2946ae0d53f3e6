"""When a condition may turn by time alone: the next moment at which a window lets go of something, or takes it in.

Nobody has to look before, as long as nothing new becomes known of the profile. The moment is never later than the turn, and earlier
only where what holds the condition up cannot be told closely (a sum, a count that must be met exactly): then it is looked at
when the oldest of it goes.
"""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Final

from tamshy.conditions import behaviours, references
from tamshy.conditions.compiling import written
from tamshy.conditions.segments import nested
from tamshy.conditions.writing import Environment, Fragment, Tested, Writer, finite
from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.language import walk
from tamshy.language.model import (
    All,
    AnyOf,
    Behaviour,
    Clause,
    Engaged,
    Engagement,
    Enrolled,
    In,
    Not,
    Operator,
    PropertyTest,
    Recency,
)
from tamshy.sqlkit.calendar import add_sql, local_sql, resolve_sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamshy.language.model import Condition, Test

_MOMENT: Final = "x.moment"
_ZONE: Final = "x.zone"
_TIMED: Final = frozenset({Operator.WITHIN_LAST, Operator.WITHIN_NEXT, Operator.ANNIVERSARY})
_BACK: Final = Duration(seconds=26 * 3600)
"""What has left a window of days may come back to it within that time, when the clock is set back."""
_BACK_OF_MONTHS: Final = Duration(seconds=4 * 86_400)
"""The same where a month's end clamps: the days that mean the same day go through it one by one."""


def is_timed(condition: Condition, segments: Mapping[str, Condition]) -> bool:
    """Whether a condition can turn by time alone."""
    for part in walk(condition):
        match part:
            case Recency() | Enrolled(within=Duration()) | Clause(operator=Operator.WITHIN_LAST):
                return True
            case Clause(operator=operator) if operator in _TIMED:
                return True
            case Behaviour(window=window) | Engagement(window=window) if window.within is not None:
                return True
            case In(segment=name):
                # Those within it are among them.
                if any(is_timed(segments[one], {}) for one in nested(segments, name)):
                    return True
    return False


def compile_turn(condition: Condition, env: Environment) -> Fragment | None:
    """Compile the next moment after `x.moment` at which a condition may turn by time alone (timestamptz, null: never).

    None: no passing of time can turn it. ``env``: as for the condition itself.
    """
    writer = _Turning(env)
    turns = writer.turns(condition, env.tested)
    return writer.fragment(_least(turns)) if turns else None


def _least(turns: Sequence[str]) -> str:
    return turns[0] if len(turns) == 1 else f"least({', '.join(turns)})"


def _turn(edge: str, length: Duration) -> str:
    """When it changes next whether `x.moment` and a duration, which may be negative, come to `edge` or beyond."""
    bounded = calendar.bounded(length)
    return f"next_turn({edge}, {_ZONE}, {bounded.months}, {bounded.days}, {bounded.seconds}, {_MOMENT})"


def _later(at: str) -> str:
    return f"case when {at} > {_MOMENT} then {at} end"


class _Turning(Writer):
    """Writes turns; a segment's are written once, however often it is asked for."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        self._told: set[str] = set()

    def turns(self, condition: Condition, tested: Tested) -> list[str]:
        """SQL of moments, or null: the least of them is when the condition may turn."""
        match condition:
            case All() | AnyOf():
                return self._together(condition, tested)
            case Not():
                return self.turns(condition.member, tested)
            case PropertyTest():
                return self._property(condition, tested)
            case Behaviour() | Engagement():
                return self._behaviour(condition)
            case Recency():
                return self._recency(condition)
            case Enrolled():
                return self._enrolled(condition)
            case In():
                return self._segment(condition)
            case _:
                return []

    def _together(self, condition: All | AnyOf, tested: Tested) -> list[str]:
        """The turns of the members, unless one that no time can turn settles it."""
        timed = [member for member in condition.members if is_timed(member, self.env.segments)]
        found = [turn for member in timed for turn in self.turns(member, tested)]
        still = tuple(member for member in condition.members if member not in timed)
        if not found or not still:
            return found
        settled = written(self, type(condition)(still), tested)
        if isinstance(condition, All):
            settled = f"not {settled}"
        return [f"case when not ({settled}) then {_least(found)} end"]

    def _segment(self, condition: In) -> list[str]:
        found = []
        for name in nested(self.env.segments, condition.segment):
            if name not in self._told:
                self._told.add(name)
                found += self.turns(self.env.segments[name], self.env.tested)
        return found

    # -- properties --------------------------------------------------------------------------------------------------

    def _property(self, condition: PropertyTest, tested: Tested) -> list[str]:
        clauses = [clause for clause in condition.test.clauses if clause.operator in _TIMED]
        if not clauses:
            return []
        place = references.source(self, condition.ref, tested)
        if not place.fans_out:
            value = references.single(self, place)
            return [self._of_value(clause, value, place.moment) for clause in clauses]
        row = self.alias()
        turns = [self._of_value(clause, f"{row}.value", None) for clause in clauses]
        return self._earliest(turns, f"from {references.leaves(self, place)} {row} (value)")

    def _of_value(self, clause: Clause, value: str, moment: str | None) -> str:
        length = clause.operand
        if not isinstance(length, Duration):
            return "null::timestamptz"
        row = self.alias()
        if clause.operator is Operator.ANNIVERSARY:
            day = references.day(self, value) if moment is None else f"({local_sql(moment, _ZONE)})::date"
            next_day = f"(select next_anniversary({day}, ({local_sql(_MOMENT, _ZONE)})::date) as day offset 0) {row}d"
            begins = resolve_sql(f"{row}d.day::timestamp", _ZONE)
            ends = resolve_sql(f"({row}d.day + 1)::timestamp", _ZONE)
            held = f"(select {begins} as begins, {ends} as ends from {next_day} offset 0) {row}"
            return f"(select least({_later(f'{row}.ends')}, {_turn(f'{row}.begins', length)}) from {held})"
        at = moment or references.moment(self, value)
        reach = -length if clause.operator is Operator.WITHIN_LAST else length
        held = f"(select {at} as at offset 0) {row}"
        return f"(select least({_later(f'{row}.at')}, {_turn(f'{row}.at', reach)}) from {held})"

    # -- what a profile did ------------------------------------------------------------------------------------------

    def _behaviour(self, condition: Behaviour | Engagement) -> list[str]:
        where = condition.where if isinstance(condition, Behaviour) else None
        inner = where is not None and is_timed(where, self.env.segments)
        found = []
        window = condition.window
        if window.within is not None:
            found += self._leaving(condition, window.within, window.until, whatever=inner)
            if window.until is not None:
                found += self._coming(condition, window.until, whatever=inner)
        if inner and where is not None:
            rows, tested = behaviours.happened(self, condition, self._nested, whatever=True)
            since = "" if window.within is None else f" and {tested.occurred_at} > {self._before(window.within)}"
            found += self._earliest(self.turns(where, tested), f"{rows}{since}")
        return found

    def _leaving(
        self, condition: Behaviour | Engagement, within: Duration, until: Duration | None, *, whatever: bool
    ) -> list[str]:
        """When the window lets go of what holds the condition up, or of the oldest where that is not told."""
        holding = None if whatever else _holding(condition)
        if holding == 0:
            return []
        rows, tested = behaviours.happened(self, condition, self._nested, whatever=whatever)
        at = tested.occurred_at
        inside = f"{at} > {self._before(within)}" + ("" if until is None else f" and {at} <= {self._before(until)}")
        order = f"{at} limit 1" if holding is None else f"{at} desc limit 1 offset {holding - 1}"
        row = self.alias()
        one = f"(select {at} as at {rows} and {inside} order by {order}) {row}"
        return [f"(select {_turn(f'{row}.at', -within)} from {one})", *self._back(rows, at, within)]

    def _coming(self, condition: Behaviour | Engagement, until: Duration, *, whatever: bool) -> list[str]:
        """When what is too new for the window comes into it."""
        rows, tested = behaviours.happened(self, condition, self._nested, whatever=whatever)
        at, row = tested.occurred_at, self.alias()
        one = f"(select {at} as at {rows} and {at} > {self._before(until)} order by {at} limit 1) {row}"
        return [f"(select {_turn(f'{row}.at', -until)} from {one})", *self._back(rows, at, until)]

    def _back(self, rows: str, at: str, length: Duration) -> list[str]:
        """When the edge of a window goes back over what it has just passed: the clock is set back, or a month's end clamps."""
        if length.is_elapsed:
            return []
        edge = self._before(length)
        margin = _BACK_OF_MONTHS if length.months else _BACK
        passed = f"{at} <= {edge} and {at} > {add_sql(edge, _ZONE, -margin)}"
        return self._earliest([_turn(at, -length)], f"{rows} and {passed}")

    def _recency(self, condition: Recency) -> list[str]:
        where = condition.where
        inner = where is not None and is_timed(where, self.env.segments)
        rows, tested = behaviours.happened(self, condition, self._nested, whatever=inner)
        at, row = tested.occurred_at, self.alias()
        lengths = [clause.operand for clause in condition.ago.clauses if isinstance(clause.operand, Duration)]
        # The age is compared both ways: with the moment itself, and with the first after it.
        ages = [
            _turn(edge, -length)
            for length in lengths
            for edge in (f"{row}.at", f"({row}.at + interval '1 microsecond')")
        ]
        if not ages:
            return []
        if inner and where is not None:
            turn = self._earliest(ages, f"from (select {at} as at {rows}) {row}")
            return [*turn, *self._earliest(self.turns(where, tested), rows)]
        order = "desc" if condition.newest else "asc"
        return [f"(select {_least(ages)} from (select {at} as at {rows} order by {at} {order} limit 1) {row})"]

    def _enrolled(self, condition: Enrolled) -> list[str]:
        if condition.within is None:
            return []
        row = self.alias()
        at = f"{row}.entered_at"
        rows = (
            f"from enrollment {row} where {row}.bucket = {self.env.bucket} and {row}.profile = x.profile"
            f" and {row}.flow = {self.text(condition.flow)} and {at} <= {_MOMENT}"
        )
        newest = f"(select max({at}) as at {rows} and {at} > {self._before(condition.within)}) {row}n"
        turn = f"(select {_turn(f'{row}n.at', -condition.within)} from {newest})"
        return [turn, *self._back(rows, at, condition.within)]

    def _earliest(self, turns: Sequence[str], rows: str) -> list[str]:
        """The least of the turns over rows. Nobody aggregates what comes from outside: it would be the outer statement's."""
        # What looks timed may have no turn: no address that was clicked is ever a moment.
        if not turns:
            return []
        row = self.alias()
        return [f"(select min({row}.at) from (select {_least(turns)} as at {rows}) {row})"]

    def _before(self, length: Duration) -> str:
        return add_sql(_MOMENT, _ZONE, -length, self.env.clock)

    def _nested(self, where: Condition, tested: Tested) -> str:
        return written(self, where, tested)


def _holding(condition: Behaviour | Engagement) -> int | None:
    """How many of the newest hold the condition up, or keep it from holding; 0: no number can turn it; None: that is not told."""
    if isinstance(condition, Behaviour) and condition.aggregates:
        return None
    if condition.count is None:
        return 1
    if isinstance(condition, Engagement) and condition.kind is not Engaged.RECEIVED:
        # At most one a minute counts: it is not told by how many there are.
        return None
    return _threshold(condition.count)


def _threshold(test: Test) -> int | None:
    """The number from which on a count passes, or fails, whatever else is the case; None where there is no such one."""
    if len(test.clauses) != 1:
        return None
    operator, number = test.clauses[0].operator, finite(test.clauses[0].operand)
    if number is None:
        return None
    if operator in {Operator.GTE, Operator.LT}:
        return max(ceil(number), 0)
    if operator in {Operator.GT, Operator.LTE}:
        return max(floor(number) + 1, 0)
    return 1 if number == 0 and operator in {Operator.EQ, Operator.NE} else None
