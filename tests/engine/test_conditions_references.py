"""What else is read from data: keys, moments and first values (rules 11 and 12), and what is looked at first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from tests.engine.conditions import TOPICS, WORKSPACE_ZONE, asked, at, did, prepare, read, scene

from tamshy.conditions import Environment, compile_condition, cost, key_sql, moment_sql, value_sql
from tamshy.language.model import Ref, Root

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.property.condition_oracle import Json

    from tamshy.conditions import Fragment
    from tamshy.sqlkit import Connection

A = Ref(Root.EVENT, ("a",))
A_B = Ref(Root.EVENT, ("a", "b"))


def found(
    db: Connection,
    make: Callable[[Ref, Environment], Fragment],
    ref: Ref,
    values: list[Json],
    zone: str = WORKSPACE_ZONE,
) -> list[object]:
    """Read a reference from events that hold each of the values at `a`."""
    prepare(db, [scene(start=did("E", "2026-03-01T00:00", a=value)) for value in values])
    fragment = make(ref, Environment(TOPICS, zone))
    return [row[0] for row in db.execute(f"select {fragment.sql} from x order by x.place".encode(), fragment.params)]


def test_rule_12_the_key_is_the_value_as_text(db: Connection) -> None:
    values: list[Json] = ["c1", "", 7, Decimal("1.50"), True, None, [], ["c1"], {"b": 1}]
    assert found(db, key_sql, A, values) == ["c1", "", "7", "1.50", "true", "", "", "", ""]
    assert found(db, key_sql, Ref(Root.EVENT, ("gone",)), values[:1]) == [""]
    nested: list[Json] = [{"b": "c1"}, [{"b": "c1"}], [{"b": "c1"}, {"b": "c2"}], {"b": ["c1"]}, "b", []]
    assert found(db, key_sql, A_B, nested) == ["c1", "c1", "", "", "", ""]


def test_moments_are_texts_of_dates_and_timestamps(db: Connection) -> None:
    expected: dict[str, str | None] = {
        "2026-03-02T10:00:00Z": "2026-03-02T10:00:00",
        "2026-03-02T10:00+05:00": "2026-03-02T05:00:00",
        "2026-03-02t10:00:00.5-0130": "2026-03-02T11:30:00.500000",
        "2026-03-02 10:00:00,1234567+01": "2026-03-02T09:00:00.123456",
        # Without an offset, the workspace's zone: Paris, where 02:30 is left out on 29 March and doubled on 25 October.
        "2026-03-02T10:00": "2026-03-02T09:00:00",
        "2026-07-02": "2026-07-01T22:00:00",
        "2026-03-29T02:30": "2026-03-29T01:00:00",
        "2026-10-25T02:30": "2026-10-25T00:30:00",
        # Those that stand for never are brought near.
        "9999-12-31": "7000-01-01T00:00:00",
        "0001-01-01T00:00Z": "1900-01-01T00:00:00",
        **dict.fromkeys(("2026-02-29", "2026-03-02T24:00", "12-25", "10:00", "soon", "", "2026-03-02T10:00+25:00")),
    }
    wanted = [at(moment) if moment else None for moment in expected.values()]
    assert found(db, moment_sql, A, list(expected)) == wanted
    assert found(db, moment_sql, A, ["2026-03-02T10:00"], zone="UTC") == [at("2026-03-02T10:00")]
    others: list[Json] = [1772445600, True, None, {"b": 1}, ["2026-03-02"]]
    assert found(db, moment_sql, A, others) == [None] * 5


def test_the_first_scalar_on_the_way(db: Connection) -> None:
    assert found(db, value_sql, A, ["x", 1, False, None, [1], {"b": 1}]) == ["x", 1, False, None, None, None]
    assert found(db, value_sql, A_B, [[{}, {"b": [1]}, {"b": "y"}, {"b": "z"}], {"b": 3}, []]) == ["y", 3, None]
    assert found(db, moment_sql, A_B, [[{"b": None}, {"b": "2026-03-02T10:00Z"}]]) == [at("2026-03-02T10:00")]


def test_the_event_s_own_time(db: Connection) -> None:
    own_time = Ref(Root.EVENT, ("occurred_at",))
    assert found(db, moment_sql, own_time, [1]) == [at("2026-03-01T00:00")]
    assert found(db, key_sql, own_time, [1]) == ["2026-03-01T00:00:00Z"]
    assert found(db, moment_sql, Ref(Root.VARS, ("a",)), [1]) == [None]


@pytest.mark.parametrize("word", ["all", "any"])
def test_cheap_parts_are_looked_at_first(db: Connection, word: str) -> None:
    members = ["did: Order Completed", "profile.a.b: 1", "profile.a: 1", "subscribed: news"]
    condition = read(f"{word}: [{', '.join(f'{{{member}}}' for member in members)}]")
    sql = compile_condition(condition, Environment(TOPICS)).sql
    places = [sql.index(part) for part in ("x.consents", "x.props ->", "leaves(x.props", "from event")]
    assert places == sorted(places)
    rates = [cost(read(member)) for member in members]
    assert rates == sorted(rates, reverse=True)
    assert asked(db, f"{word}: [{', '.join(f'{{{member}}}' for member in members)}]", [scene()]) == [word == "any"]


def test_fragments_of_one_statement_share_no_name() -> None:
    condition = read("{did: Order Completed, within: 1d, where: {event.a: x}}")
    first, second = (compile_condition(condition, Environment(prefix=prefix)) for prefix in ("a_", "b_"))
    assert first.params.keys().isdisjoint(second.params)
    assert first.sql.replace("a_", "b_") == second.sql


def test_every_look_at_events_names_one_bucket() -> None:
    condition = read("[{did: A, count: 2}, {last: A, ago: {gt: 1d}}, {opened: any}, {received: any}, {enrolled: f}]")
    sql = compile_condition(condition, Environment(bucket="%(bucket)s")).sql
    assert sql.count(".bucket = %(bucket)s") == 5
    assert "x.bucket" not in sql
