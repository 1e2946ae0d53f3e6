"""Where a database lies, as far as the server and the process beside it can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from tamshy import sqlkit

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

_SQL: Final = sqlkit.queries(__package__)

Whereabouts: TypeAlias = dict[str, str]
"""What is known of where a database lies, by name; what cannot be known is absent and compared with nothing.

``server``: made once with the server's files; ``timeline``: begun anew by a stand-by that is promoted and by a restoring to a point
in time; ``place``: the folder of the server's files, for roles that may know; ``database`` and ``table``: numbers that a restored
dump gets anew; ``folder``: the data folder, as its process sees it on disk; ``name``: what the settings call this installation.
"""

_UNKNOWN: Final = frozenset({"42501", "42883", "0A000", "55000", "42704"})
"""What a server answers that does not tell: no right to know, no such function or setting, not while recovering."""


def whereabouts(conn: Connection, *, folder: str = "", name: str = "") -> Whereabouts:
    """Ask the server where it is, and add what the process knows itself; the connection must be in no failed transaction.

    ``folder`` and ``name`` are left out where they are empty.
    """
    found: Whereabouts = {}
    for key in ("server", "timeline", "place"):
        try:
            with conn.transaction():
                row = conn.execute(_SQL[key]).fetchone()
        except sqlkit.Error as exc:
            if sqlkit.sqlstate(exc) not in _UNKNOWN:
                raise
        else:
            if row is not None and row[0]:
                found[key] = str(row[0])
    row = conn.execute(_SQL["database"]).fetchone()
    if row is not None:
        found["database"], found["table"] = str(row[0]), str(row[1])
    return found | {key: value for key, value in (("folder", folder), ("name", name)) if value}


def differing(known: Whereabouts, here: Whereabouts) -> list[str]:
    """Name what is known on both sides and differs; of a copy on another server only that, not what follows from it."""
    found = [key for key in known if key in here and known[key] != here[key]]
    return ["server"] if "server" in found else found
