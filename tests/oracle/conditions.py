"""Does a condition hold? Every form of the language in scope, one function each.

Rules 8, 9, 10, 16, 17, 18, 19, 23 and 26.
"""

from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.oracle import almanac
from tests.oracle.reading import Json, Settings, listed
from tests.oracle.shopping import cart_root, order_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from tests.oracle.people import Enrollment, Event, Profile, World

MISSING = object()  # not there: other than null only for templates, never for conditions
EARTH_KM = 6371.0088

BEHAVIOURS = ("did", "did_not", "last", "first")
ROOTS = ("profile", "event", "cart", "order", "rfm", "predicted")
FIGURES = ("rfm.", "predicted.")
ENGAGEMENTS = ("received", "opened", "clicked")
AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "avg": lambda numbers: sum(numbers) / len(numbers),
    "min": min,
    "max": max,
}


@dataclass(frozen=True)
class Scene:
    """Under what circumstances a condition is asked."""

    settings: Settings
    profile: Profile
    now: int
    world: World
    start: Event | None = None  # the event that started the enrollment
    tested: Event | None = None  # the event under test inside ``where``
    enrollment: Enrollment | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The profile's zone, else the workspace's."""
        return almanac.zone(self.profile.get("timezone")) or self.settings.zone

    def ago(self, text: str) -> int:
        """The moment that long before now."""
        return almanac.back(self.now, almanac.duration(text), self.zone)


def holds(condition: Json, scene: Scene) -> bool:
    """Does it hold? A list means all of its members, a mapping all of its references."""
    if condition is None:
        return True
    if isinstance(condition, list):
        return all(holds(member, scene) for member in condition)
    return all(_part(key, condition, scene) for key in condition)


def _part(key: str, condition: dict[str, Json], scene: Scene) -> bool:
    if key in _PARTS:
        return _PARTS[key](key, condition, scene)
    if key.split(".", maxsplit=1)[0] in ROOTS and "." in key:
        values, test = reference(key, scene), condition[key]
        if key.startswith(FIGURES) and values == [MISSING]:  # no figure: does not hold
            return isinstance(test, dict) and test == {"exists": False}
        return _test(values, test, scene)
    return True  # a sibling that refines another part


def member(segment: str, scene: Scene) -> bool:
    """Is the profile in the segment now? Nothing of an enrollment is seen from there."""
    return holds(scene.world.segments[segment], Scene(scene.settings, scene.profile, scene.now, scene.world))


def best_of(condition: dict[str, Json]) -> str:
    """What tells one ``top`` from another."""
    return json.dumps({word: condition.get(word) for word in ("top", "by", "within")}, sort_keys=True)


# -- references ----------------------------------------------------------------------------------


def leaves(value: Json, path: list[str]) -> list[Json]:
    """The values at a path; lists on the way fan out, a list at its end is a value (rule 17)."""
    if not path:
        return [value]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, path)]
    if isinstance(value, dict) and path[0] in value:
        return leaves(value[path[0]], path[1:])
    return [MISSING]


def reference(text: str, scene: Scene) -> list[Json]:
    """The values of ``profile.PATH``, ``event.PATH`` and the like; what is missing is one MISSING."""
    root, *path = text.split(".")
    value = _root(root, scene)
    return [MISSING] if value is MISSING else leaves(value, path) or [MISSING]


def _root(name: str, scene: Scene) -> Json:
    """What a reference begins with."""
    if name == "profile":
        return scene.profile.root()
    if name == "cart":
        return cart_root(scene.profile, scene.start)
    if name == "order":
        return order_root(scene.profile)
    if name in {"rfm", "predicted"}:
        return scene.world.buyers.get(scene.profile, {}).get(name, MISSING)
    if name == "coupon" and scene.enrollment is not None:
        return scene.enrollment.coupons
    event = scene.tested or scene.start
    return event.root() if name == "event" and event is not None else MISSING


def reference_items(text: str, scene: Scene) -> list[tuple[Json, Json]]:
    """The values of a reference, each with the element of the first list on its way, or None where there is none."""
    root, *path = text.split(".")
    value = _root(root, scene)
    return [] if value is MISSING else list(_items(value, path, None))


def _items(value: Json, path: list[str], item: Json) -> Iterator[tuple[Json, Json]]:
    if isinstance(value, list):
        for one in value:
            yield from _items(one, path, one if item is None else item)
    elif not path:
        yield value, item
    elif isinstance(value, dict) and path[0] in value:
        yield from _items(value[path[0]], path[1:], item)


def same(paths: Json, event: Event, start: Event | None) -> bool:
    """The same value in both events; missing in either is not the same."""
    if start is None:
        return False
    for text in listed(paths):
        path = text.split(".")[1:]
        here = [v for v in leaves(event.root(), path) if v is not MISSING and v is not None]
        there = [v for v in leaves(start.root(), path) if v is not MISSING and v is not None]
        if not any(equal(a, b) for a in here for b in there):
            return False
    return True


# -- tests ---------------------------------------------------------------------------------------


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list | dict):
        return "tree"
    return "nothing"


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def equal(a: Json, b: Json) -> bool:
    """Equal, of one kind; text after NFC. Nothing equals nothing."""
    kind = _kind(a)
    if kind != _kind(b) or kind == "nothing":
        return False
    if kind == "text":
        return _nfc(a) == _nfc(b)
    if kind == "tree":
        return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    return bool(a == b)


def _test(values: list[Json], test: Json, scene: Scene) -> bool:
    if isinstance(test, list):
        test = {"in": test}
    elif not isinstance(test, dict):
        test = {"eq": test}
    # Rule 16: ne and not_in are the exact opposite of eq and in, whatever the path fans out to.
    if "ne" in test and any(equal(value, test["ne"]) for value in values):
        return False
    if "not_in" in test and any(equal(v, o) for v in values for o in test["not_in"]):
        return False
    # Rule 17: one element meets the whole of the rest.
    rest = {op: operand for op, operand in test.items() if op not in {"ne", "not_in"}}
    return any(all(_operator(op, v, rest[op], scene) for op in rest) for v in values)


def _operator(op: str, value: Json, operand: Json, scene: Scene) -> bool:
    there = value is not MISSING and value is not None
    if op == "exists":
        return bool(there == operand)
    return bool(there and _OPERATORS[op](value, operand, scene))


def _moment(value: Json, scene: Scene) -> int | None:
    return almanac.stamp(value, scene.settings.zone)


def _compared(value: Json, operand: Json, scene: Scene) -> int | None:
    """-1, 0 or 1 for two numbers or two moments; None for anything else."""
    if _kind(value) == _kind(operand) == "number":
        return int(value > operand) - int(value < operand)
    if _kind(value) == _kind(operand) == "text":
        a, b = _moment(value, scene), _moment(operand, scene)
        if a is not None and b is not None:
            return int(a > b) - int(a < b)
    return None


def _contains(value: Json, operand: Json, _: Scene) -> bool:
    if isinstance(value, list):
        return any(equal(item, operand) for item in value)
    return _kind(value) == _kind(operand) == "text" and _nfc(operand) in _nfc(value)


def _starts(value: Json, operand: Json, _: Scene) -> bool:
    return _kind(value) == _kind(operand) == "text" and _nfc(value).startswith(_nfc(operand))


def _ends(value: Json, operand: Json, _: Scene) -> bool:
    return _kind(value) == _kind(operand) == "text" and _nfc(value).endswith(_nfc(operand))


def _within_last(value: Json, operand: Json, scene: Scene) -> bool:
    moment = _moment(value, scene)
    return moment is not None and scene.ago(operand) < moment <= scene.now


def _within_next(value: Json, operand: Json, scene: Scene) -> bool:
    moment = _moment(value, scene)
    until = almanac.add(scene.now, almanac.duration(operand), scene.zone)
    return moment is not None and scene.now < moment <= until


def _before(value: Json, operand: Json, scene: Scene) -> bool:
    a, b = _moment(value, scene), _moment(operand, scene)
    return a is not None and b is not None and a < b


def _after(value: Json, operand: Json, scene: Scene) -> bool:
    a, b = _moment(value, scene), _moment(operand, scene)
    return a is not None and b is not None and a > b


def _anniversary(value: Json, operand: Json, scene: Scene) -> bool:
    born = almanac.day_of(value, scene.zone, scene.settings.zone)
    if born is None:
        return False
    until = almanac.add(scene.now, almanac.duration(operand), scene.zone)
    first, last = almanac.wall(scene.now, scene.zone), almanac.wall(until, scene.zone)
    return almanac.comes_round(born, first.date(), last.date())


def _season(value: Json, operand: Json, scene: Scene) -> bool:
    day = almanac.day_of(value, scene.zone, scene.settings.zone)
    if day is None:
        return False
    text, start, end = f"{day.month:02d}-{day.day:02d}", operand["from"], operand["to"]
    return bool(start <= text <= end if start <= end else text >= start or text <= end)


def _near(value: Json, operand: Json, _: Scene) -> bool:
    if not isinstance(value, dict):
        return False
    lat, lon = value.get("lat"), value.get("lon")
    if lat is None or lon is None or _kind(lat) != "number" or _kind(lon) != "number":
        return False
    a, b = math.radians(lat), math.radians(operand["lat"])
    across = math.radians(operand["lon"] - lon)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    distance = 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(h)))
    return bool(distance <= operand["km"])


_OPERATORS: dict[str, Callable[[Json, Json, Scene], bool]] = {
    "eq": lambda v, o, _: equal(v, o),
    "in": lambda v, o, _: any(equal(v, one) for one in o),
    "gt": lambda v, o, s: _compared(v, o, s) == 1,
    "gte": lambda v, o, s: _compared(v, o, s) in {0, 1},
    "lt": lambda v, o, s: _compared(v, o, s) == -1,
    "lte": lambda v, o, s: _compared(v, o, s) in {0, -1},
    "contains": _contains,
    "starts_with": _starts,
    "ends_with": _ends,
    "within_last": _within_last,
    "within_next": _within_next,
    "before": _before,
    "after": _after,
    "anniversary": _anniversary,
    "season": _season,
    "near": _near,
}


# -- behaviour, engagement, consent, enrollment ----------------------------------------------------


def _window(condition: dict[str, Json], scene: Scene) -> Callable[[int], bool]:
    """Which own times count: within (and until), since, after, before."""
    low: list[int] = []  # later than each of these
    high: list[int] = [scene.now]  # and not later than these
    if "within" in condition:
        low.append(scene.ago(condition["within"]))
    if "until" in condition:
        high.append(scene.ago(condition["until"]))
    if "since" in condition:
        since = _since(condition["since"], scene)
        if since is None:  # rule 9: a step not reached: no such events
            return lambda _at: False
        low.append(since)
    zone = scene.settings.zone
    if "after" in condition and (moment := almanac.stamp(condition["after"], zone)) is not None:
        low.append(moment)
    if "before" in condition and (moment := almanac.stamp(condition["before"], zone)) is not None:
        high.append(moment - 1)
    return lambda at: all(at > one for one in low) and all(at <= one for one in high)


def _since(text: str, scene: Scene) -> int | None:
    if text == "entry":
        if scene.enrollment is not None:
            return scene.enrollment.entry
        return scene.start.at if scene.start is not None else None
    return scene.enrollment.reached_at.get(text) if scene.enrollment is not None else None


def _behaviour(verb: str, condition: dict[str, Json], scene: Scene) -> bool:
    inside = _window(condition, scene)
    events = [e for at, _, e in scene.profile.events.get(condition[verb], []) if inside(at)]
    if "where" in condition:
        where = condition["where"]
        events = [e for e in events if holds(where, replace(scene, tested=e))]
    if "same" in condition:
        events = [e for e in events if same(condition["same"], e, scene.start)]
    if verb in {"last", "first"}:
        return bool(events) and _ago(events[-1 if verb == "last" else 0].at, condition, scene)
    if verb == "did_not":
        return not events
    counted = _counted(len(events), condition, scene)
    return counted and all(_aggregate(name, condition[name], events, scene) for name in AGGREGATES if name in condition)


def _counted(n: int, condition: dict[str, Json], scene: Scene) -> bool:
    return _test([n], condition["count"], scene) if "count" in condition else n > 0


def _aggregate(name: str, tests: dict[str, Json], events: list[Event], scene: Scene) -> bool:
    """Rule 18: at least one matching event; what is no number is left out."""
    for text, test in tests.items():
        path = text.split(".")[1:]
        found = [leaf for event in events for leaf in leaves(event.root(), path)]
        numbers = [value for value in found if _kind(value) == "number"]
        if not numbers or not _test([AGGREGATES[name](numbers)], test, scene):
            return False
    return True


def _ago(at: int, condition: dict[str, Json], scene: Scene) -> bool:
    test = condition["ago"]
    tests = test if isinstance(test, dict) else {"eq": test}
    return all(_ago_operator(op, at, scene.ago(length)) for op, length in tests.items())


def _ago_operator(op: str, at: int, edge: int) -> bool:
    """Longer ago is earlier: the edge is the moment that long before now."""
    return {
        "gte": at <= edge,
        "gt": at < edge,
        "lte": at >= edge,
        "lt": at > edge,
        "eq": at == edge,
        "ne": at != edge,
    }[op]


def _engagement(verb: str, condition: dict[str, Json], scene: Scene) -> bool:
    what, inside = condition[verb], _window(condition, scene)
    seen: set[tuple[int, int]] = set()
    for n, letter in enumerate(scene.profile.letters):
        if what.startswith("message/"):
            concerned = letter.message == what.removeprefix("message/")
        elif what.startswith("flow/"):
            concerned = letter.flow == what.removeprefix("flow/")
        elif what == "any":
            concerned = True
        else:  # rule 26: a step is this enrollment's
            concerned = letter.enrollment is scene.enrollment and letter.step == what
        if not concerned:
            continue
        if verb == "received" and inside(letter.at):
            seen.add((n, 0))
        elif verb == "opened":  # at most one per message and minute
            seen.update((n, at // 60_000) for at in letter.opens if inside(at))
        elif verb == "clicked":
            seen.update(
                (n, at // 60_000)
                for at, url in letter.clicks
                if inside(at) and ("url" not in condition or _test([url], condition["url"], scene))
            )
    return _counted(len(seen), condition, scene)


def subscribed(profile: Profile, topic: str | None, settings: Settings) -> bool:
    """Rule 23: exactly when a message of the topic would pass ``no_consent``."""
    if topic is None:
        return False
    if topic in profile.consent:
        return not profile.consent[topic][1]
    return settings.opt_out.get(topic, False)


def _enrolled(flow: str, condition: dict[str, Json], scene: Scene) -> bool:
    if "within" in condition:
        inside = _window(condition, scene)
        return any(inside(at) for (name, _), times in scene.profile.entries.items() if name == flow for at in times)
    return any(e.flow.name == flow for e in scene.profile.active)


_PARTS: dict[str, Callable[[str, dict[str, Json], Scene], bool]] = {
    "all": lambda key, part, scene: all(holds(one, scene) for one in part[key]),
    "any": lambda key, part, scene: any(holds(one, scene) for one in part[key]),
    "not": lambda key, part, scene: not holds(part[key], scene),
    **dict.fromkeys(BEHAVIOURS, _behaviour),
    **dict.fromkeys(ENGAGEMENTS, _engagement),
    "subscribed": lambda key, part, scene: subscribed(scene.profile, part[key], scene.settings),
    "enrolled": lambda key, part, scene: _enrolled(part[key], part, scene),
    "in": lambda key, part, scene: member(part[key], scene),
    "top": lambda _, part, scene: scene.profile in scene.world.best.get(best_of(part), ()),
}
