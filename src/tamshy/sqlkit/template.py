"""A new cluster by copying one that is kept: a tenth of the time of `initdb`, for what need not outlive the machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamshy.sqlkit import cluster as clusters
from tamshy.sqlkit.account import Account, system_folder
from tamshy.sqlkit.cluster import Cluster
from tamshy.sqlkit.failures import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Raised whenever what is inside a new cluster changes, so that templates of before are not used any more.
_FORM: Final = "1"


def copy_template(cluster: Cluster) -> None:
    """Make the cluster as a copy of a template, which is made once for each build of PostgreSQL and then kept.

    Raises:
        EmbeddedError: the template cannot be made or copied; nothing is left at the cluster's folder.
    """
    template = _template(cluster)
    fresh = cluster.folder.with_name(f".{cluster.folder.name}-new")
    shutil.rmtree(fresh, ignore_errors=True)
    # `cp` as the server's account: what it writes belongs to that account, and modes stay as they are.
    cluster.run(["/bin/cp", "-Rp", str(template), str(fresh)])
    fresh.rename(cluster.folder)


def _template(cluster: Cluster) -> Path:
    base = _base(cluster.account)
    key = hashlib.sha256(f"{cluster.binaries.build} {_FORM}".encode()).hexdigest()[:12]
    folder = base / f"template-{cluster.binaries.major}-{key}"
    template = Cluster(cluster.binaries, folder, cluster.account)
    if not template.exists():
        # Of two that start at once the second waits here and finds it made.
        with _alone(base):
            if not template.exists():
                clusters.make(template, synced=False)
    return folder


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    # The lock lies beside the folder, not in it: there the server's account could put a link of that name for root.
    with base.with_name(f"{base.name}.lock").open("w") as lock:
        # Closing the file lets go.
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _base(account: Account | None) -> Path:
    """Give the folder that keeps templates: nobody else may write to it, for what is in it is run as a server."""
    if account is not None:
        base = system_folder(account) / "templates"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tamshy"
    base.parent.mkdir(parents=True, exist_ok=True)
    # Nobody looks at the folder while somebody else has made it and not yet given it away.
    with _alone(base):
        if not base.exists():
            base.mkdir(mode=0o700)
            if account is not None:
                os.chown(base, account.uid, account.gid)
    seen = base.lstat()
    if seen.st_mode & 0o022 or seen.st_uid != (os.geteuid() if account is None else account.uid):
        msg = f"{base} is not private to the account that runs PostgreSQL (mode {seen.st_mode & 0o777:o}); remove it"
        raise EmbeddedError(msg)
    return base
