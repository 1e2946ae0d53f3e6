"""Triggers that the catalogue pulls: a product becomes cheaper, comes back, or is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_condition
from tamshy.language.model import BackInStock, Interest, PriceDrop, ReorderDue

if TYPE_CHECKING:
    from tamshy.language.conditions import Scope
    from tamshy.language.model import Offer
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Mapping, Tree

KINDS: Final = ("price_drop", "back_in_stock", "reorder_due")
_FORMS: Final = dict(zip(KINDS, vocabulary.OFFERS, strict=True))
_INNER: Final = dict(zip(KINDS, vocabulary.OFFER_TERMS, strict=True))


def read_offer(reading: Reading, tree: Mapping, kind: str, scope: Scope) -> Offer | None:
    """Read one trigger of a kind; None where it is none at all."""
    outer = fields.mapping(reading, tree, _FORMS[kind]) or {}
    if kind not in outer:
        return None
    keys = fields.mapping(reading, outer[kind], _INNER[kind])
    if keys is None:
        return None
    if kind == "reorder_due":
        return _reorder(reading, keys, scope)
    within = fields.duration(reading, keys["within"], "within") if "within" in keys else None
    whose = frozenset(_interests(reading, keys, requested=kind == "back_in_stock"))
    if kind == "back_in_stock":
        return BackInStock(whose or BackInStock().whose, within or BackInStock().within)
    by = fields.percentage(reading, keys["by"], "by") if "by" in keys else None
    return PriceDrop(by or PriceDrop().by, whose or PriceDrop().whose, within or PriceDrop().within)


def _interests(reading: Reading, keys: dict[str, Tree], *, requested: bool) -> list[Interest]:
    if "for" not in keys:
        return []
    members = fields.one_or_list(keys["for"])
    if not members:
        reading.refuse(keys["for"].at, "'for' needs at least one of viewed and carted")
    found = []
    for member in members:
        word = fields.choice(reading, member, "for", Interest)
        if word is Interest.REQUESTED and not requested:
            reading.refuse(member.at, "'requested' is for back_in_stock; a price drop is for viewed and carted")
        elif word is not None:
            found.append(word)
    return found


def _reorder(reading: Reading, keys: dict[str, Tree], scope: Scope) -> ReorderDue:
    offset = fields.duration(reading, keys["offset"], "offset", negative=True) if "offset" in keys else None
    at = fields.time_of_day(reading, keys["at"], "at") if "at" in keys else None
    where = read_condition(reading, keys["where"], scope) if "where" in keys else None
    return ReorderDue(offset or Duration(), at or ReorderDue().at, where)
