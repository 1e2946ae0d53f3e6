"""No value that an event or a profile can hold makes a condition raise, or leaves it without an answer."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import pytest

from tamshy.conditions import Environment, compile_condition, key_sql, moment_sql, value_sql
from tamshy.domain.duration import Duration
from tamshy.language.model import (
    Aggregate,
    Aggregation,
    All,
    Behaviour,
    Clause,
    Condition,
    Engaged,
    Engagement,
    MonthDay,
    Near,
    Not,
    Operator,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Season,
    Subscribed,
    Test,
    Window,
)
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from tamshy import sqlkit

NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
ODD_TEXTS: Final = (
    *("2026-02-31", "2026-02-29", "2024-02-29", "0000-00-00", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01"),
    *("2026-13-01", "2026-00-10", "2026-1-1", "02-29", "02-30", "13-01", "00-00", "--12-25", "2026-03-02T24:00"),
    *("2026-03-02T23:60:00Z", "2026-03-02T23:59:60Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"),
    *("2026-03-02T12:00:00+24:00", "2026-03-02T12:00:00+05:99", "2026-03-02T12:00+5", "2026-03-02T12"),
    *(
        "2026-03-02T12:00:00.1234567890123Z",
        "2026-03-02T12:00:00,5+0530",
        "2026-03-02 12:00:00Z",
        "2026-03-02T12:00Z\n",
    ),
    *("infinity", "-infinity", "now", "today", "epoch", "NaN", "Infinity", "1e5", "-0", "", " ", "null", "true"),
    *("٢٠٢٦-٠٣-٠٢", "２０２６-03-02", "%s", "%(x)s", "'; drop table event; --", "\\", "a" * 10_000, "2026-03-02" * 500),
    *("\u0001", "\ufffe", "😀", "e\u0301", "\u202e", '"', "{}", "[1]"),
)
ODD_NUMBERS: Final = (
    *("0", "-0", "-0.0", "1e131071", "-1e131071", "9" * 5000, "1e-16000", "1e-400", "1e400", "1.7976931348623159e308"),
    *("0." + "0" * 3000 + "1", "90", "-90.0000000000001", "180", "181", "1E+2"),
)
DEEP: Final = 400
ODD_DOCUMENTS: Final = (
    *("null", "true", "[]", "{}", "[[]]", "[null]", '[{"b": null}]', '{"b": []}', '{"b": [{}]}', '[[{"b": 1}]]'),
    *('{"lat": 1e400, "lon": "x"}', '{"lat": 1e-400, "lon": 1}', '{"lat": 90, "lon": 180}', '{"lat": [1], "lon": {}}'),
    *('{"lat": 91, "lon": 0}', '{"": 1}', '{"b": {"b": {"b": 1}}}', '[1, "1", true, null, [1], {"b": 1}]'),
    "[" * DEEP + "1" + "]" * DEEP,
    '{"b": ' * DEEP + "1" + "}" * DEEP,
    '[{"b": ' * DEEP + "1" + "}]" * DEEP,
    json.dumps([{"b": number} for number in range(2000)]),
)
# JSON texts: written out by hand where Python would round them.
ODD_VALUES: Final = (*map(json.dumps, ODD_TEXTS), *ODD_NUMBERS, *ODD_DOCUMENTS)
OPERANDS: Final[dict[Operator, tuple[object, ...]]] = {
    **dict.fromkeys(
        (Operator.EQ, Operator.NE, Operator.CONTAINS),
        ("x", "", "\x00", "\ud800", 0, 10**6000, Decimal("1e999999"), Decimal("1e-999999"), Decimal("NaN"), True, None),
    ),
    **dict.fromkeys((Operator.IN, Operator.NOT_IN), ((), ("\x00", 1, True, None, Decimal("Infinity")))),
    **dict.fromkeys(
        (Operator.GT, Operator.GTE, Operator.LT, Operator.LTE),
        (0, -(10**6000), Decimal("1e999999"), Decimal("-1e-999999"), Decimal("-Infinity"), "x", True, None, NOW),
    ),
    **dict.fromkeys((Operator.STARTS_WITH, Operator.ENDS_WITH), ("", "%", "\\", "a" * 20_000, "\x00", "\udfff")),
    Operator.EXISTS: (True, False),
    **dict.fromkeys(
        (Operator.WITHIN_LAST, Operator.WITHIN_NEXT, Operator.ANNIVERSARY),
        (Duration(), Duration(days=1), Duration(months=10**12, days=10**12, seconds=10**15), Duration(seconds=1)),
    ),
    **dict.fromkeys(
        (Operator.BEFORE, Operator.AFTER), (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    ),
    Operator.SEASON: (Season(MonthDay(12, 10), MonthDay(1, 10)), Season(MonthDay(2, 29), MonthDay(2, 29))),
    Operator.NEAR: (
        Near(Decimal(-90), Decimal(180), Decimal(0)),
        Near(Decimal("1e-400"), Decimal(0), Decimal("1e400")),
    ),
}
REFS: Final = tuple(
    Ref(root, path)
    for root, path in (
        (Root.PROFILE, ("a",)),
        (Root.PROFILE, ("a", "b")),
        (Root.PROFILE, ("a", "b", "b")),
        (Root.PROFILE, ("a", "\x00")),
        (Root.EVENT, ("a",)),
        (Root.EVENT, ("context", "a", "b")),
        (Root.EVENT, ("occurred_at",)),
        (Root.VARS, ("a",)),
        (Root.VARS, ("a", "b")),
        (Root.COUPON, ("a",)),
        (Root.COUPON, ("a", "b")),
    )
)
TESTS: Final = tuple(
    Test((Clause(operator, operand),))  # type: ignore[arg-type]
    for operator, operands in OPERANDS.items()
    for operand in operands
)
COUNTS: Final = tuple(
    Test((Clause(operator, operand),))
    for operator, operand in (
        (Operator.GTE, 10**30),
        (Operator.EQ, Decimal("NaN")),
        (Operator.NE, 10**30),
        (Operator.LT, Decimal("1e999999")),
        (Operator.IN, (1, 2)),
    )
)
ENDLESS: Final = Duration(months=10**9)
A: Final = Ref(Root.EVENT, ("a",))
A_B: Final = Ref(Root.EVENT, ("a", "b"))
FORMS: Final[tuple[Condition, ...]] = (
    *(Behaviour("E", aggregates=(Aggregate(made, ref, COUNTS[0]),)) for made in Aggregation for ref in (A, A_B)),
    *(Behaviour("E", count=count, same=(A,)) for count in COUNTS),
    *(Behaviour("E", same=(ref,), where=PropertyTest(ref, TESTS[0])) for ref in REFS if ref.root is Root.EVENT),
    Behaviour("E", window=Window(within=ENDLESS, until=ENDLESS)),
    Behaviour("E", window=Window(since="a")),
    Behaviour("\x00", window=Window(since="\x00")),
    Recency("E", newest=True, ago=Test((Clause(Operator.LT, ENDLESS),))),
    Engagement(Engaged.CLICKED, url=TESTS[0], count=COUNTS[0]),
    Engagement(Engaged.OPENED, step="\x00"),
    Subscribed("a"),
    Subscribed("\x00"),
)


@pytest.fixture
def odd(db: sqlkit.Connection) -> sqlkit.Connection:
    """Give a database in which every odd value stands at `a`: of a profile, its consents, its start and two events."""
    fill_zones(db, ["Asia/Almaty", "Europe/Paris"])
    db.execute("set local timezone = 'Asia/Kathmandu'")
    values = "[" + ",".join(ODD_VALUES) + "]"
    db.execute(
        b"""create temp table x as select 0::smallint as bucket, gen_random_uuid() as profile,
            timestamptz '2026-03-02 12:00Z' as moment, 'Asia/Almaty' as zone, o.a as props, o.a as consents,
            gen_random_uuid() as enrollment, 'f' as flow, timestamptz '2026-03-01 12:00Z' as entered_at,
            '{"a": "soon"}'::jsonb as reached, o.a as ev_props, o.a as ev_ctx, timestamptz '2026-03-01 12:00Z' as ev_at,
            o.a || jsonb_build_object('$coupons', o.a) as vars
        from (select jsonb_build_object('a', v.value) as a
            from json_array_elements(%s::json) with ordinality as v (value, place) order by v.place) o""",
        [values],
    )
    db.execute(
        b"""insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)
        select x.bucket, x.profile, gen_random_uuid(), n.name, x.ev_at, x.ev_at, 1, x.props || n.more, x.props
        from x, (values ('E', '{}'::jsonb), ('E', '{"a": 1}'), ('Message Clicked', '{}'), ('Message Opened', '{}'))
            n (name, more)""",
    )
    return db


def ask(db: sqlkit.Connection, condition: Condition) -> list[object]:
    fragment = compile_condition(condition, Environment(zone="Europe/Paris"))
    return [row[0] for row in db.execute(f"select {fragment.sql} from x".encode(), fragment.params).fetchall()]


def test_every_value_meets_every_operator(odd: sqlkit.Connection) -> None:
    for ref, test in itertools.product(REFS, TESTS):
        condition = PropertyTest(ref, test)
        found, opposite = ask(odd, condition), ask(odd, Not(condition))
        assert len(found) == len(ODD_VALUES)
        assert {type(answer) for answer in found} == {bool}, condition
        assert [not answer for answer in found] == opposite, condition


def test_every_value_meets_every_form(odd: sqlkit.Connection) -> None:
    for form in FORMS:
        assert {type(answer) for answer in ask(odd, form)} == {bool}, form


def test_all_at_once(odd: sqlkit.Connection) -> None:
    """No order of looking at the parts brings one to a value that it must not meet."""
    assert set(ask(odd, All(tuple(PropertyTest(REFS[0], test) for test in TESTS)))) == {False}


def test_keys_and_moments_of_every_value(odd: sqlkit.Connection) -> None:
    for ref, make in itertools.product(REFS, (key_sql, moment_sql, value_sql)):
        fragment = make(ref, Environment(zone="Europe/Paris"))
        # As text: Python refuses to read numbers of thousands of digits.
        read = fragment.sql if make is moment_sql else f"({fragment.sql})::text"
        rows = odd.execute(f"select {read} from x".encode(), fragment.params).fetchall()
        assert len(rows) == len(ODD_VALUES)
        if make is key_sql:
            assert {type(row[0]) for row in rows} == {str}
