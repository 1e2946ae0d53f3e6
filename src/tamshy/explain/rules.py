"""What of the published rules stands behind a reason, in the words they are written with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.durations import format_duration
from tamshy.language.model import EventTrigger, ReentryKind, Send

if TYPE_CHECKING:
    from tamshy.explain.facts import Happening
    from tamshy.language.model import Settings
    from tamshy.rulebook import Rulebook, RunningFlow


def rule_behind(book: Rulebook, happening: Happening, event: str | None, version: int | None) -> str:
    """The rule that objected, where it has a figure to tell; empty elsewhere. ``event``: the name of what caused it.

    It is read from the version that decided, or from the live one where that is not known any more.
    """
    match happening.reason:
        case "quiet_hours":
            return _quiet_hours(book.settings)
        case "frequency_cap":
            return " and ".join(f"at most {cap.messages} in {format_duration(cap.per)}" for cap in book.settings.caps)
    running = _running(book, happening.flow, version)
    if running is None:
        return ""
    match happening.reason:
        case "too_old":
            ages = {
                format_duration(trigger.max_age)
                for trigger in running.flow.triggers
                if isinstance(trigger, EventTrigger) and event in {None, trigger.event}
            }
            return " or ".join(sorted(ages))
        case "reentry":
            return _reentry(running)
        case "expired":
            return _expires(running, happening.step)
    return ""


def _running(book: Rulebook, flow: str, version: int | None) -> RunningFlow | None:
    named = [running for running in book.flows if running.name == flow]
    exact = [running for running in named if running.version == version]
    return next(iter([*exact, *(running for running in named if running.live)]), None)


def _quiet_hours(settings: Settings) -> str:
    quiet = settings.quiet_hours
    return "" if quiet is None else f"{quiet.start:%H:%M} to {quiet.end:%H:%M}"


def _reentry(running: RunningFlow) -> str:
    reentry = running.flow.reentry
    if reentry.kind is ReentryKind.AFTER and reentry.after is not None:
        return f"{format_duration(reentry.after)} after the last entry"
    return "once" if reentry.kind is ReentryKind.ONCE else ""


def _expires(running: RunningFlow, step: str | None) -> str:
    for node in running.program.nodes:
        if node.step.id == step and isinstance(node.step, Send):
            return format_duration(node.step.expires)
    return ""
