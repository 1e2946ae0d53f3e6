"""The published rules of one workspace, numbered for SQL: what every stage compiles its statements from.

Reads nothing of the database itself: ``publish`` makes a `Rulebook` of the stored texts, ``simulate`` of a folder.
"""

from __future__ import annotations

from tamshy.rulebook.book import (
    PLACES_PER_VERSION,
    Place,
    PublishedMessage,
    Rulebook,
    RunningFlow,
    Statement,
)
from tamshy.rulebook.cases import by_number, later_by_number

__all__ = [
    "PLACES_PER_VERSION",
    "Place",
    "PublishedMessage",
    "Rulebook",
    "RunningFlow",
    "Statement",
    "by_number",
    "later_by_number",
]
