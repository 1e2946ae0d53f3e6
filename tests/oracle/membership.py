"""At which moments time alone may change who is in a segment (rule 29: memberships flip at their exact moment).

The moments are looked for, not reckoned: at each of them the condition is asked anew, so that one too many does no harm.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING

from tests.oracle import almanac
from tests.oracle.conditions import BEHAVIOURS, ENGAGEMENTS, Scene, reference
from tests.oracle.reading import Json, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

LONG_AGO = -(2**62)


def next_change(names: Iterable[str], scene: Scene) -> int | None:
    """The first moment after now at which one of the segments may gain or lose the profile by time alone."""
    found = (at for name in names for at in _in_segment(name, scene, frozenset()))
    return min((at for at in found if at > scene.now), default=None)


def _in_segment(name: str, scene: Scene, seen: frozenset[str]) -> Iterator[int]:
    if name not in seen:
        yield from _changes(scene.world.segments[name], scene, seen | {name})


def _changes(condition: Json, scene: Scene, seen: frozenset[str]) -> Iterator[int]:
    for part in listed(condition):
        for key, value in part.items():
            if key in {"all", "any", "not"}:
                yield from _changes(value, scene, seen)
            elif key == "in":
                yield from _in_segment(value, scene, seen)
            elif key in BEHAVIOURS:
                yield from _windows(part, [at for at, _, _ in scene.profile.events.get(value, [])], scene)
                yield from _of_events(part, value, scene)
            elif key in ENGAGEMENTS:
                yield from _windows(part, _touches(scene), scene)
            elif key == "enrolled":
                times = [at for entered in scene.profile.entries.values() for at in entered]
                yield from _windows(part, times, scene)
            elif "." in key and isinstance(value, dict):
                yield from _of_values(reference(key, scene), value, scene)


def _touches(scene: Scene) -> list[int]:
    return [at for one in scene.profile.letters for at in (one.at, *one.opens, *(clicked for clicked, _ in one.clicks))]


def _windows(part: dict[str, Json], times: list[int], scene: Scene) -> Iterator[int]:
    """Where ``within``, ``until`` and ``ago`` let go of a moment."""
    lengths = [part[word] for word in ("within", "until") if word in part]
    if "ago" in part:
        lengths += part["ago"].values() if isinstance(part["ago"], dict) else [part["ago"]]
    for text in lengths:
        for at in times:
            yield from _edges(at, text, scene.zone)


def _of_events(part: dict[str, Json], name: str, scene: Scene) -> Iterator[int]:
    """What ``where`` asks of moments that the events hold."""
    for _, _, event in scene.profile.events.get(name, []) if "where" in part else []:
        tested = Scene(scene.settings, scene.profile, scene.now, scene.world, tested=event)
        yield from _changes(part["where"], tested, frozenset())


def _of_values(values: list[Json], test: dict[str, Json], scene: Scene) -> Iterator[int]:
    for word in ("within_last", "within_next", "anniversary"):
        if word not in test:
            continue
        length = almanac.duration(test[word])
        for value in values:
            moment = almanac.stamp(value, scene.settings.zone)
            if moment is not None and word == "within_last":
                yield moment
                yield from _edges(moment, test[word], scene.zone)
            elif moment is not None and word == "within_next":
                yield moment
                yield from _edges(moment, f"-{test[word]}", scene.zone)
            elif word == "anniversary":  # the day of now, and the day that lies so far ahead, change at midnight
                for ahead in (almanac.Duration(0, 0, 0), length):
                    clock = almanac.wall(almanac.add(scene.now, ahead, scene.zone), scene.zone)
                    for n in (1, 2):
                        day = clock.date() + timedelta(days=n)
                        midnight = almanac.instant(datetime.combine(day, time()), scene.zone)
                        yield almanac.lets_go(midnight, almanac.negated(ahead), scene.zone, scene.now)


@cache
def _edges(at: int, text: str, tz: ZoneInfo) -> tuple[int, ...]:
    """The moments from which a duration back reaches the moment, or what is later than it, and those at which it flickers."""
    length = almanac.duration(text)
    found = [almanac.lets_go(at, length, tz, LONG_AGO), almanac.lets_go(at + 1, length, tz, LONG_AGO)]
    if length.months or length.days:
        usual = almanac.add(at, length, tz)
        clock = almanac.wall(usual, tz)
        for n in range(-1, 5):  # a month's end is the answer for several days
            day = clock.date() + timedelta(days=n)
            for local in (time(), clock.time()):
                edge = almanac.instant(datetime.combine(day, local), tz)
                found += [edge, edge + 1, edge + 3_600_000, edge + 3_600_001]  # an hour that comes twice
    return tuple(found)
