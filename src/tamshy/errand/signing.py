"""Signatures of Standard Webhooks (standardwebhooks.com, version 1): HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PREFIX: Final = "whsec_"


def signing_key(secret: str, workspace: str) -> bytes:
    """Give the key of a workspace's webhooks, derived from one of the installation's secrets."""
    return hmac.digest(secret.encode(), f"webhooks|{workspace}".encode(), hashlib.sha256)


def secret_text(key: bytes) -> str:
    """Give a key as receivers set it: ``whsec_…``."""
    return _PREFIX + base64.b64encode(key).decode("ascii")


def sign(keys: Sequence[bytes], id_: str, at: datetime, body: bytes) -> dict[str, str]:
    """Give the three headers; one signature for each key, so that a new secret leaves receivers with the old one working."""
    seconds = int(at.timestamp())
    said = f"{id_}.{seconds}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(key, said, hashlib.sha256)).decode("ascii") for key in keys]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
