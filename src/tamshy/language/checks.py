"""Checks over what has been read: names that are used exist, and steps can be reached."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from tamshy.language.matching import bare
from tamshy.language.model import Branch, Exit, Flow, Ref, Repeat, Root, Step
from tamshy.language.program import all_steps, inner_steps
from tamshy.language.reading import Reading, Thing, did_you_mean, unknown
from tamshy.language.stories import EXIT_REASONS

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


# -- coupons ---------------------------------------------------------------------------------------------------------


def check_coupons(reading: Reading, flow: Flow) -> None:
    """Refuse references to a coupon that no step of the flow takes."""
    known = reading.coupons.get(flow.name, set())
    asked = [(step.position, bare(step)) for step in all_steps(flow.steps)]
    for at, part in [*asked, (flow.position, (flow.exit_on, flow.conversion))]:
        for variable in sorted(_coupons_of(part) - known):
            reading.refuse(at, f"{unknown('coupon', variable, known)}; a 'coupon' step of this flow takes it 'as' that")


def _coupons_of(value: object) -> set[str]:
    """The coupons that references in a part of a flow name."""
    if isinstance(value, Ref):
        return {value.path[0]} if value.root is Root.COUPON else set()
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        return {name for member in value for name in _coupons_of(member)}
    if is_dataclass(value) and not isinstance(value, type):
        return {name for part in fields(value) for name in _coupons_of(getattr(value, part.name))}
    return set()


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
            how = "the 'exit'" if isinstance(step, Exit) else f"every {_way(step)} of the step"
            text = f"this step is never reached: {how} in line {line} ends the enrollment"
            reading.refuse(steps[place + 1].position, text)
            return


def _way(step: Step) -> str:
    return "round" if isinstance(step, Repeat) else "arm"


def _always_ends(step: Step) -> bool:
    if isinstance(step, Branch) and not any(arm.condition is None for arm in step.arms):
        return False
    if isinstance(step, Repeat) and step.condition is not None:
        return False
    lists = inner_steps(step)
    return isinstance(step, Exit) or (bool(lists) and all(inner and _always_ends(inner[-1]) for inner in lists))
