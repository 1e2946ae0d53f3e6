"""Keeps memberships current: by what comes in and by the next moment at which time may turn a condition, never by asking everybody.

Reads ``agenda``, ``flip``, ``buyer`` and all that conditions read; leaves ``membership``, ``flip``, ``best``, and ``Segment
Entered`` and ``Segment Left`` in ``inbox``. Only segments that somebody listens to are kept (`Rulebook.tracked`); others are their
conditions.
"""

from __future__ import annotations

from tamshy.segment.building import backfill, build, forget
from tamshy.segment.counting import count, members_sql, sample
from tamshy.segment.ranking import compute, daily, foresee, measured, note_ranking, rank, rank_when_due, rankings
from tamshy.segment.stage import review, rows, run

__all__ = [
    "backfill",
    "build",
    "compute",
    "count",
    "daily",
    "foresee",
    "forget",
    "measured",
    "members_sql",
    "note_ranking",
    "rank",
    "rank_when_due",
    "rankings",
    "review",
    "rows",
    "run",
    "sample",
]
