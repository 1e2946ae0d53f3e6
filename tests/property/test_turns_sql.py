"""Before the moment at which a condition may turn it does not: asked again and again meanwhile, its answer stays the same."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from tests.property.condition_stage import lay_out
from tests.property.test_conditions_sql import LENGTHS, TOPICS, WORKSPACE_ZONE, ZONES, a_scene, of_segments

from tamshy import sqlkit
from tamshy.conditions import Environment, compile_condition, compile_turn, is_timed
from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.language.model import (
    All,
    Behaviour,
    Clause,
    Condition,
    Engaged,
    Engagement,
    In,
    Not,
    Operator,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Test,
    Window,
)
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases
    from tests.property.condition_oracle import Scene

pytestmark = pytest.mark.minutes(0.6)

MICRO: Final = timedelta(microseconds=1)
SCENES: Final = 60
PROBES: Final = 60
ROW: Final = (
    "bucket, b.profile, p.moment, b.zone, b.props, b.consents, b.enrollment, b.entered_at, b.reached, b.ev_props,"
    " b.ev_ctx, b.ev_at"
)


def a_life(chance: random.Random) -> Scene:
    """Draw somebody whom nothing has started, and of whom nothing is known that has not happened yet."""
    scene = a_scene(chance)
    return replace(
        scene,
        enrollment=None,
        entered_at=None,
        reached={},
        start=None,
        events=tuple(one for one in scene.events if one.at <= scene.moment),
        messages=tuple(one for one in scene.messages if one.at <= scene.moment),
        enrollments=tuple(one for one in scene.enrollments if one.at <= scene.moment),
    )


def probes(chance: random.Random, scene: Scene) -> list[datetime]:
    """Moments at which something of the scene goes out of a window, and those beside them; midnights; any other."""
    times = (
        [one.at for one in scene.events] + [one.at for one in scene.messages] + [one.at for one in scene.enrollments]
    )
    found = [scene.moment + timedelta(seconds=chance.randrange(1, 40_000_000)) for _ in range(10)]
    for _ in range(PROBES // 4):
        edge = calendar.add(chance.choice(times or [scene.moment]), chance.choice(LENGTHS), scene.zone)
        found += [edge - MICRO, edge, edge + MICRO, edge + timedelta(minutes=chance.randrange(-90, 90))]
        day = calendar.local(scene.moment, scene.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        midnight = calendar.resolve(day + timedelta(days=chance.randrange(1, 40)), scene.zone)
        found += [midnight - MICRO, midnight]
    return found


@pytest.fixture(scope="module")
def stage(databases: Databases) -> Iterator[sqlkit.Connection]:
    """Give a database with people as they stand at a moment, and later moments to ask about each."""
    chance = random.Random(20260304)  # noqa: S311 - drawn alike in every run, so that a failure can be seen again
    scenes = [a_life(chance) for _ in range(SCENES)]
    name = f"tamshy_turns_{os.getpid()}"
    with sqlkit.connect(databases.create(name, databases.template)) as conn:
        fill_zones(conn, [*ZONES, WORKSPACE_ZONE, "America/Sao_Paulo"])
        lay_out(conn, scenes)
        rows = [
            {"place": place, "moment": moment} for place, scene in enumerate(scenes) for moment in probes(chance, scene)
        ]
        conn.execute("create temp table probe (place integer, moment timestamptz)")
        conn.execute(
            "insert into probe select * from json_to_recordset(%(rows)s::json) as p (place integer, moment timestamptz)",
            {"rows": sqlkit.rows_json(rows)},
        )
        conn.execute("set timezone = 'America/St_Johns'")
        conn.commit()
        yield conn
    databases.drop(name)


def turned_unseen(
    conn: sqlkit.Connection, condition: Condition, segments: dict[str, Condition], *, blind: bool = False
) -> list[object]:
    """Who has turned before the moment that was told, and when they had; ``blind``: as if none had been told."""
    env = Environment(TOPICS, WORKSPACE_ZONE, segments=segments)
    turn = compile_turn(condition, replace(env, prefix="t"))
    told = turn.sql if turn is not None and not blind else "'infinity'::timestamptz"
    before = compile_condition(condition, replace(env, prefix="b"))
    after = compile_condition(condition, env)
    sql = f"""
with base as materialized (select x.*, {told} as turn, {before.sql} as before from x)
select x.place, x.moment from (
    select b.{ROW}, b.turn, b.before, b.place
    from base b join probe p on p.place = b.place
    where p.moment > b.moment and p.moment < coalesce(b.turn, 'infinity')
) x where {after.sql} <> x.before"""
    params = before.params | after.params | (turn.params if turn is not None and not blind else {})
    try:
        return list(conn.execute(sql.encode(), params).fetchall())
    finally:
        conn.rollback()


def of(operator: Operator, operand: object) -> Test:
    return Test((Clause(operator, operand),))  # type: ignore[arg-type]


CLICKED: Final = Engagement(Engaged.CLICKED, "first", url=of(Operator.WITHIN_LAST, Duration()))
"""Looks as if time could turn it, but no address that was clicked is a moment."""


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(Recency("Cart Viewed", newest=False, ago=of(Operator.GT, Duration()), where=CLICKED))
@example(Behaviour("Cart Viewed", where=CLICKED))
@given(condition=of_segments)
def test_nothing_turns_before_its_moment(stage: sqlkit.Connection, condition: Condition) -> None:
    event("timed" if is_timed(condition, {}) else "not timed")
    assert turned_unseen(stage, condition, {}) == []


def orders(within: Duration, count: Test | None = None, until: Duration | None = None) -> Behaviour:
    return Behaviour("Order Completed", count=count, window=Window(within=within, until=until))


A = Ref(Root.PROFILE, ("a",))


@pytest.mark.parametrize(
    "made",
    [
        orders,
        lambda length: Not(orders(length)),
        lambda length: orders(length, of(Operator.GTE, 2)),
        lambda length: orders(length, of(Operator.LT, 2)),
        lambda length: orders(length, of(Operator.EQ, 1)),
        lambda length: orders(length, None, Duration(seconds=1800)),
        lambda length: orders(Duration(months=12), None, length),
        lambda length: Recency("Order Completed", newest=True, ago=of(Operator.GTE, length)),
        lambda length: Recency("Order Completed", newest=True, ago=of(Operator.GT, length)),
        lambda length: Recency("Order Completed", newest=False, ago=of(Operator.LTE, length)),
        lambda length: PropertyTest(A, of(Operator.WITHIN_LAST, length)),
        lambda length: PropertyTest(A, of(Operator.WITHIN_NEXT, length)),
        lambda length: PropertyTest(A, of(Operator.ANNIVERSARY, length)),
        lambda _: All((In("few"), PropertyTest(A, of(Operator.NE, 1)))),
    ],
    ids=range(14),
)  # fmt: skip
def test_each_kind_of_window_is_seen_to_turn(stage: sqlkit.Connection, made: Callable[[Duration], Condition]) -> None:
    seen = []
    for length in LENGTHS[1:]:
        segments: dict[str, Condition] = {"few": orders(length), "none": In("few")}
        assert turned_unseen(stage, made(length), segments) == []
        seen += turned_unseen(stage, made(length), segments, blind=True)
    assert seen != []
