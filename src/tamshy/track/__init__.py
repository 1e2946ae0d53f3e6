"""Turns what recipients and mail servers do into facts: opens, clicks, consent, bounces, complaints.

Reads ``message``, ``content`` and ``delivery`` of the message touched. Leaves every hit in ``engagement`` as it came,
and for people's hits ``inbox`` rows: events of the engine, consent, suppression.
"""

from __future__ import annotations

from tamshy.track.consent import Choice, Consented, change_topics, consents_of, unsubscribe
from tamshy.track.hits import Did, Hit, Page, Request
from tamshy.track.live import BURST, Touched, clicked, looked, opened
from tamshy.track.machines import Machine, by_request
from tamshy.track.reports import Report, report
from tamshy.track.stage import record
from tamshy.track.subjects import Found, find

__all__ = [
    "BURST",
    "Choice",
    "Consented",
    "Did",
    "Found",
    "Hit",
    "Machine",
    "Page",
    "Report",
    "Request",
    "Touched",
    "by_request",
    "change_topics",
    "clicked",
    "consents_of",
    "find",
    "looked",
    "opened",
    "record",
    "report",
    "unsubscribe",
]
