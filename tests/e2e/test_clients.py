"""Segment's and RudderStack's own libraries, with only the host changed, lose nothing while the server is gone.

The web server is a process of its own, killed in the middle of the traffic and started again five seconds later.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import rudderstack.analytics
import segment.analytics

from tamshy import sqlkit
from tamshy.site.configuration import Configuration
from tamshy.site.founding import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

ROOT = Path(__file__).parents[2]
KEY = "a-write-key-of-the-tests"
STOP_S = 5.0
CALLS = 600


@dataclass
class Server:
    """`tamshy web` as a process of its own."""

    dsn: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        settings = {"DATABASE_URL": self.dsn, "TAMSHY_SECRET_KEY": "0123456789abcdef0123456789abcdef"}
        # A throwaway database does not wait for the disk.
        command = [sys.executable, "-m", "tamshy.site.cli", "web", "--port", str(self.port), "--accept-loss"]
        self.process = subprocess.Popen(command, env={**os.environ, **settings}, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, "the web server ended by itself"
            assert time.monotonic() < deadline, "the web server does not answer"
            wait_out(0.1)
        self.starts.append(time.monotonic())

    def answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """End the server and its worker at once, with nothing finished."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def wait_out(seconds: float) -> None:
    """Wait where nothing tells when it is over."""
    time.sleep(seconds)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(databases: Databases) -> Iterator[Server]:
    name = f"tamshy_clients_{os.getpid()}"
    dsn = databases.create(name)
    found(dsn, Configuration(bootstrap_write_key=KEY), datetime.now(tz=UTC))
    made = Server(dsn, free_port())
    made.start()
    yield made
    made.kill()
    databases.drop(name)


@contextmanager
def full_stop(server: Server) -> Iterator[None]:
    """Kill the server, let the block go on without it, and start it again when five seconds are over."""
    server.kill()
    since = time.monotonic()
    yield
    wait_out(max(0.0, STOP_S - (time.monotonic() - since)))
    server.start()
    assert server.starts[-1] - since >= STOP_S


def numbers(server: Server) -> list[int]:
    """The numbers of the calls that arrived, each as often as it was stored."""
    with sqlkit.connect(server.dsn) as conn:
        rows = conn.execute("select (properties ->> 'number')::integer from inbox where kind = 'event'").fetchall()
    return sorted(number for (number,) in rows)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda key, host, failed: segment.analytics.Client(key, host=host, on_error=failed), id="segment-python"
        ),
        pytest.param(
            lambda key, host, failed: rudderstack.analytics.Client(key, host=host, on_error=failed), id="rudder-python"
        ),
    ],
)
@pytest.mark.slow
def test_a_python_library_delivers_every_call_over_a_full_stop(server: Server, make: Callable[..., Any]) -> None:
    failures: list[object] = []
    client = make(KEY, server.host, lambda error, _items: failures.append(error))
    for number in range(CALLS // 3):
        client.track(f"u{number % 50}", "Product Viewed", {"number": number})
    with full_stop(server):
        for number in range(CALLS // 3, 2 * CALLS // 3):
            client.track(f"u{number % 50}", "Product Viewed", {"number": number})
    for number in range(2 * CALLS // 3, CALLS):
        client.track(f"u{number % 50}", "Product Viewed", {"number": number})
    client.flush()
    client.join()
    assert failures == []
    assert numbers(server) == list(range(CALLS))


@pytest.mark.slow
def test_the_library_for_node_delivers_every_call_over_a_full_stop(server: Server) -> None:
    modules = Path(os.environ.get("NODE_PATH") or ROOT / "node_modules")
    assert (modules / "@segment" / "analytics-node").is_dir(), "Segment's library for Node.js is missing: `make setup`"
    script = Path(__file__).parent / "segment_node.mjs"
    command = ["node", str(script), server.host, KEY, str(CALLS), "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as node:
        assert node.stdout is not None
        said: list[str] = []
        for line in node.stdout:
            said.append(line.strip())
            if line.startswith(f"sent {CALLS // 3}\n"):
                with full_stop(server):
                    pass
        assert node.wait() == 0
    assert said[-2:] == ['{"failures":[]}', "done"]
    assert numbers(server) == list(range(CALLS))
