"""Unsubscribing over the wire, from a web server as a process of its own, as mail programs and old proxies do it."""

from __future__ import annotations

import os
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.e2e.shop_pages import stored
from tests.e2e.test_clients import Server, free_port
from tests.engine.deliveries import BUCKET, NOON, person, sent_message, workspace

from tamshy import sqlkit
from tamshy.domain.token import Purpose, Signer, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = "name: Qumyra\ntopics: {offers: {name: Offers}, news: {name: News}}\n"
CONSENTS = (
    "select facts ->> 'topic', (facts ->> 'granted')::boolean, facts ->> 'source' from inbox where kind = 'consent'"
)
FORM = ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click")
PARTS = (
    "multipart/form-data; boundary=xyz",
    b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
)


@pytest.fixture(scope="module")
def served(databases: Databases) -> Iterator[tuple[Server, str]]:
    """Give a web server, and the path that unsubscribes one recipient."""
    name = f"tamshy_recipients_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with sqlkit.connect(dsn) as conn:
        workspace(conn, SETTINGS)
        profile = person(conn, "aia")
        message = sent_message(conn, profile, delivery={"state": "sent", "settled_at": NOON})
        conn.commit()
    made = Server(dsn, free_port())
    made.start()
    yield made, f"/u/{Signer([SECRET]).token(Purpose.UNSUBSCRIBE, Subject(1, BUCKET, profile, message))}"
    made.kill()
    databases.drop(name)


def asked(
    server: Server, method: str, path: str, version: str, kind: str = "", body: bytes = b""
) -> tuple[int, str, str]:
    """Send a request word by word; gives status, headers and body of the answer."""
    lines = [f"{method} {path} HTTP/{version}", "Connection: close"]
    if version == "1.1":
        lines.append("Host: mail.shop.example")
    if kind:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), head.lower(), rest


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(("kind", "body"), [FORM, PARTS])
def test_one_click_is_taken_ten_times_over_within_a_second_each(
    served: tuple[Server, str], version: str, kind: str, body: bytes
) -> None:
    server, path = served
    stored(server.dsn, "delete from inbox returning id")
    for _ in range(10):
        since = time.monotonic()
        status, head, _text = asked(server, "POST", path, version, kind, body)
        assert time.monotonic() - since <= 1.0
        assert (status, "location:" in head, "set-cookie:" in head) == (200, False, False)
    assert stored(server.dsn, CONSENTS) == [("offers", False, "one_click")]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_asking_in_any_other_way_changes_nothing(served: tuple[Server, str], version: str) -> None:
    server, path = served
    stored(server.dsn, "delete from inbox returning id")
    assert asked(server, "GET", path, version)[0] == 200
    status, _, body = asked(server, "HEAD", path, version)
    assert (status, body) == (200, "")
    status, head, _ = asked(server, "OPTIONS", path, version)
    assert (status, "allow: get, head, options, post" in head) == (204, True)
    assert asked(server, "PUT", path, version, *FORM)[0] == 405
    assert asked(server, "DELETE", path, version)[0] == 405
    assert stored(server.dsn, CONSENTS) == []


@contextmanager
def shut(databases: Databases, name: str) -> Iterator[None]:
    """Cut all sessions of a database and let nobody in until the block ends."""
    with sqlkit.connect(databases.admin, autocommit=True) as conn:
        conn.execute(f"alter database {sqlkit.quoted(name)} allow_connections false".encode())
        conn.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name])
        yield
        conn.execute(f"alter database {sqlkit.quoted(name)} allow_connections true".encode())


def test_while_the_database_is_away_it_is_later_and_afterwards_it_works(
    served: tuple[Server, str], databases: Databases
) -> None:
    server, path = served
    stored(server.dsn, "delete from inbox returning id")
    with shut(databases, f"tamshy_recipients_{os.getpid()}"):
        status, head, _ = asked(server, "POST", path, "1.1", *FORM)
        assert (status, "retry-after: 5" in head) == (503, True)
        assert asked(server, "GET", path, "1.1")[0] == 503
    deadline = time.monotonic() + 30
    while (status := asked(server, "POST", path, "1.1", *FORM)[0]) == 503:
        assert time.monotonic() < deadline
    assert status == 200
    assert stored(server.dsn, CONSENTS) == [("offers", False, "one_click")]
