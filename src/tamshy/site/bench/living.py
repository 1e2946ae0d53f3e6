"""Tamshy's own processes, as `serve` runs them, on a database of the ground."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.accounts import KeyKind, add_key
from tamshy.site.bench.shop import SQL
from tamshy.site.clock import Clock
from tamshy.site.configuration import PREFIX, Configuration, environment
from tamshy.site.founding import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

WRITE_KEY: Final = "bench-write-key"
_START_S: Final = 60.0
_LOOK_S: Final = 0.05
_AWAY: Final = ("DATABASE_URL", PREFIX)


def configured(conn: Connection, book: Rulebook, dsn: str) -> tuple[Configuration, UUID]:
    """Give settings for processes on the database of a connection, ready to work, and the id of `WRITE_KEY`; commits."""
    configuration = Configuration(
        database_url=sqlkit.dsn_of(dsn, conn.info.dbname), secret_key=secrets.token_hex(32), base_url="http://127.0.0.1"
    )
    now = Clock().real()
    found(configuration.database_url, configuration, now)
    key = add_key(conn, book.workspace, KeyKind.WRITE, WRITE_KEY, name="bench", now=now)
    conn.commit()
    return configuration, key


@contextmanager
def web(configuration: Configuration) -> Iterator[int]:
    """Run a web process for a `with` block; gives its port.

    Raises:
        RuntimeError: it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    with _process(configuration, "web", "--port", str(port)) as process:
        _wait(lambda: _answers(port), [process], "the web process does not answer")
        yield port


@contextmanager
def workers(configuration: Configuration, count: int) -> Iterator[None]:
    """Run so many workers for a `with` block, which begins when they have shared out the buckets.

    Raises:
        RuntimeError: they do not.
    """
    with ExitStack() as stack, sqlkit.connect(configuration.database_url, autocommit=True) as conn:
        running = [stack.enter_context(_process(configuration, "worker")) for _ in range(count)]

        def shared() -> bool:
            row = conn.execute(SQL["owners"]).fetchone()
            return row is not None and row[0] == count and row[1] == 0

        _wait(shared, running, "the workers do not share out the buckets")
        yield


def _wait(there: Callable[[], bool], running: Sequence[subprocess.Popen[bytes]], otherwise: str) -> None:
    begun = time.monotonic()
    while not there():
        ended = any(process.poll() is not None for process in running)
        if ended or time.monotonic() - begun > _START_S:
            raise RuntimeError(otherwise)
        time.sleep(_LOOK_S)


@contextmanager
def _process(configuration: Configuration, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of our processes; its log goes to a file that nobody reads."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(_AWAY)}
    command = [sys.executable, "-m", "tamshy.site.cli", *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**plain, **environment(configuration)}, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
