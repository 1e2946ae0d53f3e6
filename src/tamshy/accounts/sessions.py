"""Sessions of the page: who has shown an API key, kept in a signed cookie and nowhere else.

A cookie names the key, never holds it; it dies with the key, with the secret that signs it, and of age.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.accounts.keys import Key, KeyKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.accounts.keys import KeyRing

LASTS: Final = timedelta(hours=12)
_DIGEST: Final = "sha256"
_SHAPE: Final = struct.Struct(">16sQ8s")
_MAC_BYTES: Final = 16
_LENGTH: Final = (_SHAPE.size + _MAC_BYTES) * 4 // 3
# A multiple of three: every character carries six bits of it, so no flipped bit is without effect.
assert (_SHAPE.size + _MAC_BYTES) % 3 == 0  # noqa: S101 - a fact about the constants above, checked at import


class Sessions:
    """Opens sessions and reads them. Safe for several threads at once."""

    def __init__(self, secret: str, keys: KeyRing, real: Callable[[], datetime]) -> None:
        """Take the installation's secret, the keys, and the machine's own clock, by which sessions age."""
        self._cookie_key = hmac.digest(secret.encode(), b"tamshy session v1", _DIGEST)
        self._form_key = hmac.digest(secret.encode(), b"tamshy form v1", _DIGEST)
        self._keys = keys
        self._real = real

    def open(self, key: Key) -> str:
        """Give the cookie of a new session for a key."""
        until = int((self._real() + LASTS).timestamp())
        payload = _SHAPE.pack(key.id.bytes, until, secrets.token_bytes(8))
        return base64.urlsafe_b64encode(payload + self._mac(payload)).decode("ascii")

    def read(self, cookie: str) -> Key | None:
        """Give the key of a session; None for whatever is none, is too old, or whose key was revoked.

        Raises:
            DatabaseUnavailable: the key is not remembered, and the database cannot be asked.
        """
        if len(cookie) != _LENGTH or not cookie.isascii():
            return None
        try:
            raw = base64.b64decode(cookie, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        payload, mac = raw[: _SHAPE.size], raw[_SHAPE.size :]
        if not hmac.compare_digest(self._mac(payload), mac):
            return None
        id_, until, _ = _SHAPE.unpack(payload)
        if until <= self._real().timestamp():
            return None
        key = self._keys.with_id(UUID(bytes=id_))
        return key if key is not None and key.kind is KeyKind.API else None

    def proof(self, cookie: str) -> str:
        """Give what a form of this session carries, so that no other page can send it."""
        return base64.urlsafe_b64encode(hmac.digest(self._form_key, cookie.encode(), _DIGEST)[:18]).decode("ascii")

    def proves(self, cookie: str, proof: str) -> bool:
        """Tell whether a form was one of this session."""
        return hmac.compare_digest(self.proof(cookie).encode(), proof.encode("utf-8", "replace"))

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._cookie_key, payload, _DIGEST)[:_MAC_BYTES]
