"""Made-up shoppers of the demo: who they are, and how they browse, sign up, fill baskets, buy, and read their mail.

Pure but for the dice, which are handed in: a visit is a generator that acts through a `Hands` and yields how many
seconds of shop time pass until it goes on. Who drives them is `site.demo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from tamshy.panel.storefront import PRODUCTS, Product

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from random import Random

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86400.0


class Basket(msgspec.Struct):
    """What somebody left at the checkout."""

    cart_id: str
    products: dict[str, int]

    def value(self) -> int:
        """What it costs, in tenge."""
        return sum(_product(id_).price * count for id_, count in self.products.items())


class Shopper(msgspec.Struct):
    """One made-up person. `signed_up` once they have given their address; `basket` while one is open."""

    number: int
    locale: str
    zone: str
    city: str
    first_name: str
    signed_up: bool = False
    basket: Basket | None = None
    carts: int = 0
    orders: int = 0

    @property
    def anonymous_id(self) -> str:
        """The id of their browser."""
        return f"browser-{self.number}"

    @property
    def user_id(self) -> str:
        """Their id with the shop."""
        return f"shopper-{self.number}"

    @property
    def email(self) -> str:
        """Their address; example.com takes no mail."""
        return f"shopper-{self.number}@example.com"


class Hands(Protocol):
    """What a shopper can do to the outside."""

    def track(self, who: Shopper, event: str, properties: dict[str, object]) -> None:
        """Send an event through Segment's client."""

    def page(self, who: Shopper, name: str, path: str) -> None:
        """Send a page call through Segment's client."""

    def sign_up(self, who: Shopper, traits: dict[str, object], topics: list[str]) -> None:
        """Send an identify, record consent by the API, then send `Signed Up`."""

    def product(self, who: Shopper, product: Product, quantity: int) -> dict[str, object]:
        """Give what the shop's pages say of a product."""

    def address(self, path: str) -> str:
        """Give a whole address of the shop."""

    def tell_products(self, products: list[dict[str, object]]) -> None:
        """Tell the catalogue of prices and stocks."""


class Reading(Protocol):
    """What a recipient can do to one mail."""

    @property
    def message(self) -> str:
        """The name of the message."""

    def open(self) -> None:
        """Load its pictures, the pixel among them."""

    def click(self) -> None:
        """Follow its main link."""

    def unsubscribe(self) -> None:
        """Take the way out."""


_FIRST_NAMES: Final = {
    "kk": ("Айя", "Айгерім", "Нұрлан", "Данияр", "Әсел", "Ерлан", "Мадина", "Бекзат", "Жанар", "Тимур", "Гүлнәр"),
    "ru": ("Марат", "Анна", "Ольга", "Игорь", "Светлана", "Дмитрий", "Юлия", "Руслан", "Наталья", "Павел", "Вера"),
    "id": ("Dewi", "Budi", "Sari", "Agus", "Putri", "Rizky", "Wulan", "Bayu", "Intan", "Fajar"),
    "en": ("Anna", "James", "Emily", "Oliver", "Grace", "Thomas", "Lucy", "Henry", "Clara", "Felix"),
}  # fmt: skip
_HOMES: Final = (
    (34, "kk", "Asia/Almaty", "Алматы"),
    (8, "kk", "Asia/Aqtobe", "Ақтөбе"),
    (28, "ru", "Asia/Almaty", "Алматы"),
    (6, "ru", "Europe/Moscow", "Москва"),
    (12, "id", "Asia/Jakarta", "Jakarta"),
    (7, "en", "Europe/London", "London"),
    (5, "en", "Europe/Berlin", "Berlin"),
)
_TASTE: Final = (30, 18, 9, 20, 14, 9)
"""How often each product is looked at, in the order of the shelf."""

_BY_CATEGORY: Final = 0.45
_BY_SEARCH: Final = 0.15
"""How often people come to a thing through its category, and how often by the search."""
_CHEAP: Final = 20000
"""Below this price people take two of a thing, in tenge."""
_CONSENTS: Final = (("offers", 0.85), ("news", 0.8))
_BUSY: Final = ((8, 0.06), (17, 0.55), (23, 1.0), (24, 0.4))
"""Until which hour of the day, and how likely somebody is out shopping."""


def newcomer(number: int, dice: Random) -> Shopper:
    """Make the shopper of that number."""
    _, locale, zone, city = dice.choices(_HOMES, [home[0] for home in _HOMES])[0]
    # One in eight tells no name: the mails must read well without.
    name = "" if _by_chance(dice, 1 / 8) else dice.choice(_FIRST_NAMES[locale])
    return Shopper(number, locale, zone, city, name)


def wants_to_shop(local: datetime, dice: Random) -> bool:
    """Whether somebody would be out shopping at this local time: seldom at night, mostly in the evening."""
    return _by_chance(dice, next(likely for until, likely in _BUSY if local.hour < until))


def visit(who: Shopper, hands: Hands, dice: Random, *, first: bool = False) -> Iterator[float]:
    """Look around, perhaps sign up, fill a basket, buy. `first`: the one who opens the demo signs up at once."""
    hands.page(who, "Home", "/")
    yield dice.uniform(10, 60)
    if first or (not who.signed_up and _by_chance(dice, 0.25)):
        yield from sign_up(who, hands, dice, to_all=first)
    favourite = _pick(dice)
    yield from look_for(who, favourite, hands, dice)
    for seen in range(dice.choice((1, 2, 2, 3, 4))):
        # Who likes a thing comes back to it between looks at others.
        product = favourite if not seen or _by_chance(dice, 0.6) else _pick(dice)
        hands.track(who, "Product Viewed", hands.product(who, product, 1))
        yield dice.uniform(20, 2.5 * MINUTE)
    if not who.signed_up and _by_chance(dice, 0.6):
        yield from sign_up(who, hands, dice)
    if who.signed_up and _by_chance(dice, 0.15):
        hands.track(who, "Product Added to Wishlist", hands.product(who, _pick(dice), 1))
        yield dice.uniform(10, 40)
    if _by_chance(dice, 0.55):
        yield from fill_basket(who, favourite, hands, dice)
        if _by_chance(dice, 0.35):
            yield dice.uniform(2 * MINUTE, 12 * MINUTE)
            yield from buy(who, hands, dice)


def look_for(who: Shopper, wanted: Product, hands: Hands, dice: Random) -> Iterator[float]:
    """Find the way to a thing: through its category, by the search, or straight."""
    way = dice.random()
    if way < _BY_CATEGORY:
        address = hands.address(f"/shop?category={wanted.category}")
        hands.track(who, "Product List Viewed", {"category": wanted.category, "url": address})
    elif way < _BY_CATEGORY + _BY_SEARCH:
        hands.track(who, "Products Searched", {"query": wanted.name(who.locale).partition(",")[0].lower()})
    yield dice.uniform(5, 30)


def keep_shop(hands: Hands, dice: Random) -> Iterator[float]:
    """Put everything on the shelf; then, day by day, one thing is cheaper for a while, or sold out and back again."""
    hands.tell_products([_on_the_shelf(product, hands, stock=20) for product in PRODUCTS])
    while True:
        yield dice.uniform(0.7 * DAY, 2.0 * DAY)
        product = dice.choice(PRODUCTS)
        sold_out = _by_chance(dice, 0.5)
        changed = {"stock": 0} if sold_out else {"price": round(product.price * 0.8, -2)}
        hands.tell_products([{"sku": _sku(product), **changed}])
        yield dice.uniform(0.5 * DAY, 1.0 * DAY)
        hands.tell_products([_on_the_shelf(product, hands, stock=20)])


def _on_the_shelf(product: Product, hands: Hands, *, stock: int) -> dict[str, object]:
    """What the back end says of a product; the shop's own language is Russian."""
    return {
        "sku": _sku(product),
        "product_id": product.id,
        "name": product.name("ru"),
        "category": product.category,
        "price": product.price,
        "currency": "KZT",
        "stock": stock,
        "url": hands.address(f"/shop/{product.id}"),
        "image_url": hands.address(f"/static/shop/{product.id}.png"),
    }


def _sku(product: Product) -> str:
    return product.id.upper()


def sign_up(who: Shopper, hands: Hands, dice: Random, *, to_all: bool = False) -> Iterator[float]:
    """Give name, address and consent `to_all` topics or to some; now and then to none."""
    topics = [topic for topic, likely in _CONSENTS if to_all or _by_chance(dice, likely)]
    traits: dict[str, object] = {"email": who.email, "locale": who.locale, "timezone": who.zone, "city": who.city}
    if who.first_name:
        traits["first_name"] = who.first_name
    if _by_chance(dice, 0.5):
        traits["birthday"] = f"{dice.randint(1960, 2006)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
    who.signed_up = True
    hands.sign_up(who, traits, topics)
    yield dice.uniform(30, 2 * MINUTE)


def fill_basket(who: Shopper, favourite: Product, hands: Hands, dice: Random) -> Iterator[float]:
    """Put one to three things into a new basket and go to the checkout."""
    who.carts += 1
    basket = Basket(f"cart-{who.number}-{who.carts}", {})
    chosen = {favourite.id: favourite}
    if _by_chance(dice, 0.4):
        other = _pick(dice)
        chosen[other.id] = other
    for product in chosen.values():
        quantity = 2 if product.price < _CHEAP and _by_chance(dice, 0.25) else 1
        basket.products[product.id] = quantity
        hands.track(who, "Product Added", {"cart_id": basket.cart_id, **hands.product(who, product, quantity)})
        yield dice.uniform(20, 90)
    who.basket = basket
    path = f"/shop/checkout/{basket.cart_id}"
    hands.track(who, "Checkout Started", {**_contents(who, basket, hands), "checkout_url": hands.address(path)})
    yield dice.uniform(30, 90)


def buy(who: Shopper, hands: Hands, dice: Random) -> Iterator[float]:
    """Order what is in the basket: a parcel comes within some days, unless they change their mind; some write a review."""
    if who.basket is None:
        return
    basket, who.basket = who.basket, None
    who.orders += 1
    order = f"Q-{who.number}-{who.orders}"
    more = {"order_id": order, "order_url": hands.address(f"/shop/orders/{order}")}
    contents = _contents(who, basket, hands)
    hands.track(who, "Order Completed", {**contents, **more})
    yield dice.uniform(3 * HOUR, 20 * HOUR)
    if _by_chance(dice, 0.05):
        hands.track(who, "Order Cancelled", {"order_id": order, "value": contents["value"], "currency": "KZT"})
        return
    parcel = f"RR{dice.randint(10**8, 10**9 - 1)}KZ"
    tracking = {"tracking_number": parcel, "tracking_url": hands.address(f"/shop/parcels/{parcel}")}
    hands.track(who, "Order Shipped", {"order_id": order, "carrier": "Qazpost", **tracking})
    yield dice.uniform(10 * HOUR, 2 * DAY)
    products = {"products": contents["products"], "review_url": hands.address(f"/shop/reviews/{order}")}
    hands.track(who, "Order Delivered", {"order_id": order, **products})
    yield dice.uniform(2 * DAY, 9 * DAY)
    if _by_chance(dice, 0.3):
        hands.track(
            who, "Product Reviewed", {"product_id": next(iter(basket.products)), "rating": dice.choice((3, 4, 5, 5))}
        )


def read(who: Shopper, mail: Reading, hands: Hands, dice: Random) -> Iterator[float]:
    """Open a mail or not, click or not, and then come back to the shop."""
    # Most mail is read within the hour, some the next morning.
    yield max(4 * MINUTE, dice.lognormvariate(3.3, 1.0) * MINUTE)
    if not _by_chance(dice, 0.68):
        return
    mail.open()
    yield dice.uniform(20, 90)
    if _by_chance(dice, 0.015):
        mail.unsubscribe()
        return
    if not _by_chance(dice, 0.45):
        return
    mail.click()
    yield dice.uniform(15, 60)
    if who.basket is not None and mail.message.startswith("cart-"):
        hands.page(who, "Checkout", f"/shop/checkout/{who.basket.cart_id}")
        yield dice.uniform(2 * MINUTE, 15 * MINUTE)
        if _by_chance(dice, 0.5):
            yield from buy(who, hands, dice)
    elif _by_chance(dice, 0.7):
        yield from visit(who, hands, dice)


def _contents(who: Shopper, basket: Basket, hands: Hands) -> dict[str, object]:
    products = [hands.product(who, _product(id_), count) for id_, count in basket.products.items()]
    return {"cart_id": basket.cart_id, "value": basket.value(), "currency": "KZT", "products": products}


def _by_chance(dice: Random, likely: float) -> bool:
    return dice.random() < likely


def _pick(dice: Random) -> Product:
    return dice.choices(PRODUCTS, _TASTE)[0]


def _product(id_: str) -> Product:
    return next(product for product in PRODUCTS if product.id == id_)
