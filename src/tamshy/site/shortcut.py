"""Calls taken without Django and without a thread of their own: what nearly every request of a busy shop is.

A small body is read on the event loop, its calls wait for a commit beside those of others, and the answer is given when
that has come. Larger bodies are read in a thread, so that nobody waits behind them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from tamshy.accounts import NotRemembered
from tamshy.api.calls import Read, answer_to, answered, problems, read_request
from tamshy.api.gate import Gate
from tamshy.api.problems import Problem
from tamshy.api.sharing import Parcel
from tamshy.api.urls import kind_of_calls
from tamshy.api.wiring import wired
from tamshy.site.dressing import HEADERS
from tamshy.site.requests import tell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from django.http import HttpResponse

_LOG: Final = logging.getLogger("tamshy.web")
SMALL: Final = 16 * 1024
"""Bytes of a body that is read on the event loop, in less than a millisecond."""
ROUTE: Final = "calls.take_calls"
"""What the log and the counts call it: the same as the view, which takes calls wherever else Django is served."""

_LONGEST_QUERY: Final = 8192
_GZIP: Final = b"\x1f\x8b"
# What Django's own middleware adds to every answer.
_DRESS: Final = {**HEADERS, "Cross-Origin-Opener-Policy": "same-origin"}

Answer = tuple[int, list[tuple[str, str]], bytes]
"""An answer: its status, headers and body."""


class Asked:
    """A request as the routes of calls look at it."""

    __slots__ = ("_query", "headers")
    method: Final = "POST"

    def __init__(self, headers: list[tuple[str, str]], query: str) -> None:
        """Take the headers, names in lower case, and the query as it came."""
        self.headers = dict(headers)
        if len(self.headers) < len(headers):
            self.headers = {name: ",".join(value for given, value in headers if given == name) for name in self.headers}
        self._query = query[:_LONGEST_QUERY]

    @property
    def GET(self) -> Mapping[str, object]:  # noqa: N802 - Django's name
        """The query: of a name that stands there more than once, the last."""
        found = parse_qs(self._query, keep_blank_values=True) if self._query else {}
        return {name: values[-1] for name, values in found.items()}


class Shortcut:
    """Takes calls on the event loop of one web process."""

    def __init__(self, threads: Executor) -> None:
        """Take the threads in which larger bodies are read."""
        self._threads = threads
        self._small = Gate()
        self._settled: deque[tuple[asyncio.Future[None], BaseException | None]] = deque()
        self._told = False

    def kind(self, method: str, path: str) -> str | None:
        """Say what a request's calls are by its path; None where it is for Django."""
        return kind_of_calls(path) if method == "POST" else None

    async def answer(self, kind: str, headers: list[tuple[str, str]], query: str, raw: bytes) -> Answer:
        """Take the calls of one request."""
        begun = time.perf_counter()
        asked = Asked(headers, query)
        try:
            response = answer_to(await self._taken(asked, kind, raw))
        except Problem as problem:
            response = problem.response()
        except Exception:  # noqa: BLE001 - told in the log and to the client, who comes again
            # As Django does around its views: the web server would write the error's words into the log, whoever they are of.
            _LOG.exception("an error that nobody expected", extra={"event": "request_failed"})
            failed = "the server has failed at this request, and says in its log where; send the same again"
            response = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "failed", failed).response()
        answered(asked, response)
        tell(ROUTE, "POST", response.status_code, time.perf_counter() - begun, len(raw))
        return written(response)

    async def _taken(self, asked: Asked, kind: str, raw: bytes) -> Read:
        """Read the calls and have them stored.

        Raises:
            Problem: they are not.
        """
        wiring = wired()
        if len(raw) <= SMALL and not raw.startswith(_GZIP):
            with self._small.inside(wiring.most_waiting):
                try:
                    read = read_request(asked, kind, raw, asking=False)
                except NotRemembered:
                    read = await self._in_thread(asked, kind, raw)
                await self._stored(read)
            return read
        with wiring.admission.inside(wiring.most_at_once):
            read = await self._in_thread(asked, kind, raw)
            await self._stored(read)
        return read

    async def _in_thread(self, asked: Asked, kind: str, raw: bytes) -> Read:
        work = partial(read_request, asked, kind, raw)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _stored(self, read: Read) -> None:
        if not read.reading.calls:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(problem: BaseException | None) -> None:
            """Hear from the thread that stores; one word to the loop for all who are settled together."""
            self._settled.append((done, problem))
            if not self._told:
                self._told = True
                loop.call_soon_threadsafe(self._wake)

        wired().sharing.put(Parcel(read.workspace, read.reading.calls, settle))
        with problems():
            await done

    def _wake(self) -> None:
        """Let those go on whose calls are settled."""
        # First this: whoever comes from here on says so again.
        self._told = False
        while self._settled:
            done, problem = self._settled.popleft()
            if done.cancelled():
                continue
            if problem is None:
                done.set_result(None)
            else:
                done.set_exception(problem)


def written(response: HttpResponse) -> Answer:
    """Write an answer of Django's down, with the headers that each of ours has."""
    headers = {name.lower(): value for name, value in (*_DRESS.items(), *response.items())}
    return response.status_code, list(headers.items()), response.content
