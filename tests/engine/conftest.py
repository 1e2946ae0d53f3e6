"""One stage a module: a migrated database with working tables, emptied before each test."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.emptying import empty

from tamshy.passes import prepare
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection


@pytest.fixture(scope="module")
def stage_connection(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """Give a connection to a database of this module's own."""
    name = f"tamshy_stage_{os.getpid()}_{request.module.__name__.rpartition('.')[2]}"
    dsn = databases.create(name, databases.template)
    with connect(dsn) as conn:
        prepare(conn)
        yield conn
    databases.drop(name)


@pytest.fixture
def stage(stage_connection: Connection) -> Connection:
    """Give the module's connection with every table empty but the zones."""
    stage_connection.rollback()
    empty(stage_connection)
    stage_connection.commit()
    return stage_connection
