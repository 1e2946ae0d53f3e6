"""Why somebody got, did not get, or will get a mail: what the journal, the enrollments and the rules say of one person.

Reads ``profile``, ``identifier``, ``consent``, ``suppression``, ``journal``, ``event``, ``enrollment``, ``message``,
``delivery``, ``coupon`` and ``errand``; changes nothing.
"""

from __future__ import annotations

from tamshy.explain.facts import (
    Absence,
    Absent,
    Cause,
    Consent,
    Delivery,
    Explanation,
    Happening,
    Person,
    Standing,
    Suppressed,
)
from tamshy.explain.plain import as_data
from tamshy.explain.telling import explain, whoever
from tamshy.explain.words import lines

__all__ = [
    "Absence",
    "Absent",
    "Cause",
    "Consent",
    "Delivery",
    "Explanation",
    "Happening",
    "Person",
    "Standing",
    "Suppressed",
    "as_data",
    "explain",
    "lines",
    "whoever",
]
