"""What buyers are like and what is to be expected of them: ``rfm`` and ``predicted`` (rule 29).

By the method that docs/reference/buyers.md tells, one buyer after the other.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from tests.oracle.almanac import iso
from tests.oracle.shopping import orders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.people import Profile
    from tests.oracle.reading import Json

DAY_MS = 86_400_000
GROUPS = {
    "hibernating": ("11", "12", "21", "22"),
    "at_risk": ("13", "14", "23", "24"),
    "cannot_lose": ("15", "25"),
    "about_to_sleep": ("31", "32"),
    "needs_attention": ("33",),
    "loyal": ("34", "35", "44", "45"),
    "promising": ("41",),
    "potential_loyalist": ("42", "43", "52", "53"),
    "new": ("51",),
    "champion": ("54", "55"),
}


def figures(everybody: Iterable[Profile], now: int) -> dict[Profile, dict[str, Json]]:
    """``rfm`` and ``predicted`` of everybody who has an order that counts."""
    bought = {profile: sorted(there) for profile in everybody if (there := orders(profile))}
    found: dict[Profile, dict[str, Json]] = {profile: {"rfm": {}, "predicted": {}} for profile in bought}
    if len(bought) >= 5:
        for profile, score in _scores(bought).items():
            group = next(name for name, pairs in GROUPS.items() if score[:2] in pairs)
            found[profile]["rfm"] = {"segment": group, "score": int(score)}
    for profile, predicted in _foreseen(bought, now).items():
        found[profile]["predicted"] = predicted
    return found


def _scores(bought: dict[Profile, list[tuple[int, Json]]]) -> dict[Profile, str]:
    """Recency, frequency and money in fifths: the fifth that somebody is in is told by how many have less."""
    last = {profile: there[-1][0] for profile, there in bought.items()}
    often = {profile: len(there) for profile, there in bought.items()}
    money = {profile: sum(worth for _, worth in there) for profile, there in bought.items()}
    people = len(bought)
    return {
        profile: "".join(
            str(1 + 5 * sum(other < measure[profile] for other in measure.values()) // people)
            for measure in (last, often, money)
        )
        for profile in bought
    }


def _foreseen(bought: dict[Profile, list[tuple[int, Json]]], now: int) -> dict[Profile, dict[str, Json]]:
    gaps = {profile: _gaps([at for at, _ in there]) for profile, there in bought.items()}
    known = [gap for each in gaps.values() for gap in each]
    if len(known) < 20:
        return {}
    usual = round(median(known) / 3600) * 3600
    old, last = 0, 0
    for there in bought.values():
        times = [at for at, _ in there]
        for at, following in zip(times, [*times[1:], None], strict=True):
            if (following is None or following - at >= DAY_MS) and (now - at) / 1000 >= 4 * usual:
                old += 1
                last += following is None
    ends = (last + 1) / (old + 2)
    everything = [worth for there in bought.values() for _, worth in there]
    value = float(sum(everything)) / len(everything)
    found = {}
    for profile, there in bought.items():
        own = gaps[profile]
        sure = len(own) + 1
        gap = ((len(own) * median(own) if own else 0) + usual) / sure
        end = ends / sure
        each = (float(sum(worth for _, worth in there)) + value) / (len(there) + 1)
        made = there[-1][0]
        silent = (now - made) / 1000
        scale = gap / (2 ** (1 / sure) - 1)
        churn = end / (end + (1 - end) * (1 + silent / scale) ** -sure)
        coming = (1 - (1 + 365 * 86_400 * end / (scale + silent)) ** -sure) / end
        found[profile] = {
            "clv": round((1 - churn) * coming * each, 2),
            "churn": round(churn, 4),
            "next_order_at": iso(made + 1000 * round(gap)),
        }
    return found


def _gaps(times: list[int]) -> list[float]:
    """Seconds between purchases; what comes within a day of the order before belongs to it."""
    between = [following - at for at, following in pairwise(times)]
    return [gap / 1000 for gap in between if gap >= DAY_MS]
