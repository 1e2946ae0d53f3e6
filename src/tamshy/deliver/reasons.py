"""Why a delivery is in the state it is in."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The word in ``delivery.reason``; documented in docs/reference/delivery.md."""

    # withdrawn: decided, and then not handed over
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    ERASED = "erased"
    EXPIRED = "expired"
    EXIT_ON = "exit_on"
    MERGED = "merged"
    ARCHIVED = "archived"
    RESTORED = "restored"
    # failed: the server's permanent no, or nothing that could be sent
    HARD_BOUNCE = "hard_bounce"
    MAILBOX_FULL = "mailbox_full"
    RECIPIENT_REFUSED = "recipient_refused"
    SENDER_REFUSED = "sender_refused"
    CONTENT_REFUSED = "content_refused"
    POLICY = "policy"
    TOO_LARGE = "too_large"
    BAD_ADDRESS = "bad_address"
    NO_CONTENT = "no_content"
    GAVE_UP = "gave_up"
    PROGRAM_FAULT = "program_fault"
    # queued again; `mailbox_full` too, where the server said "later"
    DEFERRED = "deferred"
    UNREACHABLE = "unreachable"
    LINK_LOST = "link_lost"
    LEASE_LOST = "lease_lost"
    UNREAD = "unread"
    DOMAIN_PAUSED = "domain_paused"
    SMOOTHED = "smoothed"
    # uncertain, and queued again after it where the policy says so
    ANSWER_LOST = "answer_lost"
    OWNER_LOST = "owner_lost"
    SENDER_FAULT = "sender_fault"


MAYBE_SENT = frozenset({Reason.ANSWER_LOST, Reason.OWNER_LOST, Reason.SENDER_FAULT})
"""A delivery with one of these may have reached the recipient before, so a later success may be a second copy."""
