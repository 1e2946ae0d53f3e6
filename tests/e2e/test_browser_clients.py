"""Segment's and RudderStack's browser libraries in a real Chromium: nothing is lost, and no other host is asked.

The page lies on another host than the server, as a shop's does, so every call crosses origins.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.e2e.shop_pages import MODULES, PATIENCE_S, ROOT, ShopPages, chromium, shop_pages, stored, wait_until
from tests.e2e.test_clients import KEY, Server, free_port

from tamshy.site.configuration import Configuration
from tamshy.site.founding import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page
    from tests.conftest import Databases

pytestmark = [pytest.mark.browser, pytest.mark.minutes(1)]
TOLD = "select kind, name, properties ->> 'number' from inbox where kind in ('event', 'identify')"
NUMBERS = "select (properties ->> 'number')::integer from inbox where properties ? 'number' order by 1"


@pytest.fixture(scope="module")
def founded(databases: Databases) -> Iterator[Server]:
    name = f"tamshy_browsers_{os.getpid()}"
    dsn = databases.create(name)
    found(dsn, Configuration(bootstrap_write_key=KEY), datetime.now(tz=UTC))
    made = Server(dsn, free_port())
    made.start()
    yield made
    made.kill()
    databases.drop(name)


@pytest.fixture
def server(founded: Server) -> Server:
    """Give the web server, with nothing in its inbox."""
    if founded.process is None:
        founded.start()
    stored(founded.dsn, "delete from inbox returning id")
    return founded


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def shop(browser: Browser) -> Iterator[ShopPages]:
    with shop_pages(browser) as made:
        yield made


def documented_snippet(host: str, key: str) -> str:
    """Read the snippet of the quickstart, filled in as it says."""
    text = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    block = re.search(r"```html\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return block[1].replace('"HOST"', json.dumps(host)).replace('"KEY"', json.dumps(key))


def segments_snippet(host: str, key: str) -> str:
    """Render Segment's own snippet; it speaks https only, for which a test has no certificate."""
    options = {"host": host.partition("://")[2], "apiKey": key, "useHostForBundles": True}
    render = f"process.stdout.write(require('@segment/snippet').max({json.dumps(options)}))"
    made = subprocess.run(
        ["node", "-e", render],  # noqa: S607 - Node.js is looked for where the developer has it
        capture_output=True,
        check=True,
        text=True,
        cwd=MODULES.parent,
    )
    return f"<script>{made.stdout.replace('https://', 'http://')}</script>"


# By itself the library keeps a hundred calls and tries each ten times.
QUEUE = "queueOptions: {maxItems: 1000, maxAttempts: 100, maxRetryDelay: 30000}"


def rudder_snippet(host: str, key: str, options: str = QUEUE) -> str:
    """Load RudderStack's library as the how-to says."""
    return f"""<script src="/rudder.js"></script><script>
        if (rudderanalytics.RudderAnalytics) window.rudderanalytics = new rudderanalytics.RudderAnalytics();
        rudderanalytics.load({json.dumps(key)}, {json.dumps(host)}, {{configUrl: {json.dumps(host)}, {options}}});
        rudderanalytics.page();
    </script>"""


def rudder_beacons(host: str, key: str) -> str:
    """Load it so that it collects calls, and sends them as beacons."""
    return rudder_snippet(host, key, "useBeacon: true, beaconQueueOptions: {flushQueueInterval: 500}")


@dataclass(frozen=True)
class Library:
    """A browser library: its name on the page, what loads it, its file, and the last event in which it can tell."""

    name: str
    snippet: Callable[[str, str], str]
    file: str = ""
    leaving: str = ""
    says: tuple[str, ...] = ()


RUDDER = "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js"
LIBRARIES = {
    # Segment's takes several turns of the page to send or to keep a call: none is left when the page is being closed.
    "segment-quickstart": Library("analytics", documented_snippet),
    "segment-snippet": Library("analytics", segments_snippet),
    "rudder": Library("rudderanalytics", rudder_snippet, RUDDER, "pagehide"),
    "rudder-beacons": Library("rudderanalytics", rudder_beacons, RUDDER, "pagehide"),
    "rudder-legacy": Library(
        "rudderanalytics",
        rudder_snippet,
        "rudder-sdk-js/dist/npm/index.js",
        "pagehide",
        ("This RudderStack JavaScript SDK package is deprecated and no longer maintained",),
    ),
}


def shown(shop: ShopPages, server: Server, kind: str) -> tuple[Page, str]:
    """Open a shop's page with a library in it; gives the library's name there too."""
    library = LIBRARIES[kind]
    if library.file:
        shop.add_module("/rudder.js", library.file)
    shop.add_page("/", library.snippet(server.host, KEY))
    return shop.open("/"), library.name


@pytest.mark.parametrize("kind", LIBRARIES)
def test_a_browser_library_tells_what_happens_and_asks_no_other_host(
    shop: ShopPages, server: Server, kind: str
) -> None:
    page, name = shown(shop, server, kind)
    page.evaluate(f'{name}.identify("u-{kind}", {{email: "{kind}@shop.example"}})')
    page.evaluate(f'{name}.track("Product Viewed", {{number: 1}})')
    page.evaluate(f'{name}.page("Basket", {{number: 2}})')
    wait_until(lambda: len(stored(server.dsn, TOLD)) == 4, page, lambda: (stored(server.dsn, TOLD), shop.said))
    assert sorted(stored(server.dsn, TOLD), key=str) == sorted(
        [
            ("event", "Page Viewed", None),
            ("identify", "", None),
            ("event", "Product Viewed", "1"),
            ("event", "Page Viewed", "2"),
        ],
        key=str,
    )
    assert stored(server.dsn, "select properties ->> 'email' from inbox where kind = 'identify'") == [
        (f"{kind}@shop.example",)
    ]
    assert shop.hosts() == {shop.host.partition("://")[2], f"127.0.0.1:{server.port}"}
    assert [text for text in shop.said if not text.startswith(LIBRARIES[kind].says)] == []


# On a machine that is too busy the page is gone before Segment's library has said a word: that one runs with the proofs.
@pytest.mark.parametrize(
    "kind",
    [pytest.param("segment-quickstart", marks=[pytest.mark.prove, pytest.mark.alone]), "rudder", "rudder-beacons"],
)
def test_what_is_told_while_the_page_closes_arrives(shop: ShopPages, server: Server, kind: str) -> None:
    told_while_closing(shop, server, kind)


def told_while_closing(shop: ShopPages, server: Server, kind: str) -> None:
    """Tell a call and leave the page in the same breath, and one more from the page's last event where that can be."""
    page, name = shown(shop, server, kind)
    wait_until(lambda: len(stored(server.dsn, TOLD)) == 1, page, lambda: shop.said)
    leaving, numbers = LIBRARIES[kind].leaving, [(1,)]
    if leaving:
        page.evaluate(f'addEventListener("{leaving}", () => {name}.track("Left", {{number: 2}}))')
        numbers.append((2,))
    page.evaluate(f'{name}.track("Product Viewed", {{number: 1}}), location.assign("about:blank")')
    page.wait_for_url("about:blank")
    page.close()
    # What a library kept for later is sent when the next page of the shop is opened.
    page = shop.open("/")
    wait_until(
        lambda: len(stored(server.dsn, NUMBERS)) == len(numbers),
        page,
        lambda: (stored(server.dsn, TOLD), shop.said),
    )
    assert stored(server.dsn, NUMBERS) == numbers


@pytest.mark.parametrize("kind", ["segment-quickstart", "rudder"])
def test_nothing_is_lost_while_the_server_is_killed_and_started_again(
    shop: ShopPages, server: Server, kind: str
) -> None:
    sent = told_over_restarts(shop, server, kind, restarts=2)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(sent)]


@pytest.mark.prove
@pytest.mark.parametrize("kind", ["segment-quickstart", "segment-snippet", "rudder", "rudder-legacy"])
def test_nothing_is_lost_over_twenty_restarts(shop: ShopPages, server: Server, kind: str) -> None:
    sent = told_over_restarts(shop, server, kind, restarts=20)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(sent)]


@pytest.mark.prove
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["segment-snippet", "rudder-legacy"])
def test_what_is_told_while_the_page_closes_arrives_of_the_others_too(
    shop: ShopPages, server: Server, kind: str
) -> None:
    told_while_closing(shop, server, kind)


def told_over_restarts(shop: ShopPages, server: Server, kind: str, restarts: int) -> int:
    """Tell some calls a second while the server is killed and started again; gives how many."""
    page, name = shown(shop, server, kind)
    # On a busy machine a start takes long, and what is kept meanwhile must stay below what the library keeps.
    pause_ms = 100 if restarts < 10 else 400
    page.evaluate(
        f'window.sent = 0; window.ticking = setInterval(() => {name}.track("Tick", {{number: window.sent++}}), {pause_ms})'
    )
    for _ in range(restarts):
        page.wait_for_timeout(500)
        server.kill()
        page.wait_for_timeout(500)
        server.start()
    page.wait_for_timeout(500)
    sent = int(page.evaluate("clearInterval(window.ticking), window.sent"))
    wait_until(
        lambda: len(stored(server.dsn, NUMBERS)) >= sent,
        page,
        lambda: (sent, len(stored(server.dsn, NUMBERS)), shop.said[-5:]),
        PATIENCE_S * (5 if restarts > 2 else 1),
    )
    return sent
