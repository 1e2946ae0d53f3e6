"""Promise 59: whatever a webhook's address is, and whatever its name resolves to, only the public internet is connected to."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.webhooks import receiver

from tamshy.domain.reach import public_address
from tamshy.errand import Outcome, Reach, Refused, Request, call, resolve
from tamshy.language import read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
SETTINGS: Final = "topics: {offers: {}}\n"

PROMISE_59_ADDRESSES: Final = {
    # what a name resolves to
    "loopback": "127.0.0.1",
    "all of 127": "127.255.255.254",
    "this host": "0.0.0.0",  # noqa: S104 - an address among others
    "this network": "0.1.2.3",
    "private 10": "10.0.0.1",
    "private 172.16": "172.16.0.1",
    "the end of private 172": "172.31.255.255",
    "private 192.168": "192.168.1.1",
    "shared, behind a provider": "100.64.0.1",
    "the end of shared": "100.127.255.255",
    "link-local": "169.254.1.1",
    "the metadata of clouds": "169.254.169.254",
    "the metadata of Alibaba": "100.100.100.200",
    "the metadata of Oracle": "192.0.0.192",
    "IETF protocols": "192.0.0.8",
    "documentation 1": "192.0.2.1",
    "documentation 2": "198.51.100.1",
    "documentation 3": "203.0.113.1",
    "benchmarks": "198.18.0.1",
    "the end of benchmarks": "198.19.255.255",
    "multicast": "224.0.0.1",
    "multicast in an organisation": "239.255.255.250",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "loopback of 6": "::1",
    "nothing of 6": "::",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "mapped, in hexadecimal": "::ffff:7f00:1",
    "compatible loopback": "::127.0.0.1",
    "compatible with a public one": "::8.8.8.8",
    "translated (SIIT) loopback": "::ffff:0:7f00:1",
    "NAT64 loopback": "64:ff9b::7f00:1",
    "NAT64 private": "64:ff9b::a00:1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 of a network": "64:ff9b:1::a00:1",
    "NAT64 of a network, to a public one": "64:ff9b:1::808:808",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 private": "2002:a00:1::1",
    "6to4 to a public one": "2002:808:808::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "unique local": "fc00::1",
    "unique local, assigned": "fd12:3456:789a::1",
    "the metadata of Amazon, by 6": "fd00:ec2::254",
    "link-local of 6": "fe80::1",
    "link-local with a scope": "fe80::1%lo",
    "site-local": "fec0::1",
    "multicast of 6": "ff02::1",
    "multicast of 6 in the world": "ff0e::1",
    "discard": "100::1",
    "documentation of 6": "2001:db8::1",
    "newer documentation of 6": "3fff::1",
    "segment routing": "5f00::1",
    "benchmarks of 6": "2001:2::1",
    "ORCHID": "2001:10::1",
    "not an address at all": "somewhere",
    "an address with a blank": "8.8.8.8 ",
}

PROMISE_59_NAMES: Final = {
    # as somebody writes a host, which the system's own resolver reads
    "a number": "2130706433",
    "a hexadecimal number": "0x7f000001",
    "an octal part": "0177.0.0.1",
    "hexadecimal parts": "0x7f.0x0.0x0.0x1",
    "two parts": "127.1",
    "three parts": "127.0.1",
    "zero": "0",
    "letters of another width": "\uff11\uff12\uff17.0.0.1",
    "letters in circles": "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "points of another script": "127\u30020\u30020\u30021",
    "localhost": "localhost",
    "localhost with a point": "localhost.",
    "localhost in capitals": "LOCALHOST",
    "below localhost": "shop.localhost",
    "an address": "127.0.0.1",
    "an address of 6": "[::1]",
    "a mapped address": "[::ffff:127.0.0.1]",
}

PROMISE_59_URLS: Final = {
    # addresses that are refused before anybody is asked
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "ftp": "ftp://shop.example/",
    "no scheme": "//shop.example/",
    "no host": "http:///path",
    "nothing": "",
    "a path": "/etc/passwd",
    "a user": "http://shop.example@127.0.0.1/",
    "a password": "http://a:b@shop.example/",
    "an open bracket": "http://[::1/",
    "a port beyond all": "http://shop.example:99999/",
    "a port in letters": "http://shop.example:x/",
}


def addressed(*addresses: str) -> Reach:
    """A reach in which every name has these addresses."""
    return Reach(lambda _host, _port: list(addresses))


@contextmanager
def listening() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine, and who has connected to it by the end of the block; nobody is spoken to."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1], came
        server.setblocking(False)  # noqa: FBT003 - the library's own signature
        with suppress(BlockingIOError):
            while True:
                link, peer = server.accept()
                came.append(peer)
                link.close()


@pytest.mark.parametrize("address", PROMISE_59_ADDRESSES.values(), ids=PROMISE_59_ADDRESSES.keys())
def test_an_address_that_is_not_public_is_not_connected_to(address: str) -> None:
    answer = call(Request("http://shop.example:9/", timeout=1), "msg_1", [b"k"], NOW, addressed(address))
    assert answer.outcome is Outcome.NEVER
    assert "is not on the public internet" in answer.reply or answer.reply == "the host's address cannot be read"


@pytest.mark.parametrize("address", PROMISE_59_ADDRESSES.values(), ids=PROMISE_59_ADDRESSES.keys())
def test_one_that_is_public_beside_it_makes_it_no_better(address: str) -> None:
    answer = call(Request("http://shop.example:9/", timeout=1), "msg_1", [b"k"], NOW, addressed("8.8.8.8", address))
    assert answer.outcome is Outcome.NEVER


@pytest.mark.parametrize("host", PROMISE_59_NAMES.values(), ids=PROMISE_59_NAMES.keys())
def test_however_this_machine_is_written_nobody_comes(host: str) -> None:
    with listening() as (port, came):
        answer = call(Request(f"http://{host}:{port}/", timeout=1), "msg_1", [b"k"], NOW, Reach())
        assert answer.outcome is not Outcome.DONE
    assert came == []


@pytest.mark.parametrize("url", PROMISE_59_URLS.values(), ids=PROMISE_59_URLS.keys())
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    asked: list[object] = []

    def ask(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    answer = call(Request(url, timeout=1), "msg_1", [b"k"], NOW, Reach(ask))
    assert answer.outcome is Outcome.NEVER
    assert asked == []


@pytest.mark.parametrize("host", [*PROMISE_59_NAMES.values()][-8:], ids=[*PROMISE_59_NAMES][-8:])
def test_a_folder_that_says_so_is_refused(host: str) -> None:
    flow = f"trigger: {{event: Go}}\nsteps:\n  - webhook: {{url: 'http://{host}/'}}\n"
    _, problems = read_workspace({"tamshy.yaml": SETTINGS, "flows/f.yaml": flow})
    if host == "127\u30020\u30020\u30021":  # only the resolver knows
        assert problems == []
    else:
        assert [str(problem.position) for problem in problems] == ["flows/f.yaml:3:20"]


def test_the_host_is_the_shops_own_word() -> None:
    for host in ("{{ profile.site }}", "{{ profile.a }}.shop.example", "shop.example{{ profile.port }}"):
        flow = f"trigger: {{event: Go}}\nsteps:\n  - webhook: {{url: 'http://{host}/'}}\n"
        _, problems = read_workspace({"tamshy.yaml": SETTINGS, "flows/f.yaml": flow})
        assert len(problems) == 1


def test_a_name_that_changes_its_answer_is_asked_once() -> None:
    """What was looked at is what is connected to: the system's resolver, which knows no such name, is not asked again."""
    answers = iter((["127.0.0.1"], ["8.8.8.8"]))
    with listening() as (port, came):
        reach = Reach(lambda _host, _port: next(answers), lambda _: True)
        with reach.connect("rebinding.invalid", port, 1, tls=False) as link:
            assert link.getpeername() == ("127.0.0.1", port)
    assert len(came) == 1
    assert next(answers) == ["8.8.8.8"]


def test_all_addresses_of_a_host_share_one_limit() -> None:
    """Four that do not answer would take four times as long, and a claim would end while its call goes on."""
    asked: list[float] = []

    def slow(_: object, timeout: float) -> socket.socket:
        asked.append(timeout)
        waited.wait(timeout)
        raise TimeoutError

    waited = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tamshy.errand.connecting.socket.create_connection", slow)
        reach = Reach(lambda _host, _port: ["192.0.2.1", "192.0.2.2", "192.0.2.3"], lambda _: True)
        with pytest.raises(TimeoutError):
            reach.connect("shop.example", 80, 0.05, tls=False)
    assert len(asked) == 1


def test_an_address_of_ipv6_without_a_port_is_called_by_its_name() -> None:
    class Led(Reach):
        def connect(self, host: str, port: int, timeout: float, *, tls: bool) -> socket.socket:
            assert (host, port, tls) == ("2606:4700:4700::1111", 80, False)
            return socket.create_connection(("127.0.0.1", hooks.port), timeout)

    with receiver() as hooks:
        answer = call(Request("http://[2606:4700:4700::1111]/", timeout=5), "msg_1", [b"k"], NOW, Led())
        assert answer.outcome is Outcome.DONE
        assert [heard.headers["host"] for heard in hooks.heard] == ["[2606:4700:4700::1111]"]


def test_whom_a_connection_has_reached_is_looked_at_too() -> None:
    """A translator or a proxy of the network's own may lead elsewhere: the far end is looked at before a word is said."""
    looked: list[str] = []

    def permitted(address: object) -> bool:
        looked.append(str(address))
        return len(looked) == 1

    with listening() as (port, came):
        reach = Reach(lambda _host, _port: ["127.0.0.1"], permitted)
        with pytest.raises(Refused):
            reach.connect("shop.example", port, 1, tls=False)
    assert looked == ["127.0.0.1", "127.0.0.1"]
    assert len(came) == 1


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiver() as hooks, listening() as (port, came):
        hooks.answer(status, Location=f"http://127.0.0.1:{port}/latest/meta-data/")
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        answer = call(Request(f"{hooks.url}/", timeout=5), "msg_1", [b"k"], NOW, reach)
        assert answer.outcome is Outcome.LATER
        assert "redirects are not followed" in answer.reply
    assert came == []


def test_an_environment_with_proxies_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as hooks, listening() as (port, came):
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        answer = call(Request(f"{hooks.url}/", timeout=5), "msg_1", [b"k"], NOW, reach)
        assert answer.outcome is Outcome.DONE
        assert len(hooks.heard) == 1
    assert came == []


@pytest.mark.parametrize(
    "sent",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nx", b"HTTP/1.1 200 OK\r\n\r\nx"],
    ids=["silence", "half a head", "half a body", "a body without an end"],
)
def test_an_answer_that_never_ends_is_cut(sent: bytes) -> None:
    """A letter now and then keeps a connection alive beyond any limit on one reading: the whole call has its own."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            link, _ = server.accept()
            with link:
                link.sendall(sent)
                while not stop.wait(0.05):
                    try:
                        link.sendall(b"a")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        port = server.getsockname()[1]
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        answer = call(Request(f"http://shop.example:{port}/", timeout=0.5), "msg_1", [b"k"], NOW, reach)
        stop.set()
        thread.join()
    assert (answer.outcome, answer.reply) == (Outcome.LATER, "no answer within the timeout")


def test_an_answer_that_breaks_off_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def break_off() -> None:
            link, _ = server.accept()
            with link:
                link.recv(65_536)
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")

        thread = threading.Thread(target=break_off)
        thread.start()
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        request = Request(f"http://shop.example:{server.getsockname()[1]}/", timeout=5)
        answer = call(request, "msg_1", [b"k"], NOW, reach)
        thread.join()
    assert answer.outcome is Outcome.LATER
    assert answer.reply == "200 OK, and the connection was closed in the middle of the answer"


def test_headers_of_a_property_stay_one_line() -> None:
    with receiver() as hooks:
        reach = Reach(lambda _host, _port: ["127.0.0.1"], lambda _: True)
        headers = {"X-City": "a\r\nHost: inside\r\n\r\nGET / HTTP/1.1"}
        request = Request(f"{hooks.url}/a b\r\nX: y?q=1 2", headers=headers, timeout=5)
        assert call(request, "msg_1", [b"k"], NOW, reach).outcome is Outcome.DONE
    (heard,) = hooks.heard
    assert heard.headers["x-city"] == "a  Host: inside    GET / HTTP/1.1"
    assert heard.headers["host"] == f"receiver.example:{hooks.port}"
    assert heard.path == "/a%20bX:%20y?q=1%202"


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_the_public_internet_is_public(address: str) -> None:
    assert public_address(ip_address(address))


def test_the_system_resolves_this_machine() -> None:
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
