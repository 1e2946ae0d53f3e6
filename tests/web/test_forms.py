"""Sign-ups by form: what counts at once, what is asked by mail, and that nobody else's profile is touched either way."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client, override_settings
from tests.engine.living import HandClock, Shop
from tests.web.conftest import SIGNER

from tamshy import sqlkit
from tamshy.domain.token import Purpose
from tamshy.language.supplied import completed
from tamshy.public import wiring as public
from tamshy.publish import load_rulebook, publish
from tamshy.render.compile import compile_message
from tamshy.sqlkit.calendar import fill_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Edge

T0 = datetime(2026, 11, 20, 9, tzinfo=UTC)
SETTINGS = """\
name: Small shop
url: https://shop.example
from: Small shop <hello@shop.example>
topics:
  offers: {name: Offers, double_opt_in: true}
  news: {name: News}
"""
BY_EMAIL = SETTINGS + "identities: {merge_on: [user_id, email]}\n"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"
CONSENTS = """
    select p.address, c.topic, c.granted, c.source from consent c join profile p on p.id = c.profile
    where p.merged_into is null order by p.address, c.topic, c.occurred_at
"""


@dataclass
class Forms:
    """A shop's pages, its workers, and the page that a mail leads to."""

    edge: Edge
    shop: Shop
    recipient: Client

    def sign_up(self, email: str, *topics: str, key: str = "default-write-key", **more: object) -> tuple[int, Any]:
        """Send a form as the page script does; `said` and `from_` are its id and where it comes from."""
        headers = {"user-agent": BROWSER, "origin": "https://shop.example"}
        remote = str(more.pop("from_", "93.184.216.7"))
        forwarded = more.pop("forwarded", None)
        if isinstance(forwarded, str):
            headers["x-forwarded-for"] = forwarded
        body = {
            "messageId": f"m-{len(self.edge.rows('select 1 from seen_message'))}",
            "anonymousId": "d1",
            "email": email,
            "topics": list(topics or ["news"]),
            "wording": "Yes, write to me",
            "form": "footer",
            "writeKey": key,
            "context": {"page": {"url": "https://shop.example/a", "path": "/a"}, "campaign": {"source": "ad"}},
        } | more
        over = body.pop("over", None)
        body = body | (over if isinstance(over, dict) else {})
        body = {name: value for name, value in body.items() if value is not None}
        self.edge.now = self.shop.clock.at
        answer = self.edge.client.generic(
            "POST", "/forms/sign-up", json.dumps(body), "text/plain", headers=headers, REMOTE_ADDR=remote
        )
        assert answer["Access-Control-Allow-Origin"] == "*"
        return answer.status_code, json.loads(answer.content)

    def work(self) -> None:
        """Let a second go by, and the workers do what there is to do."""
        self.shop.work(self.shop.clock.at + timedelta(seconds=1))

    def mails(self) -> list[tuple[str, str]]:
        """Whom mail went to, and where its button leads."""
        self.work()
        return [
            (address, next((link for link in links if "/confirm/" in link), ""))
            for address, links in self.edge.rows(
                "select m.address, c.links from message m join content c on c.message = m.id order by m.decided_at, m.address"
            )
        ]

    def press(self, link: str, method: str = "POST") -> tuple[int, str]:
        """Open the page of a mail, or press its button."""
        path = link.removeprefix("https://mail.example")
        with override_settings(ROOT_URLCONF="tamshy.public.urls", MIDDLEWARE=[]):
            answer = self.recipient.generic(method, path, headers={"user-agent": BROWSER}, REMOTE_ADDR="198.51.100.9")
        return answer.status_code, unescape(answer.content.decode())

    def consents(self) -> list[tuple[Any, ...]]:
        self.work()
        return self.edge.rows(CONSENTS)

    def outcomes(self) -> dict[str, float]:
        return {
            labels["outcome"]: value
            for name, labels, value in self.edge.counts.samples()
            if name == "tamshy_sign_ups_total"
        }


@contextmanager
def forms_over(edge: Edge, settings: str, **files: str) -> Iterator[Forms]:
    edge.conn.execute("delete from publication")
    edge.conn.execute("delete from definition where workspace = 1")
    edge.conn.execute("insert into lease (bucket) select generate_series(0, 127)")
    texts = completed({"tamshy.yaml": settings, **files})
    publish(edge.conn, "default", texts, at=T0, compile_message=compile_message)
    fill_zones(edge.conn, ["UTC"])
    edge.conn.commit()
    made = Shop(edge.dsn, edge.conn, load_rulebook(edge.conn, "default"), HandClock(T0))

    @contextmanager
    def connection() -> Iterator[sqlkit.Connection]:
        with sqlkit.connect(edge.dsn) as conn:
            yield conn

    public.install(public.Wiring(connection, lambda: made.clock.at, SIGNER))
    yield Forms(edge, made, Client(enforce_csrf_checks=True))


@pytest.fixture
def forms(edge: Edge) -> Iterator[Forms]:
    with forms_over(edge, BY_EMAIL) as made:
        yield made


# -- at once -----------------------------------------------------------------------------------------------------------


def test_a_newcomer_is_granted_at_once_with_all_that_shows_it(forms: Forms) -> None:
    assert forms.sign_up("Aia@Example.com ", "news", traits={"first_name": "Aia"}) == (
        200,
        {"success": True, "confirm": False},
    )
    assert forms.consents() == [("aia@example.com", "news", True, "form")]
    ((evidence,),) = forms.edge.rows("select evidence from consent")
    assert evidence == {
        "wording": "Yes, write to me",
        "form": "footer",
        "page": "https://shop.example/a",
        "at": "2026-11-20T09:00:00+00:00",
        "browser": {"address": "93.184.216.7", "user_agent": BROWSER},
        "key": str(forms.edge.rows("select id from api_key where name = 'w' and workspace = 1")[0][0]),
    }
    ((profile, names),) = forms.edge.rows(
        "select p.properties, (select array_agg(i.kind || ' ' || i.value order by i.kind) from identifier i where i.profile = p.id)"
        " from profile p"
    )
    assert names == ["anonymous_id d1", "email aia@example.com"]
    assert (profile["first_name"], profile["source"]) == (
        "Aia",
        {
            "form": "footer",
            "campaign": {"source": "ad"},
            "page": {"url": "https://shop.example/a", "path": "/a"},
        },
    )
    assert forms.outcomes() == {"granted": 1}


def test_the_same_sign_up_sent_again_counts_once(forms: Forms) -> None:
    for _ in range(3):
        assert forms.sign_up("aia@example.com", messageId="same")[0] == 200
    assert forms.consents() == [("aia@example.com", "news", True, "form")]
    assert forms.edge.rows("select count(*) from event where name = 'Subscribed'") == [(1,)]


def test_what_was_said_hours_ago_holds_from_then(forms: Forms) -> None:
    """A page that was away tells it later; a withdrawal in between is the newer word."""
    said, sent = "2026-11-20T05:00:00Z", "2026-11-20T09:00:00Z"
    forms.sign_up("aia@example.com", timestamp=said, sentAt=sent)
    assert forms.consents() == [("aia@example.com", "news", True, "form")]
    assert forms.edge.rows("select occurred_at from consent") == [(T0 - timedelta(hours=4),)]


def test_a_device_that_is_somebodys_keeps_its_address(forms: Forms) -> None:
    """At a computer in a library: the one who signs up gets a profile of their own."""
    forms.shop.identify("u1", T0, device="d1", email="owner@example.com")
    forms.work()
    assert forms.sign_up("guest@example.com")[0] == 200
    assert forms.consents() == [("guest@example.com", "news", True, "form")]
    assert forms.edge.rows("select address from profile order by address") == [
        ("guest@example.com",),
        ("owner@example.com",),
    ]


def test_a_device_whose_owner_is_known_by_a_call_that_nobody_has_read_yet_keeps_its_address_too(forms: Forms) -> None:
    forms.shop.identify(None, T0, device="d1", email="owner@example.com")
    assert forms.sign_up("guest@example.com")[0] == 200
    assert forms.consents() == [("guest@example.com", "news", True, "form")]
    assert sorted(forms.edge.rows("select address from profile")) == [("guest@example.com",), ("owner@example.com",)]


def test_who_is_known_at_this_device_signs_up_at_once_and_keeps_the_address_that_the_shop_knows(forms: Forms) -> None:
    forms.shop.identify("u1", T0, device="d1", email="aia@example.com")
    forms.work()
    assert forms.sign_up("aia@example.com")[0] == 200
    assert forms.consents() == [("aia@example.com", "news", True, "form")]
    assert forms.edge.rows("select count(*) from profile") == [(1,)]
    assert forms.outcomes() == {"granted": 1}


# -- by mail -----------------------------------------------------------------------------------------------------------


def test_a_double_opt_in_counts_once_the_button_on_the_page_is_pressed(forms: Forms) -> None:
    assert forms.sign_up("aia@example.com", "offers", "news") == (200, {"success": True, "confirm": True})
    ((address, link),) = forms.mails()
    assert address == "aia@example.com"
    assert forms.consents() == []
    status, page = forms.press(link, "GET")
    assert status == 200
    assert "Would you like to get “Offers, News” e-mails from Small shop?" in page
    assert "a•••@example.com" in page
    assert forms.consents() == [], "looking at the page grants nothing"
    status, page = forms.press(link)
    assert (status, "You are signed up" in page) == (200, True)
    assert forms.consents() == [
        ("aia@example.com", "news", True, "form"),
        ("aia@example.com", "offers", True, "form"),
    ]
    ((evidence,),) = forms.edge.rows("select evidence from consent where topic = 'offers'")
    assert evidence["browser"]["address"] == "93.184.216.7"
    assert evidence["wording"] == "Yes, write to me"
    assert evidence["confirmed"] == {
        "at": "2026-11-20T09:00:03+00:00",
        "wording": "Would you like to get “Offers, News” e-mails from Small shop? Yes, please",
        "browser": {"address": "198.51.100.9", "user_agent": BROWSER},
    }
    assert forms.press(link)[0] == 200
    assert "You are signed up" in forms.press(link, "GET")[1]
    assert forms.edge.rows("select count(*) from consent") == [(2,)]


def test_confirming_ties_the_device_that_asked_where_both_were_strangers(forms: Forms) -> None:
    forms.shop.visit("d1", "Product Viewed", T0, sku="a1")
    forms.sign_up("aia@example.com", "offers", traits={"first_name": "Aia"})
    ((_, link),) = forms.mails()
    forms.press(link)
    assert forms.consents() == [("aia@example.com", "offers", True, "form")]
    assert forms.edge.rows(
        "select p.address, p.properties ->> 'first_name', (select count(*) from event e where e.profile = p.id and"
        " e.name = 'Product Viewed') from profile p where p.merged_into is null"
    ) == [("aia@example.com", "Aia", 1)]


def test_a_customers_address_in_a_strangers_form_is_asked_by_mail_and_nothing_of_theirs_changes(forms: Forms) -> None:
    forms.shop.identify("u1", T0, email="aia@example.com", first_name="Aia")
    forms.work()
    assert forms.sign_up("aia@example.com", "news", traits={"first_name": "Fool"}) == (
        200,
        {"success": True, "confirm": False},
    ), "the answer does not tell that the address is known"
    ((address, link),) = forms.mails()
    assert (address, forms.consents()) == ("aia@example.com", [])
    forms.press(link)
    assert forms.consents() == [("aia@example.com", "news", True, "form")]
    assert forms.edge.rows("select properties ->> 'first_name' from profile where address is not null") == [("Aia",)]
    # Saying yes to mails does not make the stranger's device theirs.
    assert forms.edge.rows("select kind, value from identifier order by 1, 2") == [
        ("email", "aia@example.com"),
        ("user_id", "u1"),
    ]
    assert forms.outcomes() == {"asked": 1}


def test_an_address_is_asked_three_times_a_day_and_within_ten_minutes_once(forms: Forms) -> None:
    for _ in range(5):
        assert forms.sign_up("aia@example.com", "offers", messageId=f"a{_}") == (
            200,
            {"success": True, "confirm": True},
        )
        forms.work()
        forms.shop.clock.at += timedelta(minutes=6)
    assert forms.outcomes() == {"asked": 3, "limited": 2}
    assert forms.edge.rows(
        "select outcome, reason from journal where kind = 'enrollment' and outcome <> 'exited' order by at"
    ) == [
        ("entered", None),
        ("refused", "reentry"),
        ("entered", None),
    ]
    assert len(forms.mails()) == 2
    forms.shop.clock.at += timedelta(days=1)
    forms.sign_up("aia@example.com", "offers", messageId="next day")
    assert len(forms.mails()) == 3


def test_a_link_confirms_for_thirty_days_and_only_as_it_was_signed(forms: Forms) -> None:
    forms.sign_up("aia@example.com", "offers")
    ((_, link),) = forms.mails()
    assert forms.press(link[:-1] + ("A" if link[-1] != "A" else "B"))[0] == 404
    subject = SIGNER.read(Purpose.CONFIRM, link.rpartition("/")[2])
    assert subject is not None
    assert forms.press(f"/confirm/{SIGNER.token(Purpose.UNSUBSCRIBE, subject)}")[0] == 404
    forms.shop.clock.at = T0 + timedelta(days=31)
    assert forms.press(link)[0] == 404
    assert forms.edge.rows("select count(*) from inbox where kind = 'consent'") == [(0,)]


def test_nobody_outside_can_put_a_link_into_the_shops_own_mail(forms: Forms) -> None:
    call = {
        "type": "track",
        "event": "Subscription Requested",
        "anonymousId": "d9",
        "properties": {"confirm_url": "https://evil.example", "names": "Offers", "key": "offers"},
    }
    body = {"batch": [{"type": "identify", "anonymousId": "d9", "traits": {"email": "victim@example.com"}}, call]}
    forms.edge.now = T0
    answer = forms.edge.client.generic(
        "POST", "/v1/batch", json.dumps(body | {"writeKey": "default-write-key"}), "text/plain"
    )
    assert answer.status_code == 200
    assert forms.mails() == []
    assert forms.edge.rows("select state, reason, address from message") == [
        ("skipped", "render_error", "victim@example.com")
    ]


def test_a_workspace_that_ties_nobody_by_address_grants_to_the_device_that_asked(edge: Edge) -> None:
    with forms_over(edge, SETTINGS) as forms:
        forms.shop.visit("d1", "Product Viewed", T0, sku="a1")
        forms.sign_up("aia@example.com", "offers")
        ((_, link),) = forms.mails()
        forms.press(link)
        assert forms.consents() == [("aia@example.com", "offers", True, "form")]
        assert forms.edge.rows(
            "select count(*) from event e join consent c on c.profile = e.profile where e.name = 'Product Viewed'"
        ) == [(1,)]


def test_a_flow_of_the_shops_own_takes_the_place_of_ours(edge: Edge) -> None:
    files = {
        "flows/ask.yaml": "trigger: {event: Subscription Requested}\nreentry: always\nsteps: [{send: ask}]\n",
        "messages/ask/message.yaml": "kind: transactional\nsubject: {en: Really}\n",
        "messages/ask/en.md": "[Yes]({{ event.confirm_url }})\n",
    }
    with forms_over(edge, BY_EMAIL, **files) as forms:
        forms.sign_up("aia@example.com", "offers")
        ((_, link),) = forms.mails()
        forms.press(link)
        assert forms.consents() == [("aia@example.com", "offers", True, "form")]
        assert forms.edge.rows("select distinct flow, message from message") == [("ask", "ask")]


def test_without_a_flow_that_asks_a_double_opt_in_is_refused_and_not_forgotten(edge: Edge) -> None:
    taken = {"flows/confirm-subscription.yaml": "trigger: {event: Other}\nsteps: [{exit: done}]\n"}
    with forms_over(edge, BY_EMAIL, **taken) as forms:
        status, body = forms.sign_up("aia@example.com", "offers")
        assert (status, body["reason"]) == (409, "no_confirmation")
        assert forms.edge.rows("select count(*) from inbox") == [(0,)]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        ({"email": "nobody"}, 400, "bad_address"),
        ({"email": None}, 400, "bad_address"),
        ({"email": ["a@example.com"]}, 400, "bad_address"),
        ({"topics": None}, 400, "wrong_type"),
        ({"topics": []}, 400, "wrong_type"),
        ({"topics": "news"}, 400, "wrong_type"),
        ({"topics": ["letters"]}, 400, "unknown_topic"),
        ({"wording": None}, 400, "missing"),
        ({"wording": "  "}, 400, "missing"),
        ({"wording": "x" * 2001}, 400, "too_long"),
        ({"form": None}, 400, "missing"),
        ({"messageId": None}, 400, "missing"),
        ({"messageId": 5}, 400, "missing"),
        ({"userId": "u1"}, 400, "unknown_field"),
        ({"traits": ["x"]}, 400, "wrong_type"),
        ({"traits": {"email": "other@example.com"}}, 400, "bad_trait"),
        ({"traits": {"a b": 1}}, 400, "bad_trait"),
        ({"traits": {"a": {"b": 1}}}, 400, "bad_trait"),
        ({"context": {"page": "x" * 40_000}}, 413, "too_large"),
        ({"wording": "a\x00b"}, 400, "nul"),
        ({"writeKey": "nobody's"}, 401, "unknown_key"),
        ({"writeKey": None}, 401, "no_key"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(
    forms: Forms, changed: dict[str, object], status: int, reason: str
) -> None:
    found, body = forms.sign_up("aia@example.com", "news", over=changed)
    assert (found, body["reason"]) == (status, reason)
    assert forms.edge.rows("select count(*) from inbox") == [(0,)]
    assert forms.outcomes() == {reason: 1}


def test_another_workspaces_key_signs_up_there_and_not_here(forms: Forms) -> None:
    status, body = forms.sign_up("aia@example.com", "news", key="other-write-key")
    assert (status, body["reason"]) == (400, "unknown_topic")
    assert forms.sign_up("aia@example.com", "letters", key="other-write-key")[0] == 200
    assert forms.edge.rows("select distinct workspace from inbox") == [(2,)]


def test_one_place_signs_up_twenty_times_in_ten_minutes(forms: Forms) -> None:
    found = [forms.sign_up(f"p{n}@example.com", messageId=f"m{n}")[0] for n in range(21)]
    assert found == [200] * 20 + [429]
    assert forms.sign_up("other@example.com", from_="93.184.216.8", messageId="other")[0] == 200
    # Behind a proxy of one's own it is the browser's address that counts, and from outside nobody can name one.
    assert forms.sign_up("proxied@example.com", from_="10.0.0.5", forwarded="1.1.1.1, 93.184.216.7")[0] == 429
    assert forms.sign_up("forged@example.com", from_="93.184.216.7", forwarded="8.8.8.8")[0] == 429
    forms.edge.seconds += 601
    assert forms.sign_up("late@example.com")[0] == 200


def test_other_methods_are_refused_and_every_page_may_ask(forms: Forms) -> None:
    assert forms.edge.client.get("/forms/sign-up").status_code == 405
    asked = forms.edge.client.options("/forms/sign-up", headers={"origin": "https://shop.example"})
    assert (asked.status_code, asked["Access-Control-Allow-Methods"]) == (204, "POST, OPTIONS")


def test_while_the_database_is_away_it_is_said_to_come_again(forms: Forms) -> None:
    forms.sign_up("first@example.com")
    forms.edge.down = True
    try:
        body = {"writeKey": "default-write-key", "messageId": "m", "email": "aia@example.com", "topics": ["news"]}
        answer = forms.edge.client.generic(
            "POST", "/forms/sign-up", json.dumps(body | {"wording": "Yes", "form": "f"}), "text/plain"
        )
    finally:
        forms.edge.down = False
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
