"""Whom publishing would move: people inside flows, by the step they stand at and the one they would go on at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tamshy.conditions import nested
from tamshy.language import all_flows, file_of, program, step_mapping
from tamshy.language.model import InFlight
from tamshy.predict import asked
from tamshy.publish import load_rulebook
from tamshy.segment import count, foresee, measured, rank

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.language.model import Condition, Flow, Workspace
    from tamshy.site.commands.surroundings import Opened

_INSIDE: Final = """
select e.flow, e.version = f.live_version, e.step, count(*)
from enrollment e join flow f on f.workspace = e.workspace and f.name = e.flow
where e.bucket = any(%(buckets)s) and e.active
group by 1, 2, 3 order by 1, 2 desc, 3
"""


@dataclass(frozen=True, slots=True)
class Move:
    """People of one step of one flow; `to` is None where they leave the flow."""

    flow: str
    step: str
    to: str | None
    people: int

    def __str__(self) -> str:
        """Say it in words."""
        where = f"go on at {self.to}" if self.to is not None else "leave the flow"
        return f"{self.flow}: {self.people} at {self.step} {where}"


def moves(work: Opened, before: Workspace, after: Workspace) -> list[Move]:
    """Count whom publishing `after` in place of `before` would move.

    People who finish on an older version of a flow are not among them.
    """
    buckets = list(range(work.first_bucket, work.first_bucket + work.buckets))
    found = []
    flows_before, flows_after = all_flows(before), all_flows(after)
    for flow, live, step, people in work.conn.execute(_INSIDE, {"buckets": buckets}).fetchall():
        old, new = flows_before.get(flow), flows_after.get(flow)
        if old is None or not live:
            continue
        if new is None:
            found.append(Move(flow, _step(old, step), None, people))
        elif _changed(before, after, flow) and new.in_flight is InFlight.FOLLOW:
            name = _step(old, step)
            to = step_mapping(old, new).get(name, name)
            if to != name:
                found.append(Move(flow, name, to or "the end", people))
    return found


@dataclass(frozen=True, slots=True)
class Inside:
    """How many people are in a segment that would be published, and how many are in the one it would take the place of."""

    segment: str
    people: int
    before: int | None

    def __str__(self) -> str:
        """Say it in words."""
        was = "" if self.before is None else f", {self.before} before"
        return f"segments/{self.segment}: {self.people} people{was}"


def newly_inside(work: Opened, before: Workspace, after: Workspace, now: datetime) -> list[Inside]:
    """Count who is in the segments that are new or have changed, as if they were published now. What was computed is taken back."""
    book = load_rulebook(work.conn, work.workspace)
    old = {name: segment.where for name, segment in before.segments.items()}
    new = {name: segment.where for name, segment in after.segments.items()}
    # As if nobody listened: what is kept is the old one's.
    then = replace(book, segments=new, settings=after.settings, flows=())
    was = replace(book, segments=old, flows=())
    fresh = {name: top for name, top in measured(then).items() if name not in measured(was)}
    if asked(then) and not asked(was):
        foresee(work.conn, then, now)
    rank(work.conn, then, now, fresh)
    found = [
        Inside(name, count(work.conn, then, name, now), count(work.conn, was, name, now) if name in old else None)
        for name in sorted(new)
        if name not in old or _meant(old, name) != _meant(new, name)
    ]
    work.conn.rollback()
    return found


def _meant(segments: dict[str, Condition], name: str) -> list[object]:
    return [segments[one] for one in nested(segments, name)]


def _changed(before: Workspace, after: Workspace, flow: str) -> bool:
    path = file_of(flow)
    return before.sources.get(path) != after.sources.get(path)


def _step(flow: Flow, index: int) -> str:
    nodes = {node.index: node.step.id for node in program(flow).nodes}
    return nodes.get(index, "the entry")
