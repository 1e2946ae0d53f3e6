"""At which moments time alone may change who is in a segment (rule 29: memberships flip at their exact moment).

The moments are looked for, not reckoned: at each of them the condition is asked anew, so that one too many does no harm.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING

from tests.oracle import almanac
from tests.oracle.conditions import BEHAVIOURS, ENGAGEMENTS, Scene, reference
from tests.oracle.reading import Json, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo


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
                yield from _windows(part, _touches(key, scene), scene)
            elif key == "enrolled":
                times = [at for entered in scene.profile.entries.values() for at in entered]
                yield from _windows(part, times, scene)
            elif "." in key and isinstance(value, dict):
                yield from _of_values(reference(key, scene), value, scene)


def _touches(verb: str, scene: Scene) -> list[int]:
    letters = scene.profile.letters
    if verb == "received":
        return [one.at for one in letters]
    if verb == "opened":
        return [at for one in letters for at in one.opens]
    return [at for one in letters for at, _ in one.clicks]


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
        for value in values:
            moment = almanac.stamp(value, scene.settings.zone)
            if moment is not None and word == "within_last":
                yield moment
                yield from _edges(moment, test[word], scene.zone)
            elif moment is not None and word == "within_next":
                yield moment
                yield from _edges(moment, f"-{test[word]}", scene.zone)
            elif word == "anniversary":
                yield from _returns(value, test[word], scene)


def _returns(value: Json, text: str, scene: Scene) -> Iterator[int]:
    """When the day comes, when it is over, and when it comes so near: by midnights."""
    born = almanac.day_of(value, scene.zone, scene.settings.zone)
    if born is None:
        return
    year = almanac.wall(scene.now, scene.zone).year
    for n in range(year - 1, year + 4):
        for day in (1, 0) if (born.month, born.day) == (2, 29) else (0,):  # 28 February in other years
            comes = date(n, born.month, born.day - day) if day or _there(n, born) else date(n, 2, 28)
            for midnight in (_midnight(comes, scene), _midnight(comes + timedelta(days=1), scene)):
                yield midnight
                yield from _edges(midnight, f"-{text}", scene.zone)


def _midnight(day: date, scene: Scene) -> int:
    return almanac.instant(datetime.combine(day, time()), scene.zone)


def _there(year: int, day: date) -> bool:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return leap or (day.month, day.day) != (2, 29)


@cache
def _edges(at: int, text: str, tz: ZoneInfo) -> tuple[int, ...]:
    """Every moment at which a duration back may begin or cease to reach a moment, or what is later than it."""
    length = almanac.duration(text)
    usual = almanac.add(at, length, tz)
    found = [usual]
    if length.months or length.days:
        for change, hour in almanac.changes(at, tz):  # the clock is changed about the moment itself ...
            found += [
                almanac.add(change, length, tz),
                almanac.add(change + hour, length, tz),
                usual - hour,
                usual + hour,
            ]
        for change, hour in almanac.changes(usual, tz):  # ... or about the other end
            found += [change, change + hour, usual - hour, usual + hour]
    if length.months:  # a month's end is the answer for several days
        clock = almanac.wall(usual, tz)
        for n in range(5):
            for local in (time(), clock.time()):
                found.append(almanac.instant(datetime.combine(clock.date() + timedelta(days=n), local), tz))
    return tuple(moment + later for moment in found for later in (0, 1))
