"""Promise 44: whatever stands in a field, a mail has the headers and the recipient that it is meant to have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.scripted_smtp import ScriptedServer, scripted
from tests.unit.deliver.test_mime import defects, mail, parsed
from tests.unit.render.conftest import build as compiled
from tests.unit.render.conftest import job

from tamshy.deliver import BadAddress, Outcome, build
from tamshy.render.rendering import Letter
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.deliver import Mail

INJECTED: Final = "evil@attacker.example"
USUAL: Final = [
    *("Content-Type", "Date", "From", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Message-ID"),
    *("Subject", "To"),
]
PROMISE_44: Final = {
    "CR LF": f"a\r\nBcc: {INJECTED}",
    "LF alone": f"a\nBcc: {INJECTED}",
    "CR alone": f"a\rBcc: {INJECTED}",
    "CR LF twice, and a body": f"a\r\n\r\n<a href=http://{INJECTED}>",
    "folded": f"a\r\n Bcc: {INJECTED}\r\nBcc: {INJECTED}",
    "a tab that folds": f"a\r\n\tb\r\nBcc: {INJECTED}",
    "NUL": f"a\0\r\nBcc: {INJECTED}",
    "NUL between CR and LF": f"a\r\0\nBcc: {INJECTED}",
    "vertical tab": f"a\x0bBcc: {INJECTED}",
    "form feed": f"a\x0cBcc: {INJECTED}",
    "file separators": f"a\x1c\x1d\x1eBcc: {INJECTED}",
    "next line, U+0085": f"a\x85Bcc: {INJECTED}",
    "line separator, U+2028": f"a\u2028Bcc: {INJECTED}",
    "paragraph separator, U+2029": f"a\u2029Bcc: {INJECTED}",
    "letters whose last byte is LF": f"a\u010a\u560aBcc: {INJECTED}",
    "letters whose last byte is CR": f"a\u560d\u560aBcc: {INJECTED}",
    "an encoded word": f"=?utf-8?q?a=0D=0ABcc:_{INJECTED}?=",
    "an encoded word in base64": "=?utf-8?B?YQ0KQmNjOiBldmlsQGF0dGFja2VyLmV4YW1wbGU=?=",
    "an encoded word cut by a fold": f"=?utf-8?q?a?=\r\n =?utf-8?q?=0D=0ABcc:_{INJECTED}?=",
    "an encoded word that never ends": "=?utf-8?q?" + "a" * 500,
    "a long word that has to fold": "x" * 2000 + f"\r\nBcc: {INJECTED}",
    "blanks that have to fold": " " * 2000 + f"\r\nBcc: {INJECTED}",
    "letters that have to be encoded and fold": "я" * 500 + f"\r\nBcc: {INJECTED}",
    "a second address": f"a, {INJECTED}",
    "an address in brackets": f"<{INJECTED}>",
    "quotes that end": f'a" <{INJECTED}>, "b',
    "a comment": f"(a) {INJECTED} (b)",
    "a group": f"undisclosed: {INJECTED};",
    "a backslash at the end": "a\\",
    "half a surrogate": "a\ud800b",
    "the dot that ends a mail": "a\r\n.\r\nMAIL FROM:<x@attacker.example>",
    "commands of SMTP": f"a\r\n.\r\nRCPT TO:<{INJECTED}>\r\nDATA\r\n",
    "a boundary": "--=_0123456789abcdef0123456789abcdef--",
    "text from right to left": "\u202egro.elpmaxe@live\u202c",
    "letters without width": "a\u200b\ufeffb",
}
FIELDS: Final = ("subject", "name", "feedback_id", "html", "plain", "unsubscribe_url")
ADDRESSES: Final = ("from_address", "to_address", "reply_to", "unsubscribe_mailbox")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted() as made:
        yield made


def check(raw: bytes, more: tuple[str, ...] = ()) -> None:
    """Nothing was added: neither a header nor somebody to write to, nor a part."""
    message = parsed(raw)
    assert defects(message) == []
    assert sorted(message.keys()) == sorted([*USUAL, *more])
    assert message["To"] == "aia@example.com"
    assert [box.addr_spec for box in message["From"].addresses] == ["hello@shop.example"]
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert raw.isascii()
    assert re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n", raw) is None


def with_field(field: str, text: str) -> Mail:
    if field == "name":
        # What stands before the last bracket is the name; a bracket in it is refused, as below.
        return mail(from_address=f"{text.replace('<', '').replace('>', '')} <hello@shop.example>")
    return mail(**{field: text})


@pytest.mark.parametrize("name", PROMISE_44)
def test_no_field_adds_anything(name: str) -> None:
    for field in FIELDS:
        check(build(with_field(field, PROMISE_44[name])), ("Feedback-ID",) if field == "feedback_id" else ())


@pytest.mark.parametrize("name", PROMISE_44)
def test_no_address_brings_another(name: str) -> None:
    text = PROMISE_44[name]
    for field in ADDRESSES:
        for written in (
            text,
            f"aia@example.com{text}",
            f"{text}@example.com",
            f"a <aia@example.com{text}>",
            f"<{text}",
        ):
            try:
                raw = build(mail(**{field: written}))
            except BadAddress:
                continue
            message = parsed(raw)
            assert sorted(set(message.keys()) - {"Reply-To"}) == USUAL
            assert defects(message) == []
            boxes = [box for head in ("From", "To", "Reply-To") if message[head] for box in message[head].addresses]
            assert len(boxes) == 2 + (field == "reply_to")


@pytest.mark.parametrize("name", PROMISE_44)
def test_the_server_hears_of_one_recipient(server: ScriptedServer, name: str) -> None:
    text = PROMISE_44[name]
    sender = SmtpSender(SmtpSettings("127.0.0.1", server.port), "mail.example")
    before, said = len(server.taken), len(server.said)
    verdict = sender.hand_over(
        mail(subject=text, plain=text, html=text, feedback_id=text, unsubscribe_url=text), lambda: True
    )
    sender.close()
    assert verdict.outcome is Outcome.ACCEPTED
    (taken,) = server.taken[before:]
    assert (taken.sender, taken.recipient) == ("hello@shop.example", "aia@example.com")
    check(taken.data, ("Feedback-ID",))
    verbs = [line.split(" ")[0].upper() for line in server.said[said:]]
    assert sorted(verbs) == ["DATA", "EHLO", "MAIL", "QUIT", "RCPT"]


@pytest.mark.parametrize("name", PROMISE_44)
def test_what_a_person_is_called_stays_in_its_line(name: str) -> None:
    """From a trait to the bytes: the subject, the preheader and the bodies print it."""
    made, problems = compiled("<p>{{ profile.n }}</p>", subject="For {{ profile.n }}", preheader="{{ profile.n }}")
    assert problems == []
    letter = Letter(made).render(job(profile={"n": PROMISE_44[name]}))
    for line in (letter.subject, letter.preheader):
        assert re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", line) is None
    check(build(mail(subject=letter.subject, html=letter.html, plain=letter.plain)))


def test_no_header_can_be_named() -> None:
    """Python and Django write a header whose name holds a line end; of ours no name comes from outside."""
    made, _ = compiled("x")
    assert "headers" not in made
    assert {name for name in mail().__dataclass_fields__ if "header" in name} == set()


pieces = st.sampled_from([*PROMISE_44.values(), "\r\n", "\n", "\r", "\0", "Bcc: ", INJECTED, "=?utf-8?q?", "?=", " "])
texts = st.lists(pieces | st.text(max_size=20), max_size=6).map("".join)


def any_text(subject: str, name: str, other: str, body: str) -> None:
    """The whole mail of four texts, through the parser that judges it."""
    written = f"{name.replace('<', '').replace('>', '')} <hello@shop.example>"
    made = mail(
        subject=subject, from_address=written, feedback_id=other or None, unsubscribe_url=URL + other, html=body
    )
    check(build(made), ("Feedback-ID",) if other else ())


URL: Final = "https://mail.shop.example/u/"


@given(texts, texts, texts, texts)
@settings(max_examples=300, deadline=None)
def test_no_mixture_adds_anything(subject: str, name: str, other: str, body: str) -> None:
    any_text(subject, name, other, body)
