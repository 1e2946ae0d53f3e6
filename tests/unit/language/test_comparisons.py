"""TEST: every operator with its operand, and every refusal with its place."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from tests.unit.language.shop import flow_of, said

from tamshy.domain.duration import Duration
from tamshy.language.model import (
    Behaviour,
    Clause,
    MonthDay,
    Near,
    Operator,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Season,
    Test,
)

REF = Ref(Root.PROFILE, ("p",))


def read(test: str) -> object:
    condition = flow_of(f"trigger: {{event: E}}\naudience: {{profile.p: {test}}}\nsteps: []\n").audience
    assert isinstance(condition, PropertyTest)
    assert condition.ref == REF
    return condition.test


def refusal(test: str) -> list[str]:
    """The problems, without their file; the test begins at column 23 of line 2."""
    flow = f"trigger: {{event: E}}\naudience: {{profile.p: {test}}}\nsteps: []\n"
    return [line.removeprefix("flows/cart.yaml:") for line in said({"flows/cart.yaml": flow})]


OPERATORS: list[tuple[str, Operator, object]] = [
    ("Almaty", Operator.EQ, "Almaty"),
    ('"10"', Operator.EQ, "10"),
    ("10", Operator.EQ, 10),
    ("0.10", Operator.EQ, Decimal("0.10")),
    ("true", Operator.EQ, True),
    ("no", Operator.EQ, "no"),
    ("2026-12-24", Operator.EQ, "2026-12-24"),
    ("[a, 2, false]", Operator.IN, ("a", 2, False)),
    ("{eq: a}", Operator.EQ, "a"),
    ("{ne: a}", Operator.NE, "a"),
    ("{gt: 1}", Operator.GT, 1),
    ("{gte: 1.5}", Operator.GTE, Decimal("1.5")),
    ("{lt: -1}", Operator.LT, -1),
    ('{gt: "100"}', Operator.GT, "100"),
    ("{lt: abc}", Operator.LT, "abc"),
    ('{ends_with: ""}', Operator.ENDS_WITH, ""),
    ("{lte: 2026-12-24}", Operator.LTE, datetime(2026, 12, 23, 19, tzinfo=UTC)),
    ("{gt: 2026-12-24T10:00}", Operator.GT, datetime(2026, 12, 24, 5, tzinfo=UTC)),
    ('{gt: "2026-12-24T10:00:30+01:00"}', Operator.GT, datetime(2026, 12, 24, 9, 0, 30, tzinfo=UTC)),
    ("{in: [a]}", Operator.IN, ("a",)),
    ("{not_in: [a, b]}", Operator.NOT_IN, ("a", "b")),
    ("{contains: 3}", Operator.CONTAINS, 3),
    ("{starts_with: ab}", Operator.STARTS_WITH, "ab"),
    ("{ends_with: ab}", Operator.ENDS_WITH, "ab"),
    ("{exists: false}", Operator.EXISTS, False),
    ("{within_last: 30d}", Operator.WITHIN_LAST, Duration(days=30)),
    ("{within_next: 1w}", Operator.WITHIN_NEXT, Duration(days=7)),
    ("{before: 2026-12-24T10:00Z}", Operator.BEFORE, datetime(2026, 12, 24, 10, tzinfo=UTC)),
    ("{after: 2026-12-24}", Operator.AFTER, datetime(2026, 12, 23, 19, tzinfo=UTC)),
    ("{anniversary: 0d}", Operator.ANNIVERSARY, Duration()),
    ('{season: {from: "12-10", to: "01-10"}}', Operator.SEASON, Season(MonthDay(12, 10), MonthDay(1, 10))),
    ('{season: {from: "02-29", to: "02-29"}}', Operator.SEASON, Season(MonthDay(2, 29), MonthDay(2, 29))),
    (
        "{near: {lat: 43.24, lon: 76.9, km: 10}}",
        Operator.NEAR,
        Near(Decimal("43.24"), Decimal("76.9"), Decimal(10)),
    ),
]


@pytest.mark.parametrize(("written", "operator", "operand"), OPERATORS)
def test_each_operator_has_its_operand(written: str, operator: Operator, operand: object) -> None:
    assert read(written) == Test((Clause(operator, operand),))  # type: ignore[arg-type]


def test_every_operator_is_covered_above() -> None:
    assert {operator for _, operator, _ in OPERATORS} == set(Operator)


def audience(condition: str) -> object:
    return flow_of(f"trigger: {{event: E}}\naudience: {condition}\nsteps: []\n").audience


NUMBERS: list[tuple[str, Operator, object]] = [
    ("{eq: 2}", Operator.EQ, 2),
    ("{ne: 2}", Operator.NE, 2),
    ("{gt: 2}", Operator.GT, 2),
    ("{gte: 2}", Operator.GTE, 2),
    ("{lt: 2}", Operator.LT, 2),
    ("{lte: 2}", Operator.LTE, 2),
    ("{in: [2, 3]}", Operator.IN, (2, 3)),
    ("{not_in: [2, 3]}", Operator.NOT_IN, (2, 3)),
]


@pytest.mark.parametrize(("written", "operator", "operand"), NUMBERS)
def test_each_operator_of_a_count_has_its_operand(written: str, operator: Operator, operand: object) -> None:
    found = audience(f"{{did: A, count: {written}}}")
    assert found == Behaviour("A", count=Test((Clause(operator, operand),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("written", "operator", "operand"), NUMBERS)
def test_each_operator_of_a_sum_has_its_operand(written: str, operator: Operator, operand: object) -> None:
    found = audience(f"{{did: A, sum: {{event.value: {written}}}}}")
    assert isinstance(found, Behaviour)
    assert found.aggregates[0].test == Test((Clause(operator, operand),))  # type: ignore[arg-type]


@pytest.mark.parametrize("operator", [Operator.GT, Operator.GTE, Operator.LT, Operator.LTE])
def test_each_operator_of_an_age_has_its_operand(operator: Operator) -> None:
    for written, length in (("3d", Duration(days=3)), ("0s", Duration())):
        found = audience(f"{{last: A, ago: {{{operator}: {written}}}}}")
        assert found == Recency("A", newest=True, ago=Test((Clause(operator, length),)))


def test_operators_of_a_mapping_stand_together() -> None:
    assert read("{gte: 1, lt: 5}") == Test((Clause(Operator.GTE, 1), Clause(Operator.LT, 5)))


def test_text_is_brought_to_nfc() -> None:
    assert read('"Cafe\\u0301"') == Test((Clause(Operator.EQ, "Caf\u00e9"),))


@pytest.mark.parametrize(
    ("written", "problems"),
    [
        ("{}", ["2:23: 'profile.p' needs at least one operator such as eq"]),
        ("null", ["2:23: 'profile.p' is compared with nothing; for a missing value write {exists: false}"]),
        ("[]", ["2:23: 'profile.p' needs at least one value in its list"]),
        ("[[a]]", ["2:24: 'profile.p' must be a single value, not a list"]),
        ("[a, ~]", ["2:27: 'profile.p' is compared with nothing; for a missing value write {exists: false}"]),
        (
            "{gtee: 1}",
            ["2:24: unknown operator 'gtee' (did you mean 'gte'?) in the test of 'profile.p'"],
        ),
        ("{eq: [a]}", ["2:28: 'eq' must be a single value, not a list"]),
        ("{in: a}", ["2:28: 'in' must be a list, not 'a'"]),
        (
            "{gt: true}",
            ["2:28: 'gt' must be a number, a date such as 2026-12-24 or a timestamp, not the truth value true"],
        ),
        (
            "{starts_with: 5}",
            ["2:37: 'starts_with' must be text (write \"5\" in quotes if that is meant), not the number 5"],
        ),
        ("{exists: yes}", ["2:32: 'exists' must be true or false, not 'yes'"]),
        (
            "{within_last: 3}",
            ["2:37: 'within_last' must be a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h, not the number 3"],
        ),
        ("{within_last: -3d}", ["2:37: 'within_last' must be a duration of 0s or more"]),
        (
            "{before: 2026-02-30}",
            [
                (
                    "2:32: 'before' must be a date such as 2026-12-24 or a timestamp such as 2026-12-24T10:00, not "
                    "'2026-02-30'"
                )
            ],
        ),
        ('{season: {from: "12-10"}}', ["2:32: 'season' needs 'to': `\"MM-DD\"`, in"]),
        (
            '{season: {from: "02-30", to: "13-01"}}',
            [
                "2:39: 'from' must be a date without a year such as \"12-25\", not '02-30'",
                "2:52: 'to' must be a date without a year such as \"12-25\", not '13-01'",
            ],
        ),
        (
            "{near: {lat: 91, lon: 0, km: 1, m: 1}}",
            [
                "2:36: 'lat' must lie between -90 and 90, not 91",
                "2:55: unknown key 'm' (did you mean 'km'?) in 'near'",
            ],
        ),
        ("{near: here}", ["2:30: 'near' must be a mapping with 'lat', 'lon', 'km', not 'here'"]),
    ],
)
def test_what_is_no_test_is_refused(written: str, problems: list[str]) -> None:
    assert refusal(written) == problems
