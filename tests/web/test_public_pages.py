"""What a recipient touches, over HTTP: what each request shows, and what it changes and does not."""

from __future__ import annotations

import base64
import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.test import Client, override_settings
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace

from tamshy import sqlkit, track
from tamshy.domain.ids import named
from tamshy.domain.token import Purpose, Signer, Subject
from tamshy.public import wiring
from tamshy.public.words import LANGUAGES, masked, with_names
from tamshy.track import Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from uuid import UUID

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

    from tamshy.sqlkit import Connection

SETTINGS = """\
name: Ақ бұлт & Co
url: https://shop.example/?a=1&b=2
topics: {offers: {name: Offers & more}, news: {name: News}, tips: {name: Tips, default: opt_out}}
"""
BROWSER = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"
SIGNER = Signer([SECRET])
LATER = NOON + timedelta(hours=1)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tamshy.site.settings")
django.setup()


@dataclass
class Page:
    """A recipient's browser, and the message that was opened in it."""

    client: Client
    db: Connection
    profile: UUID
    message: UUID
    now: datetime = LATER

    def token(self, purpose: Purpose) -> str:
        return SIGNER.token(purpose, Subject(1, BUCKET, self.profile, self.message))

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return self.client.generic(method, path, headers={"user-agent": BROWSER} | headers)

    def post(self, path: str, body: str = "", content_type: str = "application/x-www-form-urlencoded") -> Answer:
        return self.client.generic("POST", path, body, content_type, headers={"user-agent": BROWSER})

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        self.db.rollback()
        return self.db.execute(statement.encode()).fetchall()

    def consents(self) -> list[tuple[Any, ...]]:
        return self.rows(
            "select facts->>'topic', (facts->>'granted')::boolean, facts->>'source' from inbox"
            " where kind = 'consent' order by moment, ord"
        )


@pytest.fixture
def page(dsn: str, db: Connection) -> Iterator[Page]:
    workspace(db, SETTINGS)
    profile = person(db, "aia")
    message = sent_message(db, profile, delivery={"state": "sent", "settled_at": NOON})
    db.commit()

    @contextmanager
    def connection() -> Iterator[Connection]:
        with sqlkit.connect(dsn) as conn:
            yield conn

    with override_settings(ROOT_URLCONF="tamshy.public.urls", ALLOWED_HOSTS=["*"], MIDDLEWARE=[]):
        made = Page(Client(enforce_csrf_checks=True), db, profile, message)
        wiring.install(wiring.Wiring(connection, lambda: made.now, SIGNER))
        yield made


OF_MAIL = [purpose for purpose in Purpose if purpose is not Purpose.CONFIRM]
"""What links of a mail are for; `test_forms.py` has the page that confirms."""


def paths(page: Page) -> dict[Purpose, str]:
    return {
        Purpose.OPEN: f"/o/{page.token(Purpose.OPEN)}.gif",
        Purpose.CLICK: f"/c/{page.token(Purpose.CLICK)}/0",
        Purpose.UNSUBSCRIBE: f"/u/{page.token(Purpose.UNSUBSCRIBE)}",
        Purpose.VIEW: f"/m/{page.token(Purpose.VIEW)}",
        Purpose.PREFERENCES: f"/prefs/{page.token(Purpose.PREFERENCES)}",
    }


# -- opens and clicks ------------------------------------------------------------------------------------------------


def test_an_open_is_a_picture_that_no_cache_keeps_and_one_event(page: Page) -> None:
    answer = page.get(paths(page)[Purpose.OPEN])
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "image/gif",
        "no-store, private",
    )
    assert answer.content[:6] == b"GIF89a"
    assert page.rows("select kind, machine, occurred_at, facts from engagement") == [
        ("opened", False, LATER, {"user_agent": BROWSER, "method": "GET"})
    ]
    rows = page.rows("select kind, origin, name, occurred_at, moment, properties from inbox")
    assert rows == [
        (
            "event",
            1,
            "Message Opened",
            LATER,
            LATER + timedelta(seconds=10),
            {
                "message": "cart-reminder",
                "flow": "abandoned-cart",
                "step": "cart-reminder",
                "message_id": str(page.message),
                "enrollment": str(named("enrollment", "m1")),
            },
        )
    ]


def test_opens_within_a_minute_are_kept_and_count_once(page: Page) -> None:
    for seconds in (0, 10, 59, 60):
        page.now = LATER + timedelta(seconds=seconds)
        page.get(paths(page)[Purpose.OPEN])
    assert page.rows("select count(*) from engagement") == [(4,)]
    assert page.rows("select occurred_at from inbox order by 1") == [(LATER,), (LATER + timedelta(seconds=60),)]


@pytest.mark.parametrize(("number", "url"), [(0, "https://shop.example/a"), (1, "https://shop.example/b?x=1&y=2")])
def test_a_click_leads_where_the_message_leads(page: Page, number: int, url: str) -> None:
    answer = page.get(f"/c/{page.token(Purpose.CLICK)}/{number}?r=//evil.example")
    assert (answer.status_code, answer["Location"], answer["Referrer-Policy"]) == (302, url, "no-referrer")
    assert page.rows("select name, properties->>'url' from inbox") == [("Message Clicked", url)]


@pytest.mark.parametrize("number", ["2", "99999999999999999999999", "-1", "x", "0/", "1e0"])
def test_a_link_that_the_message_does_not_have_leads_nowhere(page: Page, number: str) -> None:
    answer = page.get(f"/c/{page.token(Purpose.CLICK)}/{number}")
    assert answer.status_code == 404
    assert "Location" not in answer
    assert page.rows("select count(*) from engagement") == [(0,)]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/\\evil.example",
        "https://shop.example\\@evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "mailto:hello@shop.example",
        "",
    ],
)
def test_no_link_but_one_of_the_web_is_followed(page: Page, url: str) -> None:
    page.db.execute("update content set links = jsonb_build_array(%s::text)", [url])
    page.db.commit()
    answer = page.get(f"/c/{page.token(Purpose.CLICK)}/0")
    assert (answer.status_code, "Location" in answer, "Set-Cookie" in answer) == (404, False, False)


def test_letters_of_all_scripts_survive_in_a_link(page: Page) -> None:
    page.db.execute("update content set links = '[\"https://shop.example/көйлек?q=ақ\"]'")
    page.db.commit()
    answer = page.get(f"/c/{page.token(Purpose.CLICK)}/0")
    assert answer["Location"] == "https://shop.example/%D0%BA%D3%A9%D0%B9%D0%BB%D0%B5%D0%BA?q=%D0%B0%D2%9B"


def test_a_scanner_that_follows_every_link_is_found_out_and_taken_back(page: Page) -> None:
    page.db.execute('update content set links = \'["https://a.example", "https://b.example", "https://c.example"]\'')
    page.db.commit()
    for number in range(3):
        page.now = LATER + timedelta(seconds=number)
        assert page.get(f"/c/{page.token(Purpose.CLICK)}/{number}").status_code == 302
    assert page.rows("select distinct machine, facts->>'why' from engagement") == [(True, "all_links")]
    assert page.rows("select count(*) from inbox") == [(0,)]


def test_hits_within_seconds_of_the_hand_over_are_a_machines(page: Page) -> None:
    page.now = NOON + timedelta(seconds=4)
    page.get(paths(page)[Purpose.CLICK])
    page.now = NOON + timedelta(seconds=5)
    page.get(paths(page)[Purpose.CLICK])
    assert page.rows("select machine, facts->>'why' from engagement order by occurred_at") == [
        (True, "too_soon"),
        (False, None),
    ]


# -- unsubscribing ---------------------------------------------------------------------------------------------------


def test_looking_at_the_unsubscribe_page_changes_nothing(page: Page) -> None:
    path = paths(page)[Purpose.UNSUBSCRIBE]
    before = page.rows("select consents from profile")
    for method in ("GET", "HEAD", "OPTIONS"):
        assert page.get(path, method).status_code in {200, 204}
    answer = page.get(path, purpose="prefetch")
    text = answer.content.decode()
    assert '<form method="post">' in text
    assert "Stop getting “Offers &amp; more” e-mails from Ақ бұлт &amp; Co?" in text
    assert page.consents() == []
    assert page.rows("select consents from profile") == before


MULTIPART = (
    '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
    "multipart/form-data; boundary=xyz",
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"), MULTIPART, ("", "text/plain")],
)
def test_one_click_works_in_both_encodings_without_cookie_or_redirect_and_once(
    page: Page, body: str, content_type: str
) -> None:
    for again in range(10):
        page.now = LATER + timedelta(seconds=again)
        answer = page.post(paths(page)[Purpose.UNSUBSCRIBE], body, content_type)
        assert (answer.status_code, answer.cookies.output(), "Location" in answer) == (200, "", False)
    assert page.consents() == [("offers", False, "one_click")]
    assert page.rows("select name, occurred_at, moment, properties->>'topic', properties->>'flow' from inbox") == [
        ("Unsubscribed", LATER, LATER, "offers", "abandoned-cart")
    ]
    assert page.rows("select facts->'evidence' from inbox") == [
        ({"user_agent": BROWSER, "at": "2026-03-02T13:00:00+00:00"},)
    ]


def test_the_button_unsubscribes_and_says_so(page: Page) -> None:
    answer = page.post(paths(page)[Purpose.UNSUBSCRIBE], "confirm=page")
    assert answer.status_code == 200
    assert "Ақ бұлт &amp; Co will send you no more “Offers &amp; more” e-mails." in answer.content.decode()
    assert page.consents() == [("offers", False, "link")]
    assert page.get(paths(page)[Purpose.UNSUBSCRIBE]).content == answer.content


def test_unsubscribing_again_after_subscribing_again_counts(page: Page) -> None:
    path = paths(page)[Purpose.UNSUBSCRIBE]
    page.post(path, "List-Unsubscribe=One-Click")
    page.now += timedelta(minutes=1)
    page.post(paths(page)[Purpose.PREFERENCES], "topic=offers&topic=tips")
    page.now += timedelta(minutes=1)
    page.post(path, "List-Unsubscribe=One-Click")
    assert page.consents() == [
        ("offers", False, "one_click"),
        ("offers", True, "preferences"),
        ("offers", False, "one_click"),
    ]


@pytest.mark.parametrize(
    ("purpose", "shown"),
    [(Purpose.UNSUBSCRIBE, "unsubscribe"), (Purpose.PREFERENCES, "preferences"), (Purpose.VIEW, "mail")],
)
def test_a_look_at_a_page_is_kept_and_tells_nothing(page: Page, purpose: Purpose, shown: str) -> None:
    for method, hints in (("GET", {}), ("HEAD", {}), ("GET", {"sec-purpose": "prefetch"})):
        page.now += timedelta(minutes=1)
        assert page.get(paths(page)[purpose], method, **hints).status_code == 200
    assert page.rows("select kind, url, machine, facts->>'why' from engagement order by occurred_at") == [
        ("looked", shown, False, None),
        ("looked", shown, True, "method"),
        ("looked", shown, True, "prefetch"),
    ]
    assert page.rows("select count(*) from inbox") == [(0,)]


def test_what_is_kept_of_a_hit_is_enough_to_judge_it_again(page: Page) -> None:
    page.get(paths(page)[Purpose.CLICK], **{"sec-purpose": "prefetch;prerender", "sec-fetch-mode": "no-cors"})
    ((facts,),) = page.rows("select facts from engagement")
    assert Request.of(facts) == Request("GET", BROWSER, ("prefetch;prerender",), "no-cors")


def test_a_scanner_that_comes_while_the_mail_server_still_reads_is_a_machine(page: Page) -> None:
    page.db.execute("update delivery set state = 'handing_over', settled_at = null")
    page.db.commit()
    page.get(paths(page)[Purpose.CLICK])
    assert page.rows("select machine, facts->>'why' from engagement") == [(True, "too_soon")]


def test_a_person_is_told_who_followed_a_link_in_the_minute_of_a_scanners_burst(page: Page) -> None:
    page.db.execute('update content set links = \'["https://a.example", "https://b.example", "https://c.example"]\'')
    page.db.commit()
    for number in range(3):
        page.now = LATER + timedelta(seconds=number)
        page.get(f"/c/{page.token(Purpose.CLICK)}/{number}")
    page.now = LATER + timedelta(seconds=50)
    page.get(f"/c/{page.token(Purpose.CLICK)}/1", **{"user-agent": BROWSER.replace("17_0", "18_1")})
    assert page.rows("select properties->>'url', occurred_at from inbox") == [("https://b.example", page.now)]


def test_scanners_that_come_side_by_side_do_not_miss_one_another(page: Page, dsn: str) -> None:
    page.db.execute('update content set links = \'["https://a.example", "https://b.example", "https://c.example"]\'')
    page.db.commit()
    request = Request("GET", BROWSER)
    subject = Subject(1, BUCKET, page.profile, page.message)
    with sqlkit.connect(dsn) as first, ThreadPoolExecutor(1) as other:
        seen = track.find(first, subject)
        assert seen is not None
        track.clicked(first, seen, 0, request, LATER)

        def follow() -> track.Touched | None:
            with sqlkit.connect(dsn) as conn:
                track.clicked(conn, seen, 1, request, LATER + timedelta(seconds=1))
                return track.clicked(conn, seen, 2, request, LATER + timedelta(seconds=2))

        second = other.submit(follow)
        while page.rows("select count(*) from pg_locks where not granted") == [(0,)]:
            assert not second.done()
        first.commit()
        touched = second.result()
    assert touched is not None
    assert touched.machine is track.Machine.ALL_LINKS
    assert page.rows("select distinct machine from engagement") == [(True,)]
    assert page.rows("select count(*) from inbox") == [(0,)]


# -- preferences -----------------------------------------------------------------------------------------------------


def ticked(answer: Answer) -> dict[str, bool]:
    found = re.findall(r'name="topic" value="(\w+)"( checked)?', answer.content.decode())
    return {name: bool(checked) for name, checked in found}


def test_the_preferences_page_shows_what_holds_and_changes_what_is_changed(page: Page) -> None:
    path = paths(page)[Purpose.PREFERENCES]
    assert ticked(page.get(path)) == {"offers": True, "news": False, "tips": True}
    assert page.consents() == []
    answer = page.post(path, "topic=news&topic=tips&topic=nonsense")
    assert ticked(answer) == {"offers": False, "news": True, "tips": True}
    assert page.consents() == [("offers", False, "preferences"), ("news", True, "preferences")]
    assert ticked(page.get(path)) == {"offers": False, "news": True, "tips": True}
    evidence = page.rows("select facts->'evidence'->>'wording' from inbox where facts->>'topic' = 'news'")
    assert evidence == [("News",)]
    page.post(path, "topic=news&topic=tips")
    assert len(page.consents()) == 2


@pytest.mark.parametrize("locale", ["en", "ru", "kk", "id"])
def test_the_pages_say_whose_they_are_without_telling_the_address(page: Page, locale: str) -> None:
    page.db.execute("update profile set properties = jsonb_build_object('locale', %s::text)", [locale])
    page.db.commit()
    for purpose in (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES):
        text = page.get(paths(page)[purpose]).content.decode()
        assert with_names(LANGUAGES[locale].for_address, address="a•••@example.com") in text
        assert "aia@" not in text


def test_everything_can_be_turned_off_at_once(page: Page) -> None:
    answer = page.post(paths(page)[Purpose.PREFERENCES], "none=all&topic=offers")
    assert ticked(answer) == {"offers": False, "news": False, "tips": False}
    assert page.consents() == [("offers", False, "preferences"), ("tips", False, "preferences")]


# -- the mail in a browser -------------------------------------------------------------------------------------------


def test_the_mail_is_shown_as_sent_in_a_sandbox_without_scripts(page: Page) -> None:
    page.db.execute("update content set html = '<p>Сәлем</p><script>alert(1)</script>'")
    page.db.commit()
    answer = page.get(paths(page)[Purpose.VIEW])
    assert answer.content.decode() == "<p>Сәлем</p><script>alert(1)</script>"
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "script-src" not in policy
    assert policy["sandbox"].split() == [
        "allow-popups",
        "allow-popups-to-escape-sandbox",
        "allow-top-navigation-by-user-activation",
    ]


# -- every page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose", OF_MAIL)
def test_a_token_of_another_purpose_or_with_a_flipped_bit_is_unknown(page: Page, purpose: Purpose) -> None:
    good = paths(page)[purpose]
    shown = page.get(f"/u/{'A' * 72}")
    assert shown.status_code == 404
    forged = [good.replace(page.token(purpose), page.token(other)) for other in Purpose if other is not purpose]
    token = page.token(purpose)
    forged += [
        good.replace(token, token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]) for at in range(72)
    ]
    for path in forged:
        for answer in (
            page.get(path),
            page.post(path) if purpose in {Purpose.UNSUBSCRIBE, Purpose.PREFERENCES} else None,
        ):
            if answer is not None:
                assert (answer.status_code, answer.content) == (404, shown.content)
    assert page.rows("select count(*) from engagement") == [(0,)]
    assert page.consents() == []


@pytest.mark.parametrize("purpose", OF_MAIL)
def test_every_flipped_bit_is_answered_like_a_link_that_never_was(page: Page, purpose: Purpose) -> None:
    good, token = paths(page)[purpose], page.token(purpose)
    raw = base64.urlsafe_b64decode(token)
    for method in ("GET", "POST") if purpose in {Purpose.UNSUBSCRIBE, Purpose.PREFERENCES} else ("GET",):
        never = page.get(good.replace(token, "A" * 72), method)
        for bit in range(len(raw) * 8):
            flipped = bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(raw))
            answer = page.get(good.replace(token, base64.urlsafe_b64encode(flipped).decode()), method)
            assert (answer.status_code, answer.content, answer.headers) == (404, never.content, never.headers), bit
    assert page.rows("select count(*) from engagement") == [(0,)]
    assert page.consents() == []


@pytest.mark.parametrize("purpose", OF_MAIL)
def test_a_message_or_workspace_that_is_not_there_is_unknown(page: Page, purpose: Purpose) -> None:
    for subject in (
        Subject(2, BUCKET, page.profile, page.message),
        Subject(1, BUCKET, page.profile, named("other")),
        Subject(1, BUCKET, named("other"), page.message),
        Subject(1, BUCKET + 1, page.profile, page.message),
        Subject(1, 40000, page.profile, page.message),
    ):
        path = paths(page)[purpose].replace(page.token(purpose), SIGNER.token(purpose, subject))
        assert page.get(path).status_code == 404


@pytest.mark.parametrize("purpose", OF_MAIL)
def test_links_go_on_working_after_the_profile_was_merged(page: Page, purpose: Purpose) -> None:
    survivor = person(page.db, "dana")
    bucket = int(survivor.hex[:4], 16) % 64
    page.db.execute("update profile set bucket = %s where id = %s", [bucket, survivor])
    page.db.execute("update profile set merged_into = %s where id = %s", [survivor, page.profile])
    for table in ("message", "content", "delivery"):
        page.db.execute(f"update {table} set bucket = %s, profile = %s".encode(), [bucket, survivor])
    page.db.commit()
    assert page.get(paths(page)[purpose]).status_code in {200, 302}
    page.post(paths(page)[Purpose.UNSUBSCRIBE])
    assert page.rows("select bucket, profile from inbox where kind = 'consent'") == [(bucket, survivor)]


@pytest.mark.parametrize("purpose", OF_MAIL)
def test_no_page_has_scripts_cookies_or_a_cache(page: Page, purpose: Purpose) -> None:
    answer = page.get(paths(page)[purpose])
    assert "no-store" in answer["Cache-Control"]
    assert answer.cookies.output() == ""
    assert "script" not in answer["Content-Security-Policy"]
    assert "unsafe-eval" not in answer["Content-Security-Policy"]
    assert "<script" not in answer.content.decode("utf-8", "replace")
    assert "style=" not in answer.content.decode("utf-8", "replace") or purpose is Purpose.VIEW
    assert page.get(paths(page)[purpose], "PUT").status_code == 405


@pytest.mark.parametrize("locale", ["en", "ru", "kk", "id", "ru-KZ", "kk-Cyrl-KZ", "de", 7])
def test_pages_speak_the_profiles_language(page: Page, locale: str | int) -> None:
    page.db.execute(
        "update profile set properties = jsonb_build_object('locale', %s::jsonb)",
        [f'"{locale}"' if isinstance(locale, str) else "7"],
    )
    page.db.commit()
    words = LANGUAGES.get(str(locale)[:2], LANGUAGES["en"])
    text = page.get(paths(page)[Purpose.UNSUBSCRIBE]).content.decode()
    assert f'<html lang="{words.locale}">' in text
    assert words.unsubscribe_button in text


def test_the_unknown_page_speaks_the_browsers_language(page: Page) -> None:
    text = page.get("/u/x", **{"accept-language": "kk-KZ,ru;q=0.5"}).content.decode()
    assert LANGUAGES["kk"].unknown_title in text


def test_nothing_is_promised_while_the_database_is_away(page: Page) -> None:
    def away() -> AbstractContextManager[Connection]:
        msg = "no server answers"
        raise sqlkit.DatabaseUnavailable(msg)

    wiring.install(wiring.Wiring(away, lambda: LATER, SIGNER))
    for path in paths(page).values():
        answer = page.get(path)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert page.post(paths(page)[Purpose.UNSUBSCRIBE]).status_code == 503


def test_every_language_has_all_words() -> None:
    for words in LANGUAGES.values():
        texts = {name: getattr(words, name) for name in words.__slots__}
        assert all(texts.values())
        for name, text in texts.items():
            assert re.findall(r"\{\w+\}", text) == [] or sorted(re.findall(r"\{\w+\}", text)) == sorted(
                re.findall(r"\{\w+\}", getattr(LANGUAGES["en"], name))
            )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("aia@example.com", "a•••@example.com"),
        ("a@example.com", "a•••@example.com"),
        ('"odd@one"@example.com', '"•••@example.com'),
        ("нэт@пошта.example", "н•••@пошта.example"),
        ("@example.com", "•••@example.com"),
        ("nothing", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_address_is_masked(address: str | None, shown: str) -> None:
    assert masked(address) == shown


def test_names_are_put_in_as_they_are_even_where_they_look_like_places() -> None:
    assert with_names("{topic} of {shop}", shop="{topic}", topic="{shop} & co") == "{shop} & co of {topic}"
