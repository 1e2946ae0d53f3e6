"""Finds which events on the agenda start which published flow, who is put into one by hand, and plans what no event brings.

Reads ``agenda`` and ``profile``; leaves one row of ``candidate`` for each flow that an event may start, with its key and
whether it came too late. Whether the flow is entered is for ``enroll`` to say. Keeps in ``occasion`` when the dates of profiles
come round, and puts what has come into ``inbox``.
"""

from __future__ import annotations

from tamshy.trigger.by_hand import by_hand
from tamshy.trigger.occasions import (
    Planning,
    call_occasions,
    come_round,
    plan_everybody,
    plan_occasions,
    telling_names,
)
from tamshy.trigger.sources import marks_of
from tamshy.trigger.stage import run, starting_names
from tamshy.trigger.ticks import renew_ticks, write_ticks

__all__ = [
    "Planning",
    "by_hand",
    "call_occasions",
    "come_round",
    "marks_of",
    "plan_everybody",
    "plan_occasions",
    "renew_ticks",
    "run",
    "starting_names",
    "telling_names",
    "write_ticks",
]
