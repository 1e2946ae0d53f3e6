"""Puts somebody into a flow by hand, for the command and the route that do it.

Reads the published rules and ``identifier``; leaves a row in ``inbox``, once for each of the caller's keys (``seen_message``).
Whether they enter is for a pass to say, by the same rules as for any other trigger.
"""

from __future__ import annotations

from tamshy.enlist.stage import Enlisted, NoManualTrigger, SeveralPeople, Unknown, enlist

__all__ = ["Enlisted", "NoManualTrigger", "SeveralPeople", "Unknown", "enlist"]
