"""What is held about one person: all of it written out, or erased.

Reads every table that holds anything of anybody (`HELD`); erasing leaves a keyed hash of the person's addresses in
``suppression`` and counts in ``tally``, and nothing else of them.
"""

from __future__ import annotations

from tamshy.privacy.erasing import Erased, Pads, Sharing, erase, erased_since, sweep, under_way
from tamshy.privacy.holding import FREE, HELD, Somebody, find, names_of, take_out

__all__ = [
    "FREE",
    "HELD",
    "Erased",
    "Pads",
    "Sharing",
    "Somebody",
    "erase",
    "erased_since",
    "find",
    "names_of",
    "sweep",
    "take_out",
    "under_way",
]
