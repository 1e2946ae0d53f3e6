"""Connections: one way to open them, so that every session reads time, text and plans alike."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from tamshy.sqlkit.failures import DatabaseUnavailable, InvalidDsn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose rows are tuples."""

    def numbered(self, statement: bytes, values: Sequence[object]) -> Cursor:
        """Run a statement with the placeholders ``$1``, ``$2`` …: its text goes to the server as it is, unread.

        Of long statements, or such with many values, psycopg looks for placeholders anew at every run: 3.5 ms for 56 kB.
        """
        return psycopg.RawCursor(self).execute(statement, values)


Cursor: TypeAlias = psycopg.Cursor[tuple[Any, ...]]
"""A cursor whose rows are tuples."""

CONNECT_TIMEOUT_S: Final = 10
_LINK: Final = {
    # Over a network whose other end has gone without a word, a worker would wait for two hours, as the system has it.
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""How soon a link over TCP that nobody answers on is given up: half a minute. Sockets of this machine know none of it."""
PREPARE_AFTER: Final = 2
"""Runs of a statement on one connection before it is prepared: the engine's statements are few and run for days."""

_SESSION: Final = {
    "timezone": "UTC",
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    # A statement of the engine touches thousands of rows by index; compiling it costs more than it runs.
    "jit": "off",
}


def connect(
    dsn: str,
    *,
    schema: str | None = None,
    autocommit: bool = False,
    application: str = "tamshy",
) -> Connection:
    """Open one connection with Tamshy's session settings.

    Args:
        dsn: a libpq connection string, `postgresql://…` or `key=value …`.
        schema: when given, the only schema that unqualified names are looked up in (it may not exist yet).
        autocommit: True where every statement is its own transaction (administration, `vacuum`).
        application: the name shown in `pg_stat_activity`.

    Raises:
        InvalidDsn: the string is not a connection string.
        DatabaseUnavailable: no server answers there, or it refuses sessions for now.
    """
    info = conninfo(dsn, schema=schema, application=application)
    try:
        return Connection.connect(info, autocommit=autocommit, prepare_threshold=PREPARE_AFTER)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailable(_unreachable(info, exc)) from exc


def conninfo(dsn: str, *, schema: str | None = None, application: str = "tamshy") -> str:
    """Complete `dsn` with Tamshy's session settings, in libpq's `key=value` form; what `dsn` says itself is kept."""
    parts = dsn_parts(dsn)
    settings = dict(_SESSION)
    if schema is not None:
        settings["search_path"] = quoted(schema)
    ours = " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())
    parts["options"] = f"{parts.get('options', '')} {ours}".strip()
    parts.setdefault("application_name", application)
    parts.setdefault("connect_timeout", str(CONNECT_TIMEOUT_S))
    for name, value in _LINK.items():
        parts.setdefault(name, value)
    return make_conninfo("", **parts)


def dsn_parts(dsn: str) -> dict[str, str]:
    """Split a connection string into libpq's keywords (`host`, `port`, `user`, `password`, `dbname`, …).

    Raises:
        InvalidDsn: the string is not a connection string; the password is not repeated in the message.
    """
    try:
        parsed = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq's own words repeat the string, password and all.
        msg = "this is no connection string; one looks like postgresql://user:password@host:5432/name"
        raise InvalidDsn(msg) from None
    return {key: str(value) for key, value in parsed.items() if value is not None}


def dsn_of(dsn: str, database: str) -> str:
    """Give the address of another database of the server that `dsn` names."""
    return make_conninfo("", **{**dsn_parts(dsn), "dbname": database})


def pool(dsn: str, *, schema: str | None = None, smallest: int = 1, largest: int = 8, wait_s: float = 5.0) -> Pool:
    """Open a pool of connections for the web edge, where requests come and go in threads.

    Args:
        dsn: as for `connect`.
        schema: as for `connect`.
        smallest: connections kept open, idle or not.
        largest: connections at most; a request beyond that waits.
        wait_s: seconds a request waits for a connection before `DatabaseUnavailable`.
    """
    return Pool(conninfo(dsn, schema=schema, application="tamshy web"), smallest, largest, wait_s)


class Pool:
    """Connections lent to threads; broken ones are replaced, and checked before they are lent."""

    def __init__(self, info: str, smallest: int, largest: int, wait_s: float) -> None:
        """Start the pool in the background; it does not wait for the first connection."""
        self._wait_s = wait_s
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            info,
            connection_class=Connection,
            kwargs={"prepare_threshold": PREPARE_AFTER},
            min_size=smallest,
            max_size=largest,
            timeout=wait_s,
            check=ConnectionPool.check_connection,
            open=True,
            name="tamshy",
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for a `with` block: committed at its end, rolled back when it raises.

        Raises:
            DatabaseUnavailable: none came free, or none could be opened, in time.
        """
        try:
            conn = self._pool.getconn(self._wait_s)
        except PoolTimeout as exc:
            msg = f"no connection to the database came free within {self._wait_s:g} seconds"
            raise DatabaseUnavailable(msg) from exc
        try:
            with conn:
                yield conn
        finally:
            self._pool.putconn(conn)

    def close(self) -> None:
        """Close every connection; those lent are closed when they come back."""
        self._pool.close()


@contextmanager
def alone(conn: Connection) -> Iterator[None]:
    """Have each statement of a `with` block be a transaction of its own: one word to the server instead of three.

    Args:
        conn: in no transaction.
    """
    was, conn.autocommit = conn.autocommit, True
    try:
        yield
    finally:
        if not conn.closed:
            conn.autocommit = was


def quoted(name: str) -> str:
    """Quote an identifier (schema, table, column) for use inside SQL text."""
    return sql.Identifier(name).as_string(None)


def drop_database(conn: Connection, name: str) -> None:
    """Drop a database, if it exists, and end this role's sessions that are left in it.

    Args:
        conn: in autocommit, to another database of the server, as the owner of the one to drop.
        name: of the database.
    """
    # `with (force)` is refused to all but superusers while the server vacuums in there; without it the server ends
    # its own vacuum and waits for what was told to end.
    conn.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = current_user", [name]
    )
    conn.execute(f"drop database if exists {quoted(name)}".encode())


def stream(conn: Connection, statement: str, params: object = None, *, batch: int = 5000) -> Iterator[tuple[Any, ...]]:
    """Read a large result in order without holding all of it: `batch` rows at a time, inside the open transaction."""
    with conn.cursor(name="tamshy_stream") as cursor:
        cursor.itersize = batch
        cursor.execute(statement, params)  # type: ignore[arg-type]  # one gate for text that came from a queries.sql
        yield from cursor


def _escaped(value: str) -> str:
    """Escape a value for libpq's `options`, where blanks and backslashes end or change a word."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _unreachable(info: str, exc: psycopg.OperationalError) -> str:
    parts = conninfo_to_dict(info)
    where = f"{parts.get('host') or 'the local socket'}, port {parts.get('port') or 5432}"
    reason = " ".join(str(exc).split())
    return f"PostgreSQL does not answer at {where}: {reason}"
