"""A slow, obvious reading of conditions, one profile at a time, to hold the compiled SQL against.

Calendar sums come from `domain.calendar`, which has tests of its own; everything else is worked out here.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

from tamshy.domain import calendar
from tamshy.domain.duration import Duration
from tamshy.language import model
from tamshy.language.model import COUPONS, Aggregation, Engaged, Operator, Root, TopicDefault

Json: TypeAlias = bool | int | Decimal | str | list["Json"] | dict[str, "Json"] | None
Value: TypeAlias = Json | datetime

_STAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?(?:(?<=:[0-9]{2}:[0-9]{2})[.,]([0-9]{1,20}))?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
_EARTH_KM: Final = 6371.0088


@dataclass(frozen=True)
class Happened:
    """An event; `origin` 1 is the engine's."""

    name: str
    at: datetime
    properties: dict[str, Json] = field(default_factory=dict)
    context: dict[str, Json] = field(default_factory=dict)
    origin: int = 0


@dataclass(frozen=True)
class Sent:
    """A message that was decided; `state` is sent, accepted or skipped."""

    message: str
    flow: str
    step: str
    enrollment: str
    at: datetime
    state: str = "sent"


@dataclass(frozen=True)
class Entered:
    """An enrollment of the profile."""

    flow: str
    at: datetime
    active: bool


@dataclass(frozen=True)
class Scene:
    """One row `x` and all that happened to its profile."""

    moment: datetime
    zone: str
    workspace_zone: str
    properties: dict[str, Json] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)
    topics: dict[str, TopicDefault] = field(default_factory=dict)
    enrollment: str | None = None
    entered_at: datetime | None = None
    reached: dict[str, datetime] = field(default_factory=dict)
    vars: dict[str, Json] = field(default_factory=dict)
    start: Happened | None = None
    events: tuple[Happened, ...] = ()
    messages: tuple[Sent, ...] = ()
    enrollments: tuple[Entered, ...] = ()

    def ago(self, length: Duration) -> datetime:
        return calendar.add(self.moment, -length, self.zone)

    def ahead(self, length: Duration) -> datetime:
        return calendar.add(self.moment, length, self.zone)


def holds(  # noqa: C901 - one kind after the other
    condition: model.Condition, scene: Scene, tested: Happened | None = None
) -> bool:
    """Does the condition hold? `tested` is the event under test inside `where`."""
    match condition:
        case model.All():
            return all(holds(member, scene, tested) for member in condition.members)
        case model.AnyOf():
            return any(holds(member, scene, tested) for member in condition.members)
        case model.Not():
            return not holds(condition.member, scene, tested)
        case model.PropertyTest():
            return passes(values(condition.ref, scene, tested or scene.start), condition.test, scene)
        case model.Behaviour():
            return _did(condition, scene)
        case model.Recency():
            return _ago(condition, scene)
        case model.Enrolled():
            return _enrolled(condition, scene)
        case model.Engagement():
            return _engaged(condition, scene)
        case model.Subscribed():
            default = scene.topics.get(condition.topic) is TopicDefault.OPT_OUT
            return scene.consents.get(condition.topic, default)
        case model.In() | model.Top():
            message = "segments are held by a property of their own"
            raise NotImplementedError(message)


# -- values ----------------------------------------------------------------------------------------------------------


def leaves(value: Json, path: tuple[str, ...]) -> list[Json]:
    """The values at a path; None for what is missing."""
    if not path:
        return [value]
    if isinstance(value, list):
        return [leaf for member in value for leaf in leaves(member, path)]
    if isinstance(value, dict):
        return leaves(value.get(path[0]), path[1:])
    return [None]


def values(ref: model.Ref, scene: Scene, event: Happened | None) -> list[Value]:
    if ref.root is Root.PROFILE:
        return list(leaves(scene.properties, ref.path)) or [None]
    if ref.root is Root.VARS:
        return list(leaves(scene.vars, ref.path)) or [None]
    if ref.root is Root.COUPON:
        return list(leaves(scene.vars.get(COUPONS), ref.path)) or [None]
    if event is None:
        return [None]
    if ref.path == ("occurred_at",):
        return [event.at]
    if ref.path[0] == "context":
        return list(leaves(event.context, ref.path[1:])) or [None]
    return list(leaves(event.properties, ref.path)) or [None]


def kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | Decimal):
        return "number"
    if isinstance(value, str):
        return "text"
    return "tree" if isinstance(value, list | dict) else "nothing"


def equal(one: object, other: object) -> bool:
    return kind(one) == kind(other) != "nothing" and one == other


def moment_of(value: Value, scene: Scene) -> datetime | None:
    if isinstance(value, datetime):
        return value
    found = _STAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, seconds, fraction, zulu, sign, hours, minutes = found.groups()
    try:
        reading = datetime.fromisoformat(f"{day}T{clock or '00:00'}{seconds or ':00'}")
    except ValueError:
        return None
    reading += timedelta(microseconds=int((fraction or "0").ljust(6, "0")[:6]))
    if zulu is None and sign is None:
        return calendar.resolve(reading, scene.workspace_zone)
    offset = timedelta()
    if sign is not None:
        if int(hours) > 23 or int(minutes or 0) > 59:
            return None
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    return (reading - offset).replace(tzinfo=UTC)


def day_of(value: Value, scene: Scene) -> date | None:
    if isinstance(value, str) and len(value) == 5:
        value = f"0004-{value}"
    if isinstance(value, str) and len(value) == 10:
        try:
            return date.fromisoformat(value)
        except ValueError:
            return None
    moment = moment_of(value, scene)
    return None if moment is None else calendar.local(moment, scene.zone).date()


# -- tests -----------------------------------------------------------------------------------------------------------


def passes(found: list[Value], test: model.Test, scene: Scene) -> bool:
    """One value meets all clauses, but `ne` and `not_in`, which no value may break."""
    rest = []
    for clause in test.clauses:
        if clause.operator is Operator.NE:
            if any(equal(_text(value), clause.operand) for value in found):
                return False
        elif clause.operator is Operator.NOT_IN:
            assert isinstance(clause.operand, tuple)
            if any(equal(_text(value), one) for value in found for one in clause.operand):
                return False
        else:
            rest.append(clause)
    return not rest or any(all(_clause(clause, value, scene) for clause in rest) for value in found)


def _text(value: Value) -> Json:
    """A moment by itself is compared as the text it would be written as."""
    if not isinstance(value, datetime):
        return value
    moment = value.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond >= 1000 else "seconds") + "Z"


def _clause(clause: model.Clause, value: Value, scene: Scene) -> bool:
    operand = clause.operand
    if clause.operator is Operator.EXISTS:
        return (value is not None) is operand
    if value is None:
        return False
    text = _text(value)
    match clause.operator:
        case Operator.EQ:
            return equal(text, operand)
        case Operator.IN:
            assert isinstance(operand, tuple)
            return any(equal(text, one) for one in operand)
        case Operator.CONTAINS:
            if isinstance(text, list):
                return any(equal(member, operand) for member in text)
            return isinstance(text, str) and isinstance(operand, str) and operand in text
        case Operator.STARTS_WITH:
            return isinstance(text, str) and isinstance(operand, str) and text.startswith(operand)
        case Operator.ENDS_WITH:
            return isinstance(text, str) and isinstance(operand, str) and text.endswith(operand)
        case Operator.NEAR:
            assert isinstance(operand, model.Near)
            return _near(text, operand)
        case _:
            return _timely(clause, value, scene)


def _timely(clause: model.Clause, value: Value, scene: Scene) -> bool:
    operand = clause.operand
    if isinstance(operand, model.Season):
        day = day_of(value, scene)
        start, end = (operand.start.month, operand.start.day), (operand.end.month, operand.end.day)
        if day is None:
            return False
        after, before = (day.month, day.day) >= start, (day.month, day.day) <= end
        return (after and before) if start <= end else (after or before)
    if clause.operator is Operator.ANNIVERSARY:
        assert isinstance(operand, Duration)
        return _anniversary(day_of(value, scene), operand, scene)
    if not isinstance(operand, datetime | Duration):
        return kind(value) == kind(operand) == "number" and _compared(clause.operator, value, operand)
    moment = moment_of(value, scene)
    if moment is None:
        return False
    if isinstance(operand, datetime):
        return _compared(clause.operator, moment, operand)
    if clause.operator is Operator.WITHIN_LAST:
        return scene.ago(operand) < moment <= scene.moment
    return scene.moment < moment <= scene.ahead(operand)


def _compared(operator: Operator, value: object, operand: object) -> bool:
    order = int(value > operand) - int(value < operand)  # type: ignore[operator]
    return {
        Operator.GT: order > 0,
        Operator.AFTER: order > 0,
        Operator.GTE: order >= 0,
        Operator.LT: order < 0,
        Operator.BEFORE: order < 0,
        Operator.LTE: order <= 0,
    }[operator]


def _anniversary(born: date | None, length: Duration, scene: Scene) -> bool:
    """Look at every day from today on, one by one."""
    if born is None:
        return False
    day = calendar.local(scene.moment, scene.zone).date()
    last = calendar.local(scene.ahead(length), scene.zone).date()
    while day <= last:
        leap = (date(day.year, 3, 1) - timedelta(days=1)).day == 29
        clamped = (2, 28) if (born.month, born.day) == (2, 29) and not leap else (born.month, born.day)
        if (day.month, day.day) == clamped and day.year > born.year:
            return True
        day += timedelta(days=1)
    return False


def _near(value: Json, near: model.Near) -> bool:
    if not isinstance(value, dict):
        return False
    lat, lon = value.get("lat"), value.get("lon")
    if kind(lat) != "number" or kind(lon) != "number":
        return False
    assert isinstance(lat, int | Decimal)
    assert isinstance(lon, int | Decimal)
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return False
    a, b = math.radians(lat), math.radians(near.lat)
    across = math.radians(near.lon - lon)
    cosine = math.sin(a) * math.sin(b) + math.cos(a) * math.cos(b) * math.cos(across)
    return _EARTH_KM * math.acos(max(-1.0, min(1.0, cosine))) <= near.km


def _number(number: Fraction | int, test: model.Test) -> bool:
    """A TEST of a count or a sum."""
    for clause in test.clauses:
        operands = clause.operand if isinstance(clause.operand, tuple) else (clause.operand,)
        numbers = [Fraction(one) for one in operands if isinstance(one, int | Decimal) and not isinstance(one, bool)]
        if clause.operator in {Operator.EQ, Operator.IN, Operator.NE, Operator.NOT_IN}:
            if (number in numbers) is not (clause.operator in {Operator.EQ, Operator.IN}):
                return False
        elif not numbers or not _compared(clause.operator, number, numbers[0]):
            return False
    return True


# -- behaviour -------------------------------------------------------------------------------------------------------


def inside(window: model.Window, at: datetime, scene: Scene) -> bool:
    """Rules 8 and 9."""
    if at > scene.moment or (window.until is not None and at > scene.ago(window.until)):
        return False
    if window.within is not None and at <= scene.ago(window.within):
        return False
    if window.since is not None:
        since = scene.reached.get(window.since)
        if window.since == model.ENTRY:
            since = scene.entered_at or (scene.start.at if scene.start else None)
        if since is None or at <= since:
            return False
    return not (window.after is not None and at <= window.after) and not (
        window.before is not None and at >= window.before
    )


def same(refs: tuple[model.Ref, ...], event: Happened, scene: Scene) -> bool:
    return all(
        any(
            kind(one) != "nothing" and one == other and kind(one) == kind(other)
            for one in map(_text, values(ref, scene, event))
            for other in map(_text, values(ref, scene, scene.start))
        )
        for ref in refs
    )


def _matching(condition: model.Behaviour | model.Recency, window: model.Window, scene: Scene) -> list[Happened]:
    return [
        event
        for event in scene.events
        if event.name == condition.event
        and inside(window, event.at, scene)
        and (condition.where is None or holds(condition.where, scene, event))
        and same(condition.same, event, scene)
    ]


def _did(condition: model.Behaviour, scene: Scene) -> bool:
    events = _matching(condition, condition.window, scene)
    if condition.count is not None:
        if not _number(len(events), condition.count):
            return False
    elif not events:
        return False
    return all(_aggregate(one, events, scene) for one in condition.aggregates)


def _aggregate(aggregate: model.Aggregate, events: list[Happened], scene: Scene) -> bool:
    numbers = [
        Fraction(value)
        for event in events
        for value in values(aggregate.ref, scene, event)
        if isinstance(value, int | Decimal) and not isinstance(value, bool)
    ]
    if not numbers:
        return False
    total = {
        Aggregation.SUM: sum(numbers, Fraction()),
        Aggregation.AVG: sum(numbers, Fraction()) / len(numbers),
        Aggregation.MIN: min(numbers),
        Aggregation.MAX: max(numbers),
    }[aggregate.function]
    return _number(total, aggregate.test)


def _ago(condition: model.Recency, scene: Scene) -> bool:
    times = [event.at for event in _matching(condition, model.ALWAYS, scene)]
    if not times:
        return False
    at = max(times) if condition.newest else min(times)
    for clause in condition.ago.clauses:
        assert isinstance(clause.operand, Duration)
        edge = scene.ago(clause.operand)
        longer = {
            Operator.GT: at < edge,
            Operator.GTE: at <= edge,
            Operator.LT: at > edge,
            Operator.LTE: at >= edge,
        }
        if not longer[clause.operator]:
            return False
    return True


def _enrolled(condition: model.Enrolled, scene: Scene) -> bool:
    mine = [one for one in scene.enrollments if one.flow == condition.flow]
    if condition.within is None:
        return any(one.active for one in mine)
    return any(scene.ago(condition.within) < one.at <= scene.moment for one in mine)


def _engaged(condition: model.Engagement, scene: Scene) -> bool:
    if condition.kind is Engaged.RECEIVED:
        found: list[object] = [
            sent
            for sent in scene.messages
            if sent.state == "sent"
            and inside(condition.window, sent.at, scene)
            and _concerned(condition, sent.message, sent.flow, sent.step, sent.enrollment, scene)
        ]
    else:
        found = list({_touch(event) for event in scene.events if _touches(condition, event, scene)})
    return _number(len(found), condition.count) if condition.count is not None else bool(found)


def _touch(event: Happened) -> tuple[Json, datetime]:
    return event.properties.get("message_id"), event.at.replace(second=0, microsecond=0)


def _touches(condition: model.Engagement, event: Happened, scene: Scene) -> bool:
    name = {Engaged.OPENED: "Message Opened", Engaged.CLICKED: "Message Clicked"}[condition.kind]
    said = event.properties
    return (
        event.name == name
        and event.origin == 1
        and inside(condition.window, event.at, scene)
        and _concerned(
            condition, said.get("message"), said.get("flow"), said.get("step"), said.get("enrollment"), scene
        )
        and (condition.url is None or passes([said.get("url")], condition.url, scene))
    )


def _concerned(
    condition: model.Engagement, message: Json, flow: Json, step: Json, enrollment: Json, scene: Scene
) -> bool:
    if condition.step is not None:
        return scene.enrollment is not None and (step, enrollment) == (condition.step, scene.enrollment)
    if condition.message is not None:
        return message == condition.message
    return condition.flow is None or flow == condition.flow
