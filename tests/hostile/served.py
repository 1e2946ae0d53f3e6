"""A web process as a shop runs it, asked by plain sockets, and what an attack costs it in processor time and memory."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.accounts import KeyKind, add_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITE_KEY: Final = "write-key-of-the-hostile-tests"
API_KEY: Final = "api-key-of-the-hostile-tests"
SECRET: Final = "0123456789abcdef0123456789abcdef"
PATIENCE_S: Final = 60.0
FOUNDED: Final = datetime(2026, 3, 2, tzinfo=UTC)
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status (0: nothing did), and all bytes of the answer."""

    status: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What stands behind the headers."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def reason(self) -> str:
        """The reason of problem+json, else nothing."""
        found = re.search(rb'"reason":"([a-z_]+)"', self.body)
        return found[1].decode() if found else ""


@dataclass
class Web:
    """One `tamshy web` on a database of its own."""

    dsn: str
    port: int
    said: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def connect(self, timeout_s: float = PATIENCE_S) -> socket.socket:
        """Open a connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def send(self, raw: bytes, timeout_s: float = PATIENCE_S) -> Answer:
        """Send bytes on a connection of their own, and read until it is closed or an answer is whole."""
        with self.connect(timeout_s) as link:
            # It may answer and close before it has read all: what it said is still there.
            with suppress(OSError):
                link.sendall(raw)
            return answer(link)

    def post(self, body: bytes, path: str = "/v1/batch", headers: dict[str, str] | None = None) -> Answer:
        """Send a request with a body, and the write key unless another header says who."""
        return self.send(request(body, path, headers))

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Ask for a page."""
        return self.send(request(None, path, headers))

    def pids(self) -> list[int]:
        """The process and those it has started."""
        found = [self.process.pid]
        for pid in found:
            try:
                found += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                continue
        return found

    def cpu_s(self) -> float:
        """Seconds of processor time, of the program and of the system for it, so far."""
        total = 0
        for pid in self.pids():
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(words[11]) + int(words[12])
        return total / _TICKS

    def memory(self) -> int:
        """Bytes of memory held now."""
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE for pid in self.pids())

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Look into its database."""
        with sqlkit.connect(self.dsn, autocommit=True) as conn:
            return conn.execute(statement.encode()).fetchall()

    def log(self) -> str:
        """Everything it has written."""
        return self.said.read_text(errors="replace")


def request(body: bytes | None, path: str, headers: dict[str, str] | None = None) -> bytes:
    """Write a request out; `body` None: a GET. A header without a value is left out."""
    given = {"Host": "localhost", "Connection": "close", "X-Write-Key": WRITE_KEY}
    if body is not None:
        given |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    given |= headers or {}
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def answer(link: socket.socket) -> Answer:
    """Read one answer: to the end of its length, or of the connection."""
    raw = b""
    while True:
        try:
            piece = link.recv(65536)
        except OSError:
            piece = b""
        raw += piece
        head, gap, body = raw.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head) if gap else None
        if not piece or (length and len(body) >= int(length[1])):
            break
    status = re.match(rb"HTTP/1\.1 (\d{3})", raw)
    return Answer(int(status[1]) if status else 0, raw)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds, within bounds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} took longer than {PATIENCE_S:g} s"
        time.sleep(0.05)


def found(conn: sqlkit.Connection) -> None:
    """Make a workspace with a topic and nothing else."""
    conn.execute("insert into workspace (id, name, first_bucket, buckets) values (1, 'default', 0, 64)")
    conn.execute("insert into definition values (1, 'tamshy.yaml', 'name: Qumyra\ntopics: {offers: {name: Offers}}\n')")
    conn.execute("insert into publication values (1, 1, %s, '{}')", [FOUNDED])


@contextmanager
def web(dsn: str, folder: Path, *, founded: bool = False, **settings: str) -> Iterator[Web]:
    """Run a web process on a migrated database for the length of a `with` block; `founded`: it has its workspace."""
    with sqlkit.connect(dsn) as conn:
        if not founded:
            found(conn)
        add_key(conn, 1, KeyKind.WRITE, WRITE_KEY, name="w", now=FOUNDED)
        add_key(conn, 1, KeyKind.API, API_KEY, name="a", now=FOUNDED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    said = folder / "web.log"
    # Its public address is where it listens, as the storefront's back end calls it there.
    home = {"TAMSHY_BASE_URL": f"http://127.0.0.1:{port}"}
    around = {**os.environ, **home, "DATABASE_URL": dsn, "TAMSHY_SECRET_KEY": SECRET, **settings}
    command = [sys.executable, "-m", "tamshy.site.cli", "web", "--port", str(port)]
    with said.open("ab") as log:
        process = subprocess.Popen(command, env=around, stdout=log, stderr=log)
    made = Web(dsn, port, said, process)
    try:
        until(lambda: _ready(made), "the start")
        yield made
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(made: Web) -> bool:
    assert made.process.poll() is None, made.log()
    try:
        return made.get("/readyz").status == 200
    except OSError:
        return False
