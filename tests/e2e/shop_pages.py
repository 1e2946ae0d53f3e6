"""A shop's pages on a host of their own, as a browser meets them, and the web server that their scripts send to."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page, Request

ROOT = Path(__file__).parents[2]
MODULES = Path(os.environ.get("NODE_PATH") or ROOT / "node_modules")
PATIENCE_S = 60.0


class _Pages(ThreadingHTTPServer):
    """Serves texts by their path; nothing of it is told on standard error."""

    daemon_threads = True

    def __init__(self, texts: dict[str, tuple[str, bytes]]) -> None:
        self.texts = texts
        super().__init__(("127.0.0.1", 0), _Page)


class _Page(BaseHTTPRequestHandler):
    server: _Pages

    def do_GET(self) -> None:
        kind, body = self.server.texts.get(urlsplit(self.path).path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told: object) -> None:
        """Say nothing."""


@dataclass
class ShopPages:
    """A browser that looks at a shop's pages, and what it asked for meanwhile."""

    host: str
    context: BrowserContext
    texts: dict[str, tuple[str, bytes]]
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def add_page(self, path: str, head: str, body: str = "") -> None:
        """Write a page of the shop."""
        html = f"<!doctype html><html><head><title>Shop</title>{head}</head><body><h1>Shop</h1>{body}</body></html>"
        self.texts[path] = ("text/html; charset=utf-8", html.encode())

    def add_module(self, path: str, file: str) -> None:
        """Give a file of an npm package an address in the shop."""
        found = MODULES / file
        assert found.is_file(), f"{found} is missing: `make setup`"
        self.texts[path] = ("text/javascript; charset=utf-8", found.read_bytes())

    def open(self, path: str) -> Page:
        """Open a page of the shop."""
        page = self.context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.goto(self.host + path)
        return page

    def hosts(self) -> set[str]:
        """Give the hosts that were asked for anything."""
        return {urlsplit(url).netloc for url in self.asked}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give Debian's Chromium."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@contextmanager
def shop_pages(browser: Browser) -> Iterator[ShopPages]:
    """Give a visitor's browser, and a server of pages whose host is not the one that calls are sent to."""
    texts: dict[str, tuple[str, bytes]] = {"/favicon.ico": ("image/png", b"")}
    server = _Pages(texts)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made = ShopPages(f"http://localhost:{server.server_port}", browser.new_context(), texts)

    def asked(request: Request) -> None:
        made.asked.append(request.url)

    made.context.on("request", asked)
    yield made
    made.context.close()
    server.shutdown()
    server.server_close()
    thread.join()


def wait_until(true: Callable[[], bool], page: Page, what: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait for something outside of the browser, which goes on meanwhile; `what` is shown when it does not come."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what()
        page.wait_for_timeout(50)


def stored(dsn: str, statement: str) -> list[tuple[object, ...]]:
    """Ask the database behind the web server."""
    with sqlkit.connect(dsn, autocommit=True) as conn:
        return conn.execute(statement.encode()).fetchall()
