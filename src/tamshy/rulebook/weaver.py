"""Weaves conditions of many flows into one statement: shared parameters, one row shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tamshy.conditions import (
    Environment,
    Tested,
    compile_condition,
    compile_match,
    compile_question,
    compile_turn,
    day_sql,
    key_sql,
    moment_sql,
)
from tamshy.language.model import In
from tamshy.sqlkit.calendar import clock_sql

if TYPE_CHECKING:
    from tamshy.language.model import Condition, EventMatch, Ref
    from tamshy.rulebook.book import Rulebook


LONGEST_KEY: Final = 1000
"""Bytes: an index entry of PostgreSQL takes 2,704 at most, with the profile and the flow beside the key."""

TESTED: Final = Tested("x.t_props", "x.t_ctx", "x.t_at")
"""The event of the agenda, where ``x`` is an enrollment that hears it."""

EVENT_ROWS: Final = """
    select a.profile, p.bucket, a.moment, p.zone, p.properties as props, p.consents, p.die, null::uuid as enrollment,
        null::text as flow, null::timestamptz as entered_at, null::jsonb as reached,
        a.properties as ev_props, a.context as ev_ctx, a.occurred_at as ev_at, a.name, a.id,
        a.origin, a.kind, a.facts
    from agenda a
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = a.profile offset 0) p
    where not a.due and (a.name <> '' or a.kind in ('by_hand', 'occasion'))"""
"""``x`` for the events of the agenda that may start something, for who is put into a flow by hand, and for occasions."""

_DUE: Final = """
    select e.bucket, e.profile, a.moment, e.id as enrollment, e.flow, e.version, e.entered_at, e.reached, a.place, e.step, e.visit,
        e.key, e.reached_at, e.due_at, e.met_at, e.held_out, e.trigger_event, e.vars, e.work_at, e.skip_before, e.rounds,
        e.arms, e.spot
        {columns}
    from agenda a
    cross join lateral (
        select e.*, e.ctid as spot from enrollment e where e.bucket = %(bucket)s and e.ctid = a.spot offset 0) e{joined}
    where a.due"""

_PROFILE: Final = (
    ", p.zone, p.properties as props, p.consents, p.address, p.suppressed, p.die",
    """
    cross join lateral (select * from profile p where p.bucket = %(bucket)s and p.id = {row}.profile offset 0) p""",
)
_ENTRY: Final = (
    ", n.properties as ev_props, n.context as ev_ctx, n.occurred_at as ev_at, n.name as ev_name",
    """
    cross join lateral (
        select * from entry n where n.bucket = %(bucket)s and n.profile = {row}.profile and n.enrollment = e.id offset 0) n""",
)
_CLOCK: Final = (
    ", c.clock_from, c.clock_until, c.clock_offset, c.clock_sure, c.clock_local",
    f"""
    left join lateral {clock_sql("p.zone", "(select max(h.moment) from {hand} h)")} c on true""",
)
_OF_PROFILE: Final = re.compile(r"\bx\.(?:zone|props|consents|address|suppressed|die)\b")
_OF_CLOCK: Final = re.compile(r"\bx\.clock_")
_OF_ENTRY: Final = re.compile(r"\bx\.ev_")


def due_rows(asked: str) -> str:
    """``x`` for the enrollments of the agenda whose step is due, with what ``asked`` (SQL about ``x``) wants to know."""
    columns, joined = joins(asked, "a", "agenda")
    return _DUE.format(columns=columns, joined=joined)


def known_of(asked: str) -> str:
    """The columns that `due_rows` and `joins` give of ``x`` for what ``asked`` wants to know, to be handed on."""
    columns, _ = joins(asked, "a", "agenda")
    return "".join(f", x.{name}" for name in re.findall(r"(?:as |\b[cp]\.)(\w+)(?=,|$)", columns))


def joins(asked: str, row: str, hand: str) -> tuple[str, str]:
    """Columns and joins for what ``asked`` wants to know of the profile, and of the event that started the enrollment ``e``.

    Each is looked up row by row through its key, whatever the planner takes the sizes of working tables for: joined at its
    discretion, it has read a whole bucket to find three people.
    """
    signs = ((_PROFILE, _OF_PROFILE), (_CLOCK, _OF_CLOCK), (_ENTRY, _OF_ENTRY))
    parts = [part for part, sign in signs if sign.search(asked)]
    joined = "".join(joined.format(row=row, hand=hand) for _, joined in parts)
    return "".join(columns for columns, _ in parts), joined


class Weaver:
    """Compiles conditions for the row ``x`` and keeps their parameters together."""

    def __init__(self, book: Rulebook, *, inside: bool = False) -> None:
        """Start a statement of this rulebook; ``params`` fills as its parts are compiled.

        ``inside``: its ``x`` are enrollments with the columns of `due_rows` or `joins`, which look a zone's clock up once for all.
        """
        self._inside = inside
        self.params: dict[str, object] = {}
        self._book = book
        self._count = 0

    @property
    def clock(self) -> str:
        """The row that holds what the profile's clock shows; empty: none does."""
        return "x" if self._inside else ""

    def literal(self, value: object, type_: str) -> str:
        """A value as a typed parameter."""
        name = f"v{self._next()}"
        self.params[name] = value
        return f"%({name})s::{type_}"

    def condition(self, condition: Condition) -> str:
        """A condition on ``x``; never null."""
        fragment = compile_condition(condition, self._environment())
        self.params.update(fragment.params)
        return f"({fragment.sql})"

    def segment(self, name: str) -> str:
        """Whether ``x`` is in a segment now; never null."""
        return self.condition(In(name))

    def turn(self, name: str) -> str:
        """The next moment after ``x.moment`` at which time alone may bring ``x`` into a segment, or out of it; null: never."""
        fragment = compile_turn(In(name), self._environment())
        if fragment is None:
            return "null::timestamptz"
        self.params.update(fragment.params)
        return fragment.sql

    def question(self, name: str, moment: str) -> str:
        """A query of one column, ``profile``: everybody who is in a segment at a moment, in the bucket of the statement."""
        fragment = compile_question(In(name), self._environment(), moment)
        self.params.update(fragment.params)
        return fragment.sql

    def match(self, match: EventMatch, tested: Tested) -> str:
        """The ``where`` and ``same`` of an event match; empty where it has neither."""
        if match.where is None and not match.same:
            return ""
        fragment = compile_match(match, self._environment(), tested)
        self.params.update(fragment.params)
        return f"({fragment.sql})"

    def key(self, ref: Ref) -> str:
        """An enrollment's key (rule 12); one too long for an index is cut and told apart by its hash."""
        fragment = key_sql(ref, self._environment())
        self.params.update(fragment.params)
        return (
            f"(select case when octet_length(k.key) > {LONGEST_KEY} then left(k.key, 64) || '…' || md5(k.key)"
            f" else k.key end from (select {fragment.sql} as key) k)"
        )

    def moment(self, ref: Ref) -> str:
        """The moment that the data holds, or null."""
        fragment = moment_sql(ref, self._environment())
        self.params.update(fragment.params)
        return fragment.sql

    def day(self, value: str) -> str:
        """The date that a jsonb value means to the profile ``x``, or null; one without a year lies in the year 4."""
        fragment = day_sql(value, self._environment())
        self.params.update(fragment.params)
        return fragment.sql

    def ask(self, condition: Condition, moment: str) -> str:
        """The same for a condition: for whom in the bucket it holds at a moment (SQL without columns)."""
        fragment = compile_question(condition, self._environment(), moment)
        self.params.update(fragment.params)
        return fragment.sql

    def number(self, paths: tuple[tuple[str, ...], ...], tested: Tested) -> str:
        """The first of these properties of an event that is there, as a number; null where it is none."""
        found = ", ".join(
            f"nullif({tested.properties} #> {self.literal(list(path), 'text[]')}, 'null'::jsonb)" for path in paths
        )
        return (
            f"(select case when jsonb_typeof(f.v) = 'number' then (f.v #>> '{{}}')::numeric end"
            f" from (select coalesce({found}) as v) f)"
        )

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _environment(self) -> Environment:
        settings = self._book.settings
        topics = {topic.name: topic.default for topic in settings.topics}
        return Environment(
            topics=topics,
            zone=settings.timezone,
            prefix=f"c{self._next()}_",
            bucket="%(bucket)s::smallint",
            clock=self.clock,
            inside=self._inside,
            segments=self._book.segments,
        )
