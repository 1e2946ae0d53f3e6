"""A new database: its tables, the zones, the first workspace and its keys, which are shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from tamshy import sqlkit, standing
from tamshy.accounts import KeyKind, add_key, keys_of, new_secret
from tamshy.publish import create_workspace, workspace_names
from tamshy.site.composition import SCHEMA_FILES
from tamshy.site.whereabouts import folder_mark
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.site.configuration import Configuration

FIRST_WORKSPACE: Final = "default"
BUCKETS: Final = 64
_LOCK: Final = "lock table schema_version in share row exclusive mode"


@dataclass(frozen=True, slots=True)
class Founded:
    """What was made now: schema files applied, and the keys of the first workspace where it had none.

    `made` holds only keys that were made up; those that the settings gave are known to whoever set them. `held` names
    the reasons for which nothing leaves.
    """

    applied: tuple[str, ...]
    made: dict[KeyKind, str]
    held: tuple[str, ...] = ()


def found(dsn: str, configuration: Configuration, now: datetime) -> Founded:
    """Bring the database up to date, and make the first workspace with its keys where it is new.

    Does nothing where all is there. Several processes may do it at once.

    Raises:
        DatabaseUnavailable: it does not answer.
        MigrationError: its tables are newer than this program, or were changed.
    """
    with sqlkit.connect(dsn, application="tamshy migrate") as conn:
        applied = sqlkit.migrate(conn, SCHEMA_FILES)
        # One at a time from here: of two that start at once, one finds the other's workspace and keys.
        conn.execute(_LOCK)
        fill_zones(conn)
        names = workspace_names(conn)
        made: dict[KeyKind, str] = {}
        if not names:
            workspace = create_workspace(conn, FIRST_WORKSPACE, buckets=BUCKETS)
            made = _first_keys(conn, workspace, configuration, now)
        held = _recognised(conn, configuration, now)
        conn.commit()
    return Founded(applied, made, held)


def _recognised(conn: sqlkit.Connection, configuration: Configuration, now: datetime) -> tuple[str, ...]:
    """Write down where a new database lies; hold one that is another than the one that was written down."""
    folder = "" if configuration.database_url else folder_mark(configuration)
    here = standing.whereabouts(conn, folder=folder, name=configuration.instance)
    standing.founded(conn, here, uuid4(), now)
    found = standing.look(conn, here)
    if found.clear:
        standing.learn(conn, here)
    else:
        standing.hold(conn, found.reasons, now, here)
    return found.reasons


def _first_keys(
    conn: sqlkit.Connection,
    workspace: int,
    configuration: Configuration,
    now: datetime,
) -> dict[KeyKind, str]:
    given = {KeyKind.WRITE: configuration.bootstrap_write_key, KeyKind.API: configuration.bootstrap_api_key}
    made = {}
    if keys_of(conn, workspace):
        return {}
    for kind, secret in given.items():
        if not secret:
            made[kind] = new_secret(kind)
        add_key(conn, workspace, kind, secret or made[kind], name="first", now=now)
    return made
