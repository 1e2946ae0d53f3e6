"""The data folder of an embedded server: where its cluster and socket go, and who owns it at the moment."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tamshy.sqlkit.account import Account, account_of, first_closed, is_root, system_account, system_folder
from tamshy.sqlkit.cluster import PORT
from tamshy.sqlkit.failures import DataFolderInUse, EmbeddedError, UnreachableDataFolder

_HOME: Final = "postgres"
_POINTER: Final = "postgres-lies-in"
# The address of a socket holds 108 bytes on Linux and 104 on macOS, with the zero at its end.
_LONGEST_SOCKET_PATH: Final = 103


@dataclass(frozen=True, slots=True)
class Place:
    """Where one embedded server lives: its home folder, its socket folder, its account (None: the one we are)."""

    home: Path
    sockets: Path
    account: Account | None

    @property
    def cluster(self) -> Path:
        """The folder of the cluster itself."""
        return self.home / "data"

    @property
    def lock(self) -> Path:
        """The file whose lock says who runs the server."""
        return self.home / "lock"


def place(data: Path, *, named: bool) -> Place:
    """Find or choose where the server of the data folder `data` lives, and make the folders on the way.

    As root, the database goes into `data` only where a person named that folder; else it goes under `/var/lib/tamshy`,
    and a note in `data` says where, which is followed from then on. A folder is made, or refused, and never altered.

    Raises:
        UnreachableDataFolder: the account that must run the server cannot get there; the message says the mend.
        EmbeddedError: the folder belongs to somebody else, or cannot be made.
    """
    data = data.expanduser().resolve()
    home = data / _HOME
    if not is_root():
        _make(data)
        _make(home)
        _refuse_others(home)
        return Place(home, _sockets(home, Path(tempfile.gettempdir()), None), None)
    pointed = _pointed(data)
    if pointed is None and not named and not home.exists():
        pointed = _point(data)
    if pointed is None:
        return _place_in(data)
    account = system_account()
    return Place(pointed, _sockets(pointed, system_folder(account), account), account)


def _make(folder: Path, mode: int = 0o700) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as exc:
        msg = f"the data folder {folder} cannot be made: {exc.strerror}; name one that you may write to"
        raise EmbeddedError(msg) from exc


def _refuse_others(home: Path) -> None:
    """Refuse to run, without being root, what another account made."""
    owner = home.stat().st_uid
    if owner != os.geteuid():
        msg = f"{home} belongs to the account with the id {owner}; start Tamshy as that account or as root"
        raise EmbeddedError(msg)


def _place_in(data: Path) -> Place:
    """As root: keep the database inside a folder that a person named, run by its owner or by the system user."""
    home = data / _HOME
    owner = home.stat().st_uid if home.exists() else 0
    account = account_of(owner) if owner != 0 else system_account()
    closed = first_closed(data, account)
    if closed is not None:
        base = system_folder(account)
        msg = (
            f"PostgreSQL does not run as root but as `{account.name}`, which cannot pass through {closed}, so it "
            f"cannot keep its data in {data}. Leave --data away, and the database goes under {base}; or name a "
            f"folder that it gets to, such as /srv/tamshy. Tamshy does not open {closed} for others by itself."
        )
        raise UnreachableDataFolder(msg)
    # What we make now others may pass through to the server's own folder, without seeing what else is in it.
    _make(data, 0o711)
    _own(home, account)
    return Place(home, _sockets(home, system_folder(account), account), account)


def _own(folder: Path, account: Account) -> None:
    """Make a private folder of the account that runs the server; one that is there already is left as it is."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, account.uid, account.gid)


def _pointed(data: Path) -> Path | None:
    """Follow the note in `data`: only root's own note, and only to a folder of ours that is there."""
    note = data / _POINTER
    try:
        seen = note.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    base = _clusters_folder()
    ours = stat.S_ISREG(seen.st_mode) and seen.st_uid == 0
    target = Path(note.read_text(encoding="utf-8").strip()) if ours else None
    if target is None or target.parent != base or not target.is_dir():
        msg = f"{note} does not lead to a database of Tamshy under {base}; restore that folder, or remove the note"
        raise EmbeddedError(msg)
    return target


def _point(data: Path) -> Path:
    """Choose a folder under `/var/lib/tamshy` for the database of `data`, and leave the note that says so."""
    _make(data)
    word = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    target = _clusters_folder() / word
    _own(target, system_account())
    handle, fresh = tempfile.mkstemp(dir=data, prefix=f".{_POINTER}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{target}\n")
    Path(fresh).chmod(0o644)
    Path(fresh).rename(data / _POINTER)
    return target


def _clusters_folder() -> Path:
    folder = system_folder(system_account()) / "clusters"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


def _sockets(home: Path, base: Path, account: Account | None) -> Path:
    """Give the folder of the socket: the home, or where its path is too long, a private folder under `base`.

    Raises:
        EmbeddedError: somebody else made a thing of that name first.
    """
    if len(os.fsencode(home / f".s.PGSQL.{PORT}.lock")) <= _LONGEST_SOCKET_PATH:
        return home
    uid = os.geteuid() if account is None else account.uid
    folder = base / f"tamshy-{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.uid, account.gid)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != uid or seen.st_mode & 0o077:
        msg = f"{folder} is there and not private to the account that runs PostgreSQL; look what it is and remove it"
        raise EmbeddedError(msg)
    return folder


class Ownership:
    """The right to run the server of one data folder, held by a lock that ends with this process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        # A forked child would hold the lock beyond our death; it has no business with it.
        os.register_at_fork(after_in_child=self._forget)

    @classmethod
    def take(cls, where: Place) -> Self:
        """Take the lock of a place, and write our process id into its file.

        Raises:
            DataFolderInUse: a living process holds it; the exception carries its id.
        """
        handle = os.open(where.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if where.account is not None:
            # The owner of the folder may start it without root one day.
            os.fchown(handle, where.account.uid, where.account.gid)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = _pid_of(handle)
            os.close(handle)
            who = f"process {pid}" if pid else "another process"
            msg = f"{who} runs the database in {where.home} already; stop it first, or name another data folder"
            raise DataFolderInUse(msg, pid) from exc
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return cls(handle)

    def release(self) -> None:
        """Give the right back; the file stays, so that two takers always meet at the same one."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1

    def _forget(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _pid_of(handle: int) -> int | None:
    text = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else None
