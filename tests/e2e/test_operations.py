"""`tamshy serve` told to stop in the middle of handing mail over; and what it writes about people while it runs: nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.scripted_smtp import TAKE_AND_CUT, scripted

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Databases

KEY = "a-write-key-of-operations"
SECRET = "0123456789abcdef0123456789abcdef"
CANARY = "canary9d1c"
PATIENCE_S = 60.0
FOLDER = {
    "tamshy.yaml": "name: Shop\nlocale: en\ntimezone: UTC\nfrom: Shop <hello@shop.example>\n"
    "topics: {offers: {name: Offers, default: opt_out}}\n",
    "flows/welcome.yaml": "trigger: {event: Signed Up}\nsteps: [{send: welcome}]\n",
    "flows/broken.yaml": "trigger: {event: Broken}\nsteps: [{send: broken}]\n",
    "flows/offer.yaml": "trigger: {event: Looked}\nsteps: [{send: offer}]\n",
    "messages/offer/message.yaml": 'kind: marketing\ntopic: offers\nsubject: {en: "x"}\n',
    "messages/offer/en.md": "Hello.\n",
    "messages/welcome/message.yaml": 'kind: transactional\nsubject: {en: "Hello {{ profile.first_name }}"}\n',
    "messages/welcome/en.md": "Hello {{ profile.first_name }}.\n",
    "messages/broken/message.yaml": 'kind: transactional\nsubject: {en: "x"}\n',
    "messages/broken/en.md": "Hello {{ profile.first_name | divided_by: 0 }}.\n",
}


class Served:
    """A running `tamshy serve` on a database of its own, handing over to a mail server of the test."""

    def __init__(self, dsn: str, place: Path, smtp: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.dsn, self.log = dsn, place / "stderr"
        for name, text in FOLDER.items():
            (place / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "shop" / name).write_text(text)
        settings = {
            "DATABASE_URL": dsn,
            "TAMSHY_SECRET_KEY": SECRET,
            "TAMSHY_BOOTSTRAP_WRITE_KEY": KEY,
            "TAMSHY_SMTP_URL": f"smtp://127.0.0.1:{smtp}",
        }
        command = [sys.executable, "-m", "tamshy.site.cli", "serve", str(place / "shop"), "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=log, cwd=place
            )
        self.until(lambda: self.ask("GET", "/readyz") == 200, "the start")

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {"X-Write-Key": KEY} | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body), given)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def sign_up(self, user: str, event: str = "Signed Up") -> None:
        traits = {"email": f"{user}@shoppers.example", "firstName": f"{CANARY}-{user}"}
        assert self.ask("POST", "/v1/identify", {"userId": user, "traits": traits}) == 200
        assert self.ask("POST", "/v1/track", {"userId": user, "event": event}) == 200

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what} took longer than {PATIENCE_S:g} s: {self.log.read_text()}"
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with sqlkit.connect(self.dsn) as conn:
            return conn.execute(statement.encode()).fetchall()

    def states(self) -> list[str]:
        return [state for (state,) in self.rows("select state from delivery order by state")]

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def events(self) -> set[str]:
        return {line["event"] for line in self.lines()}

    def web_has_ended(self) -> bool:
        """Whether no web server is left. Whoever asks now waits in the queue of the socket."""
        commands = []
        for path in self.family():
            with suppress(OSError):
                commands.append((path / "cmdline").read_bytes())
        return not any(b"\0web\0" in command for command in commands)

    def family(self) -> list[Path]:
        """The processes that it has started, and theirs."""
        found, left = [], [self.process.pid]
        while left:
            pid = left.pop()
            children: list[str] = []
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            found += [Path("/proc", child) for child in children]
            left += [int(child) for child in children]
        return found


@contextmanager
def served(databases: Databases, place: Path, smtp: int) -> Iterator[Served]:
    name = f"tamshy_operations_{os.getpid()}"
    made = Served(databases.create(name), place, smtp)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.wait()
        databases.drop(name)


@pytest.mark.slow
def test_told_to_stop_it_finishes_what_it_has_in_hand_and_has_told_of_nobody(
    databases: Databases, tmp_path: Path
) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def script(command: str, line: str) -> str | None:
        if command == "rcpt" and "refused" in line:
            return f"550 5.1.1 no {CANARY} here"
        if command == "end" and "lost" in line:
            return TAKE_AND_CUT
        if command == "end" and "slow" in line:
            waiting.set()
            assert go_on.wait(PATIENCE_S)
        return None

    with scripted(script) as mail, served(databases, tmp_path, mail.port) as shop:
        shop.sign_up("quick")
        shop.sign_up("refused")
        shop.sign_up("other", "Broken")
        shop.until(lambda: shop.states() == ["failed", "sent"], "the first mails")
        # Whoever looks into no other place hears of a lost answer from the log, at once.
        shop.sign_up("lost", "Looked")
        shop.until(lambda: "answers_lost" in shop.events(), "the lost answer")
        assert shop.states() == ["failed", "sent", "uncertain"]
        # What goes wrong, with something of a person in all of it.
        bad = [
            shop.ask("POST", "/v1/track", f'{{"userId":"{CANARY}","event":'.encode()),
            shop.ask("POST", "/v1/track", {"userId": CANARY}, X_Write_Key=CANARY),
            shop.ask("POST", "/v1/track", {"userId": CANARY, "timestamp": CANARY}),
            shop.ask("GET", f"/c/{CANARY}/0?to={CANARY}"),
            shop.ask("POST", f"/u/{CANARY}", b"List-Unsubscribe=One-Click"),
            shop.ask("PUT", f"/api/profiles/{CANARY}/consent", {"topic": CANARY}, Authorization=f"Bearer {CANARY}"),
            shop.ask("GET", f"/{CANARY}"),
        ]
        assert all(400 <= status < 500 for status in bad), bad
        with sqlkit.connect(shop.dsn) as conn:
            # Somebody whose item raises an error that repeats what it is about.
            conn.execute(
                "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts)"
                " select bucket, profile, '2026-01-01Z', 0, profile, 1, 'consent', '2026-01-01Z', %s"
                " from identifier where value = 'other'",
                [json.dumps({"topic": CANARY, "granted": CANARY})],
            )
        shop.until(lambda: "profile_set_aside" in shop.events(), "the poison")

        shop.sign_up("slow")
        assert waiting.wait(PATIENCE_S)
        begun = time.monotonic()
        shop.process.send_signal(signal.SIGTERM)
        # Nothing more is taken while it ends, and what is in hand is waited for.
        shop.until(shop.web_has_ended, "the web server's end")
        assert shop.process.poll() is None
        go_on.set()
        assert shop.process.wait(PATIENCE_S) == 0
        assert time.monotonic() - begun < 30
        assert shop.states() == ["failed", "sent", "sent", "uncertain"]
        assert shop.rows("select count(*) from lease where owner is not null") == [(0,)]
        assert shop.rows("select count(*) from worker") == [(0,)]
        assert shop.events() >= {"serving", "request", "hand_over_ended", "worker_ended", "processes_ended"}
        assert len(mail.taken) == 3
        assert CANARY not in shop.log.read_text()
        for word in (KEY, SECRET, "shoppers.example"):
            assert word not in shop.log.read_text()


@pytest.mark.slow
def test_told_twice_it_ends_at_once_and_leaves_no_process_behind(databases: Databases, tmp_path: Path) -> None:
    waiting, over = threading.Event(), threading.Event()

    def script(command: str, _line: str) -> str | None:
        if command == "end":
            waiting.set()
            over.wait(PATIENCE_S)
        return None

    with scripted(script) as mail, served(databases, tmp_path, mail.port) as shop:
        shop.sign_up("slow")
        assert waiting.wait(PATIENCE_S)
        family = shop.family()
        shop.process.send_signal(signal.SIGINT)
        shop.until(shop.web_has_ended, "the web server's end")
        begun = time.monotonic()
        shop.process.send_signal(signal.SIGINT)
        assert shop.process.wait(PATIENCE_S) == 1
        assert time.monotonic() - begun < 5
        over.set()
        assert [path for path in family if path.exists()] == []
        # Nobody knows whether it was taken: the next one finds its lease run out, and says so.
        assert shop.states() == ["handing_over"]
        assert "processes_cut_off" in shop.events()
