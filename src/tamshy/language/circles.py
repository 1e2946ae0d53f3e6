"""Flows that start each other for ever: by what they ``track``, and by what the engine says of what they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tamshy.language.model import (
    All,
    AnyOf,
    Branch,
    ChangeConsent,
    EventTrigger,
    Exit,
    Flow,
    Not,
    Operator,
    PropertyTest,
    ReentryKind,
    Repeat,
    Root,
    Send,
    Split,
    Step,
    Track,
    Wait,
    WaitFor,
)

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.language.model import Clause, Condition, Trigger
    from tamshy.language.reading import Reading

_HOUR: Final = 3600
_ALWAYS_NEW: Final = frozenset({("message_id",), ("enrollment",), ("occurred_at",)})
"""What differs with every mail: by such a key everybody may come in again and again."""


@dataclass(frozen=True, slots=True)
class _Emission:
    """An event that a newcomer brings about without a wait of an hour; ``facts``: what is known of it beforehand."""

    flow: str
    step: Step
    event: str
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> bool:
        """Whether it is the shop's own word, a ``track``."""
        return isinstance(self.step, Track)


def check_loops(reading: Reading, flows: dict[str, Flow]) -> None:
    """Refuse flows that start each other in a circle in which no wait of at least 1 h stands.

    What a ``track`` emits counts whatever the flow's re-entry is. What a ``send`` or a change of consent brings about
    (``Message Sent``, ``Subscribed``, ``Unsubscribed``) counts where those who have just left may come in again.
    """
    quick = {name: _emissions(name, flow) for name, flow in flows.items()}
    for name in sorted(flows):
        for emission in quick[name]:
            for started in _started(emission, flows):
                way = _way(started, name, quick, flows)
                # Said once for each circle, in the flow that comes first in the alphabet.
                if way is not None and name == min(way):
                    circle = " → ".join([name, *way])
                    text = f"starts a circle of flows ({circle}) without a wait of at least 1h in it"
                    reading.refuse(emission.step.position, f"'{emission.event}' {text}")


def _way(start: str, goal: str, quick: dict[str, list[_Emission]], flows: dict[str, Flow]) -> list[str] | None:
    """The shortest way by quick emissions from ``start`` to ``goal``, both in; None where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        for emission in quick[way[-1]]:
            for following in _started(emission, flows):
                if following not in seen:
                    seen.add(following)
                    ways.append([*way, following])
    return None


def _started(emission: _Emission, flows: dict[str, Flow]) -> list[str]:
    """The flows that an emission may start, in order of their names."""
    return [
        name
        for name, flow in sorted(flows.items())
        if any(_fits(emission, trigger) for trigger in flow.triggers) and (emission.said or _opens_again(flow))
    ]


def _fits(emission: _Emission, trigger: Trigger) -> bool:
    if not isinstance(trigger, EventTrigger) or trigger.event != emission.event:
        return False
    return emission.said or _may(trigger.where, emission.facts) is not False


def _opens_again(flow: Flow) -> bool:
    """Whether somebody who has just left may come in at once by an event of the same kind."""
    if flow.reentry.kind is ReentryKind.ALWAYS:
        return True
    after = flow.reentry.after
    if after is not None and not _is_long(after):
        return True
    return flow.per is not None and flow.per.root is Root.EVENT and flow.per.path in _ALWAYS_NEW


def _may(condition: Condition | None, facts: dict[str, str]) -> bool | None:
    """Whether a condition holds for an event of which only these properties are known; None: it depends."""
    if condition is None:
        return True
    if isinstance(condition, Not):
        inner = _may(condition.member, facts)
        return None if inner is None else not inner
    if isinstance(condition, All | AnyOf):
        members = {_may(member, facts) for member in condition.members}
        decisive = isinstance(condition, AnyOf)
        if decisive in members:
            return decisive
        return None if None in members else not decisive
    if isinstance(condition, PropertyTest) and condition.ref.root is Root.EVENT and len(condition.ref.path) == 1:
        known = facts.get(condition.ref.path[0])
        if known is not None:
            results = {_passes(known, clause) for clause in condition.test.clauses}
            return False if False in results else None if None in results else True
    return None


def _passes(known: str, clause: Clause) -> bool | None:
    operand = clause.operand
    if clause.operator is Operator.EQ:
        return known == operand
    if clause.operator is Operator.NE:
        return known != operand
    if clause.operator in {Operator.IN, Operator.NOT_IN} and isinstance(operand, tuple):
        return (known in operand) is (clause.operator is Operator.IN)
    return None


# -- what is emitted without a long wait -----------------------------------------------------------------------------


def _emissions(name: str, flow: Flow) -> list[_Emission]:
    return [emission for step in _quick(flow.steps)[0] if (emission := _emission(name, step)) is not None]


def _emission(flow: str, step: Step) -> _Emission | None:
    if isinstance(step, Track):
        return _Emission(flow, step, step.event)
    if isinstance(step, Send):
        return _Emission(flow, step, "Message Sent", {"message": step.message, "flow": flow, "step": step.id})
    if isinstance(step, ChangeConsent):
        event = "Subscribed" if step.granted else "Unsubscribed"
        return _Emission(flow, step, event, {"topic": step.topic, "flow": flow, "step": step.id})
    return None


def _quick(steps: tuple[Step, ...]) -> tuple[list[Step], bool]:
    """The steps that can be reached without a long wait, and whether the end of the list can."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        if isinstance(step, Split | Repeat):
            inner, goes_on = _quick_ways(step)
            found.extend(inner)
            if not goes_on:
                return found, False
            continue
        if isinstance(step, Exit) or (isinstance(step, Wait) and _is_long(step.duration)):
            return found, False
        if isinstance(step, Branch):
            arms = [_quick(arm.steps) for arm in step.arms]
            found.extend(inner for steps_, _ in arms for inner in steps_)
            complete = any(arm.condition is None for arm in step.arms)
            if complete and not any(goes_on for _, goes_on in arms):
                return found, False
        elif isinstance(step, WaitFor):
            then, goes_on = _quick(step.then)
            found.extend(then)
            if not _is_long(step.at_most):
                late, late_goes_on = _quick(step.otherwise)
                found.extend(late)
                goes_on = goes_on or late_goes_on
            if not goes_on:
                return found, False
    return found, True


def _quick_ways(step: Split | Repeat) -> tuple[list[Step], bool]:
    """The same of the steps inside a split or a repeat, and whether what follows it can be reached so."""
    if isinstance(step, Split):
        arms = [_quick(arm.steps) for arm in step.arms]
        return [inner for steps_, _ in arms for inner in steps_], any(goes_on for _, goes_on in arms)
    found, goes_on = _quick(step.steps)
    rests = step.times > 1 and step.every is not None and _is_long(step.every)
    return found, step.condition is not None or (goes_on and not rests)


def _is_long(duration: Duration) -> bool:
    return duration.months > 0 or duration.days > 0 or duration.seconds >= _HOUR
