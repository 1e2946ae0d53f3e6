"""Runs errands: calls webhooks and tells people of the shop, outside of any pass.

Reads ``errand``, which ``advance`` fills; claims, acts and records under a fence, and tries again with longer and longer pauses.
An answer lets the enrollment that waits for it move on (`settle`), in the worker's hands like everything that moves people. No
address but public ones is ever connected to. ADR 84 and 85 tell why.
"""

from __future__ import annotations

from tamshy.errand.answering import any_answered, settle
from tamshy.errand.calling import Answer, Outcome, Request, call
from tamshy.errand.connecting import Reach, Refused, resolve
from tamshy.errand.retrying import PAUSES, next_try
from tamshy.errand.running import Errands, Notice, Post, buckets_due, waiting_errands
from tamshy.errand.signing import secret_text, sign, signing_key

__all__ = [
    "PAUSES",
    "Answer",
    "Errands",
    "Notice",
    "Outcome",
    "Post",
    "Reach",
    "Refused",
    "Request",
    "any_answered",
    "buckets_due",
    "call",
    "next_try",
    "resolve",
    "secret_text",
    "settle",
    "sign",
    "signing_key",
    "waiting_errands",
]
