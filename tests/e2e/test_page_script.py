"""The page script in a real Chromium: each call arrives once, whatever happens to the server, the page and the storage.

The page lies on another host than the server, as a shop's does, so every call crosses origins.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.e2e.shop_pages import PATIENCE_S, ShopPages, chromium, shop_pages, stored, wait_until
from tests.e2e.test_browser_clients import NUMBERS, TOLD, segments_snippet
from tests.e2e.test_clients import KEY, Server, free_port

from tamshy import sqlkit
from tamshy.language.supplied import completed
from tamshy.publish import publish
from tamshy.render.compile import compile_message
from tamshy.site.configuration import Configuration
from tamshy.site.founding import found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page
    from tests.conftest import Databases

pytestmark = [pytest.mark.browser, pytest.mark.minutes(1.5)]
SETTINGS = """\
name: Qumyra
url: https://qumyra.example
from: Qumyra <hello@qumyra.example>
topics:
  offers: {name: Offers, double_opt_in: true}
  news: {name: News}
identities: {merge_on: [user_id, email]}
"""
CONSENTS = """
    select facts ->> 'topic', facts -> 'evidence' ->> 'wording', facts -> 'evidence' ->> 'form'
    from inbox where kind = 'consent'
"""
REQUESTS = "select properties ->> 'address', properties ->> 'key' from inbox where name = 'Subscription Requested'"
IDS = "select distinct i.value from identifier i where i.kind = 'anonymous_id'"
# A shop that forbids everything but its own host and ours, inline scripts and styles included.
STRICT = "default-src 'none'; script-src {host}; connect-src {host}; img-src 'self'; form-action 'self'"


@pytest.fixture(scope="module")
def founded(databases: Databases) -> Iterator[Server]:
    name = f"tamshy_page_script_{os.getpid()}"
    dsn = databases.create(name)
    found(dsn, Configuration(bootstrap_write_key=KEY), datetime.now(tz=UTC))
    with sqlkit.connect(dsn) as conn:
        texts = completed({"tamshy.yaml": SETTINGS})
        publish(conn, "default", texts, at=datetime.now(tz=UTC), compile_message=compile_message)
        conn.commit()
    made = Server(dsn, free_port())
    made.start()
    yield made
    made.kill()
    databases.drop(name)


@pytest.fixture
def server(founded: Server) -> Server:
    """Give the web server, with nobody known and nothing in its inbox."""
    if founded.process is None:
        founded.start()
    stored(founded.dsn, "with i as (delete from inbox), n as (delete from identifier) delete from profile returning id")
    return founded


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def shop(browser: Browser) -> Iterator[ShopPages]:
    with shop_pages(browser) as made:
        yield made


def tag(host: str, more: str = "") -> str:
    return f'<script async src="{host}/tamshy.js" data-write-key="{KEY}" {more}></script>'


def changed_over(host: str) -> str:
    """Segment's own snippet with the one line changed that says where the script lies."""
    snippet = segments_snippet(host, KEY)
    changed, count = re.subn(r't\.src = "[^;]*;', f't.src = "{host}/tamshy.js";', snippet)
    assert count == 1
    return changed


def shown(shop: ShopPages, server: Server, path: str = "/", head: str = "", body: str = "") -> Page:
    """Open a page of the shop that has the script, once it is there."""
    shop.add_page(path.partition("?")[0], head or tag(server.host), body)
    page = shop.open(path)
    page.wait_for_function("window.tamshy && window.tamshy.version")
    return page


def arrived(server: Server, page: Page, count: int, shop: ShopPages) -> None:
    wait_until(
        lambda: len(stored(server.dsn, NUMBERS)) >= count,
        page,
        lambda: (stored(server.dsn, TOLD), shop.said),
        PATIENCE_S,
    )


def kept(page: Page) -> int:
    """How many calls the browser keeps for later."""
    return int(page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('tamshy.kept.')).length"))


# -- calls -------------------------------------------------------------------------------------------------------------


def test_a_tag_in_the_page_is_all_it_takes_and_no_other_host_is_asked(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    page.evaluate('analytics.identify("u1", {email: "u1@shop.example"})')
    page.evaluate('analytics.track("Product Viewed", {number: 1})')
    page.evaluate('analytics.page("Shop", "Basket", {number: 2})')
    page.evaluate('analytics.group("club", {size: 3}), analytics.alias("u1b", "u1")')
    arrived(server, page, 2, shop)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    assert sorted(stored(server.dsn, TOLD), key=str) == sorted(
        [
            ("event", "Page Viewed", None),
            ("identify", "", None),
            ("event", "Product Viewed", "1"),
            ("event", "Page Viewed", "2"),
        ],
        key=str,
    )
    assert stored(server.dsn, "select properties ->> 'name' from inbox where properties ->> 'number' = '2'") == [
        ("Basket",)
    ]
    assert shop.hosts() == {shop.host.partition("://")[2], f"127.0.0.1:{server.port}"}
    assert shop.context.cookies() == []
    assert shop.said == []


def test_a_page_with_segments_snippet_works_with_its_source_changed(shop: ShopPages, server: Server) -> None:
    """Calls made before the script is there are replayed in their order, with the page as it was then."""
    early = """<script>
        analytics.identify("u1", {email: "u1@shop.example"});
        analytics.track("Early", {number: 1});
        document.title = "Changed since";
        analytics.ready(() => window.wasReady = true);
        analytics.on("track", (event) => (window.heard = [...(window.heard || []), event]));
    </script>"""
    page = shown(shop, server, head=changed_over(server.host) + early)
    page.evaluate('analytics.track("Late", {number: 2})')
    arrived(server, page, 2, shop)
    # As they arrived: their times are put right by how long each batch was under way, which may be longer than what lies between.
    assert stored(server.dsn, "select name, kind, context -> 'page' ->> 'title' from inbox order by moment, ord") == [
        ("Page Viewed", "event", "Shop"),
        ("", "identify", "Shop"),
        ("Early", "event", "Shop"),
        ("Late", "event", "Changed since"),
    ]
    assert page.evaluate("[window.wasReady, window.heard]") == [True, ["Early", "Late"]]
    assert shop.said == []


def test_what_surrounds_a_call_is_what_segments_library_tells(shop: ShopPages, server: Server) -> None:
    shop.add_page(
        "/before", "", '<a id="go" href="/shelf?utm_source=letter&utm_medium=mail&utm_campaign=spring&x=1#top">On</a>'
    )
    shop.add_page("/shelf", tag(server.host))
    page = shop.open("/before")
    page.click("#go")
    page.wait_for_url("**/shelf*")
    wait_until(lambda: len(stored(server.dsn, TOLD)) == 1, page, lambda: shop.said)
    ((context, properties, facts),) = stored(server.dsn, "select context, properties, facts from inbox")
    assert isinstance(context, dict)
    assert isinstance(properties, dict)
    assert isinstance(facts, dict)
    search = "?utm_source=letter&utm_medium=mail&utm_campaign=spring&x=1"
    where = {
        "path": "/shelf",
        "referrer": f"{shop.host}/before",
        "search": search,
        "title": "Shop",
        "url": f"{shop.host}/shelf{search}",
    }
    assert {name: context[name] for name in ("page", "campaign", "library")} == {
        "page": where,
        "campaign": {"source": "letter", "medium": "mail", "name": "spring"},
        "library": {"name": "tamshy.js", "version": "1"},
    }
    assert set(context) == {"page", "campaign", "library", "userAgent", "locale", "timezone"}
    assert properties == where
    assert facts["source"]["campaign"]["name"] == "spring"


def test_who_a_visitor_is_stays_and_changes_as_with_segments_library(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    device = page.evaluate("analytics.user().anonymousId()")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", device)
    page.evaluate('analytics.identify("u1", {plan: "a"}), analytics.identify({size: 2})')
    assert page.evaluate("[analytics.user().id(), analytics.user().traits(), analytics.user().anonymousId()]") == [
        "u1",
        {"plan": "a", "size": 2},
        device,
    ]
    again = shown(shop, server, "/second")
    assert again.evaluate("[analytics.user().id(), analytics.user().anonymousId()]") == ["u1", device]
    # Another user at this device is another person, with a device's id of their own.
    again.evaluate('analytics.identify("u2")')
    assert again.evaluate("[analytics.user().id(), analytics.user().traits()]") == ["u2", {}]
    second = again.evaluate("analytics.user().anonymousId()")
    again.evaluate("analytics.reset()")
    assert again.evaluate("[analytics.user().id(), analytics.group().id()]") == [None, None]
    assert len({device, second, again.evaluate("analytics.user().anonymousId()")}) == 3
    assert again.evaluate('analytics.setAnonymousId("mine")') == "mine"


def test_a_visitor_whom_segments_library_has_known_stays_the_same(shop: ShopPages, server: Server) -> None:
    shop.context.add_init_script(
        "localStorage.setItem('ajs_anonymous_id', '\"old-device\"'); localStorage.setItem('ajs_user_id', 'u7')"
    )
    page = shown(shop, server)
    assert page.evaluate("[analytics.user().anonymousId(), analytics.user().id()]") == ["old-device", "u7"]


def test_a_call_can_be_waited_for_changed_and_stopped_by_the_page(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    page.evaluate(
        """analytics.addSourceMiddleware(({payload, next}) => {
            if (payload.obj.event === "Secret") return;
            if (payload.obj.properties?.number) payload.obj.properties.number += 10;
            next(payload);
        })"""
    )
    told = page.evaluate(
        """new Promise((resolve) => analytics.track("Told", {number: 1}, {context: {shelf: "a"}}, resolve))"""
    )
    assert (told["event"]["event"], told["event"]["context"]["shelf"]) == ("Told", "a")
    assert page.evaluate("""analytics.track("Secret", {number: 2})""")["dropped"] is True
    page.evaluate("""document.body.insertAdjacentHTML("beforeend", '<a id="out" href="#there">Out</a>'),
        analytics.trackLink(document.getElementById("out"), "Went", () => ({number: 3}))""")
    page.click("#out")
    arrived(server, page, 2, shop)
    assert stored(server.dsn, NUMBERS) == [(11,), (13,)]


def test_nothing_is_lost_or_doubled_while_the_server_is_killed_and_started_again(
    shop: ShopPages, server: Server
) -> None:
    sent = over_restarts(shop, server, restarts=2)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(sent)]


@pytest.mark.prove
def test_nothing_is_lost_or_doubled_over_twenty_restarts(shop: ShopPages, server: Server) -> None:
    sent = over_restarts(shop, server, restarts=20)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(sent)]


def over_restarts(shop: ShopPages, server: Server, restarts: int) -> int:
    """Tell ten calls a second from two tabs while the server is killed and started again; gives how many."""
    page = shown(shop, server)
    other = shown(shop, server, "/other")
    ticking = "window.sent = 0; window.ticking = setInterval(() => analytics.track('Tick', {number: 2 * window.sent++ + %d}), 200)"
    page.evaluate(ticking % 0)
    other.evaluate(ticking % 1)
    for _ in range(restarts):
        page.wait_for_timeout(500)
        server.kill()
        page.wait_for_timeout(700)
        server.start()
    page.wait_for_timeout(300)
    counts = [int(tab.evaluate("clearInterval(window.ticking), window.sent")) for tab in (page, other)]
    missing = abs(counts[0] - counts[1])
    # The one that ticked less often catches up, so that the numbers have no gap.
    behind = (page, 0) if counts[0] < counts[1] else (other, 1)
    for _ in range(missing):
        behind[0].evaluate(f"analytics.track('Tick', {{number: 2 * window.sent++ + {behind[1]}}})")
    arrived(server, page, 2 * max(counts), shop)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    return 2 * max(counts)


def test_what_is_told_while_the_page_closes_arrives_once(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    wait_until(lambda: len(stored(server.dsn, TOLD)) == 1, page, lambda: shop.said)
    page.evaluate(
        """for (const [n, kind] of ["beforeunload", "visibilitychange", "pagehide"].entries()) {
            const target = kind === "visibilitychange" ? document : window;
            target.addEventListener(kind, () => analytics.track("Left", {number: n + 2}));
        }"""
    )
    page.evaluate('analytics.track("Product Viewed", {number: 1}), location.assign("about:blank")')
    page.wait_for_url("about:blank")
    # The visitor never comes back: nothing that was kept for a next page could help.
    arrived(server, page, 4, shop)
    page.close()
    page = shop.open("/")
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    assert stored(server.dsn, NUMBERS) == [(1,), (2,), (3,), (4,)]


def test_a_page_closed_while_the_server_is_away_is_told_of_by_the_next_page(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    server.kill()
    for number in range(30):
        page.evaluate(f'analytics.track("Alone", {{number: {number}}})')
    page.close()
    server.start()
    page = shown(shop, server, "/next")
    arrived(server, page, 30, shop)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(30)]


def test_offline_and_back_each_call_arrives_once_at_the_time_it_happened(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    shop.context.set_offline(True)
    for number in range(5):
        page.evaluate(f'analytics.track("Offline", {{number: {number}}})')
        page.wait_for_timeout(100)
    page.wait_for_timeout(500)
    assert stored(server.dsn, NUMBERS) == []
    shop.context.set_offline(False)
    arrived(server, page, 5, shop)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(5)]
    ((waited,),) = stored(
        server.dsn,
        "select bool_and(moment - occurred_at > interval '0.4 s') from inbox"
        " where name = 'Offline' and properties ->> 'number' = '0'",
    )
    assert waited is True


def test_where_the_browser_refuses_storage_the_page_still_tells_everything(shop: ShopPages, server: Server) -> None:
    shop.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError') }})"
    )
    page = shown(shop, server)
    device = page.evaluate("analytics.user().anonymousId()")
    server.kill()
    page.evaluate('analytics.identify("u1"), analytics.track("A", {number: 1}), analytics.track("B", {number: 2})')
    server.start()
    arrived(server, page, 2, shop)
    assert stored(server.dsn, NUMBERS) == [(1,), (2,)]
    assert page.evaluate("[analytics.user().anonymousId(), analytics.user().id()]") == [device, "u1"]


def test_where_storage_is_full_the_page_still_tells_everything(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    page.evaluate(
        """try { for (let n = 0; ; n++) localStorage.setItem("full" + n, "x".repeat(n < 40 ? 131072 : 16)) } catch {}"""
    )
    for number in range(4):
        page.evaluate(f'analytics.track("A", {{number: {number}, text: "x".repeat(3000)}})')
    arrived(server, page, 4, shop)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(4)]


def test_calls_larger_than_a_page_may_leave_behind_arrive_too(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    page.evaluate('for (let n = 0; n < 6; n++) analytics.track("Large", {number: n, text: "x".repeat(90000)})')
    arrived(server, page, 6, shop)
    assert stored(server.dsn, NUMBERS) == [(number,) for number in range(6)]


def test_what_the_server_refuses_is_told_to_the_page_and_not_sent_again(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server, head=tag(server.host).replace(KEY, "nobody's"))
    wait_until(lambda: len(shop.said) >= 1, page, lambda: shop.said)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    assert any("refuses 1 call(s) with 401: this key is not known" in text for text in shop.said)


def test_a_shop_that_forbids_inline_scripts_and_styles_can_use_it(shop: ShopPages, server: Server) -> None:
    policy = STRICT.format(host=server.host)
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">{tag(server.host)}'
    page = shown(shop, server, head=head)
    page.evaluate("tamshy.popup({topics: 'news', title: 'News', button: 'Yes', wording: 'Write to me', after: 0})")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert dialog.evaluate("(one) => getComputedStyle(one).borderRadius") == "16px", "its styles are let in"
    dialog.get_by_label("Your e-mail address").fill("aia@shop.example")
    dialog.get_by_role("button", name="Yes").click()
    wait_until(lambda: len(stored(server.dsn, CONSENTS)) == 1, page, lambda: shop.said)
    assert shop.said == []


# -- forms -------------------------------------------------------------------------------------------------------------

FORM = """<form data-tamshy-topics="news" data-tamshy-form="footer">
    <label for="e">E-mail</label><input id="e" type="email" required>
    <label for="n">First name</label><input id="n" data-tamshy-trait="first_name">
    <p data-tamshy-wording>Write to me about news,
        at most once a week.</p>
    <button>Sign up</button></form>"""


def test_a_form_of_the_shops_own_signs_up_by_keyboard_alone(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server, body=FORM)
    page.keyboard.press("Tab")
    page.keyboard.type("Aia@shop.example")
    page.keyboard.press("Tab")
    page.keyboard.type("Aia")
    page.keyboard.press("Enter")
    answer = page.get_by_role("status")
    answer.wait_for()
    assert answer.inner_text() == "Thank you! If we need to make sure that it was you, an e-mail is on its way."
    assert stored(server.dsn, CONSENTS) == [("news", "Write to me about news, at most once a week.", "footer")]
    assert stored(
        server.dsn, "select properties ->> 'first_name', properties ->> 'email' from inbox where kind = 'identify'"
    ) == [("Aia", "aia@shop.example")]
    assert page.get_by_label("E-mail").input_value() == ""


def test_a_form_for_a_double_opt_in_says_that_a_mail_is_on_its_way(shop: ShopPages, server: Server) -> None:
    form = FORM.replace('"news"', '"offers, news"')
    page = shown(shop, server, body=form)
    page.get_by_label("E-mail").fill("aia@shop.example")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_text("we have sent you an e-mail").wait_for()
    assert stored(server.dsn, REQUESTS) == [("aia@shop.example", "news offers")]
    assert stored(server.dsn, CONSENTS) == []


def test_only_boxes_that_the_visitor_ticked_count_and_a_form_that_goes_somewhere_goes_there(
    shop: ShopPages, server: Server
) -> None:
    shop.add_page("/bought", tag(server.host))
    page = shown(
        shop,
        server,
        body="""<form action="/bought"><label>E-mail <input type="email" name="email"></label>
            <label><input type="checkbox" data-tamshy-topic="news"> Tell me about news</label>
            <label><input type="checkbox" data-tamshy-topic="offers" checked> Offers too</label>
            <button>Buy</button></form>""",
    )
    page.get_by_label("E-mail").fill("aia@shop.example")
    page.get_by_label("Tell me about news").check()
    page.get_by_role("button", name="Buy").click()
    page.wait_for_url("**/bought?*")
    wait_until(lambda: len(stored(server.dsn, CONSENTS)) == 1, page, lambda: shop.said)
    assert stored(server.dsn, CONSENTS) == [("news", "Tell me about news", "form")]
    assert stored(server.dsn, REQUESTS) == []


def test_a_sign_up_while_the_server_is_away_is_kept_and_arrives_once(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server, body=FORM)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    server.kill()
    page.get_by_label("E-mail").fill("aia@shop.example")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_text("We could not reach the shop just now").wait_for()
    page.close()
    server.start()
    page = shown(shop, server, "/next")
    wait_until(lambda: len(stored(server.dsn, CONSENTS)) == 1, page, lambda: shop.said)
    wait_until(lambda: kept(page) == 0, page, lambda: shop.said)
    assert [row[0] for row in stored(server.dsn, CONSENTS)] == ["news"]


def test_what_is_wrong_with_an_address_is_said_beside_it(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server, body=FORM)
    page.get_by_label("E-mail").fill("aia@localhost")
    page.get_by_role("button", name="Sign up").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text() == "Please check the e-mail address."
    assert page.get_by_label("E-mail").input_value() == "aia@localhost"


# -- pop-ups -----------------------------------------------------------------------------------------------------------

TITLES = {
    "en": "News from the workshops",
    "ru": "Новости мастерских",
    "kk": "Шеберханалардан жаңалық",
    "id": "Kabar dari bengkel",
}
BUTTONS = {"en": "Sign me up", "ru": "Подписаться", "kk": "Жазылу", "id": "Daftar"}
CLOSE = {"en": "Close", "ru": "Закрыть", "kk": "Жабу", "id": "Tutup"}
FIELD = {
    "en": "Your e-mail address",
    "ru": "Ваша электронная почта",
    "kk": "Электрондық поштаңыз",
    "id": "Alamat email Anda",
}


# What the keyboard is at within the pop-up, as a screen reader names it.
INSIDE = """(() => {
    const at = document.activeElement?.shadowRoot?.activeElement;
    return at?.ariaLabel || at?.textContent;
})()"""


def popup(**more: object) -> str:
    options = {
        "id": "welcome",
        "topics": ["news"],
        "title": TITLES,
        "text": {"en": "Once a week, what is new on the shelf.", "ru": "Раз в неделю о новом на полке."},
        "button": BUTTONS,
        "wording": {"en": "You can unsubscribe in every e-mail."},
        "after": 0,
    } | more
    return f"void (window.openPopup = tamshy.popup({json.dumps(options)}))"


@pytest.mark.parametrize("language", list(TITLES))
def test_a_popup_is_used_by_keyboard_and_read_aloud_in_every_language(
    shop: ShopPages, server: Server, language: str
) -> None:
    page = shown(shop, server, body='<button id="first">First</button>')
    page.evaluate(f"document.documentElement.lang = '{language}'")
    page.focus("#first")
    page.evaluate(popup())
    dialog = page.get_by_role("dialog", name=TITLES[language])
    dialog.wait_for()
    assert dialog.get_attribute("lang") == language
    # The address is what one comes to first; the way round stays inside.
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.id") == "email"
    stops = []
    for _ in range(3):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(INSIDE))
    assert stops[:2] == [BUTTONS[language], CLOSE[language]]
    page.keyboard.press("Escape")
    # What is closed is out of sight at once, and gone a moment later.
    page.locator("[data-tamshy-popup]").wait_for(state="detached")
    assert page.evaluate("document.activeElement.id") == "first"
    page.evaluate("openPopup()")
    field = page.get_by_label(FIELD[language])
    field.fill("aia@shop.example")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert len(stored(server.dsn, CONSENTS)) == 1
    assert dialog.get_by_role("button").all_inner_texts() == ["×"]
    page.keyboard.press("Enter")
    dialog.wait_for(state="detached")


def test_a_popup_comes_once_and_never_again_to_who_has_signed_up(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server)
    page.evaluate(popup())
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.evaluate(popup())
    page.wait_for_timeout(200)
    assert page.get_by_role("dialog").count() == 0, "seen within thirty days"
    page.evaluate(popup(every="always"))
    page.get_by_role("dialog").wait_for()
    page.get_by_label(FIELD["en"]).fill("aia@shop.example")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    page.keyboard.press("Escape")
    page.evaluate(popup(every="always"))
    page.wait_for_timeout(200)
    assert page.get_by_role("dialog").count() == 0, "signed up"


def test_a_popup_waits_for_its_moment(shop: ShopPages, server: Server) -> None:
    page = shown(shop, server, body='<div style="height:5000px"></div>')
    page.evaluate(popup(scroll=60))
    page.wait_for_timeout(200)
    assert page.get_by_role("dialog").count() == 0
    page.evaluate("scrollTo(0, 4000)")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    page.evaluate(popup(id="leaving", leaving=True))
    page.wait_for_timeout(200)
    assert page.get_by_role("dialog").count() == 0
    page.evaluate("document.documentElement.dispatchEvent(new MouseEvent('mouseleave', {clientY: -1}))")
    page.get_by_role("dialog").wait_for()


def test_popups_asked_for_before_the_script_is_there_come(shop: ShopPages, server: Server) -> None:
    early = "<script>(window.tamshy = window.tamshy || []).push(['popup', {topics: 'news', title: 'Early', after: 0}])</script>"
    page = shown(shop, server, head=early + tag(server.host))
    page.get_by_role("dialog", name="Early").wait_for()


@pytest.mark.parametrize("language", list(TITLES))
def test_a_popup_fits_and_can_be_read(
    browser: Browser, server: Server, language: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with shop_pages(browser) as shop:
        page = shown(shop, server)
        page.emulate_media(reduced_motion="reduce")
        page.evaluate(f"document.documentElement.lang = '{language}'")
        page.evaluate(popup())
        dialog = page.get_by_role("dialog")
        dialog.wait_for()
        for width, scheme in itertools.product((390, 1200), ("light", "dark")):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 760})
            fits(dialog, width)
            page.screenshot(path=tmp_path_factory.getbasetemp() / f"popup-{language}-{scheme}-{width}.png")


def fits(dialog: Locator, width: int) -> None:
    """All of it is within the page, can be hit with a finger, and stands out from what is behind it."""
    box = dialog.bounding_box()
    assert box is not None
    assert box["x"] >= 16
    assert box["x"] + box["width"] <= width - 16
    assert dialog.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    for part in dialog.get_by_role("button").all() + dialog.get_by_role("textbox").all():
        size = part.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= 44
    assert dialog.evaluate(CONTRASTS) >= 4.5


# The least contrast of any text in the dialog with what lies behind it (WCAG 2, relative luminance).
CONTRASTS = """(dialog) => {
    const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
    const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const found = parts(getComputedStyle(at).backgroundColor);
            if (found.length === 3 || found[3] > 0) return found;
        }
        return [255, 255, 255];
    };
    return Math.min(...[...dialog.querySelectorAll("h2,p,label,button,small,input")].map((one) => {
        const [a, b] = [light(parts(getComputedStyle(one).color)), light(behind(one))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }));
}"""
