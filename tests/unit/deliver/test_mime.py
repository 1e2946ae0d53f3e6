"""Mails as bytes, judged by Python's own parser: no defects, no long lines, nothing smuggled in."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamshy.deliver import BadAddress, Mail, build
from tamshy.deliver.addresses import ascii_address, mailbox

MESSAGE = UUID("0123456789abcdef0123456789abcdef")
URL = "https://mail.shop.example/u/" + "a" * 72


def mail(**fields: Any) -> Mail:  # noqa: ANN401 - any field of a mail
    given_fields: dict[str, Any] = {
        "workspace": 1,
        "profile": UUID(int=1),
        "message": MESSAGE,
        "from_address": "Shop <hello@shop.example>",
        "to_address": "aia@example.com",
        "reply_to": None,
        "subject": "You left something",
        "html": "<p>Hello</p>",
        "plain": "Hello",
        "decided_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
        "unsubscribe_url": URL,
    }
    return Mail(**(given_fields | fields))


def parsed(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def defects(message: EmailMessage) -> list[object]:
    found: list[object] = []
    for part in message.walk():
        found += part.defects
        for value in part.values():
            found += getattr(value, "defects", ())
    return found


def check_wire(raw: bytes, longest: int = 78) -> None:
    assert raw.isascii()
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", raw)
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    too_long = [line for line in raw.split(b"\r\n") if len(line) > longest and URL.encode() not in line]
    assert too_long == []


def body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def test_the_whole_mail() -> None:
    assert build(
        mail(unsubscribe_mailbox="stop@shop.example", feedback_id="cart:1:tamshy", reply_to="help@shop.example")
    ) == (
        b"From: Shop <hello@shop.example>\r\n"
        b"To: aia@example.com\r\n"
        b"Subject: You left something\r\n"
        b"Date: Mon, 02 Mar 2026 12:00:00 +0000\r\n"
        b"Message-ID: <0123456789abcdef0123456789abcdef@shop.example>\r\n"
        b"Reply-To: help@shop.example\r\n"
        b"List-Unsubscribe:\r\n <" + URL.encode() + b">,\r\n"
        b" <mailto:stop@shop.example?subject=unsubscribe%200123456789abcdef0123456789abcdef>\r\n"
        b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        b"Feedback-ID: cart:1:tamshy\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative;\r\n"
        b' boundary="=_0123456789abcdef0123456789abcdef"\r\n'
        b"\r\n--=_0123456789abcdef0123456789abcdef\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello"
        b"\r\n--=_0123456789abcdef0123456789abcdef\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hello</p>"
        b"\r\n--=_0123456789abcdef0123456789abcdef--\r\n"
    )


def test_a_second_try_has_the_same_bytes() -> None:
    assert build(mail(html="<p>Сәлем</p>" * 500)) == build(mail(html="<p>Сәлем</p>" * 500))


def test_transactional_mail_has_no_list_headers() -> None:
    message = parsed(build(mail(unsubscribe_url=None)))
    assert [name for name in message.keys() if name.lower().startswith("list-")] == []  # noqa: SIM118 - a Message


def test_the_unsubscribe_address_stands_whole_on_its_line() -> None:
    assert re.search(rb"^ <" + URL.encode() + rb">\r$", build(mail()), re.MULTILINE)


hostile = st.text(max_size=200) | st.text('\r\n\t \x00\x0b\x85\u2028Bcc: =?utf-8?q?<>@",;:\\', max_size=60)


@given(hostile, hostile, hostile, hostile)
@settings(max_examples=300, deadline=None)
def test_no_text_breaks_the_mail_or_adds_to_it(subject: str, name: str, html: str, plain: str) -> None:
    safe_name = name.replace("<", "").replace(">", "")
    raw = build(mail(subject=subject, from_address=f"{safe_name} <hello@shop.example>", html=html, plain=plain))
    check_wire(raw)
    message = parsed(raw)
    assert defects(message) == []
    assert sorted(message.keys()) == sorted(
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "MIME-Version",
            "Content-Type",
        ]
    )
    assert message["To"] == "aia@example.com"
    assert [box.addr_spec for box in message["From"].addresses] == ["hello@shop.example"]
    for subtype, text in (("html", html), ("plain", plain)):
        clean = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", text)
        wanted = clean.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
        assert body(message, subtype) == wanted


printable = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=150)


@given(printable)
@settings(max_examples=300, deadline=None)
def test_a_subject_of_any_script_comes_back_as_it_was(subject: str) -> None:
    raw = build(mail(subject=subject))
    check_wire(raw)
    assert parsed(raw)["Subject"] == " ".join(subject.split(" ")).strip()


@pytest.mark.parametrize(
    "name",
    [
        "Shop",
        "Aia's shop",
        "Ақ бұлт & Co",
        'The "best" \\ shop',
        "Shop, Inc.",
        "a@b",
        "магазин " * 12,
        "=?utf-8?q?x?=",
        "(x)",
    ],
)
def test_a_display_name_comes_back_as_it_was(name: str) -> None:
    raw = build(mail(from_address=f"{name} <hello@shop.example>"))
    check_wire(raw)
    message = parsed(raw)
    assert defects(message) == []
    # The newer parser keeps the blank between two encoded words of a phrase, against RFC 2047; the older one is right.
    plain_header = email.message_from_bytes(raw)["From"]
    words = str(make_header(decode_header(plain_header))) if "=?utf-8?B?" in plain_header else plain_header
    shown, address = parseaddr(words)
    assert (shown, address) == (name.strip(), "hello@shop.example")


@pytest.mark.parametrize(
    ("written", "wire"),
    [
        ("aia@example.com", "aia@example.com"),
        ("a+b.c@sub.example.com", "a+b.c@sub.example.com"),
        ('"a b"@example.com', '"a b"@example.com'),
        ("r@bücher.example", "r@xn--bcher-kva.example"),
        ("r@BÜCHER.example", "r@xn--bcher-kva.example"),
        ("r@straße.example", "r@xn--strae-oqa.example"),
        ("r@пример.қаз", "r@xn--e1afmkfd.xn--80ao21a"),
        ("r@ｅxample.com", "r@example.com"),
    ],
)
def test_addresses_go_over_the_wire_in_ascii(written: str, wire: str) -> None:
    assert ascii_address(written) == wire


@pytest.mark.parametrize(
    "written",
    [
        "",
        "a",
        "@example.com",
        "a@",
        "a@localhost",
        "a b@example.com",
        "a@exa mple.com",
        "jösé@example.com",
        "a@-x.example",
        "a@x-.example",
        "a@example..com",
        "a..b@example.com",
        ".a@example.com",
        f"{'a' * 65}@example.com",
        f"a@{'a' * 64}.example",
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "a@example.com>",
        "a@exa\u200bmple.com",
        "a@b.example,c@d.example",
        'a"b@example.com',
        '"a\r\n"@example.com',
    ],
)
def test_what_cannot_be_handed_over_is_refused(written: str) -> None:
    with pytest.raises(BadAddress):
        ascii_address(written)


@pytest.mark.parametrize(
    "text", ["a <b@x.example> <c@x.example>", "a@x.example <b@x.example", "x <>", "a@x.example, b@x.example"]
)
def test_one_mailbox_is_one(text: str) -> None:
    with pytest.raises(BadAddress):
        mailbox(text)


def test_no_address_of_a_mail_can_add_a_header() -> None:
    for field in ("from_address", "to_address", "reply_to"):
        with pytest.raises(BadAddress):
            build(mail(**{field: "x@shop.example\r\nBcc: evil@x.example"}))


def test_dots_and_blanks_at_line_ends_survive() -> None:
    text = ".\n..\n.x\nblank \ntab\t\n" + "=" * 100 + "\n" + "я" * 40 + " ." * 60
    message = parsed(build(mail(plain=text, html=text)))
    assert body(message, "plain") == body(message, "html") == text


@pytest.mark.parametrize("text", ["plain", "Сәлем = <b>\r\n.\n end \n", "".join(map(chr, range(1, 300)))])
def test_bodies_as_utf_8_are_written_as_the_same_text(text: str) -> None:
    raw = text.encode()
    assert build(mail(html=raw, plain=raw)) == build(mail(html=text, plain=text))


def test_a_moment_is_written_in_its_own_zone_whatever_was_written_before() -> None:
    utc = datetime(2026, 3, 2, 12, tzinfo=UTC)
    east = utc.astimezone(timezone(timedelta(hours=5)))
    assert utc == east
    assert [parsed(build(mail(decided_at=at)))["Date"] for at in (utc, east, utc)] == [
        "Mon, 02 Mar 2026 12:00:00 +0000",
        "Mon, 02 Mar 2026 17:00:00 +0500",
        "Mon, 02 Mar 2026 12:00:00 +0000",
    ]
