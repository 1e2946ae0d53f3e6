"""Products, what changes about them, and whom that concerns (rules 13, 22 and 27)."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.oracle.shopping import ADDING, SHOWING, products, sku

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.conditions import Scene
    from tests.oracle.people import Profile
    from tests.oracle.reading import Json

Product = dict[str, "Json"]

LOOKED = {"viewed": ("Product Viewed",), "carted": (*ADDING, *SHOWING)}
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


def bought(profile: Profile) -> dict[str, int]:
    """When each product was bought last; what was cancelled was not."""
    gone = {event.properties.get("order_id") for _, _, event in profile.events.get("Order Cancelled", [])}
    found: dict[str, int] = {}
    for at, _, event in profile.events.get("Order Completed", []):
        if event.properties.get("order_id") not in gone:
            found |= dict.fromkeys((sku(one) for one in products(event)), at)
    return found
