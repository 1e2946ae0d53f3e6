"""`backup` and `restore`: everything in one file, and back into an empty database, which then waits for a person."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tamshy import __version__, sqlkit, standing
from tamshy.site.clock import Clock
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.standing import here
from tamshy.site.commands.surroundings import NoWorkspace, WrongUse, configured
from tamshy.site.composition import SCHEMA_FILES
from tamshy.site.configuration import SECRET_FILE
from tamshy.site.database import database
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tamshy.site.configuration import Configuration

_DONE: Final = 0
LEFT_OUT: Final = ("worker", "anchor", "zone_span")
"""What a backup has no use for: who lives, how clocks stand, and the zones that the program brings."""
_BAR: Final = 30


def backup(options: argparse.Namespace) -> int:
    """Write everything to a file, while all goes on."""
    configuration = configured(options)
    path = Path(options.file)
    if not path.parent.is_dir():
        raise WrongUse(f"{path.parent} is no folder")
    with database(configuration) as dsn, sqlkit.connect(dsn, application="tamshy backup") as conn:
        if conn.execute("select to_regclass('installation')").fetchone() == (None,):
            raise NoWorkspace("the database is empty, or older than this program: run `tamshy migrate` first")
        conn.rollback()
        taken = Clock().real().isoformat(timespec="seconds")
        notes = {"version": __version__, "taken_at": taken}
        try:
            made = sqlkit.write_archive(
                conn, path, leave_out=LEFT_OUT, notes=notes, files=_secret(configuration), tell=_bar("backup")
            )
        except OSError as exc:
            raise WrongUse(f"{path} cannot be written: {exc.strerror or exc}") from exc
    told = {"file": str(path), "taken_at": taken, "rows": sum(made.rows.values()), "bytes": path.stat().st_size}
    if options.json:
        data(told | {"tables": made.rows})
    else:
        out(f"{told['rows']} rows of {len(made.tables)} tables in {path}, as of {taken}")
        if not made.files and (configuration.secret_key or configuration.database_url):
            remark(
                "TAMSHY_SECRET_KEY is not in it: without the same key, the links in mails that were sent lead nowhere"
            )
    return _DONE


def restore(options: argparse.Namespace) -> int:
    """Read a backup into an empty database, and put it on hold."""
    configuration = configured(options)
    path = Path(options.file)
    bar = _bar("restore")
    try:
        # Looked at before a database is made for it.
        sqlkit.check_archive(path, SCHEMA_FILES)
        with database(configuration, remark) as dsn, sqlkit.connect(dsn, application="tamshy restore") as conn:
            read = sqlkit.read_archive(conn, path, SCHEMA_FILES, bar)
            fill_zones(conn)
            now = Clock().real()
            standing.founded(conn, here(conn, configuration), uuid4(), now)
            standing.hold(conn, ["restored"], now, here(conn, configuration))
            _keep_secret(configuration, read.files.get(SECRET_FILE))
            conn.commit()
            conn.execute("analyze")
            conn.commit()
    except (sqlkit.BadArchive, sqlkit.NotEmpty) as exc:
        raise WrongUse(str(exc)) from exc
    rows = sum(read.rows.values())
    if options.json:
        data({"rows": rows, "tables": read.rows, "taken_at": read.notes.get("taken_at"), "on_hold": True})
    else:
        out(f"{rows} rows of {len(read.tables)} tables, as of {read.notes.get('taken_at')}")
        out(f"on hold: {standing.MEND}")
    return _DONE


def _secret(configuration: Configuration) -> dict[str, bytes]:
    """Give the key that signs links, where the data folder keeps it and nobody else does."""
    path = configuration.data_folder / SECRET_FILE
    if configuration.secret_key or configuration.database_url or not path.exists():
        return {}
    return {SECRET_FILE: path.read_bytes()}


def _keep_secret(configuration: Configuration, secret: bytes | None) -> None:
    """Put the key into the data folder, where there is none yet.

    Raises:
        WrongUse: there is another.
    """
    if secret is None:
        return
    if configuration.secret_key or configuration.database_url:
        remark(
            "the backup holds the key that signs links; set TAMSHY_SECRET_KEY to the same, or links in sent mails lead nowhere"
        )
        return
    path = configuration.data_folder / SECRET_FILE
    if path.exists():
        if path.read_bytes().strip() != secret.strip():
            raise WrongUse(
                f"{path} holds another key than the backup: restore into a new data folder, or remove that file"
            )
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())


def _bar(what: str) -> Callable[[int, int], None]:
    """Give what draws a bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda _done, _all: None
    last = [-1]

    def tell(done: int, total: int) -> None:
        share = 100 if total <= 0 else 100 * done // total
        if share == last[0]:
            return
        last[0] = share
        full = share * _BAR // 100
        sys.stderr.write(f"\r{what} [{'#' * full}{' ' * (_BAR - full)}] {share:3d} %" + ("\n" if share >= 100 else ""))  # noqa: PLR2004
        sys.stderr.flush()

    return tell
