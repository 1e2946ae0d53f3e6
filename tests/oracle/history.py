"""A seeded maker of histories: shoppers as shops know them, and the oddities that come with them.

    write_workspace(folder, variety)
    write_history(path, shoppers, events, seed, delayed=0.0)

The lines have no order that matters. Every line bears a messageId, so that ties break by content.
Two profiles that merge later never have anything due at one and the same moment before: in which
order their lines would stand then, the specification leaves open.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.oracle.pieces import DONE
from tests.oracle.shop import write_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracle.reading import Json

__all__ = ["history", "write_history", "write_workspace"]

START = datetime(2026, 3, 10, tzinfo=UTC)
DAYS = 31  # over 29 March, when Berlin changes its clocks; New York does on 8 March
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Almaty", "Asia/Jakarta", "Europe/Moscow", "Asia/Almaty")
LOCALES = ("en", "ru", "kk", "id", "kk-KZ", "ru-RU", "fr")
CATEGORIES = ("Көйлектер", "Күртелер", "sportswear", "swimwear", "shoes", "Кү")
CITIES = ("Almaty", "Berlin", "Oslo", "New York", "Jakarta")
ENGAGED = (
    ("abandoned-cart", "cart-reminder", timedelta(hours=2)),
    ("abandoned-cart", "cart-help", timedelta(hours=24)),
    ("browse-reminder", "browse", timedelta(hours=4)),
    ("welcome", "welcome", timedelta(0)),
    ("after-purchase", "receipt", timedelta(0)),
    ("review", "review", timedelta(days=3)),
    ("winback", "winback", timedelta(hours=1)),
)


def _stamp(moment: datetime) -> str:
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


@dataclass
class Shopper:
    """Makes the lines of one shopper, from a die of its own."""

    number: int
    die: random.Random
    lines: list[dict[str, Json]] = field(default_factory=list)
    carts: int = 0
    orders: int = 0
    known_from: datetime = START
    kind: str = "known"

    @property
    def user(self) -> str:
        """The user id."""
        return f"u{self.number}"

    def moment(self, first: datetime, last: datetime) -> datetime:
        """Some moment in between: mostly a whole second, some with milliseconds."""
        span = max(1, int((last - first).total_seconds()))
        found = first + timedelta(seconds=self.die.randrange(span))
        return found + timedelta(milliseconds=self.die.randrange(1000)) if self.die.random() < 0.3 else found

    def add(self, kind: str, at: datetime, **more: Json) -> dict[str, Json]:
        """One more line, named as the shopper is known at that moment."""
        line: dict[str, Json] = {"type": kind, **self._ids(at), **more, "timestamp": _stamp(at)}
        line["messageId"] = f"m{self.number}-{len(self.lines)}"
        self.lines.append(line)
        return line

    def _ids(self, at: datetime) -> dict[str, Json]:
        if self.kind == "anonymous" or at < self.known_from:
            return {"anonymousId": f"a{self.number}"}
        if self.kind == "shared" and self.die.random() < 0.6:
            # one device of two shoppers, named or not
            device = {"anonymousId": f"shared{self.number // 2}"}
            return device if self.die.random() < 0.4 else {"userId": self.user, **device}
        if self.kind in {"later", "two"} and self.die.random() < 0.3:
            return {"userId": self.user, "anonymousId": f"a{self.number}"}
        return {"userId": self.user}

    def traits(self) -> dict[str, Json]:  # noqa: C901 - one trait after the other
        """What is known of the shopper, odd values among it."""
        die, n = self.die, self.number
        found: dict[str, Json] = {"email": f"Shopper{n}@Example.com" if n % 5 == 0 else f"shopper{n}@example.com"}
        odd = die.random()
        if odd < 0.02:
            found["email"] = die.choice(["nowhere", "a@localhost", f"two@at{n}@example.com", None])
        elif odd < 0.05:
            del found["email"]
        if die.random() < 0.7:
            found["first_name"] = die.choice(["Aia", "Bo", "Даша", "Әсел", "Rani"])
        if die.random() < 0.6:
            found["timezone"] = die.choice(ZONES) if die.random() < 0.96 else die.choice(["Mars/Olympus", 5, ""])
        if die.random() < 0.7:
            found["locale"] = die.choice(LOCALES)
        if die.random() < 0.5:
            found["city"] = die.choice(CITIES)
            found["address"] = {"city": found["city"], "country": die.choice(["KZ", "DE", "US"])}
        if die.random() < 0.5:
            found["birthday"] = die.choice(
                [
                    f"19{die.randrange(60, 99)}-0{die.randrange(3, 5)}-{die.randrange(1, 30):02d}",
                    "2000-02-29",
                    "04-01",
                    "spring",
                    19900401,
                ]
            )
        if die.random() < 0.5:
            found["age"] = die.choice([17, 18, 25, 40, 59, 60, "33", None])
        if die.random() < 0.3:
            found["tags"] = die.choice([["vip"], ["new", "vip"], [], "vip", ["VIP"]])
        if die.random() < 0.4:
            place = {"lat": round(43.24 + die.uniform(-1, 1), 3), "lon": round(76.9 + die.uniform(-1, 1), 3)}
            found["location"] = place if die.random() < 0.9 else "Almaty"
        return found

    def product(self) -> dict[str, Json]:
        """One product, at times without a name or with an odd price."""
        die = self.die
        found: dict[str, Json] = {
            "sku": f"s{die.randrange(40)}",
            "price": die.choice([5, 10, 15, 20, 25.5, 49.99, 50, 90, 120]),
            "category": die.choice(CATEGORIES),
            "name": die.choice(["Ақ көйлек", "Boots", "Кофта"]),
        }
        if die.random() < 0.03:
            del found["name"]
        if die.random() < 0.03:
            found["price"] = die.choice(["25", None, [20], True])
        return found

    # -- what a shopper does ---------------------------------------------------------------------

    def begin(self, last: datetime) -> None:
        """Who the shopper is, and when that comes to be known."""
        die, first = self.die, self.moment(START, START + timedelta(days=12))
        self.kind = die.choices(
            ["known", "later", "two", "anonymous", "shared", "mail", "alias"], [40, 22, 9, 10, 10, 6, 3]
        )[0]
        if self.kind in {"later", "two", "alias"}:
            self.known_from = self.moment(first, min(last, first + timedelta(days=8)))
        if self.kind == "mail":
            self._by_mail(first)
            return
        if self.kind == "anonymous":
            if die.random() < 0.3:
                self.add("identify", first, traits={"locale": die.choice(LOCALES), "timezone": die.choice(ZONES)})
            return
        if self.kind == "alias":
            # a guest of the shop's own, without an address, who turns out to be the user
            guest = self.add("track", first, event="Checkout Started", properties=self.cart())
            guest.pop("anonymousId", None)
            guest["userId"] = f"guest{self.number}"
            self.add("alias", self.known_from, previousId=f"guest{self.number}", userId=self.user)
            self.lines[-1].pop("anonymousId", None)
        both = self.add("identify", self.known_from if self.kind != "known" else first, traits=self.traits())
        if self.kind in {"later", "two"}:
            both |= {"userId": self.user, "anonymousId": f"a{self.number}"}
        if self.kind == "two":
            self._second_device(last)
        self._consents(first, last)

    def _by_mail(self, first: datetime) -> None:
        """A visitor leaves an address, and signs in with it a little later."""
        self.known_from = first + timedelta(minutes=self.die.randrange(3, 300))
        traits = self.traits() | {"email": f"shopper{self.number}@example.com"}
        self.add("identify", first, traits={"email": traits["email"]})
        self.add("track", first + timedelta(seconds=20), event="Newsletter Signed Up", properties={"form": "popup"})
        # the first that is heard of the user id: nothing of it was due before
        self.add("identify", self.known_from, traits=traits, anonymousId=f"a{self.number}")

    def _second_device(self, last: datetime) -> None:
        """A second device shops without a name, alongside the first, then is tied to the user."""
        other = f"b{self.number}"
        tied = self.moment(self.known_from + timedelta(hours=2), last)
        begun = max(self.known_from, tied - timedelta(hours=self.die.choice([2, 12, 40])))
        for n in range(self.die.randrange(2, 7)):
            at = self.moment(begun, tied)
            event = self.die.choice(
                ["Product Viewed", "Product Added", "Checkout Started", "Checkout Started", "Order Completed"]
            )
            properties = self._viewed(at) | self.cart()
            line = self.add("track", at, event=event, properties=properties)
            if n % 2:
                line.pop("userId", None)
                line["anonymousId"] = other
        tie = self.add("identify", tied, traits={})
        tie |= {"userId": self.user, "anonymousId": other}

    def _consents(self, first: datetime, last: datetime) -> None:
        for topic in ("offers", "news"):
            if self.die.random() < 0.7:
                self._consent(self.moment(first, first + timedelta(hours=5)), topic, "subscribed")
            if self.die.random() < 0.08:
                at = self.moment(first, last)
                self._consent(at, topic, "unsubscribed")
                if self.die.random() < 0.4:  # both at one time: the withdrawal holds
                    self._consent(at, topic, "subscribed")

    def _consent(self, at: datetime, topic: str, did: str) -> None:
        line = self.add("consent", at, topic=topic, did=did)
        line.pop("anonymousId", None)
        line["userId"] = self.user

    def cart(self) -> dict[str, Json]:
        """What a cart event holds, an odd key or value now and then."""
        die = self.die
        products = [self.product() for _ in range(die.randrange(1, 4))]
        found: dict[str, Json] = {
            "cart_id": f"c{self.number}-{self.carts}",
            "value": die.choice([10, 19.99, 20, 60, 99.5, 100, 140]),
            "products": products,
        }
        odd = die.random()
        if odd < 0.02:
            found["cart_id"] = die.choice([None, 7, 7.5, True, ["c1"], {"id": 1}, ""])
        elif odd < 0.04:
            found["value"] = die.choice(["120", None, -5, [100]])
        elif odd < 0.05:
            del found["products"]
        return found

    def visit(self, at: datetime) -> None:
        """One visit: pages, products, perhaps a cart, a checkout, an order."""
        die = self.die
        context: dict[str, Json] = {"page": {"path": "/"}}
        if die.random() < 0.2:
            context["campaign"] = {"name": "spring", "source": die.choice(["ads", "mail", "search"])}
        if die.random() < 0.1:
            self.add("screen", at, name=die.choice(["Store", "Start", "Cart"]))
        else:
            self.add("page", at, name="Home", properties={"path": "/"}, context=context)
        for _ in range(die.choice([0, 1, 1, 2, 3])):
            at = self._later(at)
            self.add("track", at, event="Product Viewed", properties=self._viewed(at))
        if die.random() < 0.4:
            self._shop(self._later(at))
        if die.random() < 0.06:
            at = self._later(at)
            self.add("track", at, event="Newsletter Signed Up", properties={"form": "footer"})
            self._engage(at, "welcome")

    def _later(self, at: datetime) -> datetime:
        """The next thing: seconds later, at times at the very same moment (for those who never merge)."""
        if self.kind in {"known", "anonymous"} and self.die.random() < 0.07:
            return at
        return at + timedelta(seconds=self.die.randrange(5, 900))

    def _viewed(self, at: datetime) -> dict[str, Json]:
        die, found = self.die, self.product()
        if die.random() < 0.2:
            found["tags"] = die.choice([["new"], ["old", "new"], "new", []])
            found["products"] = [self.product(), self.product()]
        if die.random() < 0.2:
            found["released_at"] = die.choice(
                [
                    _stamp(at - timedelta(days=die.randrange(15))),
                    _stamp(at + timedelta(days=die.randrange(4))),
                    "2026-03-26",
                    "soon",
                ]
            )
        return found

    def _shop(self, at: datetime) -> None:
        die = self.die
        if die.random() < 0.7:
            self.carts += 1
        for _ in range(die.choice([1, 1, 2])):
            self.add("track", at, event="Product Added", properties=self.cart())
            at = self._later(at)
        if die.random() < 0.65:
            basket = self.cart()
            self.add("track", at, event="Checkout Started", properties=basket)
            if die.random() < 0.3:
                after = at + timedelta(minutes=die.randrange(5, 59))
                self.add("track", after, event="Product Viewed", properties=self._viewed(after))
                self.add("page", at + timedelta(minutes=die.randrange(10, 61)), name="Help", properties={"path": "/"})
            if die.random() < 0.1:
                self.add("track", at + timedelta(hours=2), event="Order Completed", properties=self._order(at, basket))
            elif die.random() < 0.35:
                self._buy(at + timedelta(seconds=die.randrange(30, 40000)), basket)
            else:
                self._engage(at, "abandoned-cart")

    def _order(self, at: datetime, basket: dict[str, Json]) -> dict[str, Json]:
        die = self.die
        self.orders += 1
        found = {**basket, "order_id": f"o{self.number}-{self.orders}"}
        delivery = at + timedelta(days=die.randrange(1, 6), hours=die.randrange(10))
        found["delivery_at"] = die.choice(
            [_stamp(delivery), _stamp(delivery), delivery.strftime("%Y-%m-%dT%H:%M"), _stamp(at), "tomorrow", None]
        )
        if die.random() < 0.7:
            found["city"] = die.choice(CITIES)
        if die.random() < 0.1:
            del found["cart_id"]
        return found

    def _buy(self, at: datetime, basket: dict[str, Json]) -> None:
        die, order = self.die, self._order(at, basket)
        self.add("track", at, event="Order Completed", properties=order)
        self._engage(at, "after-purchase")
        facts: dict[str, Json] = {"order_id": order["order_id"]}
        if die.random() < 0.5:
            shipped = {**facts, "carrier": "Post"} if die.random() < 0.5 else facts
            self.add("track", self.moment(at, at + timedelta(days=4)), event="Order Shipped", properties=shipped)
        if die.random() < 0.1:
            self.add("track", self.moment(at, at + timedelta(days=2)), event="Order Cancelled", properties=facts)

    def _engage(self, at: datetime, flow: str) -> None:
        """Opens and clicks of what such a flow is likely to have sent."""
        die = self.die
        for name, message, after in ENGAGED:
            if name != flow or die.random() < 0.4 or self.kind == "anonymous" or at < self.known_from:
                continue
            sent = at + after
            for _ in range(die.choice([1, 1, 2, 3])):
                when = self.moment(sent, sent + timedelta(hours=die.choice([1, 3, 20])))
                did = die.choices(["opened", "clicked", "unsubscribed", "complained", "bounced"], [56, 33, 3, 3, 5])[0]
                line = self.add("engage", when, message=message, did=did)
                if did == "clicked" and die.random() < 0.9:
                    line["url"] = die.choice(["https://shop.example/sale", "https://shop.example/track/1"])
                if did in {"opened", "clicked"} and die.random() < 0.1:
                    line["machine"] = True


def _whole_life(shopper: Shopper, events: int) -> list[dict[str, Json]]:
    last = START + timedelta(days=DAYS)
    shopper.begin(last)
    habits = shopper.moment(START, START + timedelta(days=DAYS // 2))
    while len(shopper.lines) < events:
        shopper.visit(shopper.moment(habits, last))
        if shopper.die.random() < 0.05:
            change = {"timezone": shopper.die.choice(ZONES), "city": shopper.die.choice(CITIES)}
            shopper.add("identify", shopper.moment(START, last), traits=change)
    if shopper.kind not in {"known", "anonymous"}:
        for line in shopper.lines:
            _keep_apart(line)
    return shopper.lines[:events]


def _keep_apart(line: dict[str, Json]) -> None:
    """What names no user happens at odd milliseconds, the rest at even ones: two profiles that merge later, never at once."""
    own = datetime.fromisoformat(line["timestamp"])
    even = own - timedelta(milliseconds=own.microsecond // 1000 % 2)
    line["timestamp"] = _stamp(even if "userId" in line else even + timedelta(milliseconds=1))


def _delay(line: dict[str, Json], die: random.Random) -> None:
    own = datetime.fromisoformat(line["timestamp"])
    away = die.choice([30, 600, 7_200, 40_000, 90_000, 260_000])
    line["receive_at"] = _stamp(own + timedelta(seconds=die.randrange(1, away)))


def products(seed: int) -> Iterator[dict[str, Json]]:
    """The products of the catalogue, and how their prices and stocks change."""
    for number in range(40):
        die = random.Random(f"{seed}:product:{number}")  # noqa: S311 - made-up products
        price, stock = die.choice([10, 20, 49.99, 90]), die.choice([0, 3, 9])
        line: dict[str, Json] = {"type": "product", "sku": f"s{number}", "name": f"Product {number}", "price": price}
        line |= {"stock": stock, "timestamp": _stamp(START + timedelta(milliseconds=number))}
        if die.random() < 0.4:
            line["interval"] = die.choice(["5d", "10d", "2w"])
        yield {**line, "messageId": f"p{number}-0"}
        for n in range(die.randrange(5)):
            # at a millisecond of its own: nothing else happens then
            at = START + timedelta(seconds=die.randrange(86_400, DAYS * 86_400), milliseconds=500 + number)
            change: dict[str, Json] = {"price": round(price * die.choice([0.5, 0.8, 0.9, 0.95, 1, 1.2]), 2)}
            change = change if die.random() < 0.6 else {"stock": die.choice([0, 0, 2, 7])}
            line = {"type": "product", "sku": f"s{number}", **change, "timestamp": _stamp(at)}
            yield {**line, "messageId": f"p{number}-{n + 1}"}


def _with_carts(lines: list[dict[str, Json]], die: random.Random) -> Iterator[dict[str, Json]]:
    """The lines as shops tell of carts: one product put in, at times one taken out, the whole cart shown, money given back."""
    for line in lines:
        yield line
        properties, name = line.get("properties") or {}, line.get("event")
        if name not in {"Product Added", "Order Completed"}:
            continue
        if not isinstance(properties.get("value"), int | float):
            properties["value"] = 60
        more: dict[str, Json] = {}
        if name == "Order Completed" and die.random() < 0.15:
            refund = {"order_id": properties["order_id"], **die.choice([{}, {"total": 7.5}, {"value": 20}])}
            more = {"event": "Order Refunded", "properties": refund}
        elif name == "Product Added":
            shown = properties.pop("products", None) or []
            basket = {"cart_id": properties["cart_id"]} if "cart_id" in properties else {}
            one = shown[0] if shown else {"sku": "s1", "price": 20}
            properties |= {**one, "quantity": die.choice([1, 1, 2, None])}
            if die.random() < 0.3:
                more = {"event": "Product Removed", "properties": {**basket, "sku": one["sku"], "quantity": 1}}
            elif die.random() < 0.3:
                more = {"event": "Cart Viewed", "properties": {**basket, "products": shown}}
        if more:
            at = datetime.fromisoformat(line["timestamp"]) + timedelta(seconds=die.randrange(2, 5000))
            yield {**line, **more, "timestamp": _stamp(at), "messageId": f"{line['messageId']}-{die.randrange(10**6)}"}


def history(
    shoppers: int, events: int, seed: int, delayed: float = 0.0, *, pieces: tuple[str, ...] = DONE
) -> Iterator[dict[str, Json]]:
    """The lines, shopper by shopper; ``delayed`` is the share of lines that arrive late.

    A share of a hundredth are doubles of a messageId, some with other contents; a few claim a time
    after their arrival. With the piece ``commerce`` there are more lines than so many: products, and
    what happens to carts and orders.
    """
    each, rest = divmod(events, shoppers)
    if "commerce" in pieces:
        yield from products(seed)
    for number in range(shoppers):
        die = random.Random(f"{seed}:{number}")  # noqa: S311 - made-up shoppers
        lines = _whole_life(Shopper(number, die), each + (number < rest))
        if "commerce" in pieces:
            carts = random.Random(f"{seed}:{number}:carts")  # noqa: S311 - made-up carts
            lines = list(_with_carts(lines, carts))
        for line in lines:
            if die.random() < delayed:
                _delay(line, die)
            elif delayed and die.random() < 0.01:  # a device whose clock is fast
                own = datetime.fromisoformat(line["timestamp"])
                line["receive_at"] = _stamp(own - timedelta(seconds=die.randrange(1, 4000)))
            elif die.random() < 0.01:
                line = _doubled(line, die)  # noqa: PLW2901 - one line takes the other's id
            yield line


def _doubled(line: dict[str, Json], die: random.Random) -> dict[str, Json]:
    """The line again, under the messageId of the shopper's first: whichever comes first counts."""
    shopper = line["messageId"].split("-")[0]
    return {**line, "messageId": f"{shopper}-{die.randrange(4)}"}


def write_history(
    path: Path, shoppers: int, events: int, seed: int, delayed: float = 0.0, *, pieces: tuple[str, ...] = DONE
) -> None:
    """Write the history as JSONL. The same arguments give the same bytes."""
    with path.open("w", encoding="utf-8") as file:
        for line in history(shoppers, events, seed, delayed, pieces=pieces):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
