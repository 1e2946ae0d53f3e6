"""A mail server that does what a script says, over real sockets: refusals at any command, cut links, late answers.

Everything that reaches it is in `taken`; what it has taken over is in `ledger` too, written and synced before the answer.
A script decides by what the client said, and may answer, cut, or take a message and say nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CUT = "cut"
"""A script's word for: close the connection without an answer."""
CUT_INSIDE = "cut inside"
"""At `data`: let the client begin its message, and close in the middle of it."""
TAKE_AND_CUT = "take and cut"
"""At `end`: the message is taken over, written and synced; then the connection is closed without an answer."""
TAKE_AND_WAIT = "take and wait"
"""At `end`: the message is taken over; the answer comes when the client has stopped waiting for it."""
NONSENSE = "nonsense"
"""At `starttls`: begin no TLS after having agreed to it."""
BYTES = "bytes "
"""Before an answer: send it byte by byte."""


@dataclass
class Taken:
    """One message as it came over the wire, dots undoubled."""

    sender: str
    recipient: str
    data: bytes
    at: float


Script = Callable[[str, str], str | None]
"""(command, its line or the recipient) → an answer, `CUT`, or None for the usual one.

Commands: `connect ehlo starttls mail rcpt data end rset noop quit`; at `data` and `end` the second value is the recipient.
"""


def usual(command: str, line: str) -> str | None:  # noqa: ARG001 - the shape of a script
    return None


ANSWERS = {
    "connect": "220 sink ready",
    "starttls": "220 2.0.0 begin",
    "ehlo": "250-sink\r\n250-SIZE 50000000\r\n250 8BITMIME",
    "mail": "250 2.1.0 ok",
    "rcpt": "250 2.1.5 ok",
    "data": "354 go on",
    "end": "250 2.0.0 taken",
    "rset": "250 2.0.0 ok",
    "noop": "250 2.0.0 ok",
    "quit": "221 bye",
}


@dataclass
class ScriptedServer:
    """A listening server; `port` is where."""

    script: Script = usual
    pipelining: bool = False
    one_byte_at_a_time: bool = False
    answer_late_s: float = 0.0
    tls: ssl.SSLContext | None = None
    ledger: Path | None = None
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

    def accepted(self) -> list[tuple[str, str, str]]:
        """What was taken over, as (recipient, Message-ID, digest of the bytes), in the order of the ledger."""
        assert self.ledger is not None
        return [tuple(json.loads(line)) for line in self.ledger.read_text(encoding="utf-8").splitlines()]

    def _talk(self, link: socket.socket) -> None:
        link.settimeout(20)
        with suppress(OSError), link:
            if self._answer(link, "connect", ""):
                self._listen(link)

    def _listen(self, link: socket.socket) -> None:
        """Take commands until one of the two has enough; begin anew behind TLS."""
        with link.makefile("rb") as lines:
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
                if command == "starttls" and answer.startswith("220"):
                    assert self.tls is not None
                    with self.tls.wrap_socket(link, server_side=True) as secured:
                        self._listen(secured)
                    return
                if command == "data" and answer.startswith("354"):
                    data = _body(lines)
                    if data is None:
                        return
                    taken = Taken(sender, recipient, data, time.monotonic())
                    with self._lock:
                        self.taken.append(taken)
                    if not self._end(link, taken):
                        return

    def _end(self, link: socket.socket, taken: Taken) -> str:
        """Answer the end of a message; where it is taken over, the ledger has it on disk before."""
        answer = self.script("end", taken.recipient) or ANSWERS["end"]
        plain = answer.removeprefix(BYTES)
        if plain.startswith("2") or plain in {TAKE_AND_CUT, TAKE_AND_WAIT}:
            self._write(taken)
        if plain == TAKE_AND_WAIT:
            with suppress(OSError):
                link.recv(1)  # the client hangs up
            plain = answer = ANSWERS["end"]
        return "" if plain == TAKE_AND_CUT else self._say(link, answer)

    def _write(self, taken: Taken) -> None:
        if self.ledger is None:
            return
        found = re.search(rb"^Message-ID: (\S+)", taken.data, re.MULTILINE)
        digest = hashlib.sha256(taken.data).hexdigest()
        line = json.dumps([taken.recipient, found[1].decode() if found else "", digest]) + "\n"
        descriptor = os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _answer(self, link: socket.socket, command: str, line: str) -> str:
        answer = self.script(command, line)
        if answer is None:
            answer = ANSWERS[command]
            if command == "ehlo" and self.pipelining:
                answer = answer.replace("250 8BITMIME", "250-PIPELINING\r\n250 8BITMIME")
            if command == "ehlo" and self.tls is not None and not isinstance(link, ssl.SSLSocket):
                answer = answer.replace("250 8BITMIME", "250-STARTTLS\r\n250 8BITMIME")
        if answer == CUT_INSIDE:
            self._say(link, ANSWERS["data"])
            with suppress(OSError):
                link.recv(40)
            return ""
        if answer == NONSENSE:
            self._say(link, ANSWERS["starttls"])
            link.sendall(b"hello\r\n" * 20)
            return ""
        return self._say(link, answer)

    def _say(self, link: socket.socket, answer: str) -> str:
        """Send an answer; gives it, or nothing where the connection is to be closed."""
        if answer == CUT:
            return ""
        if self.answer_late_s:
            time.sleep(self.answer_late_s)
        slowly = self.one_byte_at_a_time or answer.startswith(BYTES)
        answer = answer.removeprefix(BYTES)
        raw = answer.encode() + b"\r\n"
        if slowly:
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
