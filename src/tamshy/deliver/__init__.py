"""Hands decided messages over to a mail back end, each one claimed first and recorded after.

Reads ``delivery`` rows that are due with their ``message`` and ``content``, and looks once more at ``profile``,
``suppression``, ``paused_domain`` and the unread ``inbox``. Leaves the deliveries settled, queued again or uncertain,
``inbox`` rows for mailboxes that are gone, full ones in ``soft_bounce``, sending domains that were refused in
``paused_domain``, and a person's word in ``settlement``. Never touches an enrollment.
"""

from __future__ import annotations

from tamshy.deliver.addresses import BadAddress
from tamshy.deliver.domains import PausedDomain, paused_domains, resume_domain
from tamshy.deliver.ledger import Options
from tamshy.deliver.mime import build
from tamshy.deliver.reasons import MAYBE_SENT, Reason
from tamshy.deliver.sender import Mail, Outcome, Sender, Verdict
from tamshy.deliver.stage import HandOver, Result, buckets_due
from tamshy.deliver.uncertain import (
    BadCursor,
    Counting,
    Settled,
    Settlement,
    Uncertain,
    counting,
    in_doubt,
    place_of,
    settle,
    uncertain,
)

__all__ = [
    "MAYBE_SENT",
    "BadAddress",
    "BadCursor",
    "Counting",
    "HandOver",
    "Mail",
    "Options",
    "Outcome",
    "PausedDomain",
    "Reason",
    "Result",
    "Sender",
    "Settled",
    "Settlement",
    "Uncertain",
    "Verdict",
    "buckets_due",
    "build",
    "counting",
    "in_doubt",
    "paused_domains",
    "place_of",
    "resume_domain",
    "settle",
    "uncertain",
]
