"""Whether a database is one to trust a shop's calls to: looked at before anything begins to work on it.

A 200 for a call means that it is on disk, and a decision is made by what is known: a server that forgets what it was told, and a
copy that lags behind, both break that silently, months before anybody notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable

_Q: Final = sqlkit.queries(__package__, "soundness.sql")
_AGAIN_S: Final = 1.0


class UnsoundDatabase(ValueError):
    """The database may lose what it was told, or does not show it; the message says what to set, and how to go on regardless."""


def faults(conn: sqlkit.Connection) -> list[str]:
    """Give what is wrong with a database, each with its mend.

    Writes a mark and reads it back; leaves nothing. The connection is in autocommit.
    """
    row = conn.execute(_Q["durability"]).fetchone()
    if row is None:
        return []
    synced, waits, whole, read_only, _ = row
    if read_only:
        return ["it is a stand-by or read-only: give the address of the primary, for writing and reading alike"]
    found = []
    if not synced:
        found.append("fsync is off: with the machine's power goes everything; set fsync = on")
    if not waits:
        found.append(
            "synchronous_commit is off: a crash loses calls that were answered with 200; set synchronous_commit = on"
        )
    if not whole:
        found.append("full_page_writes is off: a crash may tear pages; set full_page_writes = on")
    if not _sees_what_it_wrote(conn):
        mend = "something in between asks a copy that lags; connect to the primary alone"
        found.append(f"what was written is not there when it is read: {mend}")
    return found


def _sees_what_it_wrote(conn: sqlkit.Connection) -> bool:
    if conn.execute("select to_regclass('worker')").fetchone() == (None,):
        return True
    given = {"mark": f"mark/{uuid4()}"}
    conn.execute(_Q["leave_mark"], given)
    try:
        return conn.execute(_Q["see_mark"], given).fetchone() == (1,)
    finally:
        conn.execute(_Q["wipe_mark"], given)


def refuse_unsound(dsn: str, *, accepted: bool, wait: Callable[[float], bool | None] | None = None) -> None:
    """Refuse to work on a database that may lose calls, or lags.

    Args:
        dsn: the database.
        accepted: a person has said that it may (`--accept-loss`).
        wait: waits for a database that is away, and says whether to stop; None: it is not waited for.

    Raises:
        UnsoundDatabase: it may.
        DatabaseUnavailable: it does not answer, and is not waited for.
    """
    if accepted:
        return
    found: list[str] = []
    while True:
        try:
            with sqlkit.connect(dsn, autocommit=True) as conn:
                row = conn.execute(_Q["durability"]).fetchone()
                # One that was made to be thrown away promises nothing.
                found = [] if row is not None and row[4] else faults(conn)
            break
        except (sqlkit.DatabaseUnavailable, sqlkit.Error) as exc:
            if not sqlkit.is_retryable(exc):
                raise
            if wait is None:
                raise sqlkit.DatabaseUnavailable("the database went away while it was looked at") from exc
            if wait(_AGAIN_S):
                return
    if found:
        raise UnsoundDatabase(
            f"the database is not one to rely on: {'; '.join(found)}. --accept-loss starts regardless"
        )
