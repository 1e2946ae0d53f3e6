"""Lays scenes out in the engine's tables, with the row `x` that compiled conditions stand on."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.conditions import Environment, compile_condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.property.condition_oracle import Scene

    from tamshy.language.model import Condition, TopicDefault

LAY_OUT: Final = """
create temp table x as
select s.*, 'cart'::text as flow from json_to_recordset(%(rows)s::json) as s (
    bucket smallint, profile uuid, moment timestamptz, zone text, props jsonb, consents jsonb, enrollment uuid,
    entered_at timestamptz, reached jsonb, ev_props jsonb, ev_ctx jsonb, ev_at timestamptz, place integer, vars jsonb);
"""
EVENT_IN: Final = """
insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)
select e.bucket, e.profile, gen_random_uuid(), e.name, e.at, e.at, e.origin, e.properties, e.context
from json_to_recordset(%(rows)s::json) as e (
    bucket smallint, profile uuid, name text, at timestamptz, origin smallint, properties jsonb, context jsonb)
"""
MESSAGE_IN: Final = """
insert into message (bucket, profile, id, workspace, enrollment, flow, version, step_index, step, visit, message,
    message_version, kind, topic, trigger_event, state, due_at, decided_at)
select m.bucket, m.profile, gen_random_uuid(), 1, m.enrollment, m.flow, 1, 0, m.step, m.visit, m.message,
    1, 'marketing', 'offers', gen_random_uuid(), m.state, m.at, m.at
from json_to_recordset(%(rows)s::json) as m (
    bucket smallint, profile uuid, enrollment uuid, flow text, step text, message text, state text, at timestamptz,
    visit integer)
"""
ENROLLMENT_IN: Final = """
insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit,
    priority, held_out, entered_at, reached_at, due_at, work_at)
select n.bucket, n.profile, gen_random_uuid(), 1, n.flow, 1, n.key, gen_random_uuid(), n.active, 0, 0, 0,
    false, n.at, n.at, n.at, n.at
from json_to_recordset(%(rows)s::json) as n (
    bucket smallint, profile uuid, flow text, key text, active boolean, at timestamptz)
"""


def lay_out(conn: sqlkit.Connection, scenes: list[Scene]) -> None:
    """Put the scenes into the tables, in two buckets, with `x` a table of its own."""
    whose = [{"bucket": place % 2, "profile": str(uuid.UUID(int=place))} for place in range(len(scenes))]
    rows: dict[str, list[dict[str, object]]] = {LAY_OUT: [], EVENT_IN: [], MESSAGE_IN: [], ENROLLMENT_IN: []}
    for place, (scene, who) in enumerate(zip(scenes, whose, strict=True)):
        start = scene.start
        rows[LAY_OUT].append(
            {
                **who,
                "place": place,
                "moment": scene.moment,
                "zone": scene.zone,
                "props": scene.properties,
                "consents": {topic: {"on": on, "at": 1} for topic, on in scene.consents.items()},
                "enrollment": scene.enrollment,
                "entered_at": scene.entered_at,
                "reached": {step: at.isoformat() for step, at in scene.reached.items()},
                "ev_props": start.properties if start else None,
                "ev_ctx": start.context if start else None,
                "ev_at": start.at if start else None,
                "vars": scene.vars,
            }
        )
        rows[EVENT_IN] += [
            {
                **who,
                "name": one.name,
                "at": one.at,
                "origin": one.origin,
                "properties": one.properties,
                "context": one.context,
            }
            for one in scene.events
        ]
        rows[MESSAGE_IN] += [
            {
                **who,
                "enrollment": one.enrollment,
                "flow": one.flow,
                "step": one.step,
                "message": one.message,
                "state": one.state,
                "at": one.at,
                "visit": visit,
            }
            for visit, one in enumerate(scene.messages)
        ]
        rows[ENROLLMENT_IN] += [
            {**who, "flow": one.flow, "key": str(index), "active": one.active, "at": one.at}
            for index, one in enumerate(scene.enrollments)
        ]
    for statement, given_rows in rows.items():
        conn.execute(statement.encode(), {"rows": sqlkit.rows_json(given_rows)})
    conn.execute("analyze x, event, message, enrollment, zone_span")


def answers(
    conn: sqlkit.Connection, condition: Condition, topics: Mapping[str, TopicDefault], zone: str
) -> list[object]:
    """Evaluate a condition over all rows of `x` in one statement, for a workspace with these topics and this zone."""
    fragment = compile_condition(condition, Environment(topics, zone))
    statement = f"select {fragment.sql} from x order by x.place"
    return [row[0] for row in conn.execute(statement.encode(), fragment.params).fetchall()]
