"""Promise 65: a request that is odd in another way than its body is answered as what it is, never as a fault of ours."""

from __future__ import annotations

import os
import select
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import pytest
from tests.hostile.served import API_KEY, FOUNDED, WRITE_KEY, answer, request, until, web

from tamshy.site.clock import running
from tamshy.site.gateway import MOST_ARRIVING, MOST_BYTES, MOST_HELD
from tamshy.site.listening import MOST_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Databases
    from tests.hostile.served import Web

GOOD: Final = b'{"batch":[{"type":"track","userId":"u","event":"E"}]}'
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
BEARER: Final = {"Authorization": f"Bearer {API_KEY}", "X-Write-Key": ""}
ZHE: Final = "\u0436".encode().decode("latin-1")
"""A letter as its bytes, which a client may send as they are."""
H2: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
"""How HTTP/2 begins where nobody asked first: its preface, and settings without a word."""


def beacon(charset: str) -> bytes:
    """Good calls whose body is said to be written in some character set."""
    kind = {"Content-Type": f"text/plain; charset={charset}", "X-Write-Key": ""}
    return request(GOOD, f"/beacon/v1/batch?writeKey={WRITE_KEY}", kind)


def parts(charset: str) -> bytes:
    """A form in parts, written in some character set."""
    kind = {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}", "Sec-Fetch-Site": "cross-site"}
    body = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\na\xff\r\n--b--\r\n'
    return request(body, "/sign-in", kind)


def api(method: str, path: str) -> bytes:
    return request(b"", path, BEARER).replace(b"POST", method.encode(), 1)


# Each: what is sent, and the status (0: the connection is closed without a word) and reason that come back.
PROMISE_65: Final = {
    "a character set that is hex": (beacon("hex"), 200, ""),
    "a character set that is base64": (beacon("base64"), 200, ""),
    "a character set that is compressed": (beacon("bz2"), 200, ""),
    "a character set that is undefined": (beacon("undefined"), 200, ""),
    "a character set that is for hosts": (beacon("idna"), 200, ""),
    "a character set that escapes": (beacon("unicode_escape"), 200, ""),
    "a character set twice": (beacon('hex; CHARSET="idna"'), 200, ""),
    "a form in hex": (parts("hex"), 403, ""),
    "a form in host names": (parts("idna"), 403, ""),
    "a query in plain letters": (request(None, f"/people?find={ZHE}"), 200, ""),
    "a key in plain letters": (
        request(None, f"/sourceConfig/?writeKey={ZHE}", {"X-Write-Key": ""}),
        404,
        "unknown_key",
    ),
    "a path in plain letters": (request(None, f"/{ZHE}"), 404, ""),
    "NUL in a flow's name": (api("GET", "/api/flows/%00"), 404, "unknown_flow"),
    "NUL in a flow to pause": (api("POST", "/api/flows/%00/pause"), 404, "unknown_flow"),
    "NUL in a flow to resume": (api("POST", "/api/flows/a%00/resume"), 404, "unknown_flow"),
    "NUL in a domain": (api("POST", "/api/domains/%00/resume"), 200, ""),
    "an origin that is no address": (request(b"key=a", "/sign-in", {**FORM, "Origin": "http://["}), 403, ""),
    "an origin that is half an address": (request(b"key=a", "/sign-in", {**FORM, "Origin": "//["}), 403, ""),
    "a host without an end": (request(b"key=a", "/sign-in", {**FORM, "Host": "[::1", "Origin": "http://["}), 400, ""),
    "HTTP/2 without asking": (H2, 0, ""),
    "headers of 17 kB": (request(GOOD, "/v1/batch", {f"X-{at}": "a" * 1000 for at in range(17)}), 431, ""),
    "a cookie of 17 kB": (request(None, "/", {"Cookie": "a=" + "b" * 17_000}), 431, ""),
    "a page by TRACE": (request(None, "/people").replace(b"GET", b"TRACE", 1), 405, ""),
    "a tunnel": (request(None, "shop.example:443").replace(b"GET", b"CONNECT", 1), 405, ""),
    "everything, by OPTIONS": (request(None, "*").replace(b"GET", b"OPTIONS", 1), 404, ""),
}


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    name = f"tamshy_odd_{os.getpid()}"
    folder: Path = tmp_path_factory.mktemp("web")
    with web(databases.create(name, databases.template), folder) as made:
        yield made
    databases.drop(name)


@pytest.mark.parametrize("name", PROMISE_65)
def test_it_is_answered_as_what_it_is(served: Web, name: str) -> None:
    raw, status, reason = PROMISE_65[name]
    before = served.pids()
    found = served.send(raw)
    assert (found.status, found.reason) == (status, reason), found.raw[:500]
    assert served.post(GOOD).status == 200
    assert served.pids() == before


def begun(served: Web, stack: ExitStack, number: int, came: int, length: int) -> list[socket.socket]:
    """So many bodies of `length` bytes on their way, of which so many bytes have come; one after the other."""
    head = (
        f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-Write-Key: {WRITE_KEY}\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    links = []
    for _ in range(number):
        links.append(stack.enter_context(served.connect()))
        links[-1].sendall(head + GOOD[:1] + b" " * (came - 1))
    return links


def answered(links: list[socket.socket]) -> list[int]:
    """The places of those on which something has come back."""
    # Not `select`: its numbers of files end at 1,024.
    poll = select.poll()
    places = {link.fileno(): place for place, link in enumerate(links)}
    for file in places:
        poll.register(file, select.POLLIN)
    return sorted(places[file] for file, _ in poll.poll(0))


def test_of_too_many_bodies_on_their_way_the_first_gives_way(served: Web) -> None:
    with ExitStack() as stack:
        first = begun(served, stack, 3, 1, len(GOOD))
        rest = begun(served, stack, MOST_ARRIVING, 1, len(GOOD))
        links = [*first, *rest]
        until(lambda: len(answered(links)) == len(first), "room")
        # Whoever has their body there in one go is heard, however many crawl; and makes the next in line give way.
        assert served.post(GOOD).status == 200
        gone = answered(links)
        assert len(gone) in {len(first), len(first) + 1}
        said = [answer(links[place]) for place in gone]
        assert {(one.status, one.reason) for one in said} == {(429, "too_many_at_once")}
        assert b"retry-after: 1" in said[0].raw.lower()
        # The others are still waited for.
        left = [link for place, link in enumerate(links) if place not in gone]
        for link in left[-3:]:
            link.sendall(GOOD[1:])
            assert answer(link).status == 200


def test_of_too_many_bytes_on_their_way_the_first_give_way(served: Web) -> None:
    came = MOST_BYTES - len(GOOD)
    number = MOST_HELD // came + 1
    with ExitStack() as stack:
        links = begun(served, stack, number, came, came - 1 + len(GOOD))
        until(lambda: len(answered(links)) == 1, "room")
        (gone,) = answered(links)
        assert answer(links[gone]).reason == "too_many_at_once"
        assert served.post(GOOD).status == 200
        for place, link in enumerate(links):
            if place != gone:
                link.sendall(GOOD[1:])
                assert answer(link).status == 200


def test_what_a_connection_can_hold_before_it_is_heard_has_a_limit(served: Web) -> None:
    """Before, 400 kB of headers without an end were held for each."""
    with served.connect() as link:
        link.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * (2 * MOST_HEADERS))
        assert answer(link).status == 431
    assert served.get("/healthz", {"X-A": "a" * (MOST_HEADERS - 500)}).status == 200


def test_the_storefront_asks_itself_with_a_few_of_its_threads_alone(databases: Databases, tmp_path: Path) -> None:
    """Before, sixteen who joined at once had all threads, and each waited for another's: nobody was answered."""
    name = f"tamshy_joining_{os.getpid()}"
    join = request(b'{"user_id":"visitor-0123456789ab","topics":["news"]}', "/shop/join")
    with ExitStack() as stack:
        # It takes connections and says nothing: nobody is done while the test looks.
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        demo = {
            "TAMSHY_CLOCK": running(FOUNDED, 1).text(),
            "TAMSHY_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
            "TAMSHY_BOOTSTRAP_API_KEY": API_KEY,
            "TAMSHY_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
        served = stack.enter_context(web(databases.create(name, databases.template), tmp_path, founded=False, **demo))
        links = [stack.enter_context(served.connect()) for _ in range(20)]
        for link in links:
            link.sendall(join)
        until(lambda: len(answered(links)) >= 16, "the others being told")
        told = answered(links)
        assert {answer(links[place]).status for place in told} == {429}
        assert served.get("/healthz").status == 200
    databases.drop(name)
