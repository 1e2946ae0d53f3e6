"""When an errand that failed is tried again, and when it is given up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain.ids import named

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=8),
    timedelta(hours=10),
)
"""Pauses behind the first try and those after it: nine tries in all, over more than a day."""
_SPREAD: Final = 0.1


def next_try(id_: UUID, attempts: int, now: datetime) -> datetime | None:
    """Give the moment of the next try after so many; None: it is given up.

    Each pause is up to a tenth longer, drawn from the id, so that what failed together does not come back together.
    """
    if attempts > len(PAUSES):
        return None
    share = int(named("errand", id_.hex, str(attempts)).hex[:8], 16) / 0xFFFFFFFF
    return now + PAUSES[attempts - 1] * (1 + _SPREAD * share)
