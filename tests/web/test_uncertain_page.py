"""`/uncertain` and signing in: who sees addresses, who settles, and what a form from elsewhere does (nothing)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client, override_settings
from tests.engine.deliveries import LINK, NOON, in_doubt, put

from tamshy.accounts import KeyRing, Sessions, Tries, revoke_key
from tamshy.panel import wiring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer
    from tests.web.conftest import Edge

SECRET = "0123456789abcdef0123456789abcdef"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(wiring.__file__).replace("wiring.py", "templates")],
    }
]


@dataclass
class Site:
    """The page, wired to the module's database, and a browser without scripts."""

    edge: Edge
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def get(self, path: str = "/uncertain") -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200
        return answer.content.decode()

    def sign_in(self, key: str = "default-api-key", **extra: str) -> Answer:
        return self.client.post("/sign-in", {"key": key}, headers=extra or None)

    def proof(self) -> str:
        found = re.search(r'name="proof" value="([^"]+)"', self.get())
        assert found is not None
        return found[1]

    def states(self) -> list[str]:
        return [state for (state,) in self.edge.rows("select state from delivery order by claimed_at")]


@pytest.fixture
def site(edge: Edge) -> Iterator[Site]:
    keys = KeyRing(edge.connection, lambda: edge.seconds)
    sign_in = wiring.SignIn(keys, Sessions(SECRET, keys, lambda: edge.real), Tries(lambda: edge.seconds))
    wiring.install(wiring.Wiring(edge.connection, lambda: edge.now, sign_in=sign_in))
    with override_settings(ROOT_URLCONF="tamshy.panel.urls", TEMPLATES=TEMPLATES, ALLOWED_HOSTS=["*"]):
        yield Site(edge)


def lost(site: Site, count: int, workspace: int = 1) -> list[UUID]:
    ids = in_doubt(site.edge.conn, count, workspace)
    site.edge.conn.commit()
    return ids


def test_who_is_not_signed_in_sees_how_many_and_no_address(site: Site) -> None:
    lost(site, 3)
    text = site.get()
    assert re.search(r"<strong>3</strong>\s+messages wait for your word", text)
    assert "example.com" not in text
    assert LINK not in text
    assert 'action="/uncertain/settle"' not in text


def test_who_is_signed_in_sees_all_that_is_known(site: Site) -> None:
    (id_,) = lost(site, 1)
    assert site.sign_in().status_code == 303
    text = site.get()
    for words in ("p0@example.com", LINK, "mx1/77", "You left something", "timed out", str(id_), "Mon 2 Mar, 17:00:01"):
        assert words in text
    assert "Everything was said, and the answer did not come." in text
    # It expired in March, and it is November.
    assert "too late to send again" in text


def test_the_cookie_is_signed_and_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    answer = site.sign_in()
    cookie = answer.cookies["tamshy_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "Strict", "/", 43200)
    assert "default-api-key" not in cookie.value
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, letter in enumerate(cookie.value):
        for bit in range(6):
            other = alphabet[alphabet.index(letter) ^ (1 << bit)]
            forged = cookie.value[:at] + other + cookie.value[at + 1 :]
            assert wiring.wired().sign_in is not None
            assert wiring.wired().sign_in.sessions.read(forged) is None  # type: ignore[union-attr]
    for odd in ("", "x", cookie.value + "A", cookie.value[:-1], "é" * 64, "=" * 64):
        assert wiring.wired().sign_in.sessions.read(odd) is None  # type: ignore[union-attr]


def test_over_https_the_cookie_goes_nowhere_else(site: Site) -> None:
    assert site.sign_in().cookies["tamshy_session"]["secure"] == ""
    answer = site.client.post("/sign-in", {"key": "default-api-key"}, secure=True)
    assert answer.cookies["tamshy_session"]["secure"] is True


def test_a_session_ends_with_its_time_its_key_and_the_secret(site: Site) -> None:
    lost(site, 1)
    site.sign_in()
    assert "p0@example.com" in site.get()
    site.edge.real += timedelta(hours=12)
    assert "p0@example.com" not in site.get()
    site.edge.real -= timedelta(hours=1)
    assert "p0@example.com" in site.get()
    ((id_,),) = site.edge.rows("select id from api_key where workspace = 1 and kind = 'api'")
    revoke_key(site.edge.conn, 1, id_, now=NOON)
    site.edge.conn.commit()
    site.edge.seconds += 31
    assert "p0@example.com" not in site.get()
    site.edge.conn.execute("update api_key set revoked_at = null")
    site.edge.conn.commit()
    site.edge.seconds += 31
    assert "p0@example.com" in site.get()
    keys = KeyRing(site.edge.connection, lambda: site.edge.seconds)
    other = wiring.SignIn(keys, Sessions("another secret, as long", keys, lambda: site.edge.real), Tries(lambda: 0.0))
    wiring.install(wiring.Wiring(site.edge.connection, lambda: site.edge.now, sign_in=other))
    assert "p0@example.com" not in site.get()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nobody's", "This key is not known, or was revoked."),
        ("", "This key is not known, or was revoked."),
        ("default-write-key", "This is a write key: it can only send calls."),
    ],
)
def test_a_wrong_key_says_so_and_opens_nothing(site: Site, key: str, words: str) -> None:
    answer = site.sign_in(key)
    assert (answer.status_code, "tamshy_session" in answer.cookies) == (403, False)
    text = answer.content.decode()
    assert words in text
    assert key == "" or key not in text.replace(words, "")


def test_wrong_keys_wait_longer_and_longer_and_a_right_one_after_that(site: Site) -> None:
    assert [site.sign_in("wrong").status_code for _ in range(6)] == [403] * 5 + [429]
    waits = []
    for _ in range(11):
        answer = site.sign_in("wrong")
        assert answer.status_code == 429
        assert f"Try again in {answer['Retry-After']} second" in answer.content.decode()
        waits.append(int(answer["Retry-After"]))
        # Whoever waits has another try; whoever does not has none, be the key right or wrong.
        assert site.sign_in().status_code == 429
        site.edge.seconds += waits[-1]
        assert site.sign_in("wrong").status_code == 403
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert Client(REMOTE_ADDR="192.0.2.9").post("/sign-in", {"key": "default-api-key"}).status_code == 303
    site.edge.seconds += 300
    assert site.sign_in().status_code == 303
    assert site.sign_in("wrong").status_code == 403


def test_one_network_of_ipv6_is_one_place(site: Site) -> None:
    del site
    for at in range(5):
        assert Client(REMOTE_ADDR=f"2001:db8::{at}").post("/sign-in", {"key": "x"}).status_code == 403
    assert Client(REMOTE_ADDR="2001:db8::ffff").post("/sign-in", {"key": "x"}).status_code == 429
    assert Client(REMOTE_ADDR="2001:db8:0:1::1").post("/sign-in", {"key": "x"}).status_code == 403


@pytest.mark.parametrize(("did", "state"), [("sent", "sent"), ("resend", "queued")])
def test_chosen_ones_are_settled_and_the_others_wait(site: Site, did: str, state: str) -> None:
    ids = lost(site, 3)
    site.sign_in()
    form = {"proof": site.proof(), "did": did, "message": [str(ids[0]), str(ids[2])]}
    answer = site.client.post("/uncertain/settle", form)
    assert (answer.status_code, answer["Location"]) == (303, f"/uncertain?did={did}&count=2")
    assert site.states() == [state, "uncertain", state]
    # Sent twice, as a second press of the button does: nothing more.
    again = site.client.post("/uncertain/settle", form)
    assert again["Location"] == f"/uncertain?did={did}&count=0"
    rows = site.edge.rows("select distinct did, by ~ '^a \\(key .{36}\\)$', at from settlement")
    assert rows == [(did, True, site.edge.now)]


def test_all_means_all_and_not_only_those_on_the_page(site: Site) -> None:
    lost(site, 60)
    lost(site, 2, workspace=2)
    site.sign_in()
    text = site.get()
    assert text.count('name="message"') == 50
    following = re.search(r'href="(/uncertain\?after=[^"]+)"', text)
    assert following is not None
    assert site.get(following[1]).count('name="message"') == 10
    answer = site.client.post("/uncertain/settle", {"proof": site.proof(), "did": "sent", "all": "yes"})
    assert answer["Location"] == "/uncertain?did=sent&count=60"
    assert "60 messages marked as sent." in site.get(answer["Location"])
    assert sorted(site.states()) == ["sent"] * 60 + ["uncertain"] * 2


def forms(site: Site, message: UUID) -> list[tuple[dict[str, Any], dict[str, str], str]]:
    right: dict[str, Any] = {"proof": site.proof(), "did": "sent", "message": str(message)}
    return [
        ({**right, "proof": ""}, {}, "sent from another page"),
        ({**right, "proof": "é"}, {}, "sent from another page"),
        ({k: v for k, v in right.items() if k != "proof"}, {}, "sent from another page"),
        (right, {"Origin": "https://evil.example"}, "sent from another page"),
        (right, {"Origin": "null"}, "sent from another page"),
        (right, {"Sec-Fetch-Site": "cross-site"}, "sent from another page"),
        (right, {"Sec-Fetch-Site": "same-site"}, "sent from another page"),
        ({**right, "did": "failed"}, {}, "not one of ours"),
        ({**right, "message": "x"}, {}, "not one of ours"),
        ({**right, "message": [str(message)] * 201}, {}, "not one of ours"),
        ({k: v for k, v in right.items() if k != "message"}, {}, "Choose at least one"),
    ]


def test_a_form_from_elsewhere_or_of_another_session_does_nothing(site: Site) -> None:
    (id_,) = lost(site, 1)
    site.sign_in()
    for form, headers, words in forms(site, id_):
        answer = site.client.post("/uncertain/settle", form, headers=headers)
        assert (answer.status_code, words in answer.content.decode()) == (403, True), (form, headers)
    other = Site(site.edge)
    other.sign_in()
    form = {"proof": other.proof(), "did": "sent", "message": str(id_)}
    assert site.client.post("/uncertain/settle", form).status_code == 403
    assert site.client.get("/uncertain/settle", form).status_code == 405
    assert Client().post("/uncertain/settle", form).status_code == 403
    assert site.states() == ["uncertain"]
    ours = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    assert other.client.post("/uncertain/settle", form, headers=ours).status_code == 303
    assert site.states() == ["sent"]


def test_signing_in_from_another_page_opens_nothing(site: Site) -> None:
    answer = site.sign_in(Origin="https://evil.example")
    assert (answer.status_code, "tamshy_session" in answer.cookies) == (403, False)


def test_signing_out_forgets_the_session(site: Site) -> None:
    lost(site, 1)
    site.sign_in()
    assert site.client.get("/sign-out").status_code == 303
    assert "p0@example.com" in site.get()
    assert site.client.post("/sign-out").status_code == 303
    assert "p0@example.com" not in site.get()


def test_a_key_that_may_only_look_looks(site: Site) -> None:
    (id_,) = lost(site, 1)
    site.edge.conn.execute("update api_key set role = 'viewer' where kind = 'api'")
    site.edge.conn.commit()
    site.sign_in()
    text = site.get()
    assert "This key may look and not act." in text
    assert "p0@example.com" in text
    assert "<button name=" not in text
    proof = wiring.wired().sign_in.sessions.proof(site.client.cookies["tamshy_session"].value)  # type: ignore[union-attr]
    answer = site.client.post("/uncertain/settle", {"proof": proof, "did": "sent", "message": str(id_)})
    assert (answer.status_code, site.states()) == (403, ["uncertain"])


def test_another_workspace_s_key_opens_that_workspace_alone(site: Site) -> None:
    (ours,) = lost(site, 1)
    (theirs,) = lost(site, 1, workspace=2)
    site.sign_in("other-api-key")
    text = site.get()
    assert (str(theirs) in text, str(ours) in text) == (True, False)
    answer = site.client.post("/uncertain/settle", {"proof": site.proof(), "did": "sent", "message": str(ours)})
    assert answer["Location"] == "/uncertain?did=sent&count=0"
    assert site.edge.rows(f"select state from delivery where message = '{ours}'") == [("uncertain",)]


def test_a_paused_domain_says_why_and_how_to_go_on(site: Site) -> None:
    (id_,) = lost(site, 1)
    words = '550 5.7.26 <script>alert(1)</script> "unauthenticated"'
    put(site.edge.conn, "paused_domain", workspace=1, domain="shop.example", paused_at=NOON, reply=words, message=id_)
    site.edge.conn.commit()
    text = site.get()
    assert "Nothing is sent from shop.example" in text
    assert "550 5.7.26 &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert 'action="/uncertain/resume"' not in text
    site.sign_in()
    answer = site.client.post("/uncertain/resume", {"proof": site.proof(), "domain": "shop.example"})
    assert answer["Location"] == "/uncertain?did=resumed&count=1"
    assert "The sending domain goes on." in site.get(answer["Location"])
    assert "Nothing is sent from" not in site.get()
    # The live page said so too, as long as it was so.
    assert site.edge.rows("select resumed_by ~ '^a ' from paused_domain") == [(True,)]


def test_every_answer_forbids_what_is_not_its_own(site: Site) -> None:
    lost(site, 1)
    answers = [site.client.get("/uncertain"), site.sign_in("wrong"), site.sign_in(), site.client.get("/uncertain")]
    answers.append(site.client.post("/uncertain/settle", {"did": "sent"}))
    for answer in answers:
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in policy
        assert "unsafe" not in policy
        assert (answer["Cache-Control"], answer["X-Content-Type-Options"]) == ("no-store", "nosniff")
        text = answer.content.decode()
        assert not re.search(r"<script(?! src=)|\son\w+=|style=|javascript:", text)


def test_while_the_database_is_away_a_form_says_that_nothing_was_done(site: Site) -> None:
    (id_,) = lost(site, 1)
    site.sign_in()
    form = {"proof": site.proof(), "did": "sent", "message": str(id_)}
    site.edge.down = True
    for path, sent in (("/uncertain/settle", form), ("/uncertain/resume", form), ("/sign-in", {"key": "another"})):
        answer = site.client.post(path, sent)
        assert (answer.status_code, answer["Retry-After"]) == (503, "2")
        assert "Nothing was done" in answer.content.decode()
    site.edge.down = False
    assert site.states() == ["uncertain"]


def test_a_page_without_sign_in_only_shows(site: Site) -> None:
    wiring.install(wiring.Wiring(site.edge.connection, lambda: site.edge.now))
    for path in ("/uncertain", "/sign-in", "/sign-out"):
        assert site.client.get(path).status_code == 404
