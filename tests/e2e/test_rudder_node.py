"""RudderStack's own library for Node.js, with only the host changed."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.shop_pages import MODULES, ROOT, stored
from tests.e2e.test_clients import KEY, Server, free_port

from tamshy.site.configuration import Configuration
from tamshy.site.founding import found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

CALLS = 200


@pytest.fixture
def server(databases: Databases) -> Iterator[Server]:
    dsn = databases.create(f"tamshy_rudder_node_{os.getpid()}")
    found(dsn, Configuration(bootstrap_write_key=KEY), datetime.now(tz=UTC))
    made = Server(dsn, free_port())
    made.start()
    yield made
    made.kill()
    databases.drop(f"tamshy_rudder_node_{os.getpid()}")


def test_the_library_for_node_is_taken_as_it_is(server: Server) -> None:
    assert (MODULES / "@rudderstack" / "rudder-sdk-node").is_dir(), "RudderStack's library is missing: `make setup`"
    script = Path(__file__).parent / "rudder_node.mjs"
    command = ["node", str(script), server.host, KEY, str(CALLS)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
    assert json.loads(ended.stdout.splitlines()[-1]) == {"failures": []}
    numbers = "select (properties ->> 'number')::integer from inbox where kind = 'event' order by 1"
    assert stored(server.dsn, numbers) == [(number,) for number in range(CALLS)]
    identified = "select properties ->> 'email' from inbox where kind = 'identify'"
    assert stored(server.dsn, identified) == [("aia@shop.example",)]
