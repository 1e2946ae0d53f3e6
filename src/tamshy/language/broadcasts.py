"""A broadcast's file, and the flow that it is: one send, which a schedule starts for each member of the segment."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from tamshy.language import fields, vocabulary
from tamshy.language.model import Broadcast, Flow, ScheduleTrigger, Send
from tamshy.language.moments import parse_reading
from tamshy.language.occasions import read_cron, read_segment_name
from tamshy.language.reading import Thing
from tamshy.language.trees import Items, Leaf, Mapping
from tamshy.language.waits import read_zone

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.language.model import Workspace
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree

PREFIX: Final = "broadcast/"
"""Begins the name of the flow that a broadcast is: no file of a flow can have it."""
_GREATEST_PRIORITY: Final = 1_000_000
_EXPECTED: Final = "a timestamp such as 2026-12-01T10:00"


def read_broadcast(reading: Reading, name: str, tree: Tree) -> Broadcast | None:
    """Read a broadcast; None where it cannot be told what goes to whom, and when."""
    keys = fields.mapping(reading, tree, vocabulary.BROADCAST)
    if keys is None:
        return None
    title = fields.line(reading, keys["name"], "name") if "name" in keys else None
    segment = read_segment_name(reading, keys)
    message = fields.name(reading, keys["message"], "message") if "message" in keys else None
    if "message" in keys:
        reading.use(Thing.MESSAGE, message, keys["message"].at)
    elif isinstance(tree, Mapping) and "split" not in tree.entries:
        reading.refuse(tree.at, "a broadcast needs 'message' or 'split'")
    schedules = _schedules(reading, keys["at"], segment or "") if "at" in keys else ()
    topic = fields.name(reading, keys["topic"], "topic", fields.STEP_ID) if "topic" in keys else None
    if "topic" in keys:
        reading.use(Thing.TOPIC, topic, keys["topic"].at)
    expires = fields.duration(reading, keys["expires"], "expires") if "expires" in keys else None
    holdout = fields.percentage(reading, keys["holdout"], "holdout") if "holdout" in keys else None
    priority = 0
    if "priority" in keys:
        priority = fields.integer(reading, keys["priority"], "priority", -_GREATEST_PRIORITY, _GREATEST_PRIORITY) or 0
    if segment is None or message is None or not schedules:
        return None
    return Broadcast(
        name,
        title or name,
        segment,
        schedules,
        message,
        topic,
        expires or Send("", "").expires,
        holdout,
        priority,
        tree.at,
    )


def _schedules(reading: Reading, tree: Tree, segment: str) -> tuple[ScheduleTrigger, ...]:
    """When it goes: a schedule for each clock that its times are told by."""
    if isinstance(tree, Mapping) and "cron" in tree.entries:
        keys = fields.mapping(reading, tree, vocabulary.BROADCAST_CRON) or {}
        zone = read_zone(reading, keys["zone"]) if "zone" in keys else reading.zone
        cron = read_cron(reading, keys["cron"]) if "cron" in keys else None
        return () if cron is None else (ScheduleTrigger(segment, cron, zone=zone),)
    if isinstance(tree, Mapping):
        keys = fields.mapping(reading, tree, vocabulary.BROADCAST_TIME) or {}
        zoned = "zone" in keys
        zone = read_zone(reading, keys["zone"]) if zoned else reading.zone
        return _timed(reading, keys["time"], "time", segment, zone, zoned=zoned) if "time" in keys else ()
    return _timed(reading, tree, "at", segment, reading.zone, zoned=False)


def _timed(
    reading: Reading, tree: Tree, label: str, segment: str, zone: str | None, *, zoned: bool
) -> tuple[ScheduleTrigger, ...]:
    """``zoned``: the zone is said, so that a time may not say another."""
    by_zone: dict[str | None, set[datetime]] = {}
    for member in fields.one_or_list(tree):
        written = parse_reading(member.text) if isinstance(member, Leaf) else None
        if written is None:
            fields.wrong(reading, member, label, _EXPECTED)
        elif written.tzinfo is None:
            by_zone.setdefault(zone, set()).add(written)
        elif zoned:
            reading.refuse(member.at, f"'{label}' carries an offset from UTC; leave that out, or 'zone'")
        else:
            by_zone.setdefault("UTC", set()).add(written.astimezone(UTC).replace(tzinfo=None))
    if isinstance(tree, Items) and not tree.items:
        reading.refuse(tree.at, f"'{label}' needs at least one timestamp")
    return tuple(
        ScheduleTrigger(segment, times=tuple(sorted(times)), zone=one)
        for one, times in sorted(by_zone.items(), key=lambda pair: pair[0] or "")
    )


def flow_of(broadcast: Broadcast) -> Flow:
    """The flow that a broadcast is: caps, quiet hours and consent decide as for any."""
    send = Send(broadcast.message, broadcast.message, broadcast.expires, broadcast.topic, position=broadcast.position)
    return Flow(
        name=f"{PREFIX}{broadcast.name}",
        title=broadcast.title,
        triggers=broadcast.schedules,
        steps=(send,),
        holdout=broadcast.holdout,
        priority=broadcast.priority,
        position=broadcast.position,
    )


def all_flows(workspace: Workspace) -> dict[str, Flow]:
    """The flows of a workspace by their names, and those that its broadcasts are."""
    told = {flow.name: flow for flow in map(flow_of, workspace.broadcasts.values())}
    return {**workspace.flows, **told}


def file_of(flow: str) -> str:
    """The file that a flow, or the flow of a broadcast, is written in, below the workspace folder."""
    if flow.startswith(PREFIX):
        return f"broadcasts/{flow.removeprefix(PREFIX)}.yaml"
    return f"flows/{flow}.yaml"
