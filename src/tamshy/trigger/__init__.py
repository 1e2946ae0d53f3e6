"""Finds which events on the agenda start which published flow, and who is put into one by hand.

Reads ``agenda`` and ``profile``; leaves one row of ``candidate`` for each flow that an event may start, with its key and
whether it came too late. Whether the flow is entered is for ``enroll`` to say.
"""

from __future__ import annotations

from tamshy.trigger.by_hand import by_hand
from tamshy.trigger.stage import run, starting_names

__all__ = ["by_hand", "run", "starting_names"]
