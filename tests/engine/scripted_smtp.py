"""A mail server that does what a script says, over real sockets: refusals at any command, cut links, late answers.

Everything it takes is in `taken`; a script decides by what the client said, and may answer, cut or wait.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CUT = "cut"
"""A script's word for: close the connection without an answer."""


@dataclass
class Taken:
    """One message as it came over the wire, dots undoubled."""

    sender: str
    recipient: str
    data: bytes
    at: float


Script = Callable[[str, str], str | None]
"""(command, its line or the recipient) → an answer, `CUT`, or None for the usual one.

Commands: `connect ehlo mail rcpt data end rset quit`; at `data` and `end` the second value is the recipient.
"""


def usual(command: str, line: str) -> str | None:  # noqa: ARG001 - the shape of a script
    return None


ANSWERS = {
    "connect": "220 sink ready",
    "ehlo": "250-sink\r\n250-SIZE 50000000\r\n250 8BITMIME",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "end": "250 2.0.0 taken",
    "rset": "250 2.0.0 ok",
    "quit": "221 bye",
}


@dataclass
class ScriptedServer:
    """A listening server; `port` is where."""

    script: Script = usual
    pipelining: bool = False
    one_byte_at_a_time: bool = False
    answer_late_s: float = 0.0
    port: int = 0
    connections: int = 0
    peers: list[int] = field(default_factory=list)
    """The client's port of each connection."""
    taken: list[Taken] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                link, peer = listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self.peers.append(peer[1])
            threading.Thread(target=self._talk, args=(link,), daemon=True).start()

    def _talk(self, link: socket.socket) -> None:
        link.settimeout(20)
        with suppress(OSError), link, link.makefile("rb") as lines:
            if not self._answer(link, "connect", ""):
                return
            sender = recipient = ""
            for raw in lines:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                with self._lock:
                    self.said.append(line)
                verb = line.split(" ", 1)[0].upper()
                command = {"EHLO": "ehlo", "HELO": "ehlo", "MAIL": "mail", "RCPT": "rcpt", "DATA": "data"}.get(
                    verb, verb.lower()
                )
                if command == "mail":
                    sender = line.partition("<")[2].partition(">")[0]
                if command == "rcpt":
                    recipient = line.partition("<")[2].partition(">")[0]
                value = recipient if command == "data" else line
                answer = self._answer(link, command, value)
                if not answer or command == "quit":
                    return
                if command == "data" and answer.startswith("354"):
                    data = _body(lines)
                    if data is None:
                        return
                    taken = Taken(sender, recipient, data, time.monotonic())
                    with self._lock:
                        self.taken.append(taken)
                    if not self._answer(link, "end", recipient):
                        return

    def _answer(self, link: socket.socket, command: str, line: str) -> str:
        answer = self.script(command, line)
        if answer == CUT:
            return ""
        if answer is None:
            answer = ANSWERS[command]
            if command == "ehlo" and self.pipelining:
                answer = answer.replace("250 8BITMIME", "250-PIPELINING\r\n250 8BITMIME")
        if self.answer_late_s:
            time.sleep(self.answer_late_s)
        raw = answer.encode() + b"\r\n"
        if self.one_byte_at_a_time:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(len(raw)):
                link.sendall(raw[at : at + 1])
        else:
            link.sendall(raw)
        return answer


def _body(lines: Iterator[bytes]) -> bytes | None:
    """Read up to the dot; None where the link broke before it."""
    kept: list[bytes] = []
    for raw in lines:
        if raw == b".\r\n":
            return b"".join(kept)
        kept.append(raw[1:] if raw.startswith(b".") else raw)
    return None


@contextmanager
def scripted(script: Script = usual, **how: object) -> Iterator[ScriptedServer]:
    """Run a server for the length of a `with` block."""
    server = ScriptedServer(script, **how)  # type: ignore[arg-type]
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
    try:
        yield server
    finally:
        # A blocked accept() outlives close(); shutting down wakes it.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
