"""What starts the live flows of a rulebook without an event: dates, schedules and new arrivals."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.language.model import DateTrigger, Every, NewArrivals, ScheduleTrigger

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook, RunningFlow


BORN: Final = "profile.created_at"
"""The one date that everybody holds from the first, though nobody tells it."""


@dataclass(frozen=True, slots=True)
class Source:
    """What starts a live flow by time. ``mark`` tells it from the others, and from itself before a change."""

    flow: str
    version: int
    mark: UUID
    trigger: DateTrigger | ScheduleTrigger | NewArrivals


def sources(book: Rulebook) -> list[Source]:
    """The dates, schedules and new arrivals that start the live flows."""
    return [
        Source(running.name, running.version, mark_of(running.name, trigger), trigger)
        for running in book.flows
        if running.live
        for trigger in running.flow.triggers
        if isinstance(trigger, DateTrigger | ScheduleTrigger | NewArrivals)
    ]


def dates(book: Rulebook) -> list[tuple[Source, DateTrigger]]:
    """The dates that start the live flows."""
    return [(one, one.trigger) for one in sources(book) if isinstance(one.trigger, DateTrigger)]


def schedules(book: Rulebook) -> list[tuple[Source, ScheduleTrigger]]:
    """The schedules that start the live flows."""
    return [(one, one.trigger) for one in sources(book) if isinstance(one.trigger, ScheduleTrigger)]


def arrivals(book: Rulebook) -> list[tuple[Source, NewArrivals]]:
    """The new arrivals that start the live flows."""
    return [(one, one.trigger) for one in sources(book) if isinstance(one.trigger, NewArrivals)]


def ticking(book: Rulebook) -> list[tuple[Source, ScheduleTrigger | NewArrivals]]:
    """The triggers of the live flows whose times are written down ahead."""
    return [*schedules(book), *arrivals(book)]


def everybodys(book: Rulebook) -> list[UUID]:
    """The marks of what is for everybody: whoever appears is meant from then on, by new arrivals, and by the day they appeared."""
    marks = [one.mark for one, trigger in arrivals(book) if trigger.segment is None]
    born = [one.mark for one, trigger in dates(book) if trigger.every is Every.YEAR and str(trigger.date) == BORN]
    return marks + born


def marks_of(running: RunningFlow) -> list[UUID]:
    """The marks of a flow's dates, schedules and new arrivals."""
    return [
        mark_of(running.name, trigger)
        for trigger in running.flow.triggers
        if isinstance(trigger, DateTrigger | ScheduleTrigger | NewArrivals)
    ]


def mark_of(flow: str, trigger: DateTrigger | ScheduleTrigger | NewArrivals) -> UUID:
    """What tells a flow's trigger from others."""
    return UUID(hashlib.md5(f"{flow}|{trigger!r}".encode(), usedforsecurity=False).hexdigest())
