"""Promises 48 and 61: a token that we did not sign is like one that never was, and a link leads where the mail does."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID

import pytest
from tests.hostile.conftest import LINKS, SIGNER, Site
from tests.hostile.served import SECRET

from tamshy import sqlkit
from tamshy.domain.token import Purpose, Signer

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

POST: Final = "application/x-www-form-urlencoded"
GUESSES: Final = 10_000
MANY_GUESSES: Final = 1_000_000
OTHER: Final = Signer(["another secret, long enough"])
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def token(site: Site, purpose: Purpose, signer: Signer = SIGNER, **other: object) -> str:
    return signer.token(purpose, replace(site.subject(), **other))  # type: ignore[arg-type]


def someone(site: Site) -> dict[str, Any]:
    bucket, profile = site.seeded.people["marat"]
    return {"bucket": bucket, "profile": profile}


# Each: a token for the purpose that is not one, made of what an attacker could have.
PROMISE_48: Final[dict[str, Callable[[Site, Purpose], str]]] = {
    "nothing signed": lambda _site, _purpose: "A" * 72,
    "cut by a letter": lambda site, purpose: token(site, purpose)[:-1],
    "cut to its payload": lambda site, purpose: token(site, purpose)[:50],
    "cut to one letter": lambda site, purpose: token(site, purpose)[:1],
    "a letter more": lambda site, purpose: token(site, purpose) + "A",
    "twice": lambda site, purpose: token(site, purpose) * 2,
    "padding behind": lambda site, purpose: token(site, purpose) + "====",
    "a blank behind": lambda site, purpose: token(site, purpose) + "%20",
    "a blank within": lambda site, purpose: token(site, purpose)[:36] + "%20" + token(site, purpose)[36:],
    "a line end behind": lambda site, purpose: token(site, purpose) + "%0a",
    "NUL behind": lambda site, purpose: token(site, purpose) + "%00",
    "in capitals": lambda site, purpose: token(site, purpose).upper(),
    "backwards": lambda site, purpose: token(site, purpose)[::-1],
    "letters of another width": lambda site, purpose: quote(
        token(site, purpose).translate({ord(c): ord(c) + 0xFEE0 for c in LETTERS})
    ),
    "base64 of the other alphabet": lambda site, purpose: token(site, purpose)[:-1] + "+",
    "signed with an old key": lambda site, purpose: token(site, purpose, OTHER),
    "signed with an empty key": lambda site, purpose: token(site, purpose, Signer(["0" * 16])),
    "signed with half of the key": lambda site, purpose: token(site, purpose, Signer([SECRET[:16]])),
    "of another person": lambda site, purpose: token(site, purpose, **someone(site)),
    "of nobody": lambda site, purpose: token(site, purpose, profile=UUID(int=0)),
    "of another message": lambda site, purpose: token(site, purpose, message=UUID(int=1)),
    "of another workspace": lambda site, purpose: token(site, purpose, workspace=2),
    "of no workspace": lambda site, purpose: token(site, purpose, workspace=0),
    "of another bucket": lambda site, purpose: token(site, purpose, bucket=(site.subject().bucket + 1) % 64),
    "one person's payload, another's signature": lambda site, purpose: spliced(
        token(site, purpose), token(site, purpose, **someone(site))
    ),
    "a payload with no signature": lambda site, purpose: base64.urlsafe_b64encode(
        raw(token(site, purpose))[:38] + bytes(16)
    ).decode(),
    "a million letters": lambda _site, _purpose: "A" * 1_000_000,
    "SQL": lambda _site, _purpose: quote("' or 1=1 --"),
    "a path": lambda _site, _purpose: "..%2f..%2fetc%2fpasswd",
}


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text)


def spliced(one: str, other: str) -> str:
    return base64.urlsafe_b64encode(raw(one)[:38] + raw(other)[38:]).decode()


def shown(answer: Answer) -> tuple[int, bytes, str | None]:
    return answer.status_code, answer.content, answer.headers.get("Location")


def unknown(site: Site, purpose: Purpose) -> tuple[int, bytes, str | None]:
    """What comes of a token of which nobody has ever heard."""
    return shown(site.ask("GET", site.path(purpose, "B" * 72)))


@pytest.fixture
def good(site: Site) -> Site:
    """The site, and proof that good tokens are good there."""
    for purpose in Purpose:
        assert site.ask("GET", site.path(purpose)).status_code in {200, 302}
    return site


@pytest.mark.parametrize("name", PROMISE_48)
def test_what_we_did_not_sign_is_like_what_never_was(good: Site, name: str) -> None:
    before = good.held()
    for purpose in Purpose:
        path = good.path(purpose, PROMISE_48[name](good, purpose))
        # A stroke in it makes it another address, which nobody answers either.
        wanted = unknown(good, purpose)
        for found in (good.ask("GET", path), good.ask("POST", path, b"confirm=1&topic=news", content_type=POST)):
            assert found.status_code in {404, 405}
            if found.status_code == 404 and "%2f" not in path:
                assert shown(found) == wanted
    assert good.held() == before


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_is_good_for_its_purpose_alone(good: Site, purpose: Purpose) -> None:
    before = good.held()
    for other in set(Purpose) - {purpose}:
        found = good.ask("GET", good.path(purpose, token(good, other)))
        assert shown(found) == unknown(good, purpose)
    assert good.held() == before


@pytest.mark.parametrize("purpose", Purpose)
def test_each_flipped_bit_is_seen(site: Site, purpose: Purpose) -> None:
    """All 432 bits of what a token holds, and each of its letters for each other one."""
    whole = token(site, purpose)
    assert SIGNER.read(purpose, whole) == site.subject()
    bits = raw(whole)
    for bit in range(len(bits) * 8):
        flipped = bytearray(bits)
        flipped[bit // 8] ^= 1 << bit % 8
        assert SIGNER.read(purpose, base64.urlsafe_b64encode(bytes(flipped)).decode()) is None
    for place, letter in enumerate(whole):
        assert all(SIGNER.read(purpose, whole[:place] + c + whole[place + 1 :]) is None for c in LETTERS if c != letter)


def guesses(site: Site, number: int) -> int:
    """How many of so many guesses at a signature are right; each for the payload of somebody who exists."""
    chance = random.Random(48)  # noqa: S311 - the same guesses every time
    payload = raw(token(site, Purpose.UNSUBSCRIBE))[:38]
    made = (base64.urlsafe_b64encode(payload + chance.randbytes(16)).decode() for _ in range(number))
    return sum(SIGNER.read(Purpose.UNSUBSCRIBE, one) is not None for one in made)


def test_guessing_finds_none(site: Site) -> None:
    assert guesses(site, GUESSES) == 0


@pytest.mark.prove
def test_a_million_guesses_find_none(site: Site) -> None:
    assert guesses(site, MANY_GUESSES) == 0


def test_a_new_key_leaves_old_mails_working(site: Site) -> None:
    new = Signer(["a new secret, long enough", SECRET])
    for purpose in Purpose:
        assert new.read(purpose, token(site, purpose)) == site.subject()
        assert token(site, purpose, new) != token(site, purpose)
        # Those who have the new key alone, or the old one after it was given up, accept no other.
        assert Signer(["a new secret, long enough"]).read(purpose, token(site, purpose)) is None


# Each: what an attacker hangs on to a click's address, or puts in its place.
PROMISE_61: Final = {
    "two strokes": "/0?r=//evil.example",
    "a stroke and its mirror": "/0?r=/\\evil.example",
    "an address": "/0?url=https://evil.example",
    "every name for it": "/0?" + "&".join(f"{name}=https://evil.example" for name in
        ("r", "url", "u", "to", "next", "redirect", "return", "dest", "goto", "continue", "link", "location")),
    "a script": "/0?r=javascript:alert(1)",
    "data": "/0?r=data:text/html,<script>alert(1)</script>",
    "line ends": "/0?r=%0d%0aLocation:%20https://evil.example",
    "line ends in the number": "/0%0d%0aLocation:%20https://evil.example",
    "a person before the host": "/0?r=https://shop.example@evil.example",
    "a person in the path": "/0@evil.example",
    "a fragment": "/0?#@evil.example",
    "a megabyte": "/0?r=" + "a" * 1_000_000,
    "the next number": "/2",
    "a number far away": "/999999999999999999999999",
    "a negative number": "/-1",
    "a number in another script": "/%D9%A0",
    "a number with a sign": "/+0",
    "a number with naughts": "/0000000001",
    "a number in hex": "/0x0",
    "no number": "/",
    "nothing at all": "",
    "an address for a number": "/https://evil.example",
    "another host for a number": "//evil.example",
    "a path further": "/0/../../https://evil.example",
    "a stroke behind": "/0/",
}  # fmt: skip


@pytest.mark.parametrize("name", PROMISE_61)
def test_a_click_leads_where_the_mail_does(good: Site, name: str) -> None:
    path = f"/c/{token(good, Purpose.CLICK)}{PROMISE_61[name]}"
    found = good.ask("GET", path, Host="evil.example", X_Forwarded_Host="evil.example", Referer="https://evil.example")
    location = found.headers.get("Location")
    if found.status_code == 302:
        assert location in LINKS
    else:
        assert (found.status_code, location) == (404, None)
    assert b"evil.example" not in found.content


# Each stands among a mail's links, as a careless template or a stranger in the database could have put it there.
ODD_LINKS: Final = (
    *(
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example",
    ),
    *(
        "/\\evil.example",
        "https://shop.example\r\nSet-Cookie: a=b",
        "https://shop.example\nX: y",
        "https://a@evil.example",
    ),
    *(
        "https://shop.example@evil.example/",
        "https:evil.example",
        "https:///evil.example",
        "http://",
        "mailto:a@b.example",
    ),
    *("https://shop.example\\@evil.example", "\thttps://evil.example", "https://[::1", "", " ", "ftp://evil.example"),
)


def test_not_even_a_links_own_address_leads_astray(site: Site) -> None:
    before = site.rows("select links from content limit 1")[0][0]
    with sqlkit.connect(site.dsn) as conn:
        conn.execute("update content set links = %s", [json.dumps(ODD_LINKS)])
    try:
        for number in range(len(ODD_LINKS)):
            found = site.ask("GET", f"/c/{token(site, Purpose.CLICK)}/{number}")
            assert (found.status_code, found.headers.get("Location")) == (404, None), ODD_LINKS[number]
    finally:
        with sqlkit.connect(site.dsn) as conn:
            conn.execute("update content set links = %s", [json.dumps(before)])
