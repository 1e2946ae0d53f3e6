"""What goes along while a workspace is read: problems found, names defined and names used.

References are checked when everything has been read, so that the order of files and a fault elsewhere in the file that
defines a name do not matter.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tamshy.language.model import Position, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Thing(StrEnum):
    """What a name can stand for."""

    FLOW = "flow"
    MESSAGE = "message"
    TOPIC = "topic"
    POOL = "coupon pool"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class Use:
    """A name that must exist, and where it is used."""

    thing: Thing
    name: str
    at: Position


@dataclass(frozen=True, slots=True)
class StepUse:
    """The id of a step of ``flow``; with ``sends`` it must be one that sends."""

    flow: str
    step: str
    at: Position
    sends: bool


@dataclass(frozen=True, slots=True)
class Nesting:
    """A segment that stands in the condition of another, and where."""

    outer: str
    inner: str
    at: Position


@dataclass(frozen=True, slots=True)
class StoryStepUse:
    """The id of a step that a story names; ``flow`` None: of any flow that the story runs."""

    flow: str | None
    step: str
    at: Position


@dataclass(frozen=True, slots=True)
class DefinedStep:
    """A step's verb and place, known also where the rest of the step is at fault."""

    verb: str
    at: Position


@dataclass
class Reading:
    """The state of one reading. ``sources``: the texts by file; ``zone`` and ``locale``: the workspace's."""

    sources: Mapping[str, str] = field(default_factory=dict)

    zone: str = "UTC"
    locale: str = "en"
    problems: list[Problem] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    step_uses: list[StepUse] = field(default_factory=list)
    story_steps: list[StoryStepUse] = field(default_factory=list)
    nestings: list[Nesting] = field(default_factory=list)
    exits: list[tuple[str, Position]] = field(default_factory=list)
    """Reasons of exits that stories expect: checked when all ``exit:`` steps are known."""
    names: dict[Thing, dict[str, Position]] = field(default_factory=lambda: {thing: {} for thing in Thing})
    steps: dict[str, dict[str, DefinedStep]] = field(default_factory=dict)
    coupons: dict[str, set[str]] = field(default_factory=dict)
    """The names by which each flow's ``coupon`` steps are known."""

    def refuse(self, at: Position, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(at, text))

    def use(self, thing: Thing, name: str | None, at: Position) -> None:
        """Note that ``name`` must exist; None (refused already) is passed over."""
        if name is not None:
            self.uses.append(Use(thing, name, at))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that ``name`` is likely a slip for; None where none comes close."""
    folded = {choice.lower(): choice for choice in sorted(known, reverse=True)}
    close = difflib.get_close_matches(name.lower()[:100], folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` where one of ``known`` comes close, else nothing."""
    likely = nearest(name, known)
    return f" (did you mean '{likely}'?)" if likely else ""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """``unknown WHAT 'NAME'`` with the nearest known one, or with all where none comes near and they are few."""
    choices = sorted(known)
    hint = did_you_mean(name, choices)
    few = 12
    if not hint and choices and len(choices) <= few:
        hint = f"; there are {', '.join(choices)}" if len(choices) > 1 else f"; there is {choices[0]}"
    if not hint and not choices:
        hint = "; there is none"
    return f"unknown {what} '{name}'{hint}"
