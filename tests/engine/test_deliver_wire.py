"""Mails over the wire of somebody else's server: what arrives is what was built, whatever the shop has written."""

from __future__ import annotations

import email
import email.policy
import hashlib
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given, settings
from hypothesis import strategies as st

from tamshy.deliver import Mail, Outcome, build
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.newest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = int(os.environ.get("WIRE_EXAMPLES", "150"))

text = st.text(max_size=300) | st.text("\r\n\t .=\x00\x0b\x85\u2028\ud800яң😀<>-", max_size=120)
lines = st.lists(
    st.sampled_from([".", "..", ".\r", "From x", "", " ", "=", "a" * 2000, "ң" * 400, "\x00", "QUIT", "."])
)
body = text | lines.map("\r\n".join) | lines.map("\n".join)
names = text.map(lambda name: name.replace("<", "").replace(">", ""))


def mail(number: int, subject: str, name: str, html: str, plain: str, marketing: bool) -> Mail:  # noqa: FBT001
    url = "https://mail.shop.example/u/" + "a" * 72
    return Mail(
        workspace=1,
        profile=UUID(int=1),
        message=UUID(int=number),
        from_address=f"{name} <hello@shop.example>",
        to_address="aia@example.com",
        reply_to=None,
        subject=subject,
        html=html,
        plain=plain,
        decided_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        unsubscribe_url=url if marketing else None,
        unsubscribe_mailbox="stop@shop.example" if marketing else None,
        feedback_id="cart:1:tamshy" if marketing else None,
    )


mails = st.builds(mail, st.integers(0, 2**128 - 1), text, names, body, body, st.booleans())


class Keeping:
    """What a server of aiosmtpd has taken, as it came behind its own undoubling of dots."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ANN401, ARG002, N802
        self.taken.append(envelope.original_content)
        return "250 taken"


@contextmanager
def over_the_wire() -> Iterator[tuple[Keeping, SmtpSender]]:
    """Run a server that nobody here wrote, and a sender with one kept connection to it."""
    kept = Keeping()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    sender = SmtpSender(SmtpSettings("127.0.0.1", port, connections=1), "sender.example")
    yield kept, sender
    sender.close()
    controller.stop()


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Keeping, SmtpSender]]:
    """The same for all tests here."""
    with over_the_wire() as both:
        yield both


@given(mails)
@settings(max_examples=EXAMPLES, deadline=None)
def test_every_mail_is_valid_and_arrives_to_the_byte(wire: tuple[Keeping, SmtpSender], given_mail: Mail) -> None:
    kept, sender = wire
    raw = build(given_mail)
    check(raw, marketing=given_mail.unsubscribe_url is not None)
    before = len(kept.taken)
    assert sender.hand_over(given_mail, lambda: True).outcome is Outcome.ACCEPTED
    assert kept.taken[before:] == [raw]


def check(raw: bytes, *, marketing: bool) -> None:
    """CR LF alone, ASCII alone, short lines, nothing that cannot be printed, no defects, a text part."""
    assert raw.isascii()
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", raw)
    # Only an address or a link may be longer than 78 by itself: here the two ways to unsubscribe are.
    assert [
        line for line in raw.split(b"\r\n") if len(line) > 78 and not re.match(rb" <(https|mailto):\S+>,?$", line)
    ] == []
    message = email.message_from_bytes(raw, policy=email.policy.default)
    for part in message.walk():
        assert part.defects == []
        assert [value for value in part.values() if getattr(value, "defects", ())] == []
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    list_headers = {name for name in message.keys() if name.startswith("List-")}  # noqa: SIM118 - a Message
    assert list_headers == ({"List-Unsubscribe", "List-Unsubscribe-Post"} if marketing else set())
    if marketing:
        ways = re.sub(r"\s+", "", str(message["List-Unsubscribe"]))
        assert re.fullmatch(r"<https://[^<>]+>,<mailto:[^<>]+>", ways)
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


GOOD = build(mail(1, "Hello", "Shop", "<p>Hello</p>", "Hello", marketing=True))


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        (b"\r\n\r\n", b"\n\n"),
        (b"Hello", b"Hell\xc3\xb6"),
        (b"Hello", b"Hello\x00"),
        (b"\r\nHello", b"\r\n" + b"Hello" * 20),
        (b"Subject: Hello", b"Subject Hello"),
        (b"Content-Type: text/plain", b"Content-Type: text/enriched"),
        (b'boundary="=_', b'boundary="=-'),
        (b"<https://", b"<http://"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
    ],
)
def test_a_mail_that_is_not_valid_is_not_taken_for_one(whole: bytes, broken: bytes) -> None:
    check(GOOD, marketing=True)
    assert whole in GOOD
    with pytest.raises(AssertionError):
        check(GOOD.replace(whole, broken), marketing=True)


# What a process may be told by its surroundings must not show in a mail.
SURROUNDINGS = (
    {"PYTHONHASHSEED": "1", "TZ": "Asia/Almaty", "LC_ALL": "C.UTF-8"},
    {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LC_ALL": "POSIX"},
)
AGAIN = """
import hashlib, json, sys
from datetime import datetime
from uuid import UUID
from tamshy.deliver import Mail, build
for line in sys.stdin:
    fields = json.loads(line)
    for name in ("profile", "message"):
        fields[name] = UUID(fields[name])
    fields["decided_at"] = datetime.fromisoformat(fields["decided_at"])
    print(hashlib.sha256(build(Mail(**fields))).hexdigest())
"""


def test_another_process_on_another_day_in_another_place_builds_the_same_bytes() -> None:
    import json  # noqa: PLC0415 - beside what writes it
    from dataclasses import asdict  # noqa: PLC0415

    some: list[Mail] = []

    @given(mails)
    @settings(max_examples=100, deadline=None, database=None)
    def gather(one: Mail) -> None:
        some.append(one)

    gather()
    said = "".join(json.dumps(asdict(one), default=str) + "\n" for one in some)
    wanted = [hashlib.sha256(build(one)).hexdigest() for one in some]
    assert len(set(wanted)) > 50
    for extra in SURROUNDINGS:
        environment = {**os.environ, **extra, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            [sys.executable, "-c", AGAIN], input=said, capture_output=True, text=True, check=True, env=environment
        )
        assert done.stdout.split() == wanted
