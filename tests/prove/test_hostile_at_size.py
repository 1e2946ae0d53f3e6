"""Hostile input at size: what each bomb costs, what it costs those who come beside it, and ten thousand mixtures."""

from __future__ import annotations

import os
import resource
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from tests.hostile.served import PATIENCE_S, web
from tests.hostile.test_bombs import GOOD, PROMISE_65, SILENT, silent
from tests.hostile.test_headers import any_text, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases
    from tests.hostile.served import Web

pytestmark = pytest.mark.prove
MIXTURES: Final = 10_000
TRIES: Final = 5
CPU_S: Final = 0.1
"""Seconds of processor time that a refusal may cost."""
GROWTH: Final = 50 << 20
"""Bytes by which the process may grow under all of them."""
GROWTH_AGAIN: Final = 16 << 20
"""And under all of them once more: what they took is used again."""
CONNECTIONS: Final = 1_500
AT_ONCE: Final = 10_000
"""Connections at the same time."""
EACH: Final = 25 << 10
"""Bytes that one of them may cost, whatever is said on it; most of it a buffer of the web server's."""
BESIDE_S: Final = 1.0
"""What a neighbour may wait beside ten thousand, of whom a look closes thousands, on a machine that does other things."""
LAG: Final = 2.0
"""How many times as long a neighbour may wait."""
FLOOR_S: Final = 0.02
"""Below this nobody's wait counts: the machine does other things too."""


@pytest.fixture(scope="module")
def served(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    name = f"tamshy_bombs_at_size_{os.getpid()}"
    with web(databases.create(name, databases.template), tmp_path_factory.mktemp("web")) as made:
        yield made
    databases.drop(name)


def waits(served: Web, seconds: float) -> list[float]:
    """How long good calls took, one after the other, for so long; sorted."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        assert served.post(GOOD).status == 200
        found.append(time.monotonic() - began)
    return sorted(found)


def bombed(served: Web) -> dict[str, float]:
    """Send every bomb some times; the cheapest try of each, for what else the machine does makes none cheaper."""
    costs = {}
    for name, (make, status, reason) in PROMISE_65.items():
        raw, spent = make(), []
        for _ in range(TRIES):
            before = served.cpu_s()
            found = served.send(raw)
            spent.append(served.cpu_s() - before)
            assert (found.status, found.reason) == (status, reason), name
        costs[name] = min(spent)
    return costs


@pytest.mark.alone
def test_what_a_bomb_costs(served: Web, say: Callable[[str], None]) -> None:
    for _ in range(50):
        served.post(GOOD)
    held = served.memory()
    costs = bombed(served)
    once = served.memory()
    bombed(served)
    twice = served.memory()
    dearest = max(costs, key=lambda one: costs[one])
    grown = f"memory grew by {once - held >> 20} MB, by {twice - once >> 20} MB the second time"
    say(f"{len(costs)} bombs, the dearest {dearest} with {costs[dearest] * 1000:.0f} ms; {grown}")
    over = {name: cost for name, cost in costs.items() if cost > CPU_S and PROMISE_65[name][1] >= 400}
    assert over == {}
    assert once - held <= GROWTH
    assert twice - once <= GROWTH_AGAIN


@pytest.mark.alone
def test_what_it_costs_the_neighbours(served: Web, say: Callable[[str], None]) -> None:
    """One attacker sends bomb after bomb, another keeps 1,500 connections; a shop's calls go on."""
    clean = waits(served, 10)
    raws = [make() for name, (make, status, _) in PROMISE_65.items() if status >= 400]
    stop = threading.Event()

    def attack() -> None:
        while not stop.is_set():
            for raw in raws:
                served.send(raw)
                if stop.wait(0.05):
                    return

    thread = threading.Thread(target=attack)
    with silent(served, SILENT["a body that does not come"], CONNECTIONS):
        thread.start()
        beside = waits(served, 10)
        stop.set()
        thread.join()
    before, under = (each[len(each) * 99 // 100] for each in (clean, beside))
    say(
        f"p99 of a call: {before * 1000:.1f} ms alone, {under * 1000:.1f} ms beside bombs and {CONNECTIONS} slow bodies"
    )
    assert beside[len(beside) // 2] <= max(LAG * clean[len(clean) // 2], FLOOR_S)
    assert under <= max(LAG * before, 5 * FLOOR_S)


def asked(served: Web, seconds: float, memory: list[int]) -> tuple[list[float], Counter[int]]:
    """How long calls took, fifty a second, and what they were answered; `memory` is what was held after each."""
    took, statuses = [], Counter[int]()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        statuses[served.post(GOOD).status] += 1
        took.append(time.monotonic() - began)
        memory.append(served.memory())
        time.sleep(0.02)
    return sorted(took), statuses


def opened(served: Web, said: bytes, number: int, links: list[socket.socket]) -> None:
    """So many more connections on which this was said, without waiting for any of them."""
    for _ in range(number):
        link = socket.socket()
        links.append(link)
        link.settimeout(PATIENCE_S)
        link.connect(("127.0.0.1", served.port))
        link.setblocking(False)  # noqa: FBT003 - its own way of calling
        with suppress(OSError):  # it is closed already: too many there are
            link.send(said)


def closed(links: list[socket.socket]) -> None:
    """Leave, all of them."""
    for link in links:
        link.close()


def trickled(links: list[socket.socket], stop: threading.Event) -> None:
    """Say a letter more on each of them now and then, for as long as they stay."""
    while not stop.wait(1.0):
        for link in links:
            with suppress(OSError):
                link.send(b"a")


@pytest.mark.alone
@pytest.mark.parametrize("kind", [*SILENT, "letter by letter", "all of these"])
def test_ten_thousand_connections_at_once(served: Web, kind: str, say: Callable[[str], None]) -> None:
    """Nobody is kept waiting, and what they take is bounded, and given back."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < AT_ONCE + 1000:
        pytest.skip(f"needs {AT_ONCE + 1000} open files, and this machine allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (AT_ONCE + 1000, hard))
    sayings = [SILENT["headers without an end"] + b"X-A: "] if kind == "letter by letter" else [SILENT.get(kind)]
    if sayings == [None]:
        sayings = list(SILENT.values())
    clean, _ = asked(served, 5, [])
    held = served.memory()
    links: list[socket.socket] = []
    memory: list[int] = []
    stop = threading.Event()
    thread = threading.Thread(target=trickled, args=(links if kind == "letter by letter" else [], stop))
    with ExitStack() as stack:
        stack.callback(closed, links)
        begun = time.monotonic()
        for said in sayings:
            assert said is not None
            opened(served, said, AT_ONCE // len(sayings), links)
        open_s = time.monotonic() - begun
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        took, statuses = asked(served, 10, memory)
    peak, back = max(memory), held + GROWTH
    deadline = time.monotonic() + PATIENCE_S
    while served.memory() > back and time.monotonic() < deadline:
        asked(served, 0.5, [])
    before, under = (each[len(each) * 99 // 100] for each in (clean, took))
    each = (peak - held) / len(links)
    say(
        f"{len(links)} connections, {kind}, opened in {open_s:.1f} s: p99 of a call {before * 1000:.0f} ms before,"
        f" {under * 1000:.0f} ms beside them; answers {dict(statuses)};"
        f" {each / 1024:.1f} kB each, {peak - held >> 20} MB at most, {served.memory() - held >> 20} MB afterwards"
    )
    # More may be asked to come again, never told that something broke.
    assert set(statuses) <= {200, 429}
    assert statuses[200] >= 0.9 * statuses.total()
    assert under <= max(LAG * before, BESIDE_S)
    assert each <= EACH
    assert served.memory() <= back


@given(texts, texts, texts, texts)
@settings(max_examples=MIXTURES, deadline=None)
def test_ten_thousand_mixtures_add_no_header(subject: str, name: str, other: str, body: str) -> None:
    any_text(subject, name, other, body)
