"""What most commands begin with: the settings with the command line's on top, the database, the workspace."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamshy import sqlkit
from tamshy.publish import workspace_names
from tamshy.site.configuration import Configuration, read_configuration
from tamshy.site.database import database

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


class NoWorkspace(LookupError):
    """There is no workspace of that name, or none at all; the message says which there are."""


class WrongUse(ValueError):
    """What was given on the command line cannot be used; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open connection, and the workspace that a command acts on."""

    conn: sqlkit.Connection
    workspace: str
    id: int
    first_bucket: int
    buckets: int


def configured(options: argparse.Namespace) -> Configuration:
    """Read the settings; what the command line says itself wins."""
    configuration = read_configuration()
    return replace(configuration, data=options.data) if getattr(options, "data", "") else configuration


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[Opened]:
    """Open the workspace that the options name, or the first, for a `with` block.

    Raises:
        NoWorkspace: there is none of that name.
        DatabaseError: the database cannot be reached.
    """
    with database(configured(options)) as dsn, sqlkit.connect(dsn) as conn:
        if conn.execute("select to_regclass('workspace')").fetchone() == (None,):
            raise NoWorkspace("the database is empty: run `tamshy serve` or `tamshy migrate` first")
        names = workspace_names(conn)
        wanted = options.workspace or (names[0] if names else "")
        if wanted not in names:
            known = ", ".join(names) or "none: run `tamshy serve` or `tamshy migrate` first"
            raise NoWorkspace(f"there is no workspace {wanted!r}; known are {known}")
        row = conn.execute(
            "select id, first_bucket, buckets from workspace where name = %(name)s",
            {"name": wanted},
        ).fetchone()
        if row is None:
            raise NoWorkspace(f"the workspace {wanted!r} was removed at this moment")
        yield Opened(conn, wanted, *row)
