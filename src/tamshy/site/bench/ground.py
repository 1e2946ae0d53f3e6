"""Databases to measure in: as durable as the product's own, made for this and gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tamshy import sqlkit
from tamshy.publish import create_workspace, load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.site.bench.cost import Meter, first_process
from tamshy.site.bench.shop import BEGINNING, NAME, files
from tamshy.site.composition import SCHEMA_FILES
from tamshy.site.founding import BUCKETS
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tamshy.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Ground:
    """A server with a migrated, published, empty shop, to be copied for each stage."""

    dsn: str
    template: str
    server: str
    meter: Meter

    @contextmanager
    def shop(self, stage: str) -> Iterator[tuple[sqlkit.Connection, Rulebook]]:
        """Give a connection to a copy of the shop, and its rules, for a `with` block."""
        name = self._name(stage)
        with _made(self.dsn, name, self.template) as dsn, sqlkit.connect(dsn, application="tamshy bench") as conn:
            book = load_rulebook(conn, NAME)
            conn.commit()
            yield conn, book

    def address(self, stage: str) -> str:
        """Give the address of a stage's copy, for processes of its own."""
        return sqlkit.dsn_of(self.dsn, self._name(stage))

    def _name(self, stage: str) -> str:
        return f"{self.template}_{stage}"


@contextmanager
def ground(database_url: str, say: Callable[[str], None]) -> Iterator[Ground]:
    """Give the ground for a `with` block: on the server named, else on a new one with the embedded server's settings.

    Raises:
        DatabaseError: the server cannot be reached or started.
    """
    with _server(database_url, say) as dsn:
        template = f"tamshy_bench_{os.getpid()}"
        with _made(dsn, template) as made:
            with sqlkit.connect(made) as conn:
                sqlkit.migrate(conn, SCHEMA_FILES)
                fill_zones(conn)
                create_workspace(conn, NAME, buckets=BUCKETS)
                publish(conn, NAME, files(), at=BEGINNING, compile_message=compile_message)
                version = conn.execute("show server_version").fetchone()
                backend = conn.execute("select pg_backend_pid()").fetchone()
                conn.commit()
                first = first_process(int(backend[0])) if backend else None
            meter = Meter(first, local=first is not None)
            yield Ground(dsn, template, str(version[0]) if version else "", meter)


def clean(conn: sqlkit.Connection, *tables: str) -> None:
    """Clear away dead rows and count anew, as a server does by itself between two passes of life; commits."""
    conn.commit()
    conn.autocommit = True
    for table in tables:
        # With few dead rows vacuum leaves their index entries, which the next round would be measured by.
        conn.execute(f"vacuum (analyze, index_cleanup on) {sqlkit.quoted(table)}".encode())
    conn.autocommit = False


@contextmanager
def _server(database_url: str, say: Callable[[str], None]) -> Iterator[str]:
    if database_url:
        yield database_url
        return
    folder = Path(tempfile.mkdtemp(prefix="tamshy-bench-"))
    home: Path | None = None
    try:
        with sqlkit.EmbeddedServer.open(folder, named=False, durable=True, say=say) as server:
            # As root the database lies elsewhere than in the folder.
            home = server.folder.parent
            yield server.dsn
    finally:
        for each in (home, folder):
            if each is not None:
                shutil.rmtree(each, ignore_errors=True)


@contextmanager
def _made(dsn: str, name: str, template: str = "") -> Iterator[str]:
    """Give a new database, dropped at the end of the block."""
    with sqlkit.connect(dsn, autocommit=True) as conn:
        copied = f" template {sqlkit.quoted(template)}" if template else ""
        conn.execute(f"create database {sqlkit.quoted(name)}{copied}".encode())
        try:
            yield sqlkit.dsn_of(dsn, name)
        finally:
            sqlkit.drop_database(conn, name)
