"""Schema files: numbered SQL, applied once each, in order, in one transaction each.

The table `schema_version` of the target schema holds what was applied, by name and hash. The same files build the
product's tables (through Django's migrations), a scratch schema of `simulate`, and the tests' template database.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import errors, sql

from tamshy.sqlkit.failures import MigrationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from tamshy.sqlkit.connection import Connection

_FILE_NAME: Final = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One schema file: `name` without folder (`0001_workspace.sql`), its text, and the SHA-256 of the text in hex."""

    name: str
    text: str
    sha256: str


def schema_files(package: str) -> tuple[SchemaFile, ...]:
    """Read the schema files of a package (dotted name of the folder that holds them), in order of their numbers.

    Raises:
        MigrationError: a `.sql` file without a number, or two files with the same one.
    """
    found: dict[str, SchemaFile] = {}
    for entry in sorted(files(package).iterdir(), key=lambda item: item.name):
        if not entry.name.endswith(".sql"):
            continue
        if not _FILE_NAME.match(entry.name):
            msg = f"{package}/{entry.name}: a schema file is named NNNN_words.sql, as in 0007_outbox.sql"
            raise MigrationError(msg)
        number = entry.name[:4]
        if number in found:
            msg = f"{package}: {found[number].name} and {entry.name} carry the same number; renumber the newer one"
            raise MigrationError(msg)
        text = entry.read_text(encoding="utf-8")
        found[number] = SchemaFile(entry.name, text, hashlib.sha256(text.encode()).hexdigest())
    return tuple(found.values())


def migrate(
    conn: Connection, package: str, schema: str = "public", *, only: Collection[str] | None = None
) -> tuple[str, ...]:
    """Bring `schema` up to date with the schema files of `package`, or with those named in `only`.

    Does nothing where that was done.

    Every file runs in a transaction of its own with `schema` as the only search path, under a lock on
    `schema_version`, so that several programs may start at once. Files name no schema.

    Returns:
        The names of the files applied now, in order.

    Raises:
        MigrationError: a file changed after it was applied, a file was applied that is not there any more (the
            database is newer than this program), or PostgreSQL refused one (named, with its words).
    """
    wanted = schema_files(package)
    _prepare(conn, schema)
    known = {entry.name for entry in wanted}
    applied = []
    for file in wanted:
        if only is not None and file.name not in only:
            continue
        with conn.transaction():
            if _apply(conn, schema, file, known):
                applied.append(file.name)
    return tuple(applied)


def _prepare(conn: Connection, schema: str) -> None:
    """Make the schema and its `schema_version`, whoever else does the same at this moment."""
    name = sql.Identifier(schema)
    table = sql.SQL(
        "create table if not exists {}.schema_version ("
        " name text primary key, sha256 text not null, applied_at timestamptz not null default clock_timestamp())",
    )
    # `if not exists` looks before it leaps: of two sessions that create at once one fails after the other has
    # committed both, and then there is nothing left to do.
    known = (errors.UniqueViolation, errors.DuplicateSchema, errors.DuplicateTable, errors.DuplicateObject)
    with suppress(*known), conn.transaction():
        conn.execute(sql.SQL("create schema if not exists {}").format(name))
        conn.execute(table.format(name))


def _apply(conn: Connection, schema: str, file: SchemaFile, known: set[str]) -> bool:
    """Apply one file unless it was applied; True when it was applied now."""
    table = sql.SQL("{}.schema_version").format(sql.Identifier(schema))
    conn.execute(sql.SQL("lock table {} in share row exclusive mode").format(table))
    rows = conn.execute(sql.SQL("select name, sha256 from {}").format(table)).fetchall()
    applied = {str(name): str(sha256) for name, sha256 in rows}
    if foreign := sorted(applied.keys() - known):
        msg = f"schema {schema} was made by a newer Tamshy (it has {foreign[0]}); run that version, or restore a backup"
        raise MigrationError(msg)
    if file.name in applied:
        if applied[file.name] != file.sha256:
            msg = f"{file.name} was changed after it was applied to schema {schema}; put the change in a new file"
            raise MigrationError(msg)
        return False
    _run(conn, schema, file)
    conn.execute(
        sql.SQL("insert into {} (name, sha256) values (%s, %s)").format(table),
        [file.name, file.sha256],
    )
    return True


def _run(conn: Connection, schema: str, file: SchemaFile) -> None:
    """Run the statements of a file with `schema` as the search path, and put the path back as it was."""
    conn.execute("select set_config('tamshy.search_path', current_setting('search_path'), true)")
    conn.execute(sql.SQL("set local search_path = {}").format(sql.Identifier(schema)))
    try:
        # Without parameters the text goes as one simple query, so a file may hold many statements.
        conn.execute(file.text)
    except psycopg.Error as exc:
        msg = f"PostgreSQL refused {file.name}: {exc}"
        raise MigrationError(msg) from exc
    conn.execute("select set_config('search_path', current_setting('tamshy.search_path'), true)")
