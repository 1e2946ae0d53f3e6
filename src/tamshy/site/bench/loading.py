"""A shop's clients, in a process of their own: sends requests on kept connections, and tells how long each answer took.

The process reads a `Load` as a line of JSON, says `ready` when all requests are written,
sends them at the next line, and says a line of JSON: what `Answered` holds.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Final

from tamshy.site.bench.shop import call

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "
_ANSWER_WITHIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent.

    ``together``: calls in a request; 1: single calls. ``at``: their own time, in ISO 8601. ``names``: of the events, one after
    another. ``rate``: calls a second; 0: as fast as they are answered.
    """

    port: int
    key: str
    number: int
    calls: int
    together: int
    connections: int
    knowing: int
    at: str
    names: Sequence[str] = ("Product Added",)
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of it: seconds from the first word to the last answer, answers by status, and how long they took (in ms)."""

    wall: float
    statuses: dict[str, int]
    p50: float
    p99: float
    longest: float


class Loader:
    """The other end of such a process."""

    def __init__(self, process: subprocess.Popen[str], requests: int) -> None:
        self._process = process
        self._requests = requests

    def go(self) -> Answered:
        """Have everything sent, and wait for the last answer.

        Raises:
            RuntimeError: not everything was answered 200, so that the figure would mean nothing.
        """
        said, heard = _ends(self._process)
        said.write("go\n")
        said.flush()
        line = heard.readline()
        if not line:
            raise RuntimeError("the load generator has failed; its words stand on standard error")
        answered = Answered(**json.loads(line))
        if answered.statuses != {"200": self._requests}:
            raise RuntimeError(f"of {self._requests} requests were answered: {answered.statuses}")
        return answered


@contextmanager
def loader(load: Load) -> Iterator[Loader]:
    """Start a process with everything ready to be sent, for a `with` block."""
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said, heard = _ends(process)
        try:
            said.write(json.dumps(asdict(load)) + "\n")
            said.flush()
            if heard.readline() != "ready\n":
                raise RuntimeError("the load generator does not start; its words stand on standard error")
            yield Loader(process, -(-load.calls // load.together))
        finally:
            process.kill()


def _ends(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the load generator was started without its pipes")
    return process.stdin, process.stdout


def main() -> None:
    """Be that process."""
    load = Load(**json.loads(sys.stdin.readline()))
    requests = _requests(load)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if sys.stdin.readline():
        sys.stdout.write(json.dumps(asdict(_sent(load, requests))) + "\n")
        sys.stdout.flush()


def _requests(load: Load) -> list[bytes]:
    at = datetime.fromisoformat(load.at)
    found = []
    for first in range(0, load.calls, load.together):
        calls = [
            call(load.number, place, load.knowing, at, load.names[place % len(load.names)])
            for place in range(first, min(first + load.together, load.calls))
        ]
        path, body = ("/v1/track", calls[0]) if load.together == 1 else ("/v1/batch", {"batch": calls})
        text = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench.example\r\nX-Write-Key: {load.key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        found.append(head.encode() + text)
    return found


class _Link:
    """One kept connection: when what it has sent was sent, and what has come back of the answer."""

    __slots__ = ("came", "since", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_WITHIN_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.came = b""
        self.since = 0.0

    def send(self, request: bytes) -> None:
        self.came, self.since = b"", time.perf_counter()
        self.socket.sendall(request)

    def status(self) -> str:
        """Read on; gives the status once the answer is whole, before that nothing.

        Raises:
            ConnectionError: the other end has closed.
        """
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server has closed a connection in the middle")
        self.came += piece
        end = self.came.find(_HEAD_END)
        place = self.came.lower().find(_LENGTH, 0, end + 2) if end >= 0 else -1
        if place < 0:
            return ""
        length = int(self.came[place + len(_LENGTH) : self.came.index(b"\r", place + 2)])
        return self.came[9:12].decode() if len(self.came) >= end + len(_HEAD_END) + length else ""


def _sent(load: Load, requests: Sequence[bytes]) -> Answered:
    links = [_Link(load.port) for _ in range(min(load.connections, len(requests)))]
    by_file = {link.socket.fileno(): link for link in links}
    poll = select.poll()
    for file in by_file:
        poll.register(file, select.POLLIN)
    free = list(links)
    took: list[float] = []
    statuses: dict[str, int] = {}
    begun, sent = time.perf_counter(), 0
    while len(took) < len(requests):
        while free and sent < len(requests) and _due(load, sent) <= time.perf_counter() - begun:
            free.pop().send(requests[sent])
            sent += 1
        for file, _ in poll.poll(_rest_ms(load, sent, len(requests), begun, waiting=bool(free))):
            link = by_file[file]
            status = link.status()
            if status:
                took.append(time.perf_counter() - link.since)
                statuses[status] = statuses.get(status, 0) + 1
                free.append(link)
    wall = time.perf_counter() - begun
    for link in links:
        link.socket.close()
    took.sort()
    p50, p99 = (took[int(len(took) * part)] for part in (0.5, 0.99))
    return Answered(wall, statuses, round(p50 * 1e3, 3), round(p99 * 1e3, 3), round(took[-1] * 1e3, 3))


def _due(load: Load, sent: int) -> float:
    """Give the second at which a request is to be sent."""
    return sent * load.together / load.rate if load.rate else 0.0


def _rest_ms(load: Load, sent: int, count: int, begun: float, *, waiting: bool) -> float:
    """Give for how long to listen: until the next request is due, where a connection is free for it."""
    if sent >= count or not waiting:
        return _ANSWER_WITHIN_S * 1e3
    return max(0.0, (_due(load, sent) - (time.perf_counter() - begun)) * 1e3)
