"""Asks conditions, written as a marketer writes them, about scenes laid out in the engine's tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tests.property.condition_oracle import Happened, Json, Scene
from tests.property.condition_stage import answers, lay_out

from tamshy.language.conditions import Scope, read_condition
from tamshy.language.model import TopicDefault
from tamshy.language.reading import Reading
from tamshy.language.trees import read_tree
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from tamshy.language.model import Condition
    from tamshy.sqlkit import Connection

WORKSPACE_ZONE: Final = "Europe/Paris"
ZONE: Final = "Asia/Almaty"
"""Five hours before UTC, without summer time."""
NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""17:00 on a Monday in Almaty."""
ADA: Final = "00000000-0000-4000-8000-000000000ada"
"""An enrollment."""
TOPICS: Final = {"offers": TopicDefault.OPT_IN, "news": TopicDefault.OPT_OUT}


def at(text: str) -> datetime:
    """Read a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scene(
    properties: dict[str, Json] | None = None,
    *events: Happened,
    moment: datetime = NOW,
    zone: str = ZONE,
    start: Happened | None = None,
    **more: object,
) -> Scene:
    """Make a scene: the profile's properties, what it did, and what else is given."""
    given = {"topics": TOPICS, "properties": properties or {}, "events": events, "start": start}
    return Scene(moment, zone, WORKSPACE_ZONE, **given | more)  # type: ignore[arg-type]


def did(name: str, when: str, context: dict[str, Json] | None = None, **properties: Json) -> Happened:
    """Make an event."""
    return Happened(name, at(when), properties, context or {})


def read(text: str) -> Condition:
    """Read a condition from YAML."""
    tree, problems = read_tree(text, "flows/f.yaml")
    reading = Reading(zone=WORKSPACE_ZONE)
    condition = read_condition(reading, tree, Scope("f"))
    assert problems + reading.problems == []
    assert condition is not None
    return condition


def asked(db: Connection, text: str, scenes: list[Scene]) -> list[object]:
    """Evaluate a condition for each of the scenes, all in one statement."""
    prepare(db, scenes)
    return answers(db, read(text), TOPICS, WORKSPACE_ZONE)


def prepare(db: Connection, scenes: list[Scene]) -> None:
    """Lay the scenes out, in place of what was laid out before."""
    for table in ("event", "message", "enrollment"):
        db.execute(f"delete from {table}".encode())
    db.execute("drop table if exists x")
    fill_zones(db, {WORKSPACE_ZONE, *(one.zone for one in scenes)})
    lay_out(db, scenes)
