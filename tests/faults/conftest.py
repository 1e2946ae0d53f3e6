"""A ground of this folder's own for runs with faults: one database, emptied between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.prove.faults.ground import Ground, open_ground

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases


@pytest.fixture(scope="module")
def ground(databases: Databases, request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Give a ground of this module's own."""
    name = f"tamshy_ground_{request.module.__name__.rpartition('.')[2]}"
    with open_ground(databases.create(name, databases.template)) as found:
        yield found
    databases.drop(name)
