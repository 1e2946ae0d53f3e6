"""Postfix's smtp-sink, which takes mail and throws it away, and smtp-source, its load generator."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_S: Final = 10.0
ABSENT: Final = "left out, for Postfix's smtp-sink and smtp-source are not here; on Debian: apt-get install postfix"
PATH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix/sbin"])


@dataclass(frozen=True, slots=True)
class Programs:
    """Where Postfix's two programs lie."""

    sink: str
    source: str


def programs() -> Programs | None:
    """Find the two programs; None where they are not installed."""
    sink, source = shutil.which("smtp-sink", path=PATH), shutil.which("smtp-source", path=PATH)
    return None if sink is None or source is None else Programs(sink, source)


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink. `pid` is its process."""

    found: Programs
    port: int
    pid: int
    _counts: IO[bytes]

    def taken(self) -> int:
        """How many messages it has taken since its start, by its own count."""
        size = os.fstat(self._counts.fileno()).st_size
        last = os.pread(self._counts.fileno(), 200, max(0, size - 200)).rpartition(b"mesg=")[2]
        return int(last.split()[0]) if size else 0

    def load(self, messages: int, length: int, connections: int) -> None:
        """Have smtp-source hand over so many messages of so many bytes."""
        size = ["-s", str(connections), "-l", str(length), "-m", str(messages)]
        subprocess.run([self.found.source, "-d", *size, f"127.0.0.1:{self.port}"], check=True)


@contextmanager
def sink(found: Programs) -> Iterator[Sink]:
    """Run smtp-sink on a free port for a `with` block.

    Raises:
        RuntimeError: it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with tempfile.TemporaryFile() as counts:
        running = subprocess.Popen([found.sink, *as_user, "-c", f"127.0.0.1:{port}", "256"], stdout=counts)
        try:
            begin = time.monotonic()
            while not _answers(port):
                if running.poll() is not None or time.monotonic() - begin > _START_S:
                    raise RuntimeError("smtp-sink does not answer; its words stand on standard error")
                time.sleep(0.02)
            yield Sink(found, port, running.pid, counts)
        finally:
            running.terminate()
            running.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
