"""Promise 60: nothing that a shop sends runs in a page, in Chromium: no dialog, no request beyond us, nothing refused."""

from __future__ import annotations

import os
import re
import threading
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import UUID

import pytest
from playwright.sync_api import Page, sync_playwright
from tests.engine.living import HandClock, Shop, found_shop, ref_of
from tests.hostile.served import SECRET, WRITE_KEY, web

from tamshy import sqlkit
from tamshy.domain.call import Call, CallKind
from tamshy.domain.token import Purpose, Signer, Subject
from tamshy.ingest import store
from tamshy.site.clock import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser
    from tests.conftest import Databases
    from tests.hostile.served import Web

NOW: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
CANARY: Final = "CANARY"
"""Stands for the address that nothing may ask for."""
PROMISE_60: Final = {
    "a script": "<script>alert(1);fetch('CANARY')</script>",
    "a script from elsewhere": "<script src=CANARY></script>",
    "a script that ends ours": "</script><script>alert(1)</script>",
    "a script that ends JSON": '</script><!--"}]};alert(1)//',
    "a comment that swallows the page": "<!--<script>",
    "an image that fails": "<img src=x onerror=alert(1)>",
    "an image from elsewhere": "<img src=CANARY>",
    "an attribute that ends": '" onmouseover=alert(1) autofocus onfocus=alert(1) x="',
    "an attribute in single quotes": "' onfocus=alert(1) autofocus x='",
    "an attribute without quotes": "x onfocus=alert(1) autofocus tabindex=0",
    "a drawing": "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "a drawing that ends": "</title></text></svg><script>alert(1)</script>",
    "mathematics": "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "a frame": "<iframe srcdoc='<script>parent.alert(1)</script>' src=javascript:alert(1)></iframe>",
    "an object": "<object data=CANARY></object><embed src=CANARY>",
    "a style": "<style>@import 'CANARY';body{background:url(CANARY)}</style>",
    "a style sheet": "<link rel=stylesheet href=CANARY><link rel=prefetch href=CANARY>",
    "a base": "<base href=CANARY/>",
    "a refresh": "<meta http-equiv=refresh content='0;url=CANARY'>",
    "a form": "<form action=CANARY><input name=a autofocus onfocus=this.form.submit()>",
    "a link to a script": "javascript:alert(1)",
    "a link to a script, hidden": "java\nscript:alert(1)//http://x.example",
    "a link to data": "data:text/html,<script>alert(1)</script>",
    "a template of another kind": "{{7*7}}${alert(1)}{{constructor.constructor('alert(1)')()}}",
    "Liquid": "{{ shop.name }}{% raw %}",
    "letters that turn": "\u202e<script>alert(1)</script>\u2066",
    "brackets of another width": "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "UTF-7": "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;&#x3C;img src=CANARY&#x3E;",
    "a name of an element": "x\u2028y\u2029</noscript><noscript>",
    "a prototype": "__proto__",
}
FILES: Final = {
    "tamshy.yaml": "name: Qumyra\nlocale: en\ntimezone: UTC\nurl: https://shop.example\nfrom: Q <q@q.example>\n"
    "topics: {offers: {name: Offers, default: opt_out}}\n",
    "flows/told.yaml": "trigger: {event: Told}\nsteps:\n  - send: told\n  - wait: 3d\n",
    "messages/told/message.yaml": 'subject: {en: "For {{ profile.first_name }}"}\n'
    'preheader: {en: "{{ event.title }}"}\n',
    "messages/told/en.html": "<html><head><title>{{ event.title }}</title></head><body><p title='{{ event.title }}'>"
    '{{ event.title }}</p><img alt="{{ event.title }}" src="https://shop.example/{{ event.title }}">'
    '<a href="{{ event.link }}">{{ event.title }}</a><a href="https://shop.example/?q={{ event.title }}">x</a>'
    "</body></html>",
}
# As root Chromium has no sandbox; the shop's own host is not asked for on any network.
ARGS: Final = ("--no-sandbox", "--host-resolver-rules=MAP *.example ~NOTFOUND")
OURS: Final = ("https://shop.example/", "https://mail.example/o/")
LINKS: Final = ("a link to a script", "a link to a script, hidden", "a link to data")
pytestmark = pytest.mark.browser


class Listening(BaseHTTPRequestHandler):
    asked: Final[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def canary() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/canary"
        server.shutdown()
        thread.join()


class Hostile:
    """A shop in which one person for each payload did all that can be told of somebody."""

    def __init__(self, served: Web, payloads: dict[str, str], subjects: dict[str, Subject]) -> None:
        self.served, self.payloads, self.subjects = served, payloads, subjects
        self.base = f"http://127.0.0.1:{served.port}"

    def pages(self, name: str) -> list[str]:
        """The pages on which one payload stands."""
        who, text = self.subjects[name], quote(self.payloads[name], safe="")
        signer = Signer([SECRET])
        own = {purpose: signer.token(purpose, who) for purpose in Purpose}
        return [
            f"/people/{who.bucket}/{who.profile}",
            f"/mails/{who.bucket}/{who.profile}/{who.message}",
            f"/mails/{who.bucket}/{who.profile}/{who.message}/frame",
            f"/m/{own[Purpose.VIEW]}",
            f"/u/{own[Purpose.UNSUBSCRIBE]}",
            f"/prefs/{own[Purpose.PREFERENCES]}",
            f"/people?find={text}&lang={text}",
            f"/shop/checkout/{text}?lang={text}",
            f"/u/{text}",
            f"/flows/{text}/1",
            f"/{text}",
        ]


def tell(shop: Shop, number: int, payload: str) -> None:
    """Let one person be told of in every way that there is."""
    user, text = f"u{number}", payload.replace("\0", "")
    page = {"url": text, "referrer": text, "title": text, "path": text, "search": text}
    campaign = {"name": text, "source": text, "medium": text, text: text}
    context: dict[str, object] = {
        "page": page, "campaign": campaign, "locale": text, "timezone": text, "userAgent": text, "ip": text,
        "library": {"name": text, "version": text}, text: text,
    }  # fmt: skip
    traits: dict[str, object] = {
        "email": f"{user}@example.com", "first_name": text, "last_name": text, "locale": text, "timezone": text,
        "city": text, "createdAt": text, text[:100]: text, "address": {"city": text, text: [text, {text: text}]},
    }  # fmt: skip
    said: dict[str, object] = {
        "title": text, "link": text, "name": text, "product_id": text, "order_id": text, "cart_id": text,
        "value": text, "price": text, "topic": text, "message": text, "url": text, "currency": text,
        "products": [{"name": text, "price": text, "image_url": text, "url": text}], text: text,
    }  # fmt: skip
    calls = [
        Call(CallKind.IDENTIFY, NOW, NOW, user_id=user, anonymous_id=text[:200], properties=traits, context=context),
        Call(CallKind.TRACK, NOW, NOW, user_id=user, name=text[:200] or "x", properties=said, context=context),
        Call(CallKind.PAGE, NOW, NOW, user_id=user, properties=said, context=context),
        Call(CallKind.TRACK, NOW, NOW, user_id=user, name="Told", properties=said, context=context),
    ]
    store(shop.conn, ref_of(shop.book), calls)
    shop.conn.commit()


def every(shop: Shop, payload: str) -> None:
    """Let the last person have done what every payload names, each by itself."""
    user = f"u{len(PROMISE_60) - 1}"
    said: dict[str, object] = {"name": payload, "url": payload, "order_id": payload}
    store(shop.conn, ref_of(shop.book), [Call(CallKind.TRACK, NOW, NOW, user_id=user, name=payload, properties=said)])
    shop.conn.commit()


@pytest.fixture(scope="module")
def hostile(databases: Databases, canary: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    name = f"tamshy_scripts_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    payloads = {name: text.replace(CANARY, canary) for name, text in PROMISE_60.items()}
    with sqlkit.connect(dsn) as conn:
        book = found_shop(conn, FILES, zones=["UTC"])
        shop = Shop(dsn, conn, book, HandClock(NOW))
        for number, text in enumerate(payloads.values()):
            tell(shop, number, text)
        for text in payloads.values():
            every(shop, text)
        for minutes in (1, 2):
            shop.work(NOW + timedelta(minutes=minutes))
        rows = shop.query("select i.value, i.bucket, i.profile, m.id, m.reason from identifier i"
            " left join message m using (bucket, profile) where i.kind = 'user_id'")  # fmt: skip
    subjects = {str(row[0]): Subject(1, int(str(row[1])), UUID(str(row[2])), UUID(str(row[3]))) for row in rows}
    unsent = {str(row[0]): row[4] for row in rows if row[4]}
    by_name = {name: subjects[f"u{number}"] for number, name in enumerate(payloads)}
    # A link that is no address of the web stops its own mail; all the others were printed in one.
    assert {name for number, name in enumerate(payloads) if f"u{number}" in unsent} == set(LINKS), unsent
    assert set(unsent.values()) == {"render_error"}
    settings = {
        "TAMSHY_CLOCK": running(NOW + timedelta(minutes=3), 1.0).text(),
        "TAMSHY_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
        "TAMSHY_BOOTSTRAP_API_KEY": "an-api-key-of-nobody",
    }
    with web(dsn, tmp_path_factory.mktemp("web"), founded=True, **settings) as served:
        yield Hostile(served, payloads, by_name)
    databases.drop(name)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield made
        made.close()


class Looking:
    """A page with everything noted that must not happen on it."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.dialogs: list[str] = []
        self.beyond: list[str] = []
        self.refused: list[str] = []
        page.on("dialog", self._dialog)
        page.on("request", lambda request: None if request.url.startswith(base) else self.beyond.append(request.url))
        page.on("console", lambda said: self.refused.append(said.text) if "Content Security" in said.text else None)

    def _dialog(self, dialog: object) -> None:
        self.dialogs.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]


def own(refused: list[str]) -> list[str]:
    """What was refused of a page of ours; what a mail's frame refuses is the mail's."""
    return [text for text in refused if "sandbox" not in text]


def looked_at(browser: Browser, base: str, paths: list[str]) -> Looking:
    page = browser.new_page()
    looking = Looking(page, base)
    for path in paths:
        page.goto(base + path, wait_until="load")
        # What waits for a hand or the keyboard gets both.
        page.keyboard.press("Tab")
        if not path.startswith("/m/") and not path.endswith("/frame"):  # nothing at all is run there
            page.evaluate("() => new Promise(requestAnimationFrame)")
    page.close()
    return looking


@pytest.mark.prove
@pytest.mark.parametrize("name", PROMISE_60)
def test_nothing_of_it_runs(hostile: Hostile, browser: Browser, name: str) -> None:
    looking = looked_at(browser, hostile.base, hostile.pages(name))
    assert looking.dialogs == []
    # A mail may show the shop's own pictures and tells that it was opened, as it would in any mail program.
    assert [url for url in looking.beyond if not url.startswith(OURS)] == []
    assert own(looking.refused) == []
    assert Listening.asked == []


def test_nothing_of_all_together_runs(hostile: Hostile, browser: Browser) -> None:
    """Every payload stands in the lists of the first pages, and all of them in the story of the last person."""
    paths = ["/", "/people", "/flows/told/1", *hostile.pages("a prototype")[:2], "/shop", *odd(hostile)]
    looking = looked_at(browser, hostile.base, paths)
    assert [url for url in looking.beyond if not url.startswith(OURS)] == []
    assert (looking.dialogs, looking.refused) == ([], [])
    assert Listening.asked == []


def odd(hostile: Hostile) -> list[str]:
    """Pages that show what stands in their address."""
    text = quote("".join(hostile.payloads.values()), safe="")
    return [f"/people?find={text}&lang={text}", f"/shop/checkout/{text[:600]}?lang={text}"]


class Tags(HTMLParser):
    """What a page holds that could act: elements and attributes, as a reader of HTML sees them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.acting: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"object", "embed", "base", "math", "applet"} or (tag == "meta" and "http-equiv" in given):
            self.acting.append(tag)
        if (
            tag == "script"
            and not given.get("src", "").startswith("/static/")
            and given.get("type") != "application/json"
        ):
            self.acting.append(tag)
        for name, value in given.items():
            odd = re.match(r"[\x00-\x20]*(?:j[\s]*a[\s]*v[\s]*a[\s]*s|data:text|vbs)", value, re.IGNORECASE)
            if (
                name.startswith("on")
                or (name in {"href", "src", "action", "srcdoc"} and odd)
                or given.get("src", "").startswith("http:")
            ):
                self.acting.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("name", PROMISE_60)
def test_it_stands_in_the_page_as_text(hostile: Hostile, name: str) -> None:
    """Without a browser: as a reader of HTML sees them, the pages hold nothing that acts but their own scripts."""
    for path in hostile.pages(name):
        assert Tags(hostile.served.get(path).body.decode(errors="replace")).acting == [], path


HEADERS: Final = {
    "content-security-policy": re.compile(r"default-src 'none'"),
    "x-content-type-options": re.compile(r"^nosniff$"),
    "referrer-policy": re.compile(r"^(no-referrer|same-origin)$"),
    "x-frame-options": re.compile(r"^(SAMEORIGIN|DENY)$"),
}


@pytest.mark.parametrize("name", ["a script", "a link to a script"])
def test_every_page_forbids_what_none_of_them_needs(hostile: Hostile, name: str) -> None:
    paths = [*hostile.pages(name), "/", "/people", "/uncertain", "/sign-in", "/shop", "/static/panel/live.js", "/nowhere",
        "/healthz", "/readyz", "/metrics", "/v1/projects/x/settings"]  # fmt: skip
    for path in paths:
        answer = hostile.served.get(path)
        head = answer.raw.partition(b"\r\n\r\n")[0].decode().lower()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
        for header, wanted in HEADERS.items():
            found = headers.get(header, "")
            assert re.search(wanted.pattern, found, re.IGNORECASE), f"{path}: {header}: {found}"
        policy = headers["content-security-policy"]
        scripts = re.search(r"script-src ([^;]*)", policy)
        assert scripts is None or scripts[1].strip() == "'self'", f"{path}: {policy}"
        assert "frame-ancestors" in policy, f"{path}: {policy}"
        if answer.status == 200 and (path.endswith("/frame") or path.startswith("/m/")):
            assert "sandbox" in policy
            assert "allow-scripts" not in policy
            assert "allow-same-origin" not in policy


def test_a_mail_is_shown_in_a_frame_without_scripts_and_without_our_origin(hostile: Hostile, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(hostile.base + hostile.pages("a script")[1])
    frame = page.locator("iframe")
    assert (frame.get_attribute("sandbox") or "").split() == ["allow-popups", "allow-popups-to-escape-sandbox"]
    page.close()


def test_links_of_the_page_are_the_pages_own(hostile: Hostile, browser: Browser) -> None:
    """No `javascript:` among what can be pressed, on the page of whoever sent one."""
    for name in LINKS:
        page = browser.new_page()
        for path in (hostile.pages(name)[0], "/"):
            page.goto(hostile.base + path)
            hrefs = page.eval_on_selector_all("[href]", "all => all.map(one => one.getAttribute('href'))")
            assert hrefs
            assert [href for href in hrefs if not href.startswith(("/", "#", "?"))] == []
        page.close()
