"""Takes promo codes from pools: a code for each visit of a ``coupon`` step, never one twice.

Reads the ``agenda``, the published pools and ``coupon_series``; leaves a row in ``coupon`` that *asks* (in the pass), is *dealt* a
code (in a short transaction of its own, because all buckets draw from one pool), and then lets its enrollment move on. What an
order says of a code marks it as redeemed. ADR 83 tells why.
"""

from __future__ import annotations

from tamshy.coupon.asking import ask
from tamshy.coupon.counting import PoolLeft, count_pools
from tamshy.coupon.dealing import Asked, Dealt, deal, waiting
from tamshy.coupon.redeeming import ORDER, redeem
from tamshy.coupon.stocking import rewind, stock
from tamshy.coupon.taking import any_in, settle

__all__ = [
    "ORDER",
    "Asked",
    "Dealt",
    "PoolLeft",
    "any_in",
    "ask",
    "count_pools",
    "deal",
    "redeem",
    "rewind",
    "settle",
    "stock",
    "waiting",
]
