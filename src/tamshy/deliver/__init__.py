"""Hands decided messages over to a mail back end, each one claimed first and recorded after.

Reads ``delivery`` rows that are due with their ``message`` and ``content``, and looks once more at ``profile``,
``suppression`` and the unread ``inbox``. Leaves the deliveries settled, queued again or uncertain, and ``inbox`` rows
for mailboxes that are gone. Never touches an enrollment.
"""

from __future__ import annotations

from tamshy.deliver.addresses import BadAddress
from tamshy.deliver.ledger import Options
from tamshy.deliver.mime import build
from tamshy.deliver.reasons import MAYBE_SENT, Reason
from tamshy.deliver.sender import Mail, Outcome, Sender, Verdict
from tamshy.deliver.stage import HandOver, Result, buckets_due
from tamshy.deliver.uncertain import Settlement, Uncertain, settle, uncertain

__all__ = [
    "MAYBE_SENT",
    "BadAddress",
    "HandOver",
    "Mail",
    "Options",
    "Outcome",
    "Reason",
    "Result",
    "Sender",
    "Settlement",
    "Uncertain",
    "Verdict",
    "buckets_due",
    "build",
    "settle",
    "uncertain",
]
