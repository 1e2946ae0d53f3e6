"""Codes between two passes: dealt to those who asked, and settled, so that they move on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy import coupon
from tamshy.advance import arrive
from tamshy.passes.stage import clear, hold

if TYPE_CHECKING:
    from tamshy.coupon import Asked, Dealt
    from tamshy.passes.stage import Horizon
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_EVERYBODY: Final = 1_000_000
_SCARCE: Final = 4
"""Times as many codes as are asked for at once: with fewer left it matters who comes first."""


def deal_coupons(
    conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon, limit: int
) -> Dealt | None:
    """Deal codes to those of a bucket who asked, at most ``limit``; None: nobody asks, or the bucket is another worker's.

    The caller commits at once: until then everybody else waits who deals from the same pools.
    """
    if not coupon.any_in(conn, bucket, "asked") or hold(conn, bucket, fence) is None:
        return None
    asked = coupon.waiting(conn, bucket, limit, horizon.until, horizon.only)
    return coupon.deal(conn, book, asked) if asked else None


def settle_coupons(conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon) -> int:
    """Let those of a bucket move on whose asking has its answer; the caller commits. Gives how many."""
    pass_ = hold(conn, bucket, fence) if coupon.any_in(conn, bucket, "dealt") else None
    if pass_ is None:
        return 0
    settled = coupon.settle(conn, book, bucket, pass_, horizon.until, horizon.only)
    if settled:
        arrive(conn, book, bucket, pass_)
        clear(conn, settled)
    return settled


def deal_in_turn(conn: Connection, book: Rulebook, horizon: Horizon) -> int:
    """Deal to all of a workspace who ask, while nobody has anything else to do; gives how many have their answer.

    By their own times, whatever bucket they live in. Where a pool is about to run dry, it is dealt from for the earliest moment
    alone: who is served then may come to it again, before others that stand there already.
    """
    if not book.pools:
        return 0
    span = range(book.first_bucket, book.first_bucket + book.buckets)
    asked = [one for bucket in span for one in coupon.waiting(conn, bucket, _EVERYBODY, horizon.until)]
    asked.sort(key=lambda one: (one.at, one.profile, one.id))
    left = {each.pool: each.left for each in coupon.count_pools(conn, book.workspace)}
    plenty, scarce = _parted(asked, left)
    if not plenty and scarce:
        plenty = [one for one in scarce if one.at == scarce[0].at]
    return coupon.deal(conn, book, plenty).answered if plenty else 0


def _parted(asked: list[Asked], left: dict[str, int]) -> tuple[list[Asked], list[Asked]]:
    """Part those whose pool has plenty from those whose pool may not do for everybody."""
    wanted: dict[str, int] = {}
    for one in asked:
        wanted[one.pool] = wanted.get(one.pool, 0) + 1
    # From an empty pool nobody gets anything, whoever comes first.
    plenty = {pool for pool, count in wanted.items() if not 0 < left.get(pool, 0) < count * _SCARCE}
    return [one for one in asked if one.pool in plenty], [one for one in asked if one.pool not in plenty]
