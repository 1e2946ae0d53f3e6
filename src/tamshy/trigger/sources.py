"""What starts the live flows of a rulebook without an event: dates and schedules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from tamshy.language.model import DateTrigger, ScheduleTrigger

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook, RunningFlow


@dataclass(frozen=True, slots=True)
class Source:
    """A date or a schedule that starts a live flow. ``mark`` tells it from the others, and from itself before a change."""

    flow: str
    version: int
    mark: UUID
    trigger: DateTrigger | ScheduleTrigger


def sources(book: Rulebook) -> list[Source]:
    """The dates and schedules that start the live flows."""
    return [
        Source(running.name, running.version, mark_of(running.name, trigger), trigger)
        for running in book.flows
        if running.live
        for trigger in running.flow.triggers
        if isinstance(trigger, DateTrigger | ScheduleTrigger)
    ]


def dates(book: Rulebook) -> list[tuple[Source, DateTrigger]]:
    """The dates that start the live flows."""
    return [(one, one.trigger) for one in sources(book) if isinstance(one.trigger, DateTrigger)]


def schedules(book: Rulebook) -> list[tuple[Source, ScheduleTrigger]]:
    """The schedules that start the live flows."""
    return [(one, one.trigger) for one in sources(book) if isinstance(one.trigger, ScheduleTrigger)]


def marks_of(running: RunningFlow) -> list[UUID]:
    """The marks of a flow's dates and schedules."""
    return [
        mark_of(running.name, trigger)
        for trigger in running.flow.triggers
        if isinstance(trigger, DateTrigger | ScheduleTrigger)
    ]


def mark_of(flow: str, trigger: DateTrigger | ScheduleTrigger) -> UUID:
    """What tells a flow's trigger from others."""
    return UUID(hashlib.md5(f"{flow}|{trigger!r}".encode(), usedforsecurity=False).hexdigest())
