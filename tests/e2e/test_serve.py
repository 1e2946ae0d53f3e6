"""`tamshy serve`: everything on one machine; what dies is started again, and all stops together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

KEY = "a-write-key-of-the-tests"
PATIENCE_S = 60.0
EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"


class Serving:
    """A running `tamshy serve` on a database of its own."""

    def __init__(self, dsn: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.dsn = dsn
        settings = {
            "DATABASE_URL": dsn,
            "TAMSHY_SECRET_KEY": "0123456789abcdef0123456789abcdef",
            "TAMSHY_BOOTSTRAP_WRITE_KEY": KEY,
        }
        command = [sys.executable, "-m", "tamshy.site.cli", "serve", str(EXAMPLE), "--port", str(self.port)]
        self.process = subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)

    def children(self) -> dict[str, int]:
        """The processes it has started, by their command."""
        found = {}
        for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "tamshy.site.cli" in words:
                found[words[words.index("tamshy.site.cli") + 1]] = int(pid)
        return found

    def ask(self, method: str, path: str, body: object = None) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body), {"X-Write-Key": KEY})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what} took longer than {PATIENCE_S:g} s"
            assert self.process.poll() is None, "it ended by itself"
            time.sleep(0.1)

    def ready(self) -> bool:
        return self.ask("GET", "/readyz") == 200

    def worked(self) -> list[str]:
        """The names of the events that workers have taken in."""
        with sqlkit.connect(self.dsn) as conn:
            return [name for (name,) in conn.execute("select name from event where origin = 0 order by name")]


@pytest.fixture
def serving(databases: Databases) -> Iterator[Serving]:
    name = f"tamshy_serving_{os.getpid()}"
    made = Serving(databases.create(name))
    yield made
    if made.process.poll() is None:
        made.process.kill()
    made.process.wait()
    made.process.communicate()
    databases.drop(name)


@pytest.mark.slow
def test_what_dies_is_started_again_and_all_stops_together(serving: Serving) -> None:
    serving.until(serving.ready, "the start")
    assert serving.ask("POST", "/v1/track", {"userId": "u1", "event": "One"}) == 200
    serving.until(lambda: serving.worked() == ["One"], "the first event")

    before = serving.children()
    assert set(before) == {"web", "worker"}
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    serving.until(lambda: set(serving.children()) == {"web", "worker"}, "the restart")
    serving.until(serving.ready, "the web server's restart")
    after = serving.children()
    assert set(after.values()).isdisjoint(before.values())
    assert serving.ask("POST", "/v1/track", {"userId": "u1", "event": "Two"}) == 200
    serving.until(lambda: serving.worked() == ["One", "Two"], "the second event")

    serving.process.send_signal(signal.SIGTERM)
    said, _ = serving.process.communicate(timeout=PATIENCE_S)
    assert serving.process.returncode == 0
    assert serving.ask("GET", "/healthz") == 0
    assert [pid for pid in after.values() if Path(f"/proc/{pid}").exists()] == []
    # The write key was given; the API key was made up, and shown once.
    assert [line.split(":")[0] for line in said.splitlines()] == ["API key, shown this once"]
