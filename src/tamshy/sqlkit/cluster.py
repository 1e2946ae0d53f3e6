"""A cluster on disk: made by `initdb`, whole or not at all, and the settings a server of it starts with."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tamshy.sqlkit.failures import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamshy.sqlkit.account import Account
    from tamshy.sqlkit.binaries import Binaries

ROLE: Final = "tamshy"
DATABASE: Final = "tamshy"
PORT: Final = 5432
"""Names the socket file only; an embedded server listens on no network."""

_ADMIN: Final = "postgres"
_MIB: Final = 1024 * 1024
_FIRST_BUILTIN_LOCALE: Final = 17
_FIRST_ASYNC_IO: Final = 18

# The role that Tamshy works as owns its database and may make others; it is no superuser.
_FIRST_STATEMENTS: Final = f"create role {ROLE} login createdb;\ncreate database {DATABASE} owner {ROLE};\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster: the programs that run it, its folder, and the account it runs as (None: our own)."""

    binaries: Binaries
    folder: Path
    account: Account | None

    def exists(self) -> bool:
        """Tell whether the cluster was made; a half-made one has another name."""
        return (self.folder / "PG_VERSION").exists()

    def run(self, command: Sequence[str], *, stdin: str | None = None) -> None:
        """Run one of PostgreSQL's programs to its end as the cluster's account.

        Raises:
            EmbeddedError: it failed; the message holds what it said.
        """
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder.parent,
            **process_identity(self.account),
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            msg = f"{Path(command[0]).name} failed with code {done.returncode}: {said}"
            raise EmbeddedError(msg)


def process_identity(account: Account | None) -> dict[str, Any]:
    """Give the arguments of `subprocess` that run a program as `account` and in a clean environment."""
    # Settings for clients (PGHOST, PGOPTIONS, …) must not reach our own server; neither may a locale it does not have.
    env = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    if account is None:
        return {"env": env}
    return {"env": env, "user": account.uid, "group": account.gid, "extra_groups": []}


def make(cluster: Cluster, *, synced: bool = True) -> None:
    """Make the cluster with its role and database; `synced` False where a crash of the machine may lose it.

    Raises:
        EmbeddedError: initdb or the first statements failed; nothing is left at the cluster's folder.
    """
    fresh = Cluster(cluster.binaries, cluster.folder.with_name(f".{cluster.folder.name}-new"), cluster.account)
    shutil.rmtree(fresh.folder, ignore_errors=True)
    folder = str(fresh.folder)
    fresh.run([cluster.binaries.program("initdb"), "-D", folder, *_initdb_options(cluster.binaries, synced=synced)])
    sync = "on" if synced else "off"
    single = [cluster.binaries.program("postgres"), "--single", "-D", folder, "-c", f"fsync={sync}", _ADMIN]
    fresh.run(single, stdin=_FIRST_STATEMENTS)
    fresh.folder.rename(cluster.folder)


def _initdb_options(binaries: Binaries, *, synced: bool) -> list[str]:
    options = [
        f"--username={_ADMIN}",
        # Who gets to the socket is who gets through the folder's permissions; there is no other way in.
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
    ]
    if binaries.major >= _FIRST_BUILTIN_LOCALE:
        # PostgreSQL's own C.UTF-8 orders and folds alike on every machine and after every update of its libc.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        options += ["--locale=C.UTF-8"]
    return options if synced else [*options, "--no-sync"]


def check_major(cluster: Cluster) -> None:
    """Refuse a cluster that another major version of PostgreSQL made.

    Raises:
        EmbeddedError: it needs an upgrade, or newer programs.
    """
    made_by = (cluster.folder / "PG_VERSION").read_text(encoding="ascii").strip()
    if made_by != str(cluster.binaries.major):
        msg = (
            f"{cluster.folder} was made by PostgreSQL {made_by}, and the programs here are {cluster.binaries.major}; "
            f"dump it with the version that made it (pg_dump) and restore it into a new folder"
        )
        raise EmbeddedError(msg)


def settings(cluster: Cluster, sockets: Path, *, durable: bool, throwaway: bool = False) -> dict[str, str]:
    """Give the settings a server of this cluster is started with.

    `durable` outlives the machine's sudden end, all but `throwaway` that of any process.
    """
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # No error of a statement, nor the row that a constraint refused, nor the statement: each may hold what is a person's
        # (`invalid input syntax for type boolean: "…"`). Who sent the statement hears it; the server's own troubles are written.
        "log_min_messages": "log",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "jit": "off",
        "random_page_cost": "1.1",
        "max_wal_size": "4GB",
        # Rows of the engine live for a few updates; dead ones must go before they slow the next pass.
        "autovacuum_vacuum_cost_delay": "0",
        "autovacuum_naptime": "15s",
    }
    chosen |= _lasting() if durable else _passing(cluster.binaries)
    if throwaway:
        chosen["synchronous_commit"] = "off"
        # A long history is played here within minutes: what lies in memory need not be written to be read again.
        chosen["shared_buffers"] = f"{min(max(_memory_mib() // 32, 128), 1024)}MB"
    return chosen


def _lasting() -> dict[str, str]:
    memory = _memory_mib()
    shared = min(max(memory // 8, 128), 2048)
    return {
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(memory // 2, 256)}MB",
        "maintenance_work_mem": f"{min(max(memory // 32, 64), 512)}MB",
        "work_mem": "16MB",
        "checkpoint_timeout": "10min",
        "log_lock_waits": "on",
        "log_checkpoints": "off",
        "logging_collector": "on",
        # One file for each day of the week, each overwritten a week later: the log never fills a disk.
        "log_directory": "log",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_rotation_size": "0",
        "log_truncate_on_rotation": "on",
    }


def _passing(binaries: Binaries) -> dict[str, str]:
    chosen = {
        "shared_buffers": "128MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "128MB",
        "fsync": "off",
        "full_page_writes": "off",
        # Whoever connects can tell that nothing here is meant to last.
        "tamshy.passing": "on",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "checkpoint_timeout": "1h",
    }
    if binaries.major >= _FIRST_ASYNC_IO:
        chosen["io_method"] = "sync"
    return chosen


def _memory_mib() -> int:
    """Tell the memory this machine, or the container around us, lets us use, in MiB."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    limit = Path("/sys/fs/cgroup/memory.max")
    try:
        text = limit.read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(text) // _MIB) if text.isdigit() else physical
