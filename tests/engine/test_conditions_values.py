"""TEST: what a property's value must be (rules 8, 16, 17 and 19 of the language)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.engine.conditions import NOW, asked, at, did, scene

if TYPE_CHECKING:
    from tests.property.condition_oracle import Json

    from tamshy.sqlkit import Connection

MISSING = object()
NESTED: Json = [[{"b": 1}], {"b": [2, 3]}]


def passing(db: Connection, test: str, values: list[object]) -> list[object]:
    """Give those of the values that pass a test, as properties of a profile each."""
    scenes = [scene({} if value is MISSING else {"a": value}) for value in values]  # type: ignore[dict-item]
    found = asked(db, f"profile.a: {test}", scenes)
    return [value for value, passed in zip(values, found, strict=True) if passed]


def test_a_scalar_equals_and_kinds_are_kept_apart(db: Connection) -> None:
    values: list[object] = [1, Decimal("1.0"), "1", True, [1], {"b": 1}, None, MISSING, "x", "X", "true", ""]
    # As texts: 1 and True are equal in Python.
    assert [str(one) for one in passing(db, "1", values)] == ["1", "1.0"]
    assert passing(db, '"1"', values) == ["1"]
    assert [str(one) for one in passing(db, "true", values)] == ["True"]
    assert passing(db, "x", values) == ["x"]
    assert passing(db, '""', values) == [""]


def test_text_is_compared_after_nfc(db: Connection) -> None:
    """Text taken in is in NFC, and so is the flow's."""
    assert passing(db, '"e\\u0301"', ["é", "e"]) == ["é"]


def test_a_list_is_one_of(db: Connection) -> None:
    values: list[object] = ["KZ", "RU", 7, "7", MISSING, None, ["KZ"]]
    assert passing(db, "[KZ, 7]", values) == ["KZ", 7]


def test_rule_16_ne_and_not_in_are_the_exact_opposite(db: Connection) -> None:
    values: list[object] = ["KZ", "RU", 7, MISSING, None, ["KZ"]]
    assert passing(db, "{ne: KZ}", values) == ["RU", 7, MISSING, None, ["KZ"]]
    assert passing(db, "{not_in: [KZ, 7]}", values) == ["RU", MISSING, None, ["KZ"]]


def test_rule_16_order_is_of_numbers_or_of_moments(db: Connection) -> None:
    values: list[object] = [19, 20, Decimal("20.5"), "21", True, "2026-03-02", None, MISSING, [21]]
    assert passing(db, "{gt: 20}", values) == [Decimal("20.5")]
    assert passing(db, "{gte: 20}", values) == [20, Decimal("20.5")]
    assert passing(db, "{lt: 20}", values) == [19]
    assert passing(db, "{lte: 20, ne: 19}", values) == [20]
    # The workspace lies in Paris: its 2 March begins at 23:00 on the 1st in UTC.
    days: list[object] = ["2026-03-01", "2026-03-02", "2026-03-01T23:00Z", "2026-03-01T22:59:59Z", 20260302, "soon"]
    assert passing(db, '{gte: "2026-03-02"}', days) == ["2026-03-02", "2026-03-01T23:00Z"]
    assert passing(db, '{gt: "2026-03-02"}', days) == []
    assert passing(db, '{lt: "2026-03-02"}', days) == ["2026-03-01", "2026-03-01T22:59:59Z"]


def test_rule_8_the_tests_before_and_after_exclude_their_moment(db: Connection) -> None:
    days: list[object] = ["2026-03-02T10:00+01:00", "2026-03-02T09:00:00.000001Z", "2026-03-02T08:59:59Z", 5, MISSING]
    assert passing(db, '{after: "2026-03-02T10:00"}', days) == ["2026-03-02T09:00:00.000001Z"]
    assert passing(db, '{before: "2026-03-02T10:00"}', days) == ["2026-03-02T08:59:59Z"]


def test_texts_are_looked_at_sign_by_sign(db: Connection) -> None:
    values: list[object] = ["100%", "100 %", "a_b", "acb", "A_B", 100, ["100%"], None, MISSING, "Әсем", "\\d"]
    assert passing(db, '{contains: "0%"}', values) == ["100%"]
    assert passing(db, '{contains: "_"}', values) == ["a_b", "A_B"]
    assert passing(db, '{starts_with: "a_"}', values) == ["a_b"]
    assert passing(db, '{ends_with: "%"}', values) == ["100%", "100 %"]
    assert passing(db, '{starts_with: "Ә"}', values) == ["Әсем"]
    assert passing(db, '{contains: "\\\\d"}', values) == ["\\d"]


def test_contains_means_membership_for_lists(db: Connection) -> None:
    values: list[object] = [["red", "blue"], ["redder"], "redder", [["red"]], [1], [Decimal("1.0")], ["1"], [True], {}]
    assert passing(db, "{contains: red}", values) == [["red", "blue"], "redder"]
    assert [str(one) for one in passing(db, "{contains: 1}", values)] == ["[1]", "[Decimal('1.0')]"]
    assert [str(one) for one in passing(db, "{contains: true}", values)] == ["[True]"]


def test_exists_is_neither_missing_nor_null(db: Connection) -> None:
    values: list[object] = [0, False, "", [], {}, None, MISSING]
    assert [str(one) for one in passing(db, "{exists: true}", values)] == ["0", "False", "", "[]", "{}"]
    assert passing(db, "{exists: false}", values) == [None, MISSING]


def test_rule_8_windows_around_now(db: Connection) -> None:
    days: list[object] = [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000001Z",
        "2026-03-02T12:00:00Z",
        "2026-03-02T12:00:00.000001Z",
        "2026-03-03T12:00:00Z",
        "2026-03-03T12:00:00.000001Z",
    ]
    assert passing(db, "{within_last: 1d}", days) == days[1:3]
    assert passing(db, "{within_next: 1d}", days) == days[3:5]


def test_windows_count_days_on_the_profile_s_own_clock(db: Connection) -> None:
    """One day before 10:00 after the change to summer time is 23 hours before."""
    paris = {"moment": at("2026-03-29T08:00"), "zone": "Europe/Paris"}
    scenes = [scene({"a": when}, **paris) for when in ("2026-03-28T09:00:00Z", "2026-03-28T09:00:01Z")]  # type: ignore[arg-type]
    assert asked(db, "profile.a: {within_last: 1d}", scenes) == [False, True]
    assert asked(db, "profile.a: {within_last: 24h}", scenes) == [True, True]


def test_rule_19_anniversaries_count_returns_only(db: Connection) -> None:
    days: list[object] = [
        "1990-03-02",
        "1990-03-09",
        "1990-03-10",
        "1990-03-01",
        "2026-03-02",
        "03-05",
        "2026-02-31",
        5,
    ]
    assert passing(db, "{anniversary: 0d}", days) == ["1990-03-02"]
    assert passing(db, "{anniversary: 7d}", days) == ["1990-03-02", "1990-03-09", "03-05"]
    # A timestamp is the local day of its moment: 2 March has begun in Almaty.
    moments: list[object] = ["1990-03-01T20:00:00Z", "1990-03-01T15:00:00Z"]
    assert passing(db, "{anniversary: 0d}", moments) == ["1990-03-01T20:00:00Z"]


def test_29_february_comes_round_on_the_28th(db: Connection) -> None:
    common = scene({"a": "1992-02-29"}, moment=at("2026-02-28T12:00"))
    leap = scene({"a": "1992-02-29"}, moment=at("2028-02-28T12:00"))
    leap_day = scene({"a": "02-29"}, moment=at("2028-02-29T12:00"))
    assert asked(db, "profile.a: {anniversary: 0d}", [common, leap, leap_day]) == [True, False, True]


def test_season_lies_between_two_days_of_any_year(db: Connection) -> None:
    days: list[object] = ["1990-12-10", "2026-01-10", "1990-12-09", "2026-01-11", "12-31", "1990-07-01", "x", 1210]
    assert passing(db, '{season: {from: "12-10", to: "01-10"}}', days) == ["1990-12-10", "2026-01-10", "12-31"]
    assert passing(db, '{season: {from: "07-01", to: "07-01"}}', days) == ["1990-07-01"]


def test_near_a_place(db: Connection) -> None:
    almaty: Json = {"lat": Decimal("43.25"), "lon": Decimal("76.95")}
    bishkek: Json = {"lat": Decimal("42.87"), "lon": Decimal("74.57")}
    odd: list[object] = [{"lat": "43.25", "lon": 77}, {"lat": 43}, {"lat": 143, "lon": 77}, [almaty], "43,77", None]
    test = "{near: {lat: 43.24, lon: 76.9, km: %s}}"
    assert passing(db, test % 10, [almaty, bishkek, *odd]) == [almaty]
    # 193.5 km apart.
    assert passing(db, test % 193, [bishkek]) == []
    assert passing(db, test % 194, [bishkek]) == [bishkek]


def test_rule_17_lists_on_the_way_fan_out(db: Connection) -> None:
    products: Json = [{"sku": "a1", "price": 10}, {"sku": "b2", "price": 30, "tags": ["new"]}]
    one = [scene({"products": products})]
    holds = {
        "profile.products.sku: b2": True,
        "profile.products.sku: c3": False,
        "profile.products.price: {gt: 20}": True,
        # One TEST is met by one element, two references may be met by two.
        "profile.products.price: {gt: 5, lt: 15}": True,
        "profile.products.price: {gt: 15, lt: 25}": False,
        "{profile.products.sku: a1, profile.products.price: 30}": True,
        # The opposite of eq looks at every element.
        "profile.products.sku: {ne: a1}": False,
        "profile.products.sku: {ne: c3}": True,
        # A list at the end is a value.
        "profile.products.tags: new": False,
        "profile.products.tags: {contains: new}": True,
        "profile.products: {exists: true}": True,
        # One element without a tag is enough.
        "profile.products.tags: {exists: false}": True,
        "profile.products.sku: {exists: false}": False,
        "profile.products.color: {exists: false}": True,
    }
    assert {text: asked(db, text, one)[0] for text in holds} == holds


@pytest.mark.parametrize(
    ("value", "expected"),
    [([], [False, True]), (NESTED, [True, False]), ([{"b": None}], [False, True]), ("text", [False, True])],
    ids=["empty", "nested", "null", "text"],
)
def test_odd_lists_on_the_way(db: Connection, value: Json, expected: list[bool]) -> None:
    found = [asked(db, text, [scene({"a": value})])[0] for text in ("profile.a.b: 1", "profile.a.b: {exists: false}")]
    assert found == expected


def test_the_event_s_own_time_and_context(db: Connection) -> None:
    context: dict[str, Json] = {"campaign": {"source": "mail"}, "page": {"path": "/sale"}}
    start = did("Checkout Started", "2026-03-02T11:00", context, value=120)
    scenes = [scene(start=start), scene()]
    holds = {
        "event.value: {gte: 100}": [True, False],
        "event.context.campaign.source: mail": [True, False],
        "event.context.page.path: {starts_with: /s}": [True, False],
        "event.context: {exists: true}": [True, False],
        "event.occurred_at: {within_last: 1h}": [False, False],
        "event.occurred_at: {within_last: 61m}": [True, False],
        'event.occurred_at: "2026-03-02T11:00:00Z"': [True, False],
        "event.occurred_at: {exists: false}": [False, True],
    }
    assert {text: asked(db, text, scenes) for text in holds} == holds


def test_members_of_a_list_and_of_a_mapping_must_all_hold(db: Connection) -> None:
    scenes = [scene({"a": a, "b": b}, moment=NOW) for a in (1, 2) for b in (1, 2)]
    assert asked(db, "{profile.a: 1, profile.b: 1}", scenes) == [True, False, False, False]
    assert asked(db, "[{profile.a: 1}, {profile.b: 1}]", scenes) == [True, False, False, False]
    assert asked(db, "any: [{profile.a: 1}, {profile.b: 1}]", scenes) == [True, True, True, False]
    assert asked(db, "not: {profile.a: 1, profile.b: 1}", scenes) == [False, True, True, True]
    assert asked(db, "all: []", scenes) == [True] * 4
    assert asked(db, "any: []", scenes) == [False] * 4
