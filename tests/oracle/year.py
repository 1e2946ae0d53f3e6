"""A seeded maker of a year in a shop: who comes, looks, buys, is won and is lost, as the recipes are made for.

    write_shop(folder)
    write_year(path, shoppers, seed)

`history.py` makes what is odd; this one makes what is usual. The year begins a week before Christmas, so that the season of the
first weeks comes round in the last ones. What people do with their mails is guessed: the maker does not know what is sent, and a
line for a mail that nobody got is skipped.

Two profiles that merge later never have anything due at one and the same moment before (see `history.py`): what is done without a
name is done within the hour before somebody signs in, at odd milliseconds.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tamshy.recipes import add

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Line = dict[str, Any]

START = datetime(2025, 12, 15, tzinfo=UTC)
WEEKS = 53
LATE = 0.01
END = START + timedelta(weeks=WEEKS)

SETTINGS = """\
name: Qumyra
locale: en
timezone: Asia/Almaty
currency: KZT
url: https://shop.example
from: Qumyra <hello@shop.example>

topics:
  offers: {name: Reminders and offers, default: opt_in}
  news: {name: News, default: opt_in}

quiet_hours: {from: "21:00", to: "09:00"}
caps:
  - {messages: 1, per: 16h}
  - {messages: 3, per: 7d}
holdout: 5%
"""
FITTED = {
    # When the new shop opens is the shop's to say, and here it is within the year.
    "broadcasts/near-you.yaml": {"2027-03-18T10:00": "2026-03-19T10:00"},
    # Of some hundred shoppers the best fiftieth is a handful, of whom nobody may be lost within a year.
    "segments/lapsed-best.yaml": {"top: 2%": "top: 10%"},
}

ZONES = {
    "Asia/Almaty": 40,
    "Asia/Jakarta": 14,
    "Europe/Moscow": 12,
    "Europe/Berlin": 11,
    "America/New_York": 8,
    "Asia/Kolkata": 5,
    "America/Sao_Paulo": 2,
    "Pacific/Auckland": 2,
    "": 6,
}
LOCALES = {"Asia/Almaty": ("kk", "ru", "kk-KZ"), "Asia/Jakarta": ("id",), "Europe/Moscow": ("ru", "ru-RU")}
CITIES = {"Asia/Almaty": ("Almaty", "Алматы", "Shymkent"), "Asia/Jakarta": ("Jakarta",), "Europe/Berlin": ("Berlin",)}
NAMES = ("Aia", "Даша", "Әсел", "Rani", "Bo", "Ольга", "Ержан", "Dewi", "Maria")
CATEGORIES = ("shoes", "shoe-care", "insoles", "plants", "software", "ceramics", "tea", "coffee", "felt", "books")
LASTS = {"tea": "30d", "coffee": "3w", "shoe-care": "90d"}
"""What is used up says so for some of its products; for the others it has to be learnt."""
PRODUCTS, AT_FIRST = 140, 90
SEASON = {12: 1.7, 1: 0.9, 2: 0.9, 3: 1.25, 4: 1.0, 5: 1.0, 6: 0.8, 7: 0.65, 8: 0.75, 9: 1.05, 10: 1.0, 11: 1.4}
KINDS = {"visitor": 10, "reader": 20, "once": 27, "regular": 24, "best": 4, "lapsing": 10, "lead": 5}
READING = {"never": 35, "sometimes": 45, "keen": 20}


def stamp(moment: datetime) -> str:
    """A moment as lines have it."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    millis = moment.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


@dataclass(frozen=True)
class Product:
    """A product as the shop sells it."""

    sku: str
    name: str
    category: str
    price: int
    since: datetime

    def shown(self) -> Line:
        """How events tell of it."""
        address = f"https://shop.example/{self.sku}"
        return {
            "product_id": self.sku,
            "name": self.name,
            "category": self.category,
            "price": self.price,
            "url": address,
            "image_url": f"{address}.png",
        }


@cache
def products(seed: int) -> tuple[Product, ...]:
    """The products of the year: most are there from the first day, the others come a few at a time, on Mondays."""
    die = random.Random(f"{seed}:products")  # noqa: S311 - made-up products
    found = []
    for number in range(PRODUCTS):
        category = CATEGORIES[number % len(CATEGORIES)]
        week = 0 if number < AT_FIRST else 1 + (number - AT_FIRST) // 4 * 4
        price = die.choice([900, 1500, 2400, 3900, 6000, 9500, 14000, 24000])
        # What there is at first has come before anybody does.
        since = START + timedelta(weeks=week, hours=5) if week else START
        found.append(Product(f"p{number}", f"{category.capitalize()} {number}", category, price, since))
    return tuple(found)


def catalogue(seed: int) -> Iterator[Line]:
    """What is told of products: lists of prices on Mondays, a count of the stock on Wednesdays, new ones every fourth week."""
    die = random.Random(f"{seed}:catalogue")  # noqa: S311 - a made-up catalogue
    number = 0

    def line(at: datetime, sku: str, **said: object) -> Line:
        nonlocal number
        number += 1
        return {"type": "product", "sku": sku, **said, "timestamp": stamp(at), "messageId": f"catalogue-{number:04d}"}

    everything = products(seed)
    for one in everything:
        lasts: Line = {"interval": LASTS[one.category]} if one.category in LASTS and die.random() < 0.6 else {}
        at = START if one.since - START < timedelta(days=1) else one.since
        yield line(at, one.sku, **(one.shown() | {"stock": die.choice([3, 9, 40])}), cost=one.price * 0.6, **lasts)
    gone: set[str] = set()
    for week in range(1, WEEKS):
        monday = START + timedelta(weeks=week, hours=5)
        sold = [one for one in everything if one.since < monday]
        for one in sorted(die.sample(sold, 4), key=lambda one: one.sku):
            yield line(monday, one.sku, price=round(one.price * die.choice([0.7, 0.8, 0.9, 0.95, 1, 1, 1.1])))
        wednesday = monday + timedelta(days=2)
        back = set(die.sample(sorted(gone), min(len(gone), 2)))
        out = {one.sku for one in die.sample(sold, 3)} - gone
        for sku in sorted(back | out):
            yield line(wednesday, sku, stock=12 if sku in back else 0)
        gone = (gone - back) | out


@dataclass
class Shopper:
    """Makes the lines of one shopper, from a die of its own."""

    number: int
    seed: int
    die: random.Random
    lines: list[Line] = field(default_factory=list)
    kind: str = ""
    reading: str = ""
    zone: str = ""
    known_from: datetime = END
    carts: int = 0
    orders: int = 0
    points: int = 0
    bought: list[datetime] = field(default_factory=list)

    @property
    def user(self) -> str:
        """The user id."""
        return f"u{self.number}"

    # -- lines -------------------------------------------------------------------------------------

    def add(self, kind: str, at: datetime, **more: object) -> Line:
        """One more line: with the user's id once that is known, else with the device's."""
        named = at >= self.known_from
        ids: Line = {"userId": self.user} if named else {"anonymousId": f"a{self.number}"}
        at = at.replace(microsecond=0) if named else at.replace(microsecond=1000)
        line: Line = {
            "type": kind,
            **ids,
            **more,
            "timestamp": stamp(at),
            "messageId": f"{self.number}-{len(self.lines)}",
        }
        if at < END:
            self.lines.append(line)
        return line

    def did(self, event: str, at: datetime, **properties: object) -> None:
        """One more event."""
        self.add("track", at, event=event, properties=properties)

    def consent(self, at: datetime, topic: str, did: str = "subscribed") -> None:
        """Grant or withdraw."""
        self.add("consent", at, topic=topic, did=did)

    def soon(self, at: datetime, least: float, most: float) -> datetime:
        """So many minutes later."""
        return at + timedelta(seconds=self.die.randrange(int(least * 60), int(most * 60)))

    def chance(self, share: float) -> bool:
        """With that chance."""
        return self.die.random() < share

    def drawn(self, weights: dict[str, int]) -> str:
        """One of these, by weight."""
        return self.die.choices(list(weights), list(weights.values()))[0]

    def waking(self, day: datetime) -> datetime:
        """A moment of that day at which somebody is up: mostly in the evening, and at times late at night."""
        hour = self.die.choices(
            range(24), [2, 1, 0, 0, 0, 1, 2, 4, 6, 7, 8, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 13, 9, 5]
        )[0]
        local = datetime(day.year, day.month, day.day, hour, self.die.randrange(60), self.die.randrange(60))  # noqa: DTZ001
        return local.replace(tzinfo=ZoneInfo(self.zone or "Asia/Almaty")).astimezone(UTC)

    # -- a life --------------------------------------------------------------------------------------

    def live(self) -> list[Line]:
        """The whole year of a shopper."""
        self.kind, self.reading, self.zone = self.drawn(KINDS), self.drawn(READING), self.drawn(ZONES)
        # Half of them come in the first six weeks: who is to be lost has to be won before.
        first = START + timedelta(days=self.die.expovariate(1 / 60) % (WEEKS * 7 - 30))
        self.zone = self.zone if self.kind != "visitor" else ""
        begins = self.waking(first)
        if begins < START:
            begins += timedelta(days=1)
        if self.kind == "visitor":
            for day in self._days(begins, END, 30):
                self.visit(day, buys=0.0)
            return self.lines
        self.sign_up(begins)
        for start, stop, every, buys in self._habits(begins):
            for at in self._days(start, stop, every):
                self.visit(at, buys=buys)
        self._dates(begins)
        self._digests(begins)
        return self.lines

    def _habits(self, begins: datetime) -> list[tuple[datetime, datetime, float, float]]:
        """Stretches of the year: from when until when somebody comes, every how many days, and how often they buy."""
        die = self.die
        week = timedelta(weeks=1)
        if self.kind == "best":
            stop = begins + die.randrange(8, 20) * week if self.chance(0.45) else END
            return [(begins, stop, 9, 0.75)]
        if self.kind == "regular":
            stop = begins + die.randrange(10, 24) * week if self.chance(0.4) else END
            return [(begins, stop, 17, 0.5)]
        if self.kind == "lapsing":  # away for months, and back
            stop = begins + die.randrange(4, 9) * week
            back = stop + die.randrange(16, 30) * week
            return [(begins, stop, 12, 0.6), (back, back + 8 * week, 12, 0.5 if self.chance(0.5) else 0.0)]
        if self.kind == "once":
            stop = begins + die.randrange(1, 4) * week
            return [(begins, stop, 5, 1.0), (stop, stop + 20 * week, 70, 0.0)]
        if self.kind == "lead":
            return [(begins, begins + 12 * week, 20, 0.1)]
        return [(begins, begins + die.randrange(10, 40) * week, 16, 0.04)]

    def _days(self, start: datetime, stop: datetime, every: float) -> Iterator[datetime]:
        """Days of visits, more in some months than in others."""
        at = start
        while (at := at + timedelta(days=self.die.expovariate(1) * every / SEASON[at.month])) < min(stop, END):
            yield self.waking(at)

    def sign_up(self, at: datetime) -> None:
        """The first visit, at times without a name; then who it is."""
        die = self.die
        if self.chance(0.4):  # looks around, on a device that nobody has a name for yet
            self.known_from = self.soon(at, 20, 50)
            self.look_around(at, self.known_from)
            at = self.known_from
        self.known_from = at
        who = self.add("identify", at, traits=self.traits(at))
        if self.chance(0.8):
            who["anonymousId"] = f"a{self.number}"
        at += timedelta(seconds=2)
        if self.chance(0.1):
            self.did("Subscription Requested", at, confirm_url="https://shop.example/confirm/x", topics=["news"])
            at = self.soon(at, 5, 4000)
        elif self.chance(0.9):
            self.did(
                "Signed Up", at, source=die.choice(["popup", "checkout", "footer", "fair"]), topics=["news", "offers"]
            )
        for topic, share in (("offers", 0.8), ("news", 0.75)):
            if self.chance(share):
                self.consent(at + timedelta(seconds=1), topic)
            if self.chance(0.06):
                self.consent(self.soon(at, 5000, 400_000), topic, "unsubscribed")
        self.read("welcome", at, 1, 40)
        self.read("client-pitch", at + timedelta(days=1), 12, 60)
        if self.kind == "lead":
            self.enquire(self.soon(at, 10, 4000))

    def traits(self, at: datetime) -> Line:
        """What is known of somebody, each only of some."""
        die = self.die
        found: Line = {"email": f"shopper{self.number}@example.com"}
        if self.chance(0.01):
            found["email"] = die.choice(["nowhere", "a@localhost"])
        if self.chance(0.7):
            found["first_name"] = die.choice(NAMES)
        if self.zone:
            found["timezone"] = self.zone
        if self.chance(0.8):
            found["locale"] = die.choice(LOCALES.get(self.zone, ("en", "en", "fr")))
        if self.chance(0.6):
            found["city"] = die.choice(CITIES.get(self.zone, ("Oslo", "Boston")))
        if self.chance(0.1):
            found["location"] = {
                "lat": round(43.24 + die.uniform(-0.2, 0.2), 3),
                "lon": round(76.9 + die.uniform(-0.2, 0.2), 3),
            }
        found |= self.birthdays()
        if self.chance(0.3):  # has been known to the shop for years
            found["created_at"] = stamp(at - timedelta(days=die.randrange(30, 2000)))
        if self.chance(0.4):
            found["preferences"] = {"categories": die.sample(CATEGORIES, 2), "size": die.choice([36, 38, 41, 44])}
        return found

    def birthdays(self) -> Line:
        """Somebody's own, their children's, and those of others."""
        die, found = self.die, Line()
        if self.chance(0.55):
            found["birthday"] = self.day(1950, 2006).isoformat()
        if self.chance(0.25):
            found["children"] = [
                {"name": name, "birthday": self.day(2008, 2025).isoformat()}
                for name in die.sample(NAMES, die.choice([1, 1, 2]))
            ]
        if self.chance(0.15):
            found["relatives"] = [{"name": die.choice(NAMES), "birthday": self.day(1940, 2000).isoformat()[5:]}]
        return found

    def day(self, first: int, last: int) -> date:
        """Some day of some year, 29 February too."""
        if self.chance(0.01):
            return date(2000, 2, 29)
        return date(self.die.randrange(first, last), self.die.randrange(1, 13), self.die.randrange(1, 29))

    # -- what a shopper does --------------------------------------------------------------------------

    def visit(self, at: datetime, buys: float) -> None:
        """One visit: looks around, and at times goes on to a cart, a checkout, an order."""
        if self.kind in {"best", "regular"} and self.chance(0.03):  # on another device, until they sign in
            at = self.elsewhere(at)
        elif self.chance(0.04) and self.kind != "visitor":
            self.add("identify", at, traits={"timezone": self.drawn(ZONES) or "Asia/Almaty", "city": "Berlin"})
        seen = self.look_around(at, self.soon(at, 3, 25))
        at = self.soon(at, 26, 40)
        done = self.kind == "once" and bool(self.bought)
        if self.kind != "visitor" and self.chance(0.05):
            self.wish(at, seen[0])
        elif self.chance(0.02):
            self.did("Back In Stock Requested", at, product_id=seen[0].sku)
        elif not done and self.chance(max(buys, 0.08)):
            self.shop(at, seen, orders=self.chance(buys))

    def elsewhere(self, at: datetime) -> datetime:
        """Somebody known looks around on a new device; within the hour they sign in, and the two become one."""
        self.carts += 1
        known, other = self.known_from, f"b{self.number}-{self.carts}"
        signs_in = self.soon(at, 20, 50)
        self.known_from = signs_in
        before = len(self.lines)
        self.look_around(at, signs_in)
        for line in self.lines[before:]:
            line["anonymousId"] = other
        self.known_from = known
        tied = self.add("identify", signs_in, traits={})
        tied["anonymousId"] = other
        return signs_in + timedelta(seconds=5)

    def look_around(self, at: datetime, until: datetime) -> list[Product]:
        """Pages, categories, searches and products, most of them of one category."""
        die, sold = self.die, [one for one in products(self.seed) if one.since < at]
        own = [one for one in sold if one.category == CATEGORIES[self.number % len(CATEGORIES)]]
        seen = [die.choice(own if self.chance(0.6) else sold) for _ in range(die.choice([1, 1, 2, 2, 4]))]
        if self.chance(0.3):
            seen.append(seen[0])  # comes back to it
        moments = sorted(self.moment(at, until) for _ in range(len(seen) + 2))
        first = seen[0]
        if self.chance(0.5):
            self.did(
                "Product List Viewed", moments[0], category=first.category, url=f"https://shop.example/{first.category}"
            )
        elif self.chance(0.4):
            self.did("Products Searched", moments[0], query=f"{first.category} {die.choice(['gift', 'red', 'cheap'])}")
        else:
            self.add("page", moments[0], name="Home", properties={"path": "/"}, context={"page": {"path": "/"}})
        for one, moment in zip(seen, moments[2:], strict=True):
            self.did("Product Viewed", moment, **one.shown())
        if self.kind != "visitor" and at >= self.known_from:
            self.read("browse-reminder", moments[-1] + timedelta(hours=4), 1, 30)
        return seen

    def moment(self, first: datetime, last: datetime) -> datetime:
        """Some second in between."""
        return first + timedelta(seconds=self.die.randrange(max(1, int((last - first).total_seconds()))))

    def wish(self, at: datetime, one: Product) -> None:
        """Puts a product on the wish-list; at times takes it off again."""
        self.did("Product Added to Wishlist", at, **one.shown())
        self.read("wish-reminder", at + timedelta(days=3), 12, 80)
        if self.chance(0.2):
            self.did("Product Removed from Wishlist", self.soon(at, 600, 20_000), product_id=one.sku)

    def enquire(self, at: datetime) -> None:
        """Downloads a guide, and may write."""
        guide = self.die.choice(["tea", "felt", "shoes"])
        self.did("Guide Downloaded", at, guide=guide, url=f"https://shop.example/guides/{guide}.pdf")
        self.read("guide-here", at, 1, 20)
        if self.chance(0.5):
            asked = self.soon(at, 600, 9000)
            self.did("Enquiry Sent", asked, enquiry_id=f"e{self.number}", subject="A question")

    def shop(self, at: datetime, seen: list[Product], *, orders: bool) -> None:
        """Puts things into a cart, starts the checkout, and orders: at once, hours later, or not."""
        self.carts += 1
        cart = f"c{self.number}-{self.carts}"
        chosen = list(dict.fromkeys(seen))[: self.die.choice([1, 1, 2, 3])]
        lines: list[Line] = [one.shown() | {"quantity": self.die.choice([1, 1, 1, 2, 3])} for one in chosen]
        for line in lines:
            self.did("Product Added", at, cart_id=cart, **line)
            at = self.soon(at, 0.2, 3)
        if len(lines) > 1 and self.chance(0.1):
            self.did("Product Removed", at, cart_id=cart, **lines.pop())
            at = self.soon(at, 0.2, 3)
        value = sum(line["price"] * line["quantity"] for line in lines) * (3 if self.kind == "best" else 1)
        basket: Line = {"cart_id": cart, "value": value, "products": lines}
        if self.chance(0.9):
            self.did("Checkout Started", at, **basket, checkout_url=f"https://shop.example/checkout/{cart}")
            self.read("cart-reminder", at + timedelta(hours=2), 1, 14)
        if orders:
            later = (1, 20) if self.chance(0.7) else (30, 5000)
            self.order(self.soon(at, *later), basket)

    def order(self, at: datetime, basket: Line) -> None:
        """An order, and what becomes of it."""
        self.orders += 1
        name = f"o{self.number}-{self.orders}"
        pays: Line = {"order_id": name, "value": basket["value"], "payment_url": f"https://shop.example/pay/{name}"}
        if self.chance(0.06):
            self.did("Payment Failed", at, **pays)
            if self.chance(0.3):
                return
            at = self.soon(at, 2, 3000)
        unpaid = self.chance(0.12)
        discount = round(basket["value"] * 0.1) if self.chance(0.2) else 0
        made: Line = {**basket, **pays, "discount": discount, "order_url": f"https://shop.example/orders/{name}"}
        self.did("Order Completed", at, **made, **({"paid": False} if unpaid else {}))
        self.bought.append(at)
        self.read("order-received", at, 0, 2)
        if unpaid:
            if self.chance(0.25):
                self.did("Order Cancelled", self.soon(at, 60, 6000), **pays)
                return
            at = self.soon(at, 20, 4000)
            self.did("Order Paid", at, **pays)
        self._points(at, basket["value"])
        self._deliver(at, made)

    def _points(self, at: datetime, value: int) -> None:
        """Points for the order."""
        if self.number % 3 == 0:
            self.points += value // 100
            self.add("identify", at + timedelta(seconds=3), traits={"points": self.points})
            self.did("Points Changed", at + timedelta(seconds=4), points=self.points)

    def _deliver(self, at: datetime, made: Line) -> None:
        facts: Line = {"order_id": made["order_id"]}
        if self.chance(0.03):
            self.did("Order Cancelled", self.soon(at, 60, 1400), **facts, value=made["value"])
            return
        self.read("thank-you", at + timedelta(days=1), 12, 60)
        shipped = self.soon(at, 1500, 4000)
        self.did("Order Shipped", shipped, **facts, carrier="Post", tracking_number=f"KZ{made['order_id']}")
        arrived = self.soon(shipped, 1500, 8000)
        self.did("Order Delivered", arrived, **facts, products=made["products"])
        self.read("review-request", arrived + timedelta(days=7), 1, 160)
        if self.chance(0.3):
            stars = self.die.choice([2, 3, 4, 5, 5])
            one = made["products"][0]
            self.did(
                "Product Reviewed",
                self.soon(arrived, 1500, 25_000),
                rating=stars,
                product_id=one["product_id"],
                name=one["name"],
            )
        if self.chance(0.05):
            back: Line = {} if self.chance(0.5) else {"total": made["products"][0]["price"]}
            self.did("Order Refunded", self.soon(arrived, 1500, 20_000), **facts, **back)

    # -- what is read --------------------------------------------------------------------------------

    def _dates(self, begins: datetime) -> None:
        """Mails that a date brings, and those that silence brings."""
        if self.bought:
            silent = self.bought[-1] + timedelta(days=120)
            for message, days in (
                ("winback-delivery", 1),
                ("winback-quarter", 1),
                ("winback-both", 8),
                ("winback-people", 25),
            ):
                self.read(message, silent + timedelta(days=days), 12, 140)
            self.read("frequency-question", self.bought[-1] + timedelta(days=46), 12, 140)
            self.read("cycle-next", self.bought[-1] + timedelta(days=31), 1, 80)
        for message in ("holiday-ideas", "holiday-ideas-question"):
            morning = datetime(2026, 12, 1, 10, tzinfo=ZoneInfo(self.zone or "Asia/Almaty")).astimezone(UTC)
            if begins < morning:
                self.read(message, morning, 0, 20)

    def _digests(self, begins: datetime) -> None:
        """The news of a Thursday, read by some who get them, and by some again and again."""
        if self.reading == "never":
            return
        for week in range(WEEKS):
            thursday = START + timedelta(weeks=week, days=3, hours=13)
            if thursday > begins and self.chance(0.12 if self.reading == "sometimes" else 0.4):
                self.read("new-arrivals", thursday, 0, 30)
        if self.reading == "keen" and self.chance(0.15):
            thursday = START + timedelta(weeks=self.die.randrange(4, WEEKS - 2), days=3, hours=14)
            if thursday > begins:
                for hour in range(6):
                    self.engage(thursday + timedelta(hours=hour * 9), "new-arrivals", "opened")

    def read(self, message: str, sent: datetime, least: float, most: float) -> None:
        """Opens, and at times clicks, a mail that may have been sent about then, so many hours later."""
        if self.reading == "never" or not self.chance(0.35 if self.reading == "sometimes" else 0.8):
            return
        at = self.soon(sent, least * 60, most * 60)
        self.engage(at, message, "opened")
        if self.chance(0.35):
            self.engage(self.soon(at, 0.1, 30), message, "clicked")
        odd = self.die.random()
        if odd < 0.012:
            self.engage(self.soon(at, 1, 30), message, "unsubscribed")
        elif odd < 0.018:
            self.engage(self.soon(at, 1, 30), message, "bounced" if odd < 0.016 else "complained")

    def engage(self, at: datetime, message: str, did: str) -> None:
        """One touch of a mail, by a machine now and then."""
        more: Line = {"url": "https://shop.example/sale"} if did == "clicked" else {}
        if did in {"opened", "clicked"} and self.chance(0.08):
            more["machine"] = True
        self.add("engage", at, message=message, did=did, **more)


def year(shoppers: int, seed: int, *, weeks: int = WEEKS) -> Iterator[Line]:
    """The lines of the year, or of its first weeks: the catalogue first, then shopper by shopper; a hundredth come late."""
    ends = end_of(weeks)
    for line in _whole(shoppers, seed):
        if datetime.fromisoformat(line["timestamp"]) < ends:
            yield line


def end_of(weeks: int) -> datetime:
    """When so many weeks are over."""
    return START + timedelta(weeks=weeks)


def _whole(shoppers: int, seed: int) -> Iterator[Line]:
    yield from catalogue(seed)
    for number in range(shoppers):
        die = random.Random(f"{seed}:{number}")  # noqa: S311 - made-up shoppers
        for line in Shopper(number, seed, die).live():
            if line["type"] == "track" and "userId" in line and die.random() < LATE:
                own = datetime.fromisoformat(line["timestamp"])
                away = timedelta(seconds=int(math.exp(die.uniform(4, 12))))
                line["receive_at"] = stamp(own + away)
            yield line


def write_year(path: Path, shoppers: int, seed: int, *, weeks: int = WEEKS) -> None:
    """Write it as JSONL. The same arguments give the same bytes."""
    with path.open("w", encoding="utf-8") as file:
        for line in year(shoppers, seed, weeks=weeks):
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_shop(folder: Path) -> None:
    """Write the workspace of the whole lifecycle, as `tamshy add` does into a folder with settings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tamshy.yaml").write_text(SETTINGS, encoding="utf-8")
    add(["whole-lifecycle"], folder)
    for path, changes in FITTED.items():
        text = (folder / path).read_text("utf-8")
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        (folder / path).write_text(text, encoding="utf-8")
