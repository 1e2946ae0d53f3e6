"""Whether this database is the one that mails for its shop: recognised where it lies, held where it is a copy.

Reads what the server says of itself, and counts what waits to leave; leaves ``installation`` and ``anchor``. While an
installation is on hold nothing is worked and nothing handed over; what arrives is stored.
"""

from __future__ import annotations

from tamshy.standing.anchoring import Anchor, anchor, drop_anchor
from tamshy.standing.holding import (
    Standing,
    Waiting,
    confirm,
    founded,
    hold,
    learn,
    look,
    release,
    waiting,
)
from tamshy.standing.whereabouts import Whereabouts, whereabouts
from tamshy.standing.words import MEND, REASONS, because

__all__ = [
    "MEND",
    "REASONS",
    "Anchor",
    "Standing",
    "Waiting",
    "Whereabouts",
    "anchor",
    "because",
    "confirm",
    "drop_anchor",
    "founded",
    "hold",
    "learn",
    "look",
    "release",
    "waiting",
    "whereabouts",
]
