"""The edge as it is served: Django's own settings, a database of the module's own, emptied before each test."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import django
import pytest
from tests.emptying import empty

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()

from django.test import Client, override_settings  # noqa: E402 - wants settings first

from tamshy import sqlkit  # noqa: E402
from tamshy.accounts import KeyKind, KeyRing, add_key  # noqa: E402
from tamshy.api import wiring  # noqa: E402
from tamshy.api.calls import store_counted  # noqa: E402
from tamshy.api.counts import Counts  # noqa: E402
from tamshy.api.gate import Gate  # noqa: E402
from tamshy.api.pace import Pace  # noqa: E402
from tamshy.api.sharing import Sharing  # noqa: E402
from tamshy.api.workspaces import Workspaces  # noqa: E402
from tamshy.domain.token import Signer  # noqa: E402
from tamshy.site.composition import SIGN_UPS, SIGN_UPS_WITHIN_S  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SIGNER = Signer(["a secret of the edge's own tests"])
WROTE = "select pg_current_xact_id_if_assigned()"
SETTINGS = """\
name: Qumyra
timezone: Asia/Almaty
topics: {offers: {name: Offers}, news: {name: News}}
"""
OTHER_SETTINGS = "name: Other\ntopics: {letters: {name: Letters}}\n"


@dataclass
class Edge:
    """The routes for programs, called as the web server calls them, and the database behind them."""

    dsn: str
    client: Client
    conn: sqlkit.Connection
    counts: Counts
    now: datetime = NOW
    real: datetime = NOW
    seconds: float = 0.0
    down: bool = False
    cut: bool = False
    """Whether sessions lose their server just before they commit what they wrote."""
    wirings: list[wiring.Wiring] = field(default_factory=list)

    @contextmanager
    def connection(self) -> Iterator[sqlkit.Connection]:
        if self.down:
            raise sqlkit.DatabaseUnavailable("no connection to the database came free")
        with sqlkit.connect(self.dsn) as conn:
            yield conn
            if self.cut and conn.info.transaction_status.name == "INTRANS":
                self._end(conn.info.backend_pid, wrote=conn.execute(WROTE).fetchone() != (None,))

    def _end(self, session: int, *, wrote: bool) -> None:
        if wrote:
            self.conn.rollback()
            self.conn.execute("select pg_terminate_backend(%s, 5000)", [session])

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        self.conn.rollback()
        return self.conn.execute(statement.encode()).fetchall()


@pytest.fixture(scope="module")
def edge_dsn(databases: Databases, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the DSN of a migrated database of this module's own."""
    name = f"tamshy_edge_{os.getpid()}_{request.module.__name__.rpartition('.')[2]}"
    yield databases.create(name, databases.template)
    databases.drop(name)


@pytest.fixture
def edge(edge_dsn: str) -> Iterator[Edge]:
    """Give the routes over two workspaces, each with a write key and an API key."""
    with sqlkit.connect(edge_dsn) as conn:
        empty(conn)
        for number, name, text in ((1, "default", SETTINGS), (2, "other", OTHER_SETTINGS)):
            conn.execute(
                "insert into workspace (id, name, first_bucket, buckets) values (%s, %s, %s, 64)",
                [number, name, (number - 1) * 64],
            )
            conn.execute("insert into definition values (%s, 'tamshy.yaml', %s)", [number, text])
            conn.execute("insert into publication values (%s, 1, %s, '{}')", [number, NOW])
            add_key(conn, number, KeyKind.WRITE, f"{name}-write-key", name="w", now=NOW)
            add_key(conn, number, KeyKind.API, f"{name}-api-key", name="a", now=NOW)
        conn.commit()
        made = Edge(edge_dsn, Client(enforce_csrf_checks=True), conn, Counts())
        made.wirings.append(
            wiring.Wiring(
                connection=made.connection,
                now=lambda: made.now,
                real=lambda: made.real,
                keys=KeyRing(made.connection, lambda: made.seconds),
                workspaces=Workspaces(made.connection, lambda: made.seconds),
                counts=made.counts,
                admission=Gate(),
                sharing=Sharing(store_counted),
                signer=SIGNER,
                pace=Pace(lambda: made.seconds, SIGN_UPS, SIGN_UPS_WITHIN_S),
                links_base="https://mail.example",
            ),
        )
        wiring.install(made.wirings[0])
        with override_settings(ROOT_URLCONF="tamshy.api.urls"):
            yield made
