"""Who waits for one of the few threads, and who is asked to come again."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tamshy.site.gateway import MOST_WAITING, Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

THREADS = 2
MORE = 7


class Headers:
    def items(self) -> list[tuple[str, str]]:
        return [("host", "shop.example")]


@dataclass
class Scope:
    """A page that is asked for."""

    http_version: str = "1.1"
    server: str = "127.0.0.1:1"
    client: str = "127.0.0.1:2"
    scheme: str = "http"
    method: str = "GET"
    path: str = "/page"
    query_string: str = ""
    headers: Headers = field(default_factory=Headers)


@dataclass
class Exchange:
    """Takes what is answered."""

    answers: list[tuple[int, dict[str, str]]]

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError  # a page has no body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], _body: bytes) -> None:
        self.answers.append((status, dict(headers)))


def test_of_too_many_who_wait_for_a_thread_the_last_are_asked_to_come_again() -> None:
    """Before, all of ten thousand waited, and a call beside them eight seconds for its turn on the loop."""
    free = threading.Event()
    served: list[str] = []

    def page(environ: dict[str, Any], start: Callable[..., object]) -> Iterable[bytes]:
        assert free.wait(60)
        served.append(environ["PATH_INFO"])
        start("200 OK", [])
        return [b"page"]

    gateway = Gateway(page, THREADS, lambda: None)
    answers: list[tuple[int, dict[str, str]]] = []

    async def crowd(number: int) -> None:
        asked = [asyncio.create_task(gateway.__rsgi__(Scope(), Exchange(answers))) for _ in range(number)]
        await asyncio.sleep(0)
        # Each has had its turn on the loop: refused, or waiting.
        assert len(answers) == number - MOST_WAITING
        assert {(status, headers["retry-after"]) for status, headers in answers} == {(429, "1")}
        free.set()
        await asyncio.wait(asked)
        # Whoever comes again is heard.
        await gateway.__rsgi__(Scope(), Exchange(answers))

    asyncio.run(crowd(MOST_WAITING + MORE))
    assert [status for status, _ in answers] == [429] * MORE + [200] * (MOST_WAITING + 1)
    assert served == ["/page"] * (MOST_WAITING + 1)
