"""A receiver of webhooks on this machine, which answers as it is told and keeps what it heard."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Heard:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What was heard, and what is answered next: status, headers, body; the last answer is given again and again."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    answers: deque[tuple[int, dict[str, str], bytes]] = field(default_factory=deque)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer so from now on, behind what was said before."""
        self.answers.append((status, {name.replace("_", "-"): value for name, value in headers.items()}, body))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://receiver.example:{self.port}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen until the end of the block."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _hear(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            made.heard.append(Heard(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, said = made.answers[0] if made.answers else (200, {}, b"")
            if len(made.answers) > 1:
                made.answers.popleft()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _hear  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
