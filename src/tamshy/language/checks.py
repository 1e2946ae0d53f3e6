"""Checks over what has been read: names that are used exist, steps can be reached, flows do not chase each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy.language.model import Branch, Exit, Flow, Step, Track, Wait, WaitFor
from tamshy.language.program import all_steps, inner_steps
from tamshy.language.reading import Reading, Thing, did_you_mean, unknown
from tamshy.language.stories import EXIT_REASONS

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration

_HOUR = 3600
_KNOWN_MANY = 12


# -- names -----------------------------------------------------------------------------------------------------------


def check_names(reading: Reading, flows: dict[str, Flow]) -> None:
    """Refuse every use of a name that nothing has."""
    for use in reading.uses:
        if use.name not in reading.names[use.thing]:
            reading.refuse(use.at, unknown(use.thing, use.name, reading.names[use.thing]))
    for step_use in reading.step_uses:
        steps = reading.steps.get(step_use.flow, {})
        found = steps.get(step_use.step)
        if found is None:
            known = [name for name, step in steps.items() if step.verb == "send" or not step_use.sends]
            message = step_use.sends and step_use.step in reading.names[Thing.MESSAGE]
            hint = f" (did you mean 'message/{step_use.step}'?)" if message else _step_hint(step_use.step, known)
            reading.refuse(step_use.at, f"unknown step '{step_use.step}' in this flow{hint}")
        elif step_use.sends and found.verb != "send":
            reading.refuse(step_use.at, f"the step '{step_use.step}' sends nothing: it is a '{found.verb}'")
    _check_stories(reading, flows)


def _step_hint(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return hint or (f"; there are {', '.join(known)}" if 0 < len(known) <= _KNOWN_MANY else "")


def _check_stories(reading: Reading, flows: dict[str, Flow]) -> None:
    every = {step for steps in reading.steps.values() for step in steps}
    for use in reading.story_steps:
        known = every if use.flow is None else set(reading.steps.get(use.flow, {}))
        if use.step not in known and (use.flow is None or use.flow in reading.names[Thing.FLOW]):
            reading.refuse(use.at, f"unknown step '{use.step}'{_step_hint(use.step, sorted(known))}")
    words = {step.reason for flow in flows.values() for step in all_steps(flow.steps) if isinstance(step, Exit)}
    for word, at in reading.exits:
        if word not in words and word not in EXIT_REASONS:
            reading.refuse(at, unknown("reason", word, [*EXIT_REASONS, *words]))


# -- reach -----------------------------------------------------------------------------------------------------------


def check_reach(reading: Reading, flow: Flow) -> None:
    """Refuse the first step of each list that no way leads to."""
    _reach(reading, flow.steps)


def _reach(reading: Reading, steps: tuple[Step, ...]) -> None:
    for place, step in enumerate(steps):
        for inner in inner_steps(step):
            _reach(reading, inner)
        if _always_ends(step) and place + 1 < len(steps):
            line = step.position.line
            how = "the 'exit'" if isinstance(step, Exit) else "every arm of the step"
            text = f"this step is never reached: {how} in line {line} ends the enrollment"
            reading.refuse(steps[place + 1].position, text)
            return


def _always_ends(step: Step) -> bool:
    if isinstance(step, Branch) and not any(arm.condition is None for arm in step.arms):
        return False
    lists = inner_steps(step)
    return isinstance(step, Exit) or (bool(lists) and all(inner and _always_ends(inner[-1]) for inner in lists))


# -- loops -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Emission:
    """A ``track`` that a newcomer can reach without a wait of an hour."""

    flow: str
    step: Track


def check_loops(reading: Reading, flows: dict[str, Flow]) -> None:
    """Refuse flows that start each other by ``track`` in a circle in which no wait of at least 1 h stands."""
    listeners: dict[str, list[str]] = {}
    for name, flow in flows.items():
        for event in {trigger.event for trigger in flow.triggers}:
            listeners.setdefault(event, []).append(name)
    quick = {name: [_Emission(name, step) for step in _quick(flow.steps)[0]] for name, flow in flows.items()}
    for name in sorted(flows):
        for emission in quick[name]:
            for started in sorted(listeners.get(emission.step.event, ())):
                way = _way(started, name, quick, listeners)
                # Said once for each circle, in the flow that comes first in the alphabet.
                if way is not None and name == min(way):
                    circle = " → ".join([name, *way])
                    text = f"starts a circle of flows ({circle}) without a wait of at least 1h in it"
                    reading.refuse(emission.step.position, f"'{emission.step.event}' {text}")


def _way(start: str, goal: str, quick: dict[str, list[_Emission]], listeners: dict[str, list[str]]) -> list[str] | None:
    """The shortest way by quick emissions from ``start`` to ``goal``, both in; None where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        if way[-1] == goal:
            return way
        for emission in quick[way[-1]]:
            for following in sorted(listeners.get(emission.step.event, ())):
                if following not in seen:
                    seen.add(following)
                    ways.append([*way, following])
    return None


def _quick(steps: tuple[Step, ...]) -> tuple[list[Track], bool]:
    """The ``track`` steps that can be reached without a long wait, and whether the end of the list can."""
    found: list[Track] = []
    for step in steps:
        if isinstance(step, Track):
            found.append(step)
        elif isinstance(step, Exit) or (isinstance(step, Wait) and _is_long(step.duration)):
            return found, False
        elif isinstance(step, Branch):
            arms = [_quick(arm.steps) for arm in step.arms]
            found.extend(track for tracks, _ in arms for track in tracks)
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


def _is_long(duration: Duration) -> bool:
    return duration.months > 0 or duration.days > 0 or duration.seconds >= _HOUR
