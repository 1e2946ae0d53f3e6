"""Children go with their parent, however it ends; and a web server that is restarted turns nobody away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.oracle.history import write_workspace
from tests.prove.serving import WRITE_KEY, Shop, wait_out

from tamshy.site.processes import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATIENCE_S = 60.0

# Starts as a worker does, says so, and hears nothing: SIGTERM is not for it.
STUBBORN = """
import signal, sys, time
from tamshy.site.processes import follow_parent
signal.signal(signal.SIGTERM, signal.SIG_IGN)
follow_parent(int(sys.argv[1]), patience_s=0.2)
time.sleep(600)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    write_workspace(tmp_path / "shop")
    with Shop(tmp_path / "shop", tmp_path, options=("--workers", "2")) as made:
        made.open(NOON, 1.0)
        yield made


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} took longer than {PATIENCE_S:g} s"
        wait_out(0.05)


def lives(pid: int, command: str) -> bool:
    """Tell whether this very process still runs: a zombie does not, and a number may be somebody else's by now."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        now = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return stat[0] not in {"Z", "X"} and now == command
    return False


@pytest.mark.slow
def test_all_go_with_the_server_that_is_killed(shop: Shop) -> None:
    until(lambda: len(shop.processes("worker")) == 2, "the workers")
    family = [(pid, command) for pid, command in shop.family() if "tamshy-watchdog" not in command]
    assert len(family) > 8  # web with its child, two workers, PostgreSQL with its own
    shop.kill()
    until(lambda: not any(lives(pid, command) for pid, command in family), "the end of all")


@pytest.mark.parametrize("command", ["web", "worker"])
def test_who_comes_up_after_its_server_has_gone_does_not_stay(command: str, dsn: str, tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    given = {"DATABASE_URL": dsn, "TAMSHY_SECRET_KEY": "0123456789abcdef0123456789abcdef"}
    port = ["--port", "0"] if command == "web" else []
    arguments = [sys.executable, "-m", "tamshy.site.cli", command, "--follow", gone.stdout.decode().strip(), *port]
    begun = subprocess.Popen(arguments, env={**os.environ, **given}, cwd=tmp_path)
    try:
        begun.wait(PATIENCE_S)
    finally:
        begun.kill()
    begun.wait()


def test_who_does_not_hear_is_cut_off() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        # It follows a process that is not its parent, which is as if its own had gone.
        child = subprocess.Popen([sys.executable, "-c", STUBBORN, str(other.pid)], stdout=subprocess.DEVNULL)
        try:
            assert child.wait(PATIENCE_S) == -signal.SIGKILL
        finally:
            child.kill()
            other.kill()


def test_a_process_for_which_there_is_no_room_is_started_later_and_nobody_else_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    # More than the system takes for one: the start itself fails, as it does where there is no process left to be had.
    surroundings = {**os.environ, "ROOM": "x" * (1 << 20)}
    supervisor, stop, again = Supervisor(surroundings), threading.Event(), threading.Event()
    supervisor.add("one", ["check", "--help"])
    thread = threading.Thread(target=supervisor.run, args=(stop, again), daemon=True)
    thread.start()
    try:
        until(lambda: "one cannot be started now" in caplog.text, "the first try")
        again.set()
        until(lambda: "one is not relieved" in caplog.text, "the relief")
        assert supervisor.pids() == {}
        del surroundings["ROOM"]
        until(lambda: "one ended by itself (code 0)" in caplog.text, "a start")
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join(PATIENCE_S)


class Caller(threading.Thread):
    """Calls again and again, each on a connection of its own; whoever is turned away is counted."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.port, self.enough = port, threading.Event()
        self.answered = 0
        self.turned_away: list[str] = []

    def run(self) -> None:
        while not self.enough.is_set():
            body = json.dumps({"userId": self.name, "event": "Seen", "messageId": f"{self.name}-{self.answered}"})
            connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("POST", "/v1/track", body, {"X-Write-Key": WRITE_KEY, "Connection": "close"})
                status = connection.getresponse().status
            except (OSError, HTTPException) as exc:
                self.turned_away.append(repr(exc))
            else:
                self.answered += status == 200
                self.turned_away += [] if status == 200 else [str(status)]
            finally:
                connection.close()
            # As fast as they are answered, three callers would take the machine from those that start.
            self.enough.wait(0.02)


@pytest.mark.slow
def test_nobody_is_turned_away_while_all_are_relieved_or_the_web_server_is_killed(shop: Shop) -> None:
    callers = [Caller(shop.port, f"caller{number}") for number in range(3)]
    for caller in callers:
        caller.start()
    until(lambda: all(caller.answered > 5 for caller in callers), "the first calls")
    before = {pid for word in ("web", "worker") for pid in shop.processes(word)}
    shop.relieve()
    until(lambda: not before & {pid for pid, _ in shop.family()}, "the relief")
    # A connection that the leaving server has taken and not heard yet may be cut; nobody is refused, and nobody hears an error.
    relieved = [list(caller.turned_away) for caller in callers]
    assert all(len(cut) <= 1 for cut in relieved)
    assert not [word for cut in relieved for word in cut if "Refused" in word or word.isdigit()]
    web = shop.processes("web")
    for pid in web:
        os.kill(pid, signal.SIGKILL)
    answered = [caller.answered for caller in callers]
    until(lambda: not set(web) & set(shop.processes("web")), "the restart")
    until(
        lambda: all(caller.answered > n + 5 for caller, n in zip(callers, answered, strict=True)), "calls after a kill"
    )
    for caller in callers:
        caller.enough.set()
        caller.join()
    # Only who was being answered at the kill was cut off; nobody was refused, however long the start took.
    assert all(len(caller.turned_away) - len(cut) <= 1 for caller, cut in zip(callers, relieved, strict=True))
    assert not [word for caller in callers for word in caller.turned_away if "Refused" in word]
    shop.close()
