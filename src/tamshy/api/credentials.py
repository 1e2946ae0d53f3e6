"""Which key a request presents. It arrives in four ways, and clients do not agree on one."""

from __future__ import annotations

import base64
import binascii
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from tamshy.accounts import Key, KeyKind
from tamshy.api.problems import Problem
from tamshy.api.wiring import wired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest


class Presenting(Protocol):
    """What a key and a page's origin are read from: Django's request, or one that the gateway serves itself.

    `headers` are found by names in lower case; `GET` holds what the address's query says.
    """

    @property
    def method(self) -> str | None:
        """`POST` and so on."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by name in lower case."""

    @property
    def GET(self) -> Mapping[str, object]:  # noqa: N802 - Django's name
        """The query, by name."""


def presented(request: Presenting) -> str | None:
    """Read the key of the headers: Basic's user, Bearer, or `X-Write-Key`; None where there is none."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, _ = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if user:
            return user
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip()
    return request.headers.get("x-write-key") or None


def password(request: Presenting) -> str | None:
    """Read Basic's password, in which Customer.io's libraries send the key; the user beside it is a site's id."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, found = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return found or None


def write_key(request: Presenting, given: str | None, *, asking: bool = True, first: bool = False) -> Key:
    """Find the key that a call came with; `asking` False: without asking the database.

    `given` is the key that its body holds, or what else it may stand in; `first`: that goes before the headers.

    Raises:
        Problem: there is none, or it is not known.
        NotRemembered: the database would have to be asked.
    """
    # Beacons can set no header. Whoever reads the key there may do no more than every visitor of the page.
    secret = (given if first else None) or presented(request) or given or request.GET.get("writeKey")
    if not isinstance(secret, str):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "no_key",
            "send the write key as the user of Basic auth, or as `writeKey` in the body",
        )
    key = wired().keys.find(secret, asking=asking)
    if key is None:
        raise _unknown()
    return key


def api_key(request: HttpRequest) -> Key:
    """Find the API key of a request; a write key writes calls and nothing else.

    Raises:
        Problem: there is none, it is not known, or it is a write key.
    """
    secret = presented(request)
    if secret is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "no_key", "send an API key: `Authorization: Bearer …`")
    key = wired().keys.find(secret)
    if key is None:
        raise _unknown()
    if key.kind is not KeyKind.API:
        raise Problem(HTTPStatus.FORBIDDEN, "write_key", "a write key can only write calls; use an API key")
    return key


def _unknown() -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, "unknown_key", "this key is not known, or was revoked: `tamshy key list`")
