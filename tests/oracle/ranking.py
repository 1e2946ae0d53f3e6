"""Who is among the best: ``top`` (rule 29)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.oracle.almanac import back, duration
from tests.oracle.conditions import leaves
from tests.oracle.reading import Json, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.oracle.conditions import Scene
    from tests.oracle.people import Profile


def rankings(condition: Json) -> Iterator[dict[str, Json]]:
    """Every ``top`` in a condition."""
    for part in listed(condition):
        if "top" in part:
            yield part
        for word in ("all", "any", "not"):
            if word in part:
                yield from rankings(part[word])


def best(ranking: dict[str, Json], scenes: Iterable[Scene]) -> set[Profile]:
    """Of the profiles that measure more than zero the share, rounded up; ties at the edge are in."""
    measured = [(measure, scene.profile) for scene in scenes if (measure := _measure(ranking, scene)) > 0]
    share = Fraction(str(ranking["top"]).removesuffix("%")) / 100 * len(measured)
    places = -(-share.numerator // share.denominator)
    if not places:
        return set()
    edge = sorted((measure for measure, _ in measured), reverse=True)[places - 1]
    return {profile for measure, profile in measured if measure >= edge}


def _measure(ranking: dict[str, Json], scene: Scene) -> Decimal:
    by = ranking["by"]
    if not isinstance(by, dict):
        found = scene.world.buyers.get(scene.profile, {}).get("predicted", {}).get("clv", 0)
        return Decimal(str(found))
    name = by["count"] if "count" in by else by["of"]
    events = [event for at, _, event in scene.profile.events.get(name, []) if at <= scene.now]
    if "within" in ranking:
        begins = back(scene.now, duration(ranking["within"]), scene.zone)
        events = [event for event in events if event.at > begins]
    if "count" in by:
        return Decimal(len(events))
    path = by["sum"].split(".")[1:]
    found = [leaf for event in events for leaf in leaves(event.root(), path)]
    return sum((Decimal(str(n)) for n in found if isinstance(n, int | float) and not isinstance(n, bool)), Decimal(0))
