"""A backup in one file: all tables as they stand at one moment, streamed, checked, and read back by any later version.

A tar archive: `manifest.json` first, then each table in pieces of COPY text, then `checks.json` with rows and hashes, which
a file that was cut off lacks. Tables are made by the schema files that they were made by, then brought up to date.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from tamshy.sqlkit.connection import quoted
from tamshy.sqlkit.failures import DatabaseError
from tamshy.sqlkit.migrations import migrate, schema_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from tamshy.sqlkit.connection import Connection

FORMAT: Final = 1
_KIND: Final = "tamshy backup"
_PIECE: Final = 4 << 20
"""Bytes of COPY text in one piece: what is held in memory at a time."""
_MANIFEST: Final = "manifest.json"
_CHECKS: Final = "checks.json"
_LARGEST_NOTE: Final = 64 << 20
"""Bytes that anything but a piece of a table may have."""

_TABLES: Final = """
select c.relname, pg_relation_size(c.oid),
    (select array_agg(a.attname::text order by a.attnum) from pg_attribute a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    (select array_agg(distinct t.relname::text) from pg_constraint k join pg_class t on t.oid = k.confrelid
        where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> c.oid)
from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> all(%s)
order by c.relname
"""


class BadArchive(DatabaseError):
    """A file is no backup, or not a whole one, or of a newer version; the message says which, and what to do."""


class NotEmpty(DatabaseError):
    """The database to restore into holds tables already."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a backup: its name and columns in order; ``size`` in bytes on disk, for progress."""

    name: str
    columns: tuple[str, ...]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup says of itself: the schema files it was made by, its tables, notes, rows of each table, and small files."""

    schema: dict[str, str]
    tables: tuple[Table, ...]
    notes: dict[str, Any]
    rows: dict[str, int] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


def write_archive(
    conn: Connection,
    path: Path,
    *,
    leave_out: Collection[str] = (),
    notes: Mapping[str, Any] | None = None,
    files: Mapping[str, bytes] | None = None,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> Archive:
    """Write all tables of the connection's schema as they stand at one moment; others go on reading and writing.

    Args:
        conn: in no transaction; its next one is the moment.
        path: must not exist; it appears whole or not at all, and only its owner may read it.
        leave_out: tables that are not written, beside the books of the migrations.
        notes: kept in the manifest.
        files: small files beside the tables, by name.
        tell: takes bytes written and bytes to write, roughly.

    Raises:
        FileExistsError: there is a file of that name.
    """
    if path.exists():
        raise FileExistsError(f"{path} is there already; name a new file, or remove that one")
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            made = _write(conn, file, {*leave_out, "schema_version"}, dict(notes or {}), dict(files or {}), tell)
            file.flush()
            os.fsync(file.fileno())
        os.link(staged, path)
    finally:
        staged.unlink(missing_ok=True)
    return made


def _write(
    conn: Connection,
    file: IO[bytes],
    leave_out: set[str],
    notes: dict[str, Any],
    files: dict[str, bytes],
    tell: Callable[[int, int], None],
) -> Archive:
    rows: dict[str, int] = {}
    hashes: dict[str, str] = {}
    with conn.transaction(), tarfile.open(fileobj=file, mode="w|") as tar:
        conn.execute("set transaction isolation level repeatable read, read only")
        schema = {
            str(name): str(sha) for name, sha in conn.execute("select name, sha256 from schema_version order by 1")
        }
        tables = _tables(conn, leave_out)
        kept = [{"name": table.name, "columns": table.columns} for table in tables]
        _put_note(tar, _MANIFEST, {"kind": _KIND, "format": FORMAT, "schema": schema, "tables": kept, "notes": notes})
        for name, content in files.items():
            _put(tar, f"files/{name}", content)
        done, total = 0, sum(table.size for table in tables)
        for table in tables:
            digest, count = hashlib.sha256(), 0
            for number, piece in enumerate(_pieces(conn, table)):
                digest.update(piece)
                count += piece.count(b"\n")
                _put(tar, f"tables/{table.name}/{number:06}", gzip.compress(piece, 1))
                done += len(piece)
                tell(min(done, total), total)
            rows[table.name], hashes[table.name] = count, digest.hexdigest()
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        _put_note(tar, _CHECKS, {"rows": rows, "sha256": hashes, "files": sums})
    tell(total, total)
    return Archive(schema, tables, notes, rows, files)


def _tables(conn: Connection, leave_out: set[str]) -> tuple[Table, ...]:
    """Every table, after those that its foreign keys point at."""
    waiting = {
        name: (Table(name, tuple(columns), size), set(before or ()))
        for name, size, columns, before in conn.execute(_TABLES, [sorted(leave_out)])
    }
    found: list[Table] = []
    while waiting:
        ready = [name for name, (_, before) in waiting.items() if not before & waiting.keys()]
        found += [waiting.pop(name)[0] for name in ready or list(waiting)]
    return tuple(found)


def _pieces(conn: Connection, table: Table) -> Iterator[bytes]:
    """A table's rows as COPY text, in pieces of whole lines."""
    columns = ", ".join(quoted(column) for column in table.columns)
    held = bytearray()
    with conn.cursor() as cursor, cursor.copy(f"copy {quoted(table.name)} ({columns}) to stdout".encode()) as copy:
        for data in copy:
            held += data
            if len(held) >= _PIECE and held.endswith(b"\n"):
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)


def check_archive(path: Path, package: str, tell: Callable[[int, int], None] = lambda _done, _all: None) -> Archive:
    """Read a backup to its end and hold it to its checks, without a database.

    Args:
        path: the file.
        package: of the schema files of this program.
        tell: takes bytes read and the file's bytes.

    Raises:
        BadArchive: it is none, was cut off or changed, or is of a newer version.
    """
    found: Archive | None = None
    checks: dict[str, Any] | None = None
    rows: dict[str, int] = {}
    digests: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    for name, content in _members(path, tell):
        folder, _, rest = name.partition("/")
        if name == _MANIFEST:
            found = _manifest(path, content, package)
        elif found is None:
            break
        elif folder == "files":
            files[rest] = content
        elif folder == "tables":
            table = rest.partition("/")[0]
            digests.setdefault(table, hashlib.sha256()).update(content)
            rows[table] = rows.get(table, 0) + content.count(b"\n")
        elif name == _CHECKS:
            checks = json.loads(content)
    if found is None:
        raise BadArchive(f"{path} is no backup of Tamshy")
    if checks is None:
        raise BadArchive(f"{path} is not whole: its end is missing; take another backup")
    empty = hashlib.sha256().hexdigest()
    seen = {table.name: digests[table.name].hexdigest() if table.name in digests else empty for table in found.tables}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    if seen != checks["sha256"] or sums != checks["files"]:
        raise BadArchive(
            f"{path} was changed after it was made: what is in it does not fit its checks; take another backup"
        )
    return Archive(found.schema, found.tables, found.notes, checks["rows"], files)


def read_archive(
    conn: Connection, path: Path, package: str, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> Archive:
    """Read a backup into an empty database, up to date with this program; the caller commits.

    Raises:
        BadArchive: it is none, was cut off or changed, or is of a newer version; nothing was changed.
        NotEmpty: there are tables already.
    """
    archive = check_archive(path, package, lambda done, size: tell(done // 2, size))
    there = conn.execute(
        "select min(relname::text) from pg_class where relnamespace = current_schema()::regnamespace and relkind = 'r'"
    ).fetchone()
    if there is not None and there[0] is not None:
        raise NotEmpty(f"the database holds tables ({there[0]} …): restore into an empty one, nothing is overwritten")
    migrate(conn, package, only=archive.schema.keys())
    columns = {table.name: table.columns for table in archive.tables}
    for name in columns:
        # What schema files put in by themselves stands in the backup too.
        conn.execute(f"truncate {quoted(name)} cascade".encode())
    for name, content in _members(path, lambda done, size: tell((size + done) // 2, size)):
        folder, _, rest = name.partition("/")
        if folder == "tables":
            _load(conn, rest.partition("/")[0], columns, content)
    migrate(conn, package)
    return archive


def _load(conn: Connection, table: str, columns: Mapping[str, tuple[str, ...]], content: bytes) -> None:
    names = ", ".join(quoted(column) for column in columns[table])
    with conn.cursor() as cursor, cursor.copy(f"copy {quoted(table)} ({names}) from stdin".encode()) as copy:
        copy.write(content)


def _manifest(path: Path, content: bytes, package: str) -> Archive:
    try:
        told = json.loads(content)
    except ValueError as exc:
        raise BadArchive(f"{path} is no backup of Tamshy") from exc
    if not isinstance(told, dict) or told.get("kind") != _KIND:
        raise BadArchive(f"{path} is no backup of Tamshy")
    known = {file.name: file.sha256 for file in schema_files(package)}
    newer = sorted(told["schema"].keys() - known.keys())
    if told["format"] != FORMAT or newer:
        what = newer[0] if newer else f"format {told['format']}"
        raise BadArchive(
            f"{path} was made by a newer Tamshy (it has {what}): restore it with that version or a later one"
        )
    other = sorted(name for name, sha in told["schema"].items() if known[name] != sha)
    if other:
        raise BadArchive(f"{path} was made by another Tamshy, whose {other[0]} differs from ours")
    tables = tuple(Table(table["name"], tuple(table["columns"])) for table in told["tables"])
    return Archive(told["schema"], tables, told["notes"])


def _members(path: Path, tell: Callable[[int, int], None]) -> Iterator[tuple[str, bytes]]:
    """The files of a backup in order, pieces of tables unpacked."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() and member.size <= _LARGEST_NOTE else None
                if content is None:
                    raise BadArchive(f"{path} is no backup of Tamshy: {member.name} does not belong in one")
                data = content.read()
                tell(file.tell(), size)
                yield member.name, gzip.decompress(data) if member.name.startswith("tables/") else data
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, OSError) as exc:
        if isinstance(exc, FileNotFoundError | IsADirectoryError | PermissionError):
            raise BadArchive(f"{path} cannot be read: {exc.strerror}") from exc
        raise BadArchive(f"{path} is no whole backup of Tamshy: {exc}") from exc


def _put_note(tar: tarfile.TarFile, name: str, note: object) -> None:
    _put(tar, name, json.dumps(note, indent=1).encode())


def _put(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))
