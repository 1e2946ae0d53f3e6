"""Carts and orders, read anew from a profile's events whenever they are asked for (rules 10 and 27)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.oracle.almanac import iso

if TYPE_CHECKING:
    from tests.oracle.people import Event, Profile
    from tests.oracle.reading import Json

ADDING = ("Product Added", "Wishlist Product Added to Cart")
REMOVING = ("Product Removed",)
SHOWING = ("Cart Viewed", "Checkout Started")
TOUCHING = ("Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered")
CART = (*ADDING, *REMOVING, *SHOWING, *TOUCHING)
ORDER = ("Order Completed", "Order Updated", "Order Cancelled", "Order Refunded")
WORTH = ("value", "revenue", "total")  # rule 28 names them, in this order


@dataclass
class Cart:
    """An open cart."""

    name: str
    touched: tuple[int, int]  # own time and the order taken in of the newest event
    products: dict[str, dict[str, Json]] = field(default_factory=dict)
    stated: Json = None  # the ``value`` that the newest event named

    def root(self) -> dict[str, Json]:
        """What ``cart.`` reaches."""
        lines = list(self.products.values())
        prices = [_number(one.get("price")) for one in lines]
        value = sum((p * q for p, q in zip(prices, map(quantity, lines), strict=True) if p is not None), Decimal(0))
        if all(price is None for price in prices) and (stated := _number(self.stated)) is not None:
            value = stated
        count = sum(map(quantity, lines), Decimal(0))
        found = {"value": _plain(value), "count": _plain(count), "updated_at": iso(self.touched[0])}
        return {**found, "cart_id": self.name, "products": lines}


def named(value: Json) -> str:
    """A cart's or an order's id as text; what is no text or number is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def sku(product: dict[str, Json]) -> str:
    """What a product is told by."""
    return named(product.get("sku")) or named(product.get("product_id"))


def _number(value: Json) -> Decimal | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(str(value))


def _plain(number: Decimal) -> Json:
    return int(number) if number == number.to_integral_value() else float(number)


def quantity(product: dict[str, Json]) -> Decimal:
    """How many; one where it is not said."""
    found = _number(product.get("quantity"))
    return Decimal(1) if found is None else found


def products(event: Event) -> list[dict[str, Json]]:
    """The products that an event names: itself, or its list."""
    if sku(event.properties):
        words = ("cart_id", "products", "value", "currency")
        return [{word: value for word, value in event.properties.items() if word not in words}]
    listed = event.properties.get("products")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _story(profile: Profile, names: tuple[str, ...]) -> list[Event]:
    found = [entry for name in names for entry in profile.events.get(name, [])]
    return [event for _, _, event in sorted(found, key=lambda entry: entry[:2])]


def carts(profile: Profile) -> dict[str, Cart]:
    """The open carts by their ids; the nameless one is the empty text."""
    found: dict[str, Cart] = {}
    for event in _story(profile, (*CART, "Order Completed")):
        name = named(event.properties.get("cart_id"))
        if event.name == "Order Completed":
            found = {other: cart for other, cart in found.items() if name and other != name}
            continue
        if event.name in TOUCHING and name not in found:
            continue
        cart = found.setdefault(name, Cart(name, (event.at, event.seq)))
        cart.touched = (event.at, event.seq)
        cart.stated = event.properties.get("value", cart.stated)
        _build(cart, event)
    return found


def _build(cart: Cart, event: Event) -> None:
    if event.name in SHOWING and isinstance(event.properties.get("products"), list):
        cart.products = {}
    if event.name in TOUCHING:
        return
    for n, product in enumerate(products(event)):
        place = sku(product) or f"{event.seq}/{n}"
        before = cart.products.get(place)
        had = Decimal(0) if before is None else quantity(before)
        many = had + (-quantity(product) if event.name in REMOVING else quantity(product))
        if many > 0:
            cart.products[place] = {**(before or {}), **product, "quantity": _plain(many)}
        else:
            cart.products.pop(place, None)


def cart_root(profile: Profile, start: Event | None) -> dict[str, Json]:
    """The enrollment's own cart where its trigger names one, else the open one that was touched last."""
    there = carts(profile)
    own = "" if start is None else named(start.properties.get("cart_id"))
    cart = there.get(own) if own else max(there.values(), key=lambda one: one.touched, default=None)
    return {"value": 0, "count": 0} if cart is None else cart.root()


def orders(profile: Profile) -> list[tuple[int, Decimal]]:
    """The orders that count: when each was made (ms), and what is left of its worth."""
    worth: dict[str, Decimal] = {}
    made: dict[str, int] = {}
    gone: set[str] = set()
    back: dict[str, Decimal] = {}
    story = _story(profile, ORDER)
    for event in story:
        name = named(event.properties.get("order_id"))
        if event.name == "Order Completed" and (not name or name not in made):
            name = name or f"\0{event.seq}"  # each without an id is an order of its own
            made[name], worth[name] = event.at, _worth(event) or Decimal(0)
        elif event.name == "Order Updated" and name in made and (amount := _worth(event)) is not None:
            worth[name] = amount
        elif event.name == "Order Cancelled":
            gone.add(name)
    for event in story:
        name = named(event.properties.get("order_id"))
        if event.name == "Order Refunded" and name in made:
            amount = _worth(event)
            back[name] = back.get(name, Decimal(0)) + (worth[name] if amount is None else amount)
    left = {name: worth[name] - back.get(name, Decimal(0)) for name in made if name not in gone}
    left = {name: amount for name, amount in left.items() if amount > 0 or name not in back}
    return [(made[name], amount) for name, amount in left.items()]


def order_root(profile: Profile) -> dict[str, Json]:
    """What ``order.`` reaches: how many there are, what they are worth together, and when the newest was."""
    there = orders(profile)
    total = sum((amount for _, amount in there), Decimal(0))
    found: dict[str, Json] = {"count": len(there), "total": _plain(total)}
    return {**found, "last_at": iso(max(at for at, _ in there))} if there else found


def _worth(event: Event) -> Decimal | None:
    """The first present of ``value revenue total``, else what the products add up to."""
    for word in WORTH:
        if (found := _number(event.properties.get(word))) is not None:
            return found
    lines = [(one, _number(one.get("price"))) for one in products(event)]
    amounts = [price * quantity(one) for one, price in lines if price is not None]
    return sum(amounts, Decimal(0)) if amounts else None
