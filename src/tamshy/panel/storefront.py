"""The goods of the example shop, as its storefront and its made-up shoppers know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on the shelf: its id is its place in addresses; `price` in tenge; `names` and `says` by language."""

    id: str
    category: str
    price: int
    names: Mapping[str, str]
    says: Mapping[str, str]

    def name(self, locale: str) -> str:
        """Its name in a locale's language, else in English."""
        return self.names.get(locale.partition("-")[0], self.names["en"])

    def line(self, locale: str) -> str:
        """One sentence about it in a locale's language, else in English."""
        return self.says.get(locale.partition("-")[0], self.says["en"])

    def properties(self, locale: str, base: str, quantity: int = 1) -> dict[str, object]:
        """What a shop sends of it, in the words of Segment's e-commerce spec; `base` is the demo's address."""
        return {
            "product_id": self.id,
            "sku": self.id.upper(),
            "category": self.category,
            "name": self.name(locale),
            "price": self.price,
            "quantity": quantity,
            "currency": "KZT",
            "url": f"{base}/shop/{self.id}",
            "image_url": f"{base}/static/shop/{self.id}.png",
        }


PRODUCTS: Final = (
    Product(
        "kese",
        "ceramics",
        12900,
        {
            "en": "Kese tea bowls, set of four",
            "ru": "Пиалы-кесе, набор из четырёх",
            "kk": "Кесе, төрт данадан",
            "id": "Mangkuk teh kese, isi empat",
        },
        {
            "en": "Four bowls for tea with milk, each a little different.",
            "ru": "Четыре пиалы для чая с молоком, каждая немного своя.",
            "kk": "Сүт қатқан шайға арналған төрт кесе, әрқайсысы сәл өзгеше.",
            "id": "Empat mangkuk untuk teh susu, masing-masing sedikit berbeda.",
        },
    ),
    Product(
        "shaynek",
        "ceramics",
        18500,
        {
            "en": "Stoneware teapot, 900 ml",
            "ru": "Керамический чайник, 900 мл",
            "kk": "Керамика шәйнек, 900 мл",
            "id": "Teko keramik, 900 ml",
        },
        {
            "en": "Keeps the tea warm through a long talk.",
            "ru": "Держит чай тёплым весь долгий разговор.",
            "kk": "Ұзақ әңгіме біткенше шайды жылы ұстайды.",
            "id": "Menjaga teh tetap hangat selama obrolan panjang.",
        },
    ),
    Product(
        "syrmaq",
        "textile",
        64000,
        {
            "en": "Felt rug Syrmaq, 80 × 150 cm",
            "ru": "Войлочный ковёр сырмак, 80 × 150 см",
            "kk": "Сырмақ, 80 × 150 см",
            "id": "Karpet felt syrmaq, 80 × 150 cm",
        },
        {
            "en": "Cut and sewn from two felts, with the ram's horn.",
            "ru": "Скроен и сшит из двух войлоков, с бараньим рогом.",
            "kk": "Екі түсті киізден оюлап тігілген, қошқар мүйіз өрнегімен.",
            "id": "Dipotong dan dijahit dari dua lembar felt, bermotif tanduk domba.",
        },
    ),
    Product(
        "tapishke",
        "textile",
        9800,
        {
            "en": "Felt slippers",
            "ru": "Войлочные тапочки",
            "kk": "Киіз тәпішке",
            "id": "Sandal rumah dari felt",
        },
        {
            "en": "Warm, light, and quiet on wooden floors.",
            "ru": "Тёплые, лёгкие и тихие на деревянном полу.",
            "kk": "Жылы, жеңіл, ағаш еденде дыбысы білінбейді.",
            "id": "Hangat, ringan, dan senyap di lantai kayu.",
        },
    ),
    Product(
        "jamylgy",
        "textile",
        27500,
        {
            "en": "Wool throw, steppe green",
            "ru": "Шерстяной плед, степная зелень",
            "kk": "Жүн жамылғы, дала көгі",
            "id": "Selimut wol, hijau stepa",
        },
        {
            "en": "Woven from the wool of one valley.",
            "ru": "Соткан из шерсти одной долины.",
            "kk": "Бір алқаптың жүнінен тоқылған.",
            "id": "Ditenun dari wol satu lembah.",
        },
    ),
    Product(
        "quman",
        "brass",
        34000,
        {
            "en": "Brass jug Quman",
            "ru": "Латунный кувшин куман",
            "kk": "Жез құман",
            "id": "Kendi kuningan quman",
        },
        {
            "en": "For warm water before the meal, beaten by hand.",
            "ru": "Для тёплой воды перед едой, выкован вручную.",
            "kk": "Ас алдында қол жууға арналған, қолмен соғылған.",
            "id": "Untuk air hangat sebelum makan, ditempa dengan tangan.",
        },
    ),
)
"""The shelf."""
