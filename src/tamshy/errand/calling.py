"""One call of a webhook: what is said, within which limits, and what the answer is."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from tamshy.errand.connecting import Reach, Refused
from tamshy.errand.signing import sign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LARGEST_BODY: Final = 256 * 1024
"""Bytes that are sent at most."""
LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read at most; a longer one fails."""
_DEEPEST: Final = 20
_LONGEST_NUMBER: Final = 1000
_LONGEST_REPLY: Final = 300
_AGENT: Final = "Tamshy (webhooks)"


class Outcome(StrEnum):
    """How a try ended."""

    DONE = "done"
    LATER = "later"
    """Not now; it may be tried again."""
    NEVER = "never"
    """Trying again would change nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A call as a step has worked it out. ``body`` None: none; text is sent as it is, all else as JSON. ``timeout`` in seconds."""

    url: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a try: the answer as plain values where there is one, and the try in words for whoever asks."""

    outcome: Outcome
    value: object = None
    reply: str = ""


def call(request: Request, id_: str, keys: Sequence[bytes], now: datetime, reach: Reach) -> Answer:
    """Call a webhook once, signed; whatever network and receiver do is an answer.

    Redirects are not followed. The whole call, but for the resolving of the name, is over within ``timeout``: at its end the
    connection is cut, however slowly somebody keeps it alive.
    """
    body = b"" if request.body is None else _body(request.body)
    if len(body) > LARGEST_BODY:
        return Answer(Outcome.NEVER, reply=f"the body is larger than {LARGEST_BODY // 1024} kB")
    try:
        parts = urlsplit(request.url)
        host, port, tls = parts.hostname, parts.port, parts.scheme == "https"
    except ValueError:
        return Answer(Outcome.NEVER, reply="the address cannot be read")
    if parts.scheme not in {"http", "https"} or not host or parts.username is not None or parts.password is not None:
        return Answer(Outcome.NEVER, reply="the address must begin with http:// or https:// and a host")
    try:
        link = reach.connect(host, port or (443 if tls else 80), request.timeout, tls=tls)
    except Refused as refused:
        return Answer(Outcome.NEVER, reply=str(refused))
    except ssl.SSLError as error:
        return Answer(Outcome.LATER, reply=_short(f"TLS failed: {error.reason or 'no handshake'}"))
    except OSError as error:
        return Answer(Outcome.LATER, reply=_short(f"cannot be reached: {error.strerror or type(error).__name__}"))
    headers = _headers(request, body) | sign(keys, id_, now, body)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe=_IN_QUERY)}" if parts.query else ""
    )
    over = threading.Event()
    # What connecting has left of the time.
    cut = threading.Timer(link.gettimeout() or 0.0, _cut, (link, over))
    cut.daemon = True
    cut.start()
    try:
        answer = _said(link, host, port, tls, request.method, target, headers, body)
        # What was cut looks like a short answer.
        return answer if not over.is_set() else Answer(Outcome.LATER, reply="no answer within the timeout")
    except (OSError, http.client.HTTPException, ValueError) as error:
        if over.is_set():
            return Answer(Outcome.LATER, reply="no answer within the timeout")
        return Answer(Outcome.LATER, reply=_short(f"no answer: {type(error).__name__}"))
    finally:
        cut.cancel()
        link.close()


_IN_QUERY: Final = "/?%:@!$&'()*+,;=~"


def _cut(link: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _said(
    link: socket.socket,
    host: str,
    port: int | None,
    tls: bool,  # noqa: FBT001 - of two kinds of connection the one
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
) -> Answer:
    """Say the request on an open connection and read the answer."""
    usual = http.client.HTTPS_PORT if tls else http.client.HTTP_PORT
    # With its port, or an address of IPv6 would be taken apart at its last colon; the link speaks TLS by itself.
    connection = http.client.HTTPConnection(host, port or usual)
    connection.default_port = usual
    connection.sock = link
    connection.request(method, target, body or None, headers)
    response = connection.getresponse()
    read = response.read(LARGEST_ANSWER + 1)
    status = f"{response.status} {response.reason}".strip()
    if response.length and len(read) <= LARGEST_ANSWER:
        return Answer(
            Outcome.LATER, reply=_short(f"{status}, and the connection was closed in the middle of the answer")
        )
    if len(read) > LARGEST_ANSWER:
        return Answer(Outcome.LATER, reply=_short(f"{status}, with an answer of more than {LARGEST_ANSWER // 1024} kB"))
    if response.status in range(200, 300):
        return Answer(Outcome.DONE, _value(read), _short(status))
    if response.status in range(300, 400):
        return Answer(
            Outcome.LATER, reply=_short(f"{status}: redirects are not followed; give the address they lead to")
        )
    if response.status == HTTPStatus.GONE:
        return Answer(Outcome.NEVER, reply=_short(status))
    return Answer(Outcome.LATER, reply=_short(status))


def _short(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)[:_LONGEST_REPLY]


def _headers(request: Request, body: bytes) -> dict[str, str]:
    found = {"User-Agent": _AGENT, "Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity"}
    found["Connection"] = "close"
    if body or request.method != "GET":
        text = isinstance(request.body, str)
        found["Content-Type"] = "text/plain; charset=utf-8" if text else "application/json"
        found["Content-Length"] = str(len(body))
    own = {name.lower() for name in request.headers}
    # A value that came of a property may hold anything; a header is one line of ASCII.
    given = {name: value.encode("ascii", "replace").decode() for name, value in request.headers.items()}
    clean = {name: "".join(sign if " " <= sign <= "~" else " " for sign in value) for name, value in given.items()}
    return {name: value for name, value in found.items() if name.lower() not in own} | clean


def _body(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode("utf-8", "replace")


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return str(value)


# -- what comes back -------------------------------------------------------------------------------------------------


def _value(read: bytes) -> object:
    """An answer as values that a condition can look at: JSON where it is JSON, else its text; nothing where it is empty."""
    text = read.decode("utf-8", "replace")
    if not text.strip():
        return None
    try:
        return _kept(json.loads(text, parse_constant=_no_number, parse_int=_whole), 0)
    except (ValueError, RecursionError):
        return _storable(text)


def _no_number(text: str) -> object:
    msg = f"{text} is no JSON"
    raise ValueError(msg)


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        msg = "a number that long is none"
        raise ValueError(msg)
    return int(text)


def _kept(value: object, depth: int) -> object:
    if depth > _DEEPEST:
        msg = "nested too deeply"
        raise ValueError(msg)
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, list):
        return [_kept(member, depth + 1) for member in value]
    if isinstance(value, dict):
        return {_storable(name): _kept(member, depth + 1) for name, member in value.items()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        msg = "too large for a number"
        raise ValueError(msg)
    return value


def _storable(text: str) -> str:
    """Text as the database can hold it: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
