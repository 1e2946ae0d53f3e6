"""Finds which events on the agenda start which published flow, who is put in by hand, what the catalogue starts, and what days do.

Reads ``agenda`` and ``profile``; leaves one row of ``candidate`` for each flow that an event may start, with its key and
whether it came too late. Whether the flow is entered is for ``enroll`` to say. Takes the turns of ``catalogue_turn`` and
what is due in ``reorder``, puts an offer into ``inbox`` for everybody whom it concerns, and keeps ``reorder`` by the orders.
Keeps in ``occasion`` when the dates of profiles come round and when they hear of new arrivals, and puts what has come into
``inbox``.
"""

from __future__ import annotations

from tamshy.trigger.by_hand import by_hand
from tamshy.trigger.occasions import (
    Planning,
    call_occasions,
    come_round,
    means_everybody,
    plan_everybody,
    plan_occasions,
    telling_names,
)
from tamshy.trigger.offers import call_offers, come_with_offers, sources
from tamshy.trigger.reorders import (
    call_reorders,
    plan_all_reorders,
    plan_merged_reorders,
    plan_reorders,
    speaks_of_reorders,
)
from tamshy.trigger.sources import arrivals, marks_of
from tamshy.trigger.stage import run, starting_names
from tamshy.trigger.ticks import renew_ticks, write_ticks

__all__ = [
    "Planning",
    "arrivals",
    "by_hand",
    "call_occasions",
    "call_offers",
    "call_reorders",
    "come_round",
    "come_with_offers",
    "marks_of",
    "means_everybody",
    "plan_all_reorders",
    "plan_everybody",
    "plan_merged_reorders",
    "plan_occasions",
    "plan_reorders",
    "renew_ticks",
    "run",
    "sources",
    "speaks_of_reorders",
    "starting_names",
    "telling_names",
    "write_ticks",
]
