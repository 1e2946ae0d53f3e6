"""A `tamshy serve` as a shop runs it, its clock faster than life, and what may be asked of it and done to it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tamshy import sqlkit
from tamshy.site.clock import Clock, clock_from, running
from tamshy.site.configuration import DEFAULT_DATA

if TYPE_CHECKING:
    from datetime import datetime

WRITE_KEY = "write-key-of-a-proof"
API_KEY = "api-key-of-a-proof"
PATIENCE_S = 60.0
_PERSON = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"


def wait_out(seconds: float) -> None:
    """Wait where nothing tells when it is over."""
    time.sleep(seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Shop:
    """A workspace folder served from a place of its own; a context manager of which nothing is left afterwards."""

    folder: Path
    place: Path
    port: int = field(default_factory=_free_port)
    clock: Clock = field(default_factory=Clock)
    module: str = "tamshy.site.cli"
    """What is run as `python -m`: the program, or a launcher of it."""
    options: tuple[str, ...] = ()
    surroundings: dict[str, str] = field(default_factory=dict)
    """More variables of the environment."""
    dsn: str = ""
    """Where its database is looked at, where that is not one of its own."""
    _process: subprocess.Popen[bytes] | None = None
    _connection: HTTPConnection | None = None

    def open(self, origin: datetime, speed: float) -> None:
        """Start it at that moment of its own time, and wait until it answers."""
        # As all processes read it: in whole milliseconds.
        self.clock = clock_from(running(origin, speed).text())
        self.start()
        self.wait_ready()

    def start(self) -> None:
        """Start it on the clock it has, and do not wait."""
        clean = {k: v for k, v in os.environ.items() if k != "DATABASE_URL" and not k.startswith(("TAMSHY_", "PG"))}
        settings = {
            "TAMSHY_CLOCK": self.clock.text(),
            "TAMSHY_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
            "TAMSHY_BOOTSTRAP_API_KEY": API_KEY,
            **self.surroundings,
        }
        command = [sys.executable, "-m", self.module, "serve", str(self.folder), "--port", str(self.port)]
        with (self.place / "serve.log").open("ab") as log:
            # The data folder is the default one: as root its database lies where the server's account gets to.
            self._process = subprocess.Popen(
                [*command, *self.options],
                cwd=self.place,
                env={**clean, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until it answers."""
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE_S
        while self.ask("GET", "/readyz") != 200:
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            wait_out(0.1)

    @property
    def pid(self) -> int:
        """The process that looks after all others."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the process that looks after all others, and leave these alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def runs(self) -> bool:
        """Tell whether the process that looks after all others does."""
        return self._process is not None and self._process.poll() is None

    def relieve(self) -> None:
        """Ask for a new web server and new workers, one after the other."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)

    def close(self) -> None:
        """Stop it as Ctrl-C does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            assert self._process.wait(PATIENCE_S) == 0, self.said()
            self._process = None

    def said(self) -> str:
        """Give the end of what it wrote."""
        return (self.place / "serve.log").read_text()[-4000:]

    def connect(self) -> sqlkit.Connection:
        """Connect to its database, from outside, to look."""
        if self.dsn:
            return sqlkit.connect(self.dsn, autocommit=True)
        dsn = sqlkit.running_dsn(self.place / DEFAULT_DATA, named=False)
        if dsn is None:
            raise sqlkit.DatabaseUnavailable("the shop's database does not answer")
        return sqlkit.connect(dsn, autocommit=True)

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
        """Send a request and give the answer's status; 0: there was none."""
        if self._connection is None:
            self._connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            self._connection.request(method, path, body, {"User-Agent": _PERSON, **(headers or {})})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            self._connection = None
            return 0
        return answer.status

    def processes(self, word: str) -> list[int]:
        """Find the ids of its processes that run a program or a command of that name: `worker`, `web`, `postgres`.

        A web server is two: the one that was started, and the one that answers.
        """
        # PostgreSQL's own children call themselves what they please, `io worker` among it.
        found = [(pid, command) for pid, command in self.family() if not command.startswith("postgres: ")]
        return [pid for pid, command in found if f" {word} " in command or f"/{word} " in command]

    def family(self) -> list[tuple[int, str]]:
        """List all processes below the one that was started, children behind their parents, with their command lines."""
        found: dict[int, tuple[int, str]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found[int(folder.name)] = parent, command
        known, members = {self.pid}, []
        while fresh := [pid for pid, (parent, _) in found.items() if parent in known and pid not in known]:
            known.update(fresh)
            members += [(pid, found[pid][1]) for pid in sorted(fresh)]
        return members

    def __enter__(self) -> Self:
        """Give the shop, closed yet."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End what still runs, and remove what root's databases leave elsewhere."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
        pointer = self.place / DEFAULT_DATA / "postgres-lies-in"
        if pointer.exists():
            shutil.rmtree(Path(pointer.read_text().strip()), ignore_errors=True)
