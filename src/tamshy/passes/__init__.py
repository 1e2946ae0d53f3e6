"""A pass: at most the earliest item of each profile of one bucket, worked at its own moment, as one transaction.

Reads ``inbox`` and ``enrollment`` up to a horizon; runs take-in, identify, enroll, trigger, advance and decide over the set. The
worker and the simulation run the same pass; only the horizon, the renderer and the delivery differ.
"""

from __future__ import annotations

from tamshy.passes.coupons import deal_coupons, deal_in_turn, settle_coupons
from tamshy.passes.errands import settle_answers
from tamshy.passes.merging import merge_ready, merging
from tamshy.passes.stage import Horizon, NeverSettled, NowhereToGo, Worked, at_hand, left, prepare, run, settle_rendered

__all__ = [
    "Horizon",
    "NeverSettled",
    "NowhereToGo",
    "Worked",
    "at_hand",
    "deal_coupons",
    "deal_in_turn",
    "left",
    "merge_ready",
    "merging",
    "prepare",
    "run",
    "settle_answers",
    "settle_coupons",
    "settle_rendered",
]
