"""Throwaway servers: for `simulate`, `test` and the test suite, gone with the process that asked for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tamshy.sqlkit.account import Account, is_root, system_account, system_folder
from tamshy.sqlkit.binaries import Binaries, binaries_in, copied_to, provided
from tamshy.sqlkit.cluster import Cluster
from tamshy.sqlkit.postmaster import Postmaster, Start, socket_dsn
from tamshy.sqlkit.template import copy_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class ScratchServer:
    """A running throwaway server: its address, process id and major version."""

    dsn: str
    pid: int
    major: int


@contextmanager
def scratch_server(
    *,
    programs: Path | None = None,
    within: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[ScratchServer]:
    """Run a throwaway PostgreSQL with an empty database for the length of a `with` block.

    It writes without waiting for the disk, listens on a socket in a private folder only, and goes with its folder at
    the end of the block, and also when this process is killed. As root it runs as the system user `tamshy`.

    Args:
        programs: a folder with PostgreSQL's programs, to run another version; default those of the wheel.
        within: the folder to make its own in, which the server's account must be able to enter; default the system's for
            what passes.
        say: takes lines about what takes long.

    Raises:
        EmbeddedError: the server cannot be made or started.
    """
    account = system_account() if is_root() else None
    binaries = _binaries(programs, account)
    with _folder(account, within) as folder:
        cluster = Cluster(binaries, folder / "data", account)
        copy_template(cluster)
        running = Postmaster(Start(cluster, folder, durable=False, throwaway=folder), say)
        try:
            yield ScratchServer(socket_dsn(folder), running.pid, binaries.major)
        finally:
            running.stop()


def _binaries(programs: Path | None, account: Account | None) -> Binaries:
    if programs is not None:
        return binaries_in(programs)
    return provided() if account is None else copied_to(system_folder(account))


@contextmanager
def _folder(account: Account | None, base: Path | None) -> Iterator[Path]:
    """Make a private folder for one server, short enough for a socket's path, and remove it at the end."""
    if account is not None and base is None:
        base = system_folder(account) / "scratch"
        base.mkdir(mode=0o755, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="tamshy-", dir=base))
    try:
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
