"""`tamshy demo` as a person starts it: a process, an address, a page that lives, and an end by Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.minutes(1.2)]

FIRST_MAIL_S = 60
"""Seconds after its start within which the demo has a mail in the inbox (what the issue allows)."""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    """A folder to start demos in; what root's databases leave elsewhere is removed with it."""
    yield tmp_path
    pointer = tmp_path / "tamshy-data" / "demo" / "postgres-lies-in"
    if pointer.exists():
        shutil.rmtree(Path(pointer.read_text().strip()), ignore_errors=True)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(folder: Path, port: int, *more: str) -> Iterator[subprocess.Popen[str]]:
    """A running demo with the same shoppers every time, in a group of its own so that nothing of it is left."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAMSHY_", "DATABASE_URL"))}
    command = [sys.executable, "-m", "tamshy.site.cli", "demo", "--port", str(port), "--seed", "1", *more]
    with (
        (folder / "stderr").open("a") as said,
        subprocess.Popen(
            command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=said, text=True, start_new_session=True
        ) as process,
    ):
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def address(process: subprocess.Popen[str], folder: Path) -> str:
    assert process.stdout is not None
    line = next((line for line in process.stdout if line.startswith("Open ")), "")
    assert line, (folder / "stderr").read_text()
    return line.removeprefix("Open ").strip()


def state(base: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{base}api/live/state", timeout=10) as answer:  # noqa: S310 - our own address
        found: dict[str, Any] = json.load(answer)
    return found


def numbers(base: str) -> dict[str, int]:
    return {count["key"]: count["value"] for count in state(base)["counts"]}


def until(base: str, key: str, seconds: float) -> int:
    """Ask until a number is no longer zero."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = numbers(base)[key]
        if value:
            return value
        time.sleep(0.5)  # asked as the page asks; what is waited for is the demo's own pace
    return 0


def test_the_demo_lives_ends_at_ctrl_c_and_goes_on(here: Path, port: int) -> None:
    begun = time.monotonic()
    with demo(here, port) as process:
        base = address(process, here)
        assert time.monotonic() - begun < FIRST_MAIL_S
        assert base == f"http://127.0.0.1:{port}/"
        first = state(base)["mails"][-1]
        assert first["flow"] == "Welcome"
        assert until(base, "opened", 90) > 0
        _look(base)
        _go_shopping(base)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with socket.socket() as probe:
        # As servers bind: addresses of connections just closed do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
    wrote = written(here)
    # A second start goes on with the same people, mails and clock.
    with demo(here, port) as process:
        base = address(process, here)
        with urllib.request.urlopen(base.rstrip("/") + first["href"], timeout=10) as answer:  # noqa: S310
            assert first["subject"] in answer.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert "Traceback" not in (here / "stderr").read_text()
    # Each start writes a log of its own, in place of the one before.
    assert wrote
    assert wrote & written(here) == set()


def written(folder: Path) -> set[int]:
    """The processes that the demo's log has lines of."""
    text = (folder / "tamshy-data" / "demo" / "log").read_text()
    return {json.loads(line)["pid"] for line in text.splitlines()}


@contextmanager
def browsing() -> Iterator[tuple[Page, list[str]]]:
    """A page of Chromium, and what it complains of."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page, wrong
        browser.close()


def _look(base: str) -> None:
    """The page and a letter: nothing in the console, the picture of the letter there."""
    with browsing() as (page, wrong):
        page.goto(base)
        page.locator("#mails a", has_text="Welcome").last.click()
        letter = page.frame_locator("#letter")
        letter.locator("strong").first.wait_for()
        assert letter.locator("img").first.evaluate("picture => picture.naturalWidth") == 640
        assert wrong == []


def _go_shopping(base: str) -> None:
    """A person shops in the storefront, leaves the basket at the checkout, and finds their story with Tamshy."""
    with browsing() as (page, wrong):
        page.goto(f"{base}shop?lang=ru")
        page.get_by_role("link", name="Латунный кувшин куман").click()
        page.get_by_role("button", name="Положить в корзину").click()
        page.get_by_role("link", name="Оформить заказ").click()
        page.get_by_label("Имя").fill("Ада")
        page.get_by_label("Эл. почта").fill("ada@example.com")
        page.get_by_label("Напоминать").check()
        page.get_by_role("button", name="Продолжить").click()
        page.locator("#checkout .answer a").click()
        for _ in range(40):
            # The page is asked for again until the worker has taken the calls in.
            if page.get_by_text("Entered Abandoned cart.").count():
                break
            page.wait_for_timeout(250)
            page.goto(f"{base}people?find=ada@example.com")
        assert page.get_by_role("heading", name="Ада").is_visible()
        assert page.get_by_text("Reminders and offers: yes").is_visible()
        assert page.get_by_text("News from the workshops: no").is_visible()
        assert page.get_by_text("Entered Abandoned cart.").count() == 1
        assert wrong == []


def test_once_ends_with_the_first_mail(here: Path, port: int) -> None:
    with demo(here, port, "--once") as process:
        address(process, here)
        assert process.wait(30) == 0


def test_at_a_terminal_a_person_reads_sentences_and_the_log_lies_in_a_file(here: Path, port: int) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TAMSHY_", "DATABASE_URL"))}
    command = [sys.executable, "-m", "tamshy.site.cli", "demo", "--port", str(port), "--seed", "1", "--once"]
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command, cwd=here, env=clean, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        shown = b""
        # A terminal that its last writer has left ends in an error, not in nothing.
        with suppress(OSError):
            while piece := os.read(ours, 65536):
                shown += piece
        assert process.wait(30) == 0
    finally:
        os.close(ours)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert shown.decode().split("\r\n") == [
        "The shop opens …",
        "Making the database, once",
        "Its log is tamshy-data/demo/log",
        f"Open http://127.0.0.1:{port}/",
        "",
    ]
    log = here / "tamshy-data" / "demo" / "log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["part"] for line in lines} == {"web", "worker"}
    assert {"request", "hand_over_ended", "worker_ended"} <= {line["event"] for line in lines}


def test_a_port_in_use_is_refused_with_the_mend(here: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(here, port) as process:
            assert process.wait(30) == 2
    assert f"127.0.0.1:{port} cannot be listened on" in (here / "stderr").read_text()
    assert "choose another by --port" in (here / "stderr").read_text()
