"""A broadcast's file, and the flow that it is: a send or a split, which a schedule starts for each member of the segment."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tamshy.language import fields, vocabulary
from tamshy.language.model import (
    Broadcast,
    BroadcastArm,
    Flow,
    Measure,
    ScheduleTrigger,
    Send,
    Split,
    SplitArm,
    Trial,
    Wait,
    Winner,
)
from tamshy.language.moments import parse_reading
from tamshy.language.occasions import read_cron, read_segment_name
from tamshy.language.program import all_steps
from tamshy.language.reading import Thing
from tamshy.language.trees import Items, Leaf, Mapping
from tamshy.language.waits import read_zone

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.language.model import Step, Workspace
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree

PREFIX: Final = "broadcast/"
"""Begins the name of the flow that a broadcast is: no file of a flow can have it."""
REST: Final = "rest"
"""The arm of those who wait for what a trial on the others shows."""
_GREATEST_PRIORITY: Final = 1_000_000
_FEWEST_ARMS: Final = 2
_MOST_ARMS: Final = 20
_HEAVIEST: Final = 1_000_000
_WHOLE: Final = 100
_SHORTEST: Final = 600
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
    trial = _trial(reading, keys["split"]) if "split" in keys else None
    if ("message" in keys) is ("split" in keys):
        reading.refuse(tree.at, f"a broadcast needs 'message' or 'split'{', not both' if 'split' in keys else ''}")
    schedules = _schedules(reading, keys["at"], segment or "") if "at" in keys else ()
    topic = fields.name(reading, keys["topic"], "topic", fields.STEP_ID) if "topic" in keys else None
    if "topic" in keys:
        reading.use(Thing.TOPIC, topic, keys["topic"].at)
    expires = fields.duration(reading, keys["expires"], "expires") if "expires" in keys else None
    holdout = fields.percentage(reading, keys["holdout"], "holdout") if "holdout" in keys else None
    priority = 0
    if "priority" in keys:
        priority = fields.integer(reading, keys["priority"], "priority", -_GREATEST_PRIORITY, _GREATEST_PRIORITY) or 0
    if segment is None or not schedules or (message is None) is (trial is None):
        return None
    return Broadcast(
        name,
        title or name,
        segment,
        schedules,
        message,
        trial,
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


def _trial(reading: Reading, tree: Tree) -> Trial | None:
    keys = fields.mapping(reading, tree, vocabulary.BROADCAST_SPLIT)
    if keys is None:
        return None
    name = fields.name(reading, keys["name"], "name", fields.WORD) if "name" in keys else None
    winner = _winner(reading, keys["winner"]) if "winner" in keys else None
    arms = _arms(reading, keys["arms"], tested="winner" in keys) if "arms" in keys else ()
    if name is None or len(arms) < _FEWEST_ARMS or ("winner" in keys and winner is None):
        return None
    return Trial(name, arms, winner, tree.at)


def _arms(reading: Reading, tree: Tree, *, tested: bool) -> tuple[BroadcastArm, ...]:
    """``tested``: the weights are per cent of the segment, and leave something for the winner."""
    entries = fields.open_mapping(reading, tree, "arms", "of arms such as {a: {weight: 10, message: NAME}, b: {...}}")
    if isinstance(tree, Mapping) and not _FEWEST_ARMS <= len(entries) <= _MOST_ARMS:
        reading.refuse(tree.at, f"'arms' must be {_FEWEST_ARMS} to {_MOST_ARMS} arms, not {len(entries)}")
    found: list[BroadcastArm] = []
    weights: list[Decimal] = []
    for name, entry in entries.items():
        if not fields.WORD.fullmatch(name) or name == REST:
            reading.refuse(
                entry.at, f"'{name[:80]}' is no name of an arm: one word of letters and digits, and not '{REST}'"
            )
        keys = fields.mapping(reading, entry.value, vocabulary.BROADCAST_ARM) or {}
        message = fields.name(reading, keys["message"], "message") if "message" in keys else None
        if "message" in keys:
            reading.use(Thing.MESSAGE, message, keys["message"].at)
        weight = fields.number(reading, keys["weight"], "weight", 0, _HEAVIEST) if "weight" in keys else None
        weights += [] if weight is None else [weight]
        if message is not None:
            found.append(BroadcastArm(name, Decimal(1) if weight is None else weight, message))
    if tested and (len(weights) < len(entries) or not 0 < sum(weights) < _WHOLE):
        reading.refuse(
            tree.at, "with 'winner' each arm has a 'weight', per cent of the segment; together less than 100"
        )
    elif 0 < len(weights) < len(entries) or (weights and not sum(weights)):
        reading.refuse(tree.at, "'weight' is given to all arms or to none, and not to all as 0")
    return tuple(found)


def _winner(reading: Reading, tree: Tree) -> Winner | None:
    keys = fields.mapping(reading, tree, vocabulary.BROADCAST_WINNER)
    if keys is None:
        return None
    by = fields.choice(reading, keys["by"], "by", Measure) if "by" in keys else None
    if by is not None and by.of_conversions:
        reading.refuse(
            keys["by"].at, f"a broadcast has no 'conversion' to be judged by; 'by' is opened or clicked, not {by}"
        )
        by = None
    after = fields.duration(reading, keys["after"], "after") if "after" in keys else None
    if after is not None and after.is_elapsed and after.seconds < _SHORTEST:
        reading.refuse(keys["after"].at, "'after' must be 10m or longer: nobody has read it sooner")
        after = None
    return None if by is None or after is None else Winner(by, after=after)


def check_trials(reading: Reading, flows: dict[str, Flow], broadcasts: dict[str, Broadcast]) -> None:
    """Refuse a trial by the name of another experiment: who is in an arm of one would be in it in both."""
    taken = {
        step.name: flow.position for flow in flows.values() for step in all_steps(flow.steps) if isinstance(step, Split)
    }
    for _, broadcast in sorted(broadcasts.items()):
        trial = broadcast.trial
        if trial is None:
            continue
        if trial.name in taken:
            reading.refuse(
                trial.position,
                f"the experiment '{trial.name}' is in {taken[trial.name].file} too; give it another 'name'",
            )
        taken.setdefault(trial.name, broadcast.position)


def flow_of(broadcast: Broadcast) -> Flow:
    """The flow that a broadcast is: caps, quiet hours and consent decide as for any."""
    return Flow(
        name=f"{PREFIX}{broadcast.name}",
        title=broadcast.title,
        triggers=broadcast.schedules,
        steps=_steps(broadcast),
        holdout=broadcast.holdout,
        priority=broadcast.priority,
        position=broadcast.position,
    )


def _steps(broadcast: Broadcast) -> tuple[Step, ...]:
    """One send; or a split; or one whose last arm waits for what the others show, and then goes to the best of them."""
    trial = broadcast.trial
    if trial is None:
        return (_send(broadcast, broadcast.message or "", broadcast.message or ""),)
    arms = [SplitArm(arm.name, arm.weight, (_send(broadcast, arm.name, arm.message),)) for arm in trial.arms]
    if trial.winner is None or trial.winner.after is None:
        return (Split("split-1", trial.name, tuple(arms), position=broadcast.position),)
    best = tuple(
        SplitArm(arm.name, arm.weight, (_send(broadcast, f"best-{arm.name}", arm.message),)) for arm in trial.arms
    )
    rest: tuple[Step, ...] = (
        Wait("wait-1", trial.winner.after, broadcast.position),
        Split("best", trial.name, best, trial.winner, position=broadcast.position),
    )
    left = _WHOLE - sum((arm.weight for arm in trial.arms), Decimal())
    return (Split("split-1", trial.name, (*arms, SplitArm(REST, left, rest)), position=broadcast.position),)


def _send(broadcast: Broadcast, id_: str, message: str) -> Send:
    return Send(id_, message, broadcast.expires, broadcast.topic, position=broadcast.position)


def all_flows(workspace: Workspace) -> dict[str, Flow]:
    """The flows of a workspace by their names, and those that its broadcasts are."""
    told = {flow.name: flow for flow in map(flow_of, workspace.broadcasts.values())}
    return {**workspace.flows, **told}


def file_of(flow: str) -> str:
    """The file that a flow, or the flow of a broadcast, is written in, below the workspace folder."""
    if flow.startswith(PREFIX):
        return f"broadcasts/{flow.removeprefix(PREFIX)}.yaml"
    return f"flows/{flow}.yaml"
