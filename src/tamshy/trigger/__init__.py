"""Finds which events on the agenda start which published flow, who is put into one by hand, and what the catalogue starts.

Reads ``agenda`` and ``profile``; leaves one row of ``candidate`` for each flow that an event may start, with its key and
whether it came too late. Whether the flow is entered is for ``enroll`` to say. Takes the turns of ``catalogue_turn`` and
what is due in ``reorder``, puts an offer into ``inbox`` for everybody whom it concerns, and keeps ``reorder`` by the orders.
"""

from __future__ import annotations

from tamshy.trigger.by_hand import by_hand
from tamshy.trigger.offers import call_offers, come_with_offers, sources
from tamshy.trigger.reorders import (
    call_reorders,
    plan_all_reorders,
    plan_merged_reorders,
    plan_reorders,
    speaks_of_reorders,
)
from tamshy.trigger.stage import run, starting_names

__all__ = [
    "by_hand",
    "call_offers",
    "call_reorders",
    "come_with_offers",
    "plan_all_reorders",
    "plan_merged_reorders",
    "plan_reorders",
    "run",
    "sources",
    "speaks_of_reorders",
    "starting_names",
]
