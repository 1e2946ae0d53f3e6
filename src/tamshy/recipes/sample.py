"""A shopper of whom everything is known that any recipe prints: for looking at letters, and for tests."""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "en": ("Anna", "Tea bowls, set of four", "Felt slippers", "ceramics", "tea for beginners"),
    "ru": ("Анна", "Пиалы, набор из четырёх", "Войлочные тапочки", "керамика", "чай для начинающих"),
    "kk": ("Айя", "Кесе, төрт данадан", "Киіз тәпішке", "керамика", "жаңадан бастағандарға шай"),
    "id": ("Dewi", "Mangkuk teh, isi empat", "Sandal felt", "keramik", "teh untuk pemula"),
}
_PICKS: Final = (
    # sku, price, and what it is called
    ("shaynek", 64, {"en": "Teapot", "ru": "Чайник заварочный", "kk": "Шәйнек", "id": "Teko teh"}),
    ("quman", 72, {"en": "Copper jug", "ru": "Медный кувшин", "kk": "Мыс құман", "id": "Kendi tembaga"}),
    ("jamylgy", 95, {"en": "Woollen blanket", "ru": "Шерстяной плед", "kk": "Жүн жамылғы", "id": "Selimut wol"}),
)


def profile(locale: str) -> dict[str, object]:
    """Their properties."""
    return {
        "first_name": _WORDS[locale][0],
        "locale": locale,
        "points": 240,
        "city": "Almaty",
        "created_at": "2023-03-02",
    }


def event(locale: str, url: str = "https://shop.example") -> dict[str, object]:
    """An event that holds all at once what the events of all recipes hold."""
    _, bowls, slippers, category, guide = _WORDS[locale]
    one: dict[str, object] = {
        "product_id": "kese", "sku": "kese", "name": bowls, "price": 48, "quantity": 1, "category": category,
        "url": f"{url}/kese", "image_url": f"{url}/pictures/kese.png",
    }  # fmt: skip
    other = {
        **one, "product_id": "tapishke", "sku": "tapishke", "name": slippers, "price": 31, "quantity": 2,
        "url": f"{url}/tapishke", "image_url": f"{url}/pictures/tapishke.png",
    }  # fmt: skip
    return {
        **one,
        "products": [one, other],
        "product": one,
        "old_price": 60,
        "value": 110,
        "refund": 110,
        "cart_id": "c1",
        "order_id": "A-1042",
        "checkout_url": f"{url}/checkout/c1",
        "payment_url": f"{url}/pay/A-1042",
        "order_url": f"{url}/orders/A-1042",
        "review_url": f"{url}/reviews/A-1042",
        "tracking_url": f"{url}/track/KZ123456789",
        "tracking_number": "KZ123456789",
        "carrier": "Qazpost",
        "delivery_at": "2026-03-06",
        "due_at": "2026-03-12",
        "opens_at": "2026-03-20",
        "address": "Shai 12, Almaty",
        "query": bowls,
        "guide": guide,
        "confirm_url": f"{url}/confirm/x",
        "rating": 5,
        "years": 3,
        "item": {"name": "Alan"},
        "occurred_at": "2026-03-02T09:00:00Z",
    }


def coupon(variable: str) -> dict[str, object]:
    """A code that was taken for them."""
    return {variable: {"code": "TEA-7KQM-2XPD", "expires_at": "2026-03-04T18:00:00Z", "discount": {"percent": 10}}}


def picks(locale: str, url: str = "https://shop.example") -> dict[str, object]:
    """What may be recommended to them, whatever a letter asks for."""
    skus = [sku for sku, _, _ in _PICKS]
    near = {"kese": [(sku, 1 / place) for place, sku in enumerate(skus, start=1)]}
    return {
        "lists": dict.fromkeys(("popular", "new", "viewed", "next"), skus),
        "near": {"similar": near, "together": near},
        "called": {"kese": "kese"},
        "own": ["kese"],
        "products": {
            sku: {
                "sku": sku,
                "name": names[locale],
                "price": price,
                "url": f"{url}/{sku}",
                "image_url": f"{url}/pictures/{sku}.png",
            }
            for sku, price, names in _PICKS
        },
    }
