"""Which account runs the embedded PostgreSQL, and which folders that account gets to.

PostgreSQL refuses to run as root. Started as root, Tamshy runs it as the system user `tamshy`, with data and a copy of
the programs under `/var/lib/tamshy`; permissions of folders that are not ours are looked at and never changed.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tamshy.sqlkit.failures import EmbeddedError

SYSTEM_USER: Final = "tamshy"
SYSTEM_FOLDER: Final = Path("/var/lib/tamshy")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine that a server is run as in place of root."""

    name: str
    uid: int
    gid: int


def is_root() -> bool:
    """Tell whether this process may act as any account."""
    return os.geteuid() == 0


def system_account() -> Account:
    """Give the system user that runs PostgreSQL when Tamshy is started as root, made when missing.

    Raises:
        EmbeddedError: it is not there and cannot be made.
    """
    found = _lookup(SYSTEM_USER)
    if found is None:
        SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(SYSTEM_FOLDER / "account.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # Two `useradd` at once both make the user, and the second changes the id under what the first has started.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _lookup(SYSTEM_USER) is None:
                _create(SYSTEM_USER)
        finally:
            os.close(lock)
        found = _lookup(SYSTEM_USER)
    if found is None:
        msg = f"the system user `{SYSTEM_USER}` was made but is not found; look at `getent passwd {SYSTEM_USER}`"
        raise EmbeddedError(msg)
    return found


def account_of(uid: int) -> Account:
    """Give the account with this id, for a data folder that already belongs to somebody.

    Raises:
        EmbeddedError: no account has this id, so nothing can be run as it.
    """
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as exc:
        msg = f"no account of this machine has the id {uid}; give the data folder to one that exists (chown)"
        raise EmbeddedError(msg) from exc
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def system_folder(account: Account) -> Path:
    """Give Tamshy's folder for root, made when missing: root's own, which others may pass through.

    Raises:
        EmbeddedError: something is there that others could have tampered with.
    """
    SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
    seen = SYSTEM_FOLDER.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid not in {0, account.uid} or seen.st_mode & 0o022:
        msg = f"{SYSTEM_FOLDER} is not a folder that only root or {account.name} can write to; mend that first"
        raise EmbeddedError(msg)
    if blocked := first_closed(SYSTEM_FOLDER, account):
        msg = f"{account.name} cannot pass through {blocked}; give that folder back its usual mode 0755"
        raise EmbeddedError(msg)
    return SYSTEM_FOLDER


def first_closed(path: Path, account: Account) -> Path | None:
    """Find the first folder on the way to `path`, itself included, that `account` cannot pass; None when none is."""
    for folder in (*reversed(path.parents), path):
        if folder.is_dir() and not _may_pass(folder.stat(), account):
            return folder
    return None


def _may_pass(seen: os.stat_result, account: Account) -> bool:
    # The server runs without supplementary groups, so these three cases are all there is; an access list (ACL) that
    # lets it through is not seen here, and the folder is then refused rather than tried.
    if seen.st_uid == account.uid:
        return bool(seen.st_mode & stat.S_IXUSR)
    if seen.st_gid == account.gid:
        return bool(seen.st_mode & stat.S_IXGRP)
    return bool(seen.st_mode & stat.S_IXOTH)


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create(name: str) -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        msg = f"PostgreSQL does not run as root, and there is no `useradd` here: make a system user `{name}` yourself"
        raise EmbeddedError(msg)
    made = subprocess.run(
        [
            program,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            str(SYSTEM_FOLDER),
            "--shell",
            "/usr/sbin/nologin",
            name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # Somebody else may have made it in this moment; whether it is there is what counts, and the caller looks.
    if made.returncode != 0 and _lookup(name) is None:
        msg = f"`useradd --system {name}` failed: {made.stderr.strip()}; make that user yourself, or start as no root"
        raise EmbeddedError(msg)
