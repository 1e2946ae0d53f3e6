"""The page that shows what happens: what it says of a day in a shop, to a client and in a browser."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from datetime import timedelta
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
import pytest
from django.core.wsgi import get_wsgi_application
from django.test import Client, override_settings
from playwright.sync_api import Page, sync_playwright
from tests.e2e.seeded_shop import NOW, Seeded, seed

from tamshy import sqlkit
from tamshy.panel import wiring
from tamshy.site import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.minutes(0.6)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()

# The counting of requests is the edge's, which is not wired here.
MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("tamshy.")]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(sqlkit.__path__[0]).replace("sqlkit", "panel/templates")],
    }
]


@pytest.fixture
def shop(dsn: str) -> Iterator[Seeded]:
    """A seeded database with the page wired to it."""
    with sqlkit.connect(dsn) as conn:
        seeded = seed(conn)
    pool = sqlkit.pool(dsn)
    wiring.install(wiring.Wiring(pool.connection, lambda: NOW, speed=600, demo=True))
    with override_settings(ROOT_URLCONF="tamshy.panel.urls", TEMPLATES=TEMPLATES, MIDDLEWARE=MIDDLEWARE, DEBUG=False):
        yield seeded
    pool.close()


def state(client: Client) -> dict[str, Any]:
    answer = client.get("/api/live/state")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def person(seeded: Seeded, user: str) -> str:
    bucket, id_ = seeded.people[user]
    return f"/people/{bucket}/{id_}"


def mail(seeded: Seeded, user: str, message: str) -> str:
    bucket, id_ = seeded.people[user]
    return f"/mails/{bucket}/{id_}/{seeded.messages[user, message]}"


def test_counts_say_what_was_decided(shop: Seeded) -> None:
    del shop
    counts = {count["key"]: (count["value"], count["more"]) for count in state(Client())["counts"]}
    assert counts == {
        "people": (5, "known to the shop"),
        "entered": (6, "5 inside now"),
        "sent": (2, "1 held back first"),
        "skipped": (1, "1 no consent"),
        "opened": (1, "50 % of sent"),
        "clicked": (1, "50 % of sent"),
        "ordered": (0, "after entering a flow"),
    }


def test_each_flow_says_who_stands_where_and_what_each_step_has_sent(shop: Seeded) -> None:
    del shop
    flows = state(Client())["flows"]
    assert flows["abandoned-cart"]["standing"] == {"2": 1}
    assert flows["abandoned-cart"]["sent"] == {"cart-reminder": 1}
    assert flows["abandoned-cart"]["exits"] == {"exit_on": 1}
    assert flows["browse-reminder"]["standing"] == {"1": 2}
    assert flows["welcome"]["reasons"] == {"no_consent": 1}
    assert flows["welcome"]["clicked"] == 1


def test_decisions_are_told_in_plain_words_newest_first(shop: Seeded) -> None:
    del shop
    told = [(line["at"], line["who"], line["mark"], line["text"]) for line in state(Client())["lines"]]
    assert told[:4] == [
        ("14:18", "Dewi", "out", "Left Abandoned cart: Order Completed."),
        ("14:00", "Anna", "held", "browse-reminder held back until 20:20 their time: quiet hours."),
        ("13:20", "Марат", "sent", "Sent “Марат, ваша корзина вас ждёт”."),
        ("11:20", "Марат", "in", "Entered Abandoned cart."),
    ]
    assert ("08:20", "<script>alert(1)</script>", "not sent", "welcome not sent: no consent to its topic.") in told


def test_what_comes_from_the_shop_is_escaped(shop: Seeded) -> None:
    client = Client()
    for path in ("/", "/people", person(shop, "evil")):
        text = client.get(path).content.decode()
        assert "<script>alert(1)" not in text
        assert "<b>Event</b>" not in text
        assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(person(shop, "evil")).content.decode()


def test_a_person_s_story_is_told_in_their_own_zone(shop: Seeded) -> None:
    text = Client().get(person(shop, "anna")).content.decode()
    # 14:20 in Almaty is 10:20 in Berlin.
    assert "Tue 3 Mar, 10:20 <small>Europe/Berlin</small>" in text
    assert "browse-reminder held back until 20:20 their time: quiet hours." in text
    assert "Reminders and offers: yes" in text
    assert "News from the workshops: no" in text


def test_somebody_whose_mail_is_just_being_rendered_goes_on_now(shop: Seeded) -> None:
    assert (
        "<b>Browse reminder</b>: sends browse-reminder, goes on now."
        in Client().get(person(shop, "dewi")).content.decode()
    )
    rows = Client().get("/flows/browse-reminder/1").content.decode()
    assert "2 here now" in rows
    assert "<td>now</td>" in rows


def test_a_mail_is_shown_in_a_frame_that_can_run_nothing_and_counts_nothing(shop: Seeded) -> None:
    client = Client()
    path = mail(shop, "aia", "welcome")
    page = client.get(path)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.content.decode()
    assert "<script>alert(2)" not in page.content.decode()
    frame = client.get(path + "/frame")
    assert "/o/" not in frame.content.decode()
    assert frame["Content-Security-Policy"] == (
        "default-src 'none'; img-src 'self' http: https: data:; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )


def test_pages_run_only_their_own_scripts(shop: Seeded) -> None:
    client = Client()
    for path in ("/", "/people", person(shop, "aia"), mail(shop, "aia", "welcome"), "/flows/welcome/1"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "script-src 'self'; style-src 'self'" in answer["Content-Security-Policy"]
        assert " style=" not in answer.content.decode()


def test_nothing_can_be_changed_here(shop: Seeded) -> None:
    client = Client()
    for path in ("/", "/api/live/state", "/people", person(shop, "aia"), mail(shop, "aia", "welcome")):
        assert client.post(path).status_code == 405


def test_what_does_not_exist_is_not_found(shop: Seeded) -> None:
    bucket, id_ = shop.people["aia"]
    paths = (
        f"/people/{(bucket + 1) % 64}/{id_}",
        f"/mails/{bucket}/{id_}/{id_}",
        "/flows/nowhere/1",
        "/flows/welcome/99",
    )
    assert [Client().get(path).status_code for path in paths] == [404] * 4


def test_before_anything_is_applied_the_page_says_what_to_do(dsn: str) -> None:
    pool = sqlkit.pool(dsn)
    wiring.install(wiring.Wiring(pool.connection, lambda: NOW))
    with override_settings(ROOT_URLCONF="tamshy.panel.urls", TEMPLATES=TEMPLATES, MIDDLEWARE=MIDDLEWARE):
        answer = Client().get("/")
        assert answer.status_code == 200
        assert "tamshy apply examples/shop" in answer.content.decode()
        assert Client().get("/api/live/state").status_code == 404
    pool.close()


# -- in a browser ------------------------------------------------------------------------------------------------------


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        del format, args


@contextmanager
def served() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, get_wsgi_application(), server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def browsing(width: int, scheme: str) -> Iterator[tuple[Page, list[str]]]:
    """A page of Chromium, and what it complains of."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        yield page, wrong
        browser.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_the_console_is_quiet(shop: Seeded, width: int, scheme: str) -> None:
    paths = ("/", "/people", person(shop, "aia"), mail(shop, "marat", "cart-reminder"), "/flows/abandoned-cart/2")
    with served() as base, browsing(width, scheme) as (page, wrong):
        for path in paths:
            page.goto(base + path)
            assert page.evaluate("document.documentElement.scrollWidth") == width, path
        # The seeded mail carries a script on purpose: that the browser refuses to run it is all it may say.
        assert [text for text in wrong if "sandboxed" not in text] == []


@pytest.mark.browser
def test_the_page_lives_people_move_and_decisions_come_in(shop: Seeded, dsn: str) -> None:
    with served() as base, browsing(1280, "light") as (page, wrong):
        page.goto(base + "/")
        box = page.locator('.flow[data-flow="abandoned-cart"] svg.wide .box[data-step="2"]')
        assert box.get_attribute("aria-label") == "waits 20 h, 1 here now"
        bucket, id_ = shop.people["marat"]
        with sqlkit.connect(dsn) as conn:
            conn.execute(
                "update enrollment set step = 3 where bucket = %s and profile = %s and flow = 'abandoned-cart'",
                (bucket, id_),
            )
            conn.execute(
                "insert into journal (bucket, profile, pass, ord, id, workspace, at, kind, flow, version, outcome,"
                " reason, message, until) values (%s, %s, 99, 0, %s, 1, %s, 'message', 'abandoned-cart', 1,"
                " 'postponed', 'quiet_hours', 'cart-story', %s)",
                (bucket, id_, id_, NOW, NOW + timedelta(hours=18, minutes=40)),
            )
        moved = page.locator('.flow[data-flow="abandoned-cart"] svg.wide .box[data-step="3"].stands')
        moved.wait_for()
        assert moved.get_attribute("aria-label") == "waits until 11:00, 1 here now"
        assert box.get_attribute("aria-label") == "waits 20 h, 0 here now"
        page.locator(
            "#lines li", has_text="cart-story held back until tomorrow 09:00 their time: quiet hours."
        ).wait_for()
        assert wrong == []


@pytest.mark.browser
def test_the_mail_page_is_worked_with_the_keyboard_alone(shop: Seeded) -> None:
    with served() as base, browsing(1280, "light") as (page, _):
        page.goto(base + mail(shop, "aia", "welcome"))
        page.locator("#tab-seen").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("#plain").is_visible()
        assert page.locator("#seen").is_hidden()
        assert page.locator("#plain pre").inner_text() == "Plain words"
        page.keyboard.press("ArrowRight")
        assert page.locator("#headers").get_by_text("aia@example.com").is_visible()
