"""The fault proxy does to connections what it says."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.prove.proxy import Proxy

from tamshy import sqlkit
from tamshy.site.soundness import refuse_unsound

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def echo() -> Iterator[tuple[str, int]]:
    """A server that says what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(link: socket.socket) -> None:
        with suppress(OSError), link:
            while said := link.recv(1 << 16):
                link.sendall(said)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with echo() as address, Proxy(address) as made:
        yield made


@contextmanager
def linked(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as link:
        yield link


def said_back(link: socket.socket, words: bytes, most: int | None = None) -> bytes:
    link.sendall(words)
    heard = b""
    while len(heard) < (len(words) if most is None else most):
        piece = link.recv(1 << 16)
        if not piece:
            break
        heard += piece
    return heard


def test_without_faults_it_is_a_connection(proxy: Proxy) -> None:
    with linked(proxy) as link:
        assert said_back(link, b"x" * 300_000) == b"x" * 300_000
    assert proxy.connections == 1


def test_latency_comes_on_top_both_ways(proxy: Proxy) -> None:
    proxy.set(latency_s=0.1)
    with linked(proxy) as link:
        begun = time.monotonic()
        assert said_back(link, b"hello") == b"hello"
        assert time.monotonic() - begun >= 0.2


def test_bandwidth_holds_back(proxy: Proxy) -> None:
    proxy.set(per_second=200_000)
    with linked(proxy) as link:
        begun = time.monotonic()
        assert len(said_back(link, b"x" * 50_000)) == 50_000
        assert time.monotonic() - begun >= 0.4


@pytest.mark.parametrize("way", ["cut_to_server", "cut_to_client"])
def test_a_cut_comes_after_exactly_so_many_bytes(proxy: Proxy, way: str) -> None:
    proxy.set(**{way: 7})
    with linked(proxy) as link:
        heard = said_back(link, b"0123456789", most=11)
    # What the server got is said back only as far as the link was still there.
    assert heard == b"0123456" if way == "cut_to_client" else heard in {b"", b"0123456"}


def test_a_reset_is_heard_as_one(proxy: Proxy) -> None:
    with linked(proxy) as link:
        assert said_back(link, b"hello") == b"hello"
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            link.recv(1)


def test_half_open_nobody_hears_of_it(proxy: Proxy) -> None:
    with linked(proxy) as link:
        assert said_back(link, b"hello") == b"hello"
        proxy.set(silent=True)
        link.settimeout(0.3)
        link.sendall(b"are you there?")
        with pytest.raises(TimeoutError):
            link.recv(1)


def test_refused_at_the_door(proxy: Proxy) -> None:
    proxy.set(refuse=True)
    with linked(proxy) as link:
        assert link.recv(1) == b""
    proxy.mend()
    with linked(proxy) as link:
        assert said_back(link, b"hello") == b"hello"


def test_a_database_behind_it_is_gone_with_the_link_and_back_with_a_new_one(dsn: str) -> None:
    parts = sqlkit.dsn_parts(dsn)
    with Proxy(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}") as proxy:
        through = f"postgresql://{parts['user']}@127.0.0.1:{proxy.port}/{parts['dbname']}"
        with sqlkit.connect(through) as conn:
            assert conn.execute("select 1").fetchone() == (1,)
            with socket.socket(fileno=os.dup(conn.fileno())) as link:
                # An end that has gone without a word is noticed within half a minute, not after two hours.
                assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
                assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
            proxy.cut()
            with pytest.raises(sqlkit.Error) as raised:
                conn.execute("select 1")
            assert sqlkit.is_retryable(raised.value)
        with sqlkit.connect(through) as conn:
            assert conn.execute("select 2").fetchone() == (2,)


def test_a_database_that_goes_while_it_is_looked_at_is_away_and_nothing_else(dsn: str) -> None:
    """Cut after each hundred bytes of its answers: while the session begins, and at each question after that."""
    parts = sqlkit.dsn_parts(dsn)
    with Proxy(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}") as proxy:
        through = f"postgresql://{parts['user']}@127.0.0.1:{proxy.port}/{parts['dbname']}"
        away = 0
        for most in range(100, 3000, 100):
            proxy.set(cut_to_client=most)
            try:
                refuse_unsound(through, accepted=False)
            except sqlkit.DatabaseUnavailable:
                away += 1
        # Cut far enough out it is looked at in peace.
        assert 5 < away < 29
