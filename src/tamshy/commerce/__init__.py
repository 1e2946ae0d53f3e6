"""Carts and orders as the events of a shop tell them, whichever order they come in (rule 27).

Reads ``agenda`` (or ``pair``, when two profiles become one) and ``event``; leaves ``cart`` and ``orders`` as they stand by all that
is known: each event counts by its own time, so that a late one changes nothing that a later one said.
"""

from __future__ import annotations

from tamshy.commerce.events import CART_EVENTS, ORDER_EVENTS
from tamshy.commerce.stage import fold, fold_merged

__all__ = ["CART_EVENTS", "ORDER_EVENTS", "fold", "fold_merged"]
