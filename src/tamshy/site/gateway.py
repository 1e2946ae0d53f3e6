"""What stands between the network and Django: requests are taken in whole before a thread is spent on them.

A slow client costs a connection and what it has sent, never one of the few threads: bodies are read on the event loop,
within a limit of time, of bytes each, and of number and bytes of all together. Where those are reached, whoever has been at
it longest makes room: an honest body is there within milliseconds, and one that was sent to be in the way is not. And of those
who are there in whole only so many wait for a thread, or the loop and all threads would be busy with them and nobody else.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol

import orjson

from tamshy.site.shortcut import Shortcut
from tamshy.site.silence import Watch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

BODY_WITHIN_S: Final = 20.0
"""How long a body may take to arrive."""
MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one body; the routes' own limits are this or less."""
MOST_HELD: Final = 24 * 1024 * 1024
"""Bytes of bodies that are held for all requests together."""
MOST_ARRIVING: Final = 512
"""Bodies that may be on their way at the same time; one costs about 30 kB before its first byte."""

MOST_WAITING: Final = 512
"""Requests that wait for a thread, or have one; a second's work. Calls take the shortcut and are not among them."""

CRUMB: Final = 256
"""Bytes that a body's pieces have on average at least; each piece costs 0.1 ms, and a packet brings a thousand bytes."""
MOST_CRUMBS: Final = 512
"""Pieces before that is looked at."""

# `hex` and `idna` are among what Python takes for a character set; no route of ours asks for any but UTF-8.
_CHARSET: Final = re.compile(r";\s*charset\s*=[^;]*", re.IGNORECASE)

_SAYS: Final = {
    "broken_off": "the body is not as long as its headers say",
    "too_many_pieces": "the body comes in crumbs; send larger chunks",
    "too_slow": "the body took too long to arrive; send it again",
    "body_too_large": f"a request holds at most {MOST_BYTES} bytes; send smaller batches",
    "too_many_at_once": "more arrives than can be held at this moment; send the same again",
}


class Headers(Protocol):
    """A request's headers, as granian gives them."""

    def items(self) -> list[tuple[str, str]]:
        """Each name, in lower case, with its value; doubled ones twice."""


class Scope(Protocol):
    """What is known of a request before its body."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Headers:
        """Its headers."""


class Exchange(Protocol):
    """The way in for the body, and out for the answer."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the body, piece by piece."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


Environ = dict[str, Any]
"""A request as WSGI has it."""

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body, as they go out."""


class _Refused(Exception):
    """The body is not taken in."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = HTTPStatus(status)
        self.reason = reason


@dataclass(slots=True, eq=False)
class _Arrival:
    """A body on its way, as far as it has come."""

    body: bytearray = field(default_factory=bytearray)


class Gateway:
    """Serves a WSGI application by RSGI, granian's own protocol; calls take the shortcut past it."""

    def __init__(
        self, application: Callable[..., Iterable[bytes]], threads: int, relieve: Callable[[], object]
    ) -> None:
        """Take the application, how many requests it may work on at the same time, and what gives memory back after a crowd."""
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._shortcut = Shortcut(self._threads)
        self._waiting = 0
        self._held = 0
        # The bodies on their way, in the order in which they began, with what ends each.
        self._arriving: dict[_Arrival, asyncio.Timeout] = {}
        self._relieve = relieve
        self._watched = False

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        if not self._watched:
            self._watched = True
            Watch(int(scope.server.rpartition(":")[2]), self._relieve).begin()
        headers = scope.headers.items()
        arrival = _Arrival()
        try:
            await self._take_in(headers, exchange, arrival)
            raw = bytes(arrival.body)
            kind = self._shortcut.kind(scope.method, scope.path)
            if kind is not None:
                answer = await self._shortcut.answer(kind, headers, scope.query_string, raw)
            else:
                answer = await self._asked(scope, headers, raw)
        except _Refused as exc:
            answer = _refusal(exc.status, exc.reason)
        finally:
            self._held -= len(arrival.body)
        exchange.response_bytes(*answer)

    async def _take_in(self, headers: list[tuple[str, str]], exchange: Exchange, arrival: _Arrival) -> None:
        """Read the body.

        Raises:
            _Refused: it is too long, too slow, or more than can be held.
        """
        lengths = [value for name, value in headers if name == "content-length"]
        if not (lengths or any(name == "transfer-encoding" for name, _ in headers)):
            return
        if any(value.isdecimal() and int(value[:20]) > MOST_BYTES for value in lengths):
            raise _Refused(413, "body_too_large")
        try:
            async with asyncio.timeout(BODY_WITHIN_S) as limit:
                self._arriving[arrival] = limit
                if len(self._arriving) > MOST_ARRIVING:
                    self._make_room(arrival)
                pieces = 0
                async for piece in exchange:
                    pieces += 1
                    if pieces > MOST_CRUMBS and len(arrival.body) < pieces * CRUMB:
                        raise _Refused(400, "too_many_pieces")
                    self._add(arrival, piece)
        except TimeoutError:
            if arrival in self._arriving:
                raise _Refused(408, "too_slow") from None
            raise _Refused(429, "too_many_at_once") from None
        finally:
            self._arriving.pop(arrival, None)
        if lengths and lengths != [str(len(arrival.body))]:
            # Whoever broke off has not said what they wanted to say; half a form would be another word.
            raise _Refused(400, "broken_off")

    def _add(self, arrival: _Arrival, piece: bytes) -> None:
        if len(arrival.body) + len(piece) > MOST_BYTES:
            raise _Refused(413, "body_too_large")
        while self._held + len(piece) > MOST_HELD:
            self._make_room(arrival)
        arrival.body += piece
        self._held += len(piece)

    def _make_room(self, newest: _Arrival) -> None:
        """Have the body that began to arrive first give way.

        Raises:
            _Refused: that is `newest` itself.
        """
        oldest = next(iter(self._arriving), newest)
        if oldest is newest:
            raise _Refused(429, "too_many_at_once")
        limit = self._arriving.pop(oldest)
        self._held -= len(oldest.body)
        oldest.body = bytearray()
        if not limit.expired():
            limit.reschedule(0)

    async def _asked(self, scope: Scope, headers: list[tuple[str, str]], raw: bytes) -> Answer:
        """Have the application answer, in a thread.

        Raises:
            _Refused: too many wait for one.
        """
        # Whoever waits here is being answered, one after the other: unlike with bodies, the newcomer is the one to come again.
        if self._waiting >= MOST_WAITING:
            raise _Refused(429, "too_many_at_once")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, self._answered, environ_of(scope, headers, raw))
        finally:
            self._waiting -= 1

    def _answered(self, environ: Environ) -> Answer:
        """Run the application, in a thread."""
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            said[:] = [int(status.partition(" ")[0]), headers]

        pieces = self._application(environ, start)
        try:
            content = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        return said[0], said[1], content


def environ_of(scope: Scope, headers: list[tuple[str, str]], body: bytes) -> Environ:
    """Write a request down as WSGI has it (PEP 3333): text as the bytes that came, one value for each name."""
    host, _, port = scope.server.rpartition(":")
    client, _, client_port = scope.client.rpartition(":")
    environ: Environ = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # It comes decoded; once more would open what was closed twice.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": client_port,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers:
        # A name with a stroke below would pass for the one with a dash; a length is what was counted.
        if "_" in name or name in {"content-length", "transfer-encoding"}:
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        joint = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    environ["CONTENT_TYPE"] = _CHARSET.sub("", environ.get("CONTENT_TYPE", ""))
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _refusal(status: HTTPStatus, reason: str) -> Answer:
    body = {
        "type": f"urn:tamshy:problem:{reason}",
        "title": status.phrase,
        "status": status.value,
        "reason": reason,
        "detail": _SAYS[reason],
    }
    headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("connection", "close"),
        # Pages of other hosts send calls too, and are to see why.
        ("access-control-allow-origin", "*"),
    ]
    if status is HTTPStatus.TOO_MANY_REQUESTS:
        headers.append(("retry-after", "1"))
    return status.value, headers, orjson.dumps(body)
