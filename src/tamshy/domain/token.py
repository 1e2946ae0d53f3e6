"""Signed tokens: what stands in the addresses that a recipient touches.

A token says which message of which profile it belongs to, and nothing else; what it may do is decided by the key that
signed it. Every purpose has a key of its own, derived from the secret, so that a click's token unsubscribes nobody.
Shape: 38 bytes of payload and 16 bytes of MAC as 72 characters of base64url, without padding or spare bits.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHAPE: Final = struct.Struct(">IH16s16s")
_MAC_BYTES: Final = 16
"""128 bits of HMAC-SHA256: a guess at a thousand million a second needs longer than the universe has had."""

_ENCODED_LENGTH: Final = (_SHAPE.size + _MAC_BYTES) * 4 // 3
# 54 bytes are a multiple of three: every character carries six bits of them, so no flipped bit is without effect.
assert (_SHAPE.size + _MAC_BYTES) % 3 == 0  # noqa: S101 - a fact about the two constants above, checked at import
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_DIGEST: Final = "sha256"
_DERIVATION: Final = b"tamshy token v1 "
_SHORTEST_SECRET: Final = 16


class Purpose(StrEnum):
    """What a token may be used for."""

    OPEN = "open"
    CLICK = "click"
    UNSUBSCRIBE = "unsubscribe"
    VIEW = "view"
    PREFERENCES = "preferences"
    CONFIRM = "confirm"
    """Says yes to what a form asked of an address; `Subject.message` is the id of the request's event."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a token belongs to: one message of one profile; `bucket` is the profile's when the message was decided."""

    workspace: int
    bucket: int
    profile: UUID
    message: UUID


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of one message. A tracked link is `click_base` + `/` + its number, counted from 0."""

    click_base: str
    open_url: str
    unsubscribe_url: str
    preferences_url: str
    view_url: str


class WeakSecret(ValueError):
    """A secret is too short to sign with."""


class Signer:
    """Signs with the first of its secrets and accepts all of them, so that a new secret leaves sent mails working."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Derive the keys of all purposes.

        Args:
            secrets: the present secret first, then those that were in use before it.

        Raises:
            WeakSecret: there is none, or one has fewer than 16 characters.
        """
        given = tuple(secrets)
        if not given:
            msg = "no secret to sign with: set TAMSHY_SECRET_KEY"
            raise WeakSecret(msg)
        if any(len(secret) < _SHORTEST_SECRET for secret in given):
            msg = f"a secret key has fewer than {_SHORTEST_SECRET} characters; take 32 random bytes in hex"
            raise WeakSecret(msg)
        self._keys: dict[Purpose, tuple[bytes, ...]] = {
            purpose: tuple(
                hmac.digest(secret.encode(), _DERIVATION + purpose.value.encode(), _DIGEST) for secret in given
            )
            for purpose in Purpose
        }

    def token(self, purpose: Purpose, subject: Subject) -> str:
        """Write the token of one subject for one purpose: 72 characters, always the same for the same input."""
        return _signed(self._keys[purpose][0], _packed(subject))

    def read(self, purpose: Purpose, token: str) -> Subject | None:
        """Read a token; None for whatever this purpose's keys did not sign, without telling what is wrong with it."""
        if len(token) != _ENCODED_LENGTH or not _ALPHABET.issuperset(token):
            return None
        try:
            raw = base64.urlsafe_b64decode(token)
        except (binascii.Error, ValueError):
            return None
        payload, mac = raw[: _SHAPE.size], raw[_SHAPE.size :]
        # Every key is tried whatever the ones before said, so that time does not tell which secret signed.
        matches = [hmac.compare_digest(_mac(key, payload), mac) for key in self._keys[purpose]]
        if not any(matches):
            return None
        workspace, bucket, profile, message = _SHAPE.unpack(payload)
        return Subject(workspace, bucket, UUID(bytes=profile), UUID(bytes=message))


def make_links(signer: Signer, base_url: str, subject: Subject) -> Links:
    """Give the addresses of one message.

    Args:
        signer: holds the secret.
        base_url: where the pages are served, `https://mail.shop.example`, with or without a slash at its end.
        subject: the message.
    """
    base = base_url.rstrip("/")
    return Links(
        click_base=f"{base}/c/{signer.token(Purpose.CLICK, subject)}",
        open_url=f"{base}/o/{signer.token(Purpose.OPEN, subject)}.gif",
        unsubscribe_url=f"{base}/u/{signer.token(Purpose.UNSUBSCRIBE, subject)}",
        preferences_url=f"{base}/prefs/{signer.token(Purpose.PREFERENCES, subject)}",
        view_url=f"{base}/m/{signer.token(Purpose.VIEW, subject)}",
    )


def _packed(subject: Subject) -> bytes:
    return _SHAPE.pack(subject.workspace, subject.bucket, subject.profile.bytes, subject.message.bytes)


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, _DIGEST)[:_MAC_BYTES]


def _signed(key: bytes, payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload + _mac(key, payload)).decode("ascii")
