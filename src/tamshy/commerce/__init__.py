"""Carts and orders as the events of a shop tell them, whichever order they come in (rule 27).

Reads ``agenda`` (or ``pair``, when two profiles become one) and ``event``; leaves ``cart`` and ``orders`` as they stand by all that
is known: each event counts by its own time, so that a late one changes nothing that a later one said.

Keeps the catalogue as well: what is told of products becomes ``product``, and what became cheaper or came back
``product_change``, with a row of ``catalogue_turn`` for every bucket whose people may want to know.
"""

from __future__ import annotations

from tamshy.commerce.catalogue import FOUNDING, Word, forget_changes, tell
from tamshy.commerce.learning import learn_intervals
from tamshy.commerce.stage import fold, fold_merged
from tamshy.domain.shopping import CART_EVENTS, ORDER_EVENTS

__all__ = [
    "CART_EVENTS",
    "FOUNDING",
    "ORDER_EVENTS",
    "Word",
    "fold",
    "fold_merged",
    "forget_changes",
    "learn_intervals",
    "tell",
]
