"""Products, what changes about them, and whom that concerns (rules 13, 22 and 27)."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from tests.oracle.shopping import ADDING, SHOWING, products, sku

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.oracle.conditions import Scene
    from tests.oracle.people import Profile
    from tests.oracle.reading import Json

Product = dict[str, "Json"]

LOOKED = {
    "viewed": ("Product Viewed",),
    "carted": (*ADDING, *SHOWING),
    "requested": ("Back In Stock Requested",),
}
LEAST_PAIRS = 20
DAY_MS = 86_400_000
ABOUT_THE_LINE = ("type", "timestamp", "receive_at", "messageId")


@dataclass(frozen=True)
class Change:
    """A product as it is now, with what it cost and how many there were before."""

    at: int
    product: Product
    before: Product


def of_folder(folder: Path) -> dict[str, Product]:
    """The products of ``catalog/*.jsonl`` and ``catalog/*.csv``, by what they are told by."""
    found: list[Product] = []
    for path in sorted(folder.glob("*.jsonl")):
        found += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [{word: _read(text) for word, text in row.items()} for row in csv.DictReader(file)]
    return {sku(one): one for one in found}


def _read(text: str) -> Json:
    try:
        return json.loads(text) if text[:1] in "-0123456789" else text
    except ValueError:
        return text


def of_line(body: dict[str, Json]) -> Product:
    """What a line of the history says of a product."""
    return {word: value for word, value in body.items() if word not in ABOUT_THE_LINE}


def number(value: Json) -> Decimal | None:
    """A number, exactly."""
    return None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(str(value))


def dropped(form: dict[str, Json], change: Change) -> bool:
    """Has the price fallen by so much?"""
    now, before = number(change.product.get("price")), number(change.before.get("price"))
    if now is None or before is None or now >= before:
        return False
    return now <= before * (1 - Decimal(str(form.get("by", "0%")).removesuffix("%")) / 100)


def came_back(change: Change) -> bool:
    """Was there none, and is there one again?"""
    now, before = number(change.product.get("stock")), number(change.before.get("stock"))
    return now is not None and before is not None and before <= 0 < now


def in_stock(product: Product) -> bool:
    """Is there any of it, as far as the shop says?"""
    there = number(product.get("stock"))
    return there is None or there > 0


def concerns(form: dict[str, Json], change: Change, scene: Scene) -> bool:
    """Has the profile looked at the product, or put it into a cart, lately?"""
    begins = scene.ago(form.get("within", "30d"))
    names = [name for kind in form.get("for", ("viewed", "carted")) for name in LOOKED.get(kind, ())]
    return any(
        begins < at <= scene.now and any(sku(one) == sku(change.product) for one in products(event))
        for name in names
        for at, _, event in scene.profile.events.get(name, [])
    )


def purchases(profile: Profile) -> dict[str, list[int]]:
    """When each product was bought, by the orders that count, in order."""
    known = profile.ordered()
    if profile.bought[0] != known:
        profile.bought = (known, _purchases(profile))
    return profile.bought[1]


def _purchases(profile: Profile) -> dict[str, list[int]]:
    there = profile.orders_that_count()
    found: dict[str, set[int]] = {}
    for at, _, event in profile.events.get("Order Completed", []):
        if at in there:
            for one in products(event):
                found.setdefault(sku(one), set()).add(at)
    return {name: sorted(times) for name, times in found.items()}


def lasting(everybody: Iterable[Profile], known: Iterable[Product], now: int) -> dict[str, str]:
    """How long products last: the middle of the times from one purchase to the next by the same person, from twenty of them on."""
    gaps: dict[str, list[int]] = {sku(product): [] for product in known}
    for profile in everybody:
        for name, times in purchases(profile).items():
            if name in gaps:
                gaps[name] += [later - earlier for earlier, later in pairwise(at for at in times if at <= now)]
    middles = {name: median(each) / DAY_MS for name, each in gaps.items() if len(each) >= LEAST_PAIRS}
    return {name: f"{round(days)}d" for name, days in middles.items() if days >= 0.5}
