"""What a product of the catalogue may say, wherever it is told: a file of the folder, an import, the API, a simulation's line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tamshy.language.durations import format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamshy.domain.duration import Duration

NUMBERS: Final = ("price", "cost", "stock")
TEXTS: Final = ("sku", "product_id", "name", "brand", "category", "url", "image_url", "currency", "description")
LISTS: Final = ("images", "variants")
KNOWN: Final = (*TEXTS, *NUMBERS, "interval", *LISTS)
"""What a product is known to say; everything else is kept, for templates and conditions."""
MOST_NAMES: Final = 200
_LONGEST: Final = 1000
_MOST: Final = Decimal("1e12")
_NEAR: Final = 0.8


class ProductFault(ValueError):
    """A product is refused: the field, what is wrong with it, and what would be right."""

    def __init__(self, field_: str, text: str) -> None:
        """Name the field; empty: the product as a whole."""
        super().__init__(text)
        self.field = field_


@dataclass(frozen=True, slots=True)
class Product:
    """What is told of a product: ``told`` without its ``sku``, a number as a number.

    ``names``: what events may call it. ``interval``: how long it lasts; None: it is not said.
    """

    sku: str
    told: dict[str, object] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    interval: Duration | None = None


@dataclass(frozen=True, slots=True)
class CategoryInterval:
    """How long the products of a category last, where they do not say it themselves."""

    category: str
    interval: Duration


def read_product(values: Mapping[str, object], *, text_is_number: bool = False) -> Product | CategoryInterval:
    """Read what is told of one product. Without a ``sku``, a ``category`` and an ``interval`` are about the category.

    Args:
        values: as told, in NFC, without anything that cannot be stored.
        text_is_number: a price may come as text (the cells of a CSV).

    Raises:
        ProductFault: it is refused.
    """
    told = {name: value for name, value in values.items() if value is not None}
    for name in TEXTS:
        if name in told:
            told[name] = _text(name, told[name])
    for name in NUMBERS:
        if name in told:
            told[name] = _number(name, told[name], text_is_number=text_is_number)
    interval = _interval(told.pop("interval", None))
    sku = told.pop("sku", "")
    if not isinstance(sku, str) or not sku:
        return _of_category(told, interval)
    for name in LISTS:
        if name in told and not isinstance(told[name], list):
            raise ProductFault(name, f"`{name}` is a list, not {_kind(told[name])}")
    _by_variants(told)
    if interval is not None:
        told["interval"] = format_duration(interval)
    return Product(sku, told, tuple(_names(sku, told)), interval)


def _of_category(told: dict[str, object], interval: Duration | None) -> CategoryInterval:
    category = told.get("category")
    if isinstance(category, str) and category and interval is not None and set(told) <= {"category"}:
        return CategoryInterval(category, interval)
    near = [name for name in told if difflib.get_close_matches(name.lower(), ("sku",), 1, _NEAR)]
    hint = f" (did you mean 'sku' by '{near[0]}'?)" if near else ""
    raise ProductFault(
        "sku", f"a product needs a `sku`{hint}; without one, `category` and `interval` speak of a category"
    )


def _text(name: str, value: object) -> str:
    # Ids of shops are often numbers.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ProductFault(name, f"`{name}` is text, not {_kind(value)}")
    if len(value.encode("utf-8", "surrogatepass")) > _LONGEST and name in {"sku", "product_id"}:
        raise ProductFault(name, f"`{name}` is at most {_LONGEST} bytes long")
    return value


def _number(name: str, value: object, *, text_is_number: bool) -> object:
    if text_is_number and isinstance(value, str):
        try:
            return _number(name, Decimal(value.strip()), text_is_number=False)
        except ArithmeticError:
            raise ProductFault(name, f"`{name}` is a number such as 1200.50, not '{value[:40]}'") from None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ProductFault(name, f"`{name}` is a number, not {_kind(value)}")
    number = Decimal(str(value))
    if not number.is_finite() or abs(number) > _MOST:
        raise ProductFault(name, f"`{name}` is a number of twelve digits at most")
    if number < 0 and name != "stock":
        raise ProductFault(name, f"`{name}` cannot be less than nothing")
    return value


def _interval(value: object) -> Duration | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ProductFault("interval", f"`interval` is a duration such as 30d or 2mo, not {_kind(value)}")
    try:
        found = parse_duration(value)
    except ValueError as exc:
        raise ProductFault("interval", f"`interval`: {exc}") from None
    if min(found.months, found.days, found.seconds) < 0 or not (found.months or found.days or found.seconds):
        raise ProductFault("interval", "`interval` is a duration longer than nothing")
    return found


def _by_variants(told: dict[str, object]) -> None:
    """A product that leaves it to its variants costs what the cheapest does, and there are as many as of all of them."""
    prices, stocks = _of_variants(told, "price"), _of_variants(told, "stock")
    if prices and "price" not in told:
        told["price"] = min(prices)
    if stocks and "stock" not in told:
        told["stock"] = sum(stocks)


def _of_variants(told: Mapping[str, object], name: str) -> list[Decimal]:
    variants = told.get("variants")
    found = [one.get(name) for one in variants if isinstance(one, dict)] if isinstance(variants, list) else []
    numbers = [
        Decimal(str(one)) for one in found if isinstance(one, int | float | Decimal) and not isinstance(one, bool)
    ]
    return [number for number in numbers if number.is_finite() and abs(number) <= _MOST]


def _names(sku: str, told: Mapping[str, object]) -> list[str]:
    found = [sku, told.get("product_id")]
    variants = told.get("variants")
    for one in variants if isinstance(variants, list) else ():
        if isinstance(one, dict):
            found += [one.get("sku"), one.get("id"), one.get("variant_id")]
    names = [str(name) for name in found if isinstance(name, str | int) and not isinstance(name, bool) and name != ""]
    return list(dict.fromkeys(names))[:MOST_NAMES]


def _kind(value: object) -> str:
    words: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        Decimal: "a number",
        str: "text",
        list: "a list",
        dict: "a mapping",
    }
    return "nothing" if value is None else words.get(type(value), type(value).__name__)
