"""The filter ``recommend``: what was fetched for this recipient (`tamshy.recommend`), sorted out as the template asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context

from tamshy.language.recommending import FEW_PICKS, KINDS, MOST_PICKS, product_names

if TYPE_CHECKING:
    from tamshy.render.liquid import Context

_NEAR: Final = ("similar", "together")


@with_context
def recommend(
    value: object, kind: object = None, *, of: object = None, count: object = FEW_PICKS, context: Context
) -> list[object]:
    """``{% assign picks = profile | recommend: "similar", of: event.products, count: 4 %}``: products of the catalogue.

    ``kind``: ``similar`` and ``together`` to ``of`` (a product, a name of one, or a list of them; without it, to what the person
    dealt with last); ``popular``, ``new``, ``viewed`` and ``next`` without what is in ``of``. Never what is out of stock or was
    just bought. An empty list where nothing is known; equals stand in the order of their ``sku``.
    """
    if not isinstance(value, dict) or value is not context.scope["profile"]:
        raise FilterArgumentError("recommend goes behind `profile`: it is for a person", token=None)
    if kind not in KINDS:
        raise FilterArgumentError(f"recommend: `{str(kind)[:40]}` is none of {', '.join(KINDS)}", token=None)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MOST_PICKS:
        raise FilterArgumentError(f"recommend: `count` lies between 1 and {MOST_PICKS}", token=None)
    picks = context.picks
    called = picks.get("called", {})
    about = [called.get(name, name) for name in product_names(of)]
    if kind in _NEAR:
        about = about if of is not None else picks.get("own", [])
        skus = _nearest(picks.get("near", {}).get(kind, {}), about)
    else:
        skus = picks.get("lists", {}).get(kind, [])
    products, left_out = picks.get("products", {}), set(about)
    return [products[sku] for sku in skus if sku in products and sku not in left_out][:count]


def _nearest(near: dict[str, Any], about: list[str]) -> list[str]:
    """What is nearest to all of some products together, equals by their sku."""
    scores: dict[str, float] = {}
    for sku in dict.fromkeys(about):
        for other, score in near.get(sku, ()):
            scores[other] = scores.get(other, 0.0) + score
    # Sums of the same numbers in another order differ in their last digits, and would stand in another order then.
    return sorted(scores, key=lambda sku: (-round(scores[sku], 9), sku))
