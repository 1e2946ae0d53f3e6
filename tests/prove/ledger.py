"""What the outside knows for certain: a mail server and a caller that write down, on disk, before they answer or go on.

`python -m tests.prove.ledger PORT FILE [SECONDS]` is a mail server, a process of its own: each message it takes over is a
line of the file, synced, before the client hears 250. With SECONDS it thinks for up to so long before each answer, so
that something is always under way. `Witness` is the other side: each call that was acknowledged, synced likewise.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[2]
_LINK: Final = re.compile(r"https?://[^\s\"'<>]+/[ocu]/[\w.-]+(?:/\d+)?")


# -- the server's side -------------------------------------------------------------------------------------------------


class Book:
    """A file of lines; whoever adds one goes on when it is on disk. Lines that come together are synced together."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._lines: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._busy: asyncio.Task[None] | None = None

    async def add(self, line: dict[str, Any]) -> None:
        """Write a line down."""
        self._lines.append(json.dumps(line).encode() + b"\n")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._busy is None:
            self._busy = asyncio.create_task(self._sync())
        await done

    async def _sync(self) -> None:
        while self._lines:
            lines, self._lines = self._lines, []
            waiting, self._waiting = self._waiting, []
            os.write(self._file, b"".join(lines))
            await asyncio.to_thread(os.fsync, self._file)
            for done in waiting:
                if not done.cancelled():  # whoever waited may have been cut off meanwhile
                    done.set_result(None)
        self._busy = None


class _Counter:
    """Takes every message over, and says so when it is written down."""

    def __init__(self, book: Book, thinks_s: float) -> None:
        self._book = book
        self._thinks_s = thinks_s
        self._dice = random.Random(1)  # noqa: S311 - how long it thinks

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        options: list[str],  # noqa: ARG002
    ) -> str:
        await self._think()
        envelope.mail_from = address
        return "250 2.1.0 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        await self._think()
        raw = envelope.original_content or b""
        mail = message_from_bytes(raw, policy=policy.default)
        plain = mail.get_body(("plain",))
        text = raw.decode("utf-8", "replace") if plain is None else str(plain.get_content())
        html = mail.get_body(("html",))
        text += "" if html is None else str(html.get_content())
        line = {
            "message": str(mail["Message-ID"]).strip("<>").partition("@")[0],
            "to": envelope.rcpt_tos[0],
            "by": session.host_name,
            "digest": hashlib.sha256(raw).hexdigest(),
            "at": time.time(),
            "urls": sorted(set(_LINK.findall(text)) | set(_LINK.findall(str(mail.get("List-Unsubscribe", ""))))),
        }
        await self._book.add(line)
        await self._think()
        return "250 2.0.0 taken and written down"

    async def _think(self) -> None:
        if self._thinks_s:
            await asyncio.sleep(self._dice.uniform(0, self._thinks_s))


async def _serve(port: int, path: Path, thinks_s: float) -> None:
    loop = asyncio.get_running_loop()
    book = Book(path)
    done = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, done.set)

    def make() -> SMTP:
        return SMTP(_Counter(book, thinks_s), hostname="ledger", loop=loop, data_size_limit=1 << 22)

    server = await loop.create_server(make, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - what the other side waits for
    await done.wait()
    server.close()


# -- this side ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """A message that was taken over: its id, by whom it was handed over, a digest of its bytes, and when."""

    message: str
    to: str
    by: str
    digest: str
    at: float
    urls: tuple[str, ...]


@dataclass
class Ledger:
    """The mail server as a process; a context manager."""

    path: Path
    thinks_s: float = 0.0
    port: int = 0
    _process: subprocess.Popen[str] | None = None
    _read_to: int = 0

    def __enter__(self) -> Self:
        """Start it."""
        command = [sys.executable, "-m", "tests.prove.ledger", "0", str(self.path), str(self.thinks_s)]
        given = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=given)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *raised: object) -> None:
        """End it."""
        assert self._process is not None
        self._process.terminate()
        self._process.communicate()

    @property
    def url(self) -> str:
        """Where mail is handed over to it."""
        return f"smtp://127.0.0.1:{self.port}"

    def taken(self) -> list[Taken]:
        """Read all that it has written down."""
        if not self.path.exists():
            return []
        return [_taken(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def news(self) -> list[Taken]:
        """Read what it has written down since the last look."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            piece = file.read()
        whole = piece[: piece.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return [_taken(line) for line in whole.decode().splitlines()]

    def copies(self) -> Counter[str]:
        """How often each message was taken over."""
        return Counter(one.message for one in self.taken())


def _taken(line: str) -> Taken:
    given = json.loads(line)
    return Taken(**{**given, "urls": tuple(given["urls"])})


@dataclass
class Witness:
    """Writes down what was acknowledged to a caller, on disk before anything follows from it. For several threads."""

    path: Path
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def saw(self, kind: str, ids: Iterable[str]) -> None:
        """Write down that these were acknowledged."""
        lines = "".join(json.dumps([kind, id_]) + "\n" for id_ in ids)
        with self._guard, self.path.open("a", encoding="utf-8") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def seen(self, kind: str) -> list[str]:
        """Read what was acknowledged."""
        return [id_ for found, id_ in self._lines() if found == kind]

    def _lines(self) -> Iterator[tuple[str, str]]:
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                kind, id_ = json.loads(line)
                yield kind, id_


def free_port() -> int:
    """Give a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))
