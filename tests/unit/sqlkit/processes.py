"""Other programs that run an embedded server, for the tests that kill them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Says how the start went, then stays until a line comes in, then stops as a program should.
_OWNER = """
import sys
from pathlib import Path
from tamshy import sqlkit
try:
    server = sqlkit.EmbeddedServer.open(Path(sys.argv[1]), named=False)
except sqlkit.DataFolderInUse as exc:
    print("refused", exc.pid, flush=True)
else:
    with server:
        watchdog = server._running._watchdog.pid
        print("runs", server.pid, watchdog, flush=True)
        sys.stdin.readline()
"""


@dataclass
class Owner:
    """A program that was asked to run the server of a folder, and its answer."""

    process: subprocess.Popen[str]
    answer: str = ""
    numbers: tuple[int, ...] = ()

    @property
    def server(self) -> int:
        """The process id of its server."""
        return self.numbers[0]

    @property
    def watchdog(self) -> int:
        """The process id of its server's watchdog."""
        return self.numbers[1]

    def listen(self) -> None:
        """Wait for the answer."""
        assert self.process.stdout is not None
        self.answer, *numbers = self.process.stdout.readline().split()
        self.numbers = tuple(int(number) for number in numbers)

    def leave(self) -> None:
        """Let it stop its server and end."""
        self.process.communicate("\n", timeout=60)


@contextmanager
def owner_of(data: Path) -> Iterator[Owner]:
    """Start such a program, and see to it that it and its server are gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    owner = Owner(process)
    try:
        yield owner
    finally:
        process.kill()
        process.communicate()
        for number in owner.numbers:
            if owner.answer == "runs":
                kill(number)


def kill(pid: int) -> None:
    """Kill a process without warning, and wait until it is gone."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            wait_for_end(handle)
        finally:
            os.close(handle)


def wait_for_end(handle: int, seconds: float = 60) -> None:
    """Wait until the process of a `pidfd` has ended."""
    ended, _, _ = select.select([handle], [], [], seconds)
    assert ended == [handle]


def children(pid: int) -> list[int]:
    """List the process ids of a process's children."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [int(child) for child in found]
