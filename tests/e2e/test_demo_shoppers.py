"""The made-up shoppers: what they send, in which order, and that the same dice make the same street."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tamshy.panel.storefront import PRODUCTS
from tamshy.site.shoppers import Shopper, buy, fill_basket, keep_shop, newcomer, read, visit, wants_to_shop
from tamshy.site.street import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.panel.storefront import Product


def thrown(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - dice of made-up people


@dataclass
class Hands:
    """Writes down what shoppers do."""

    done: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    told: list[list[dict[str, object]]] = field(default_factory=list)

    def track(self, who: Shopper, event: str, properties: dict[str, object]) -> None:
        del who
        self.done.append((event, properties))

    def page(self, who: Shopper, name: str, path: str) -> None:
        del who, path
        self.done.append((f"page {name}", {}))

    def sign_up(self, who: Shopper, traits: dict[str, object], topics: list[str]) -> None:
        del who
        self.done.append(("sign up", traits))
        self.topics += topics

    def product(self, who: Shopper, product: Product, quantity: int) -> dict[str, object]:
        return product.properties(who.locale, "http://shop", quantity)

    def address(self, path: str) -> str:
        return f"http://shop{path}"

    def tell_products(self, products: list[dict[str, object]]) -> None:
        self.told.append(products)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.done]


@dataclass
class Mail:
    """Writes down what becomes of a mail."""

    message: str = "cart-reminder"
    did: list[str] = field(default_factory=list)

    def open(self) -> None:
        self.did.append("open")

    def click(self) -> None:
        self.did.append("click")

    def unsubscribe(self) -> None:
        self.did.append("unsubscribe")


def test_the_same_dice_make_the_same_people_and_visits() -> None:
    streets = []
    for _ in range(2):
        dice, hands = thrown(7), Hands()
        for number in range(20):
            list(visit(newcomer(number, dice), hands, dice))
        streets.append(hands.done)
    assert streets[0] == streets[1]
    assert len(streets[0]) > 60


def test_who_opens_the_demo_signs_up_at_once() -> None:
    for seed in range(20):
        dice, hands = thrown(seed), Hands()
        who = newcomer(1, dice)
        list(visit(who, hands, dice, first=True))
        assert hands.names[:2] == ["page Home", "sign up"]
        assert who.signed_up
        assert hands.topics == ["offers", "news"]


def test_a_basket_is_filled_before_the_checkout_and_bought_before_it_is_delivered() -> None:
    dice, hands = thrown(3), Hands()
    who = newcomer(5, dice)
    list(fill_basket(who, PRODUCTS[0], hands, dice))
    cart = "cart-5-1"
    list(buy(who, hands, dice))
    list(buy(who, hands, dice))  # the basket is empty now: nothing more happens
    names = [name for name in hands.names if name != "Product Added"]
    assert names[:4] == ["Checkout Started", "Order Completed", "Order Shipped", "Order Delivered"]
    by_name = dict(hands.done)
    assert by_name["Checkout Started"]["cart_id"] == by_name["Order Completed"]["cart_id"] == cart
    assert by_name["Order Delivered"]["order_id"] == by_name["Order Completed"]["order_id"] == "Q-5-1"
    assert by_name["Order Delivered"]["products"] == by_name["Order Completed"]["products"]
    products = by_name["Order Completed"]["products"]
    assert isinstance(products, list)
    assert by_name["Order Completed"]["value"] == sum(line["price"] * line["quantity"] for line in products)


def test_orders_end_in_a_parcel_or_are_called_off_and_some_are_reviewed() -> None:
    ways: Counter[tuple[str, ...]] = Counter()
    for seed in range(300):
        dice, hands = thrown(seed), Hands()
        who = newcomer(seed, dice)
        list(fill_basket(who, PRODUCTS[0], hands, dice))
        list(buy(who, hands, dice))
        ways[tuple(hands.names[hands.names.index("Order Completed") + 1 :])] += 1
    delivered = ("Order Shipped", "Order Delivered")
    assert set(ways) == {("Order Cancelled",), delivered, (*delivered, "Product Reviewed")}
    assert 4 < ways["Order Cancelled",] < 30
    assert 60 < ways[(*delivered, "Product Reviewed")] < 120


def test_people_find_things_in_every_way_and_wish_for_some() -> None:
    dice, hands = thrown(4), Hands()
    for number in range(200):
        list(visit(newcomer(number, dice), hands, dice))
    happened = Counter(hands.names)
    assert happened["Product List Viewed"] > happened["Products Searched"] > 10
    assert happened["Product Added to Wishlist"] > 10
    traits = [told for name, told in hands.done if name == "sign up"]
    assert 0.3 < sum("birthday" in told for told in traits) / len(traits) < 0.7


def test_the_shelf_is_filled_and_things_become_cheaper_and_sell_out_for_a_while() -> None:
    dice, hands = thrown(1), Hands()
    keeping = keep_shop(hands, dice)
    for _ in range(60):
        next(keeping)
    full, *changes = hands.told
    prices = {str(one["sku"]): one["price"] for one in full}
    assert sorted(prices) == sorted(product.id.upper() for product in PRODUCTS)
    away, back = changes[::2], changes[1::2]
    assert all(len(told) == 1 for told in changes)
    assert {key for told in away for key in told[0]} == {"sku", "stock", "price"}
    for gone, come in zip(away, back, strict=False):
        assert gone[0]["sku"] == come[0]["sku"]
        assert come[0]["price"] == prices[str(come[0]["sku"])]
        assert gone[0].get("stock", 0) == 0
        # At least a tenth cheaper: what the campaign asks for.
        assert gone[0].get("price", 0) <= 0.9 * prices[str(gone[0]["sku"])]  # type: ignore[operator]


def test_nothing_is_bought_without_a_basket() -> None:
    dice, hands = thrown(3), Hands()
    assert list(buy(newcomer(5, dice), hands, dice)) == []
    assert hands.done == []


def test_mail_is_opened_before_it_is_clicked_and_not_by_everybody() -> None:
    became: Counter[tuple[str, ...]] = Counter()
    for seed in range(400):
        dice, mail = thrown(seed), Mail("welcome")
        list(read(newcomer(seed, dice), mail, Hands(), dice))
        became[tuple(mail.did)] += 1
    assert set(became) == {(), ("open",), ("open", "click"), ("open", "unsubscribe")}
    assert 80 < became[()] < 180
    assert 70 < became["open", "click"] < 170


def test_nights_are_quiet() -> None:
    dice = thrown(1)
    hours = {hour: datetime.fromisoformat(f"2026-03-02T{hour:02}:00") for hour in (3, 12, 20)}
    out = {hour: sum(wants_to_shop(local, dice) for _ in range(500)) for hour, local in hours.items()}
    assert out[3] < 60 < out[12] < out[20] == 500


def test_memory_is_kept_whole(tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    assert Memory.read(path).people == []
    dice = thrown(2)
    who = newcomer(1, dice)
    list(fill_basket(who, PRODUCTS[1], Hands(), dice))
    Memory(people=[who]).write(path)
    assert Memory.read(path).people == [who]
    assert [file.name for file in tmp_path.iterdir()] == ["people.json"]
