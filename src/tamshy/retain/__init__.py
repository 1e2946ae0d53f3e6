"""Lets go of history that is older than a shop keeps it, and that no rule can ask for any more.

Reads ``profile`` one by one and who is inside flows; removes old rows of ``event``, ``entry``, ``journal``, ``message`` and what
belongs to messages. Decisions are the same with it and without it (ADR 63).
"""

from __future__ import annotations

from tamshy.retain.needs import FOREVER, Limits, Needs, limits, longest, needs
from tamshy.retain.stage import Gone, let_go

__all__ = ["FOREVER", "Gone", "Limits", "Needs", "let_go", "limits", "longest", "needs"]
