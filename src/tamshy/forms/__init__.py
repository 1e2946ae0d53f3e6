"""What visitors of a shop's pages agree to in its forms: granted at once, or asked of the address by mail first (ADR 97).

Reads who the device and the address belong to; leaves calls through `ingest`: consent with its evidence, or the event
`Subscription Requested`, which a flow answers with a mail, and the consent when the link in it is confirmed.
"""

from __future__ import annotations

from tamshy.forms.confirming import CONFIRM_WITHIN, Requested, confirm, find_request
from tamshy.forms.sign_up import Browser, Outcome, SignUp
from tamshy.forms.taking import MOST_REQUESTS, REQUESTS_WITHIN, MakeLink, take

__all__ = [
    "CONFIRM_WITHIN",
    "MOST_REQUESTS",
    "REQUESTS_WITHIN",
    "Browser",
    "MakeLink",
    "Outcome",
    "Requested",
    "SignUp",
    "confirm",
    "find_request",
    "take",
]
