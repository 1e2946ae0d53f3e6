"""SMTP against a real server that misbehaves on purpose: what each fault, at each point, is taken for."""

from __future__ import annotations

import email
import email.policy
import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.engine.scripted_smtp import CUT, Script, scripted

from tamshy.deliver import Mail, Outcome, Reason, build
from tamshy.senders import BadSmtpUrl, InboxSender, SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACCEPTED, REFUSED, DEFERRED = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.DEFERRED
UNREACHABLE, UNKNOWN, HELD = Outcome.UNREACHABLE, Outcome.UNKNOWN, Outcome.HELD


def mail(to: str = "aia@example.com", html: str = "<p>Hello</p>", **fields: Any) -> Mail:  # noqa: ANN401
    usual: dict[str, Any] = {
        "workspace": 1,
        "profile": UUID(int=1),
        "message": UUID("0123456789abcdef0123456789abcdef"),
        "from_address": "Shop <hello@shop.example>",
        "to_address": to,
        "reply_to": None,
        "subject": "You left something",
        "html": html,
        "plain": "Hello\n.\n..\n.x",
        "decided_at": datetime(2026, 3, 2, 12, tzinfo=UTC),
    }
    return Mail(**(usual | fields))


def sender_to(port: int, **settings: Any) -> SmtpSender:  # noqa: ANN401
    return SmtpSender(SmtpSettings("127.0.0.1", port, **settings), "sender.example")


def at(wanted: str, answer: str) -> Script:
    return lambda command, _: answer if command == wanted else None


def holds() -> bool:
    return True


FAULTS = [
    ("connect", "421 4.3.2 busy", UNREACHABLE),
    ("connect", "554 5.7.1 go away", UNREACHABLE),
    ("connect", CUT, UNREACHABLE),
    ("ehlo", "451 not now", UNREACHABLE),
    ("ehlo", "550 no", UNREACHABLE),
    ("ehlo", CUT, UNREACHABLE),
    ("mail", "451 4.3.0 later", DEFERRED),
    ("mail", "421 4.4.5 too busy", UNREACHABLE),
    ("mail", "550 5.7.1 not you", REFUSED),
    ("mail", "530 5.7.0 authenticate first", UNREACHABLE),
    ("mail", CUT, DEFERRED),
    ("rcpt", "450 4.2.1 greylisted", DEFERRED),
    ("rcpt", "452 4.2.2 full", DEFERRED),
    ("rcpt", "550 5.1.1 unknown", REFUSED),
    ("rcpt", "550 5.7.1 blocked", REFUSED),
    ("rcpt", CUT, DEFERRED),
    ("data", "451 4.3.0 later", DEFERRED),
    ("data", "554 5.5.1 no", REFUSED),
    ("data", CUT, DEFERRED),
    ("end", "451 4.3.0 later", DEFERRED),
    ("end", "421 4.3.0 later", UNREACHABLE),
    ("end", "554 5.6.0 no", REFUSED),
    ("end", "550 5.1.1 unknown", REFUSED),
    ("end", "hello", UNKNOWN),
    ("end", CUT, UNKNOWN),
]


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize(("command", "answer", "outcome"), FAULTS)
def test_every_fault_at_every_point_has_its_verdict(
    command: str,
    answer: str,
    outcome: Outcome,
    pipelining: bool,  # noqa: FBT001
) -> None:
    with scripted(at(command, answer), pipelining=pipelining) as server:
        sender = sender_to(server.port)
        found = sender.hand_over(mail(), holds)
        sender.close()
    assert found.outcome is outcome
    if answer != CUT and outcome is not UNKNOWN:
        assert found.reply == answer
    # Whatever was not said with 2xx is not with the server, but for the answer that was lost.
    assert len([t for t in server.taken if t.recipient]) == (1 if command == "end" else 0)


@pytest.mark.parametrize("how", [{}, {"pipelining": True}, {"one_byte_at_a_time": True}, {"answer_late_s": 0.05}])
def test_what_is_handed_over_is_what_was_built(how: dict[str, Any]) -> None:
    with scripted(**how) as server:
        sender = sender_to(server.port, bounces_to="bounces@shop.example")
        verdicts = [sender.hand_over(mail(f"p{n}@example.com"), holds) for n in range(3)]
        sender.close()
    assert [(v.outcome, v.reply) for v in verdicts] == [(ACCEPTED, "250 2.0.0 taken")] * 3
    assert [(t.sender, t.recipient) for t in server.taken] == [
        ("bounces@shop.example", f"p{n}@example.com") for n in range(3)
    ]
    assert [t.data for t in server.taken] == [build(mail(f"p{n}@example.com")) for n in range(3)]
    assert (server.connections, server.said[-1].upper()) == (1, "QUIT")
    parsed = email.message_from_bytes(server.taken[0].data, policy=email.policy.default)
    assert parsed.defects == []
    assert parsed["Message-ID"] == "<0123456789abcdef0123456789abcdef@shop.example>"


def test_one_refused_recipient_leaves_the_connection_and_the_others_alone() -> None:
    refused = {"p1@example.com": "554 5.7.1 no", "p2@example.com": "452 4.2.2 full"}

    def script(command: str, line: str) -> str | None:
        if command == "rcpt":
            return refused.get(line.partition("<")[2].partition(">")[0])
        return CUT if command == "end" and line == "p3@example.com" else None

    for pipelining in (False, True):
        with scripted(script, pipelining=pipelining) as server:
            sender = sender_to(server.port)
            outcomes = [sender.hand_over(mail(f"p{n}@example.com"), holds).outcome for n in range(6)]
            sender.close()
        assert outcomes == [ACCEPTED, REFUSED, DEFERRED, UNKNOWN, ACCEPTED, ACCEPTED]
        assert [t.recipient for t in server.taken] == ["p0@example.com", *(f"p{n}@example.com" for n in (3, 4, 5))]
        assert server.connections == (4 if pipelining else 2)


def test_a_server_that_waits_for_a_message_after_refusing_it_is_left() -> None:
    with scripted(at("rcpt", "550 5.1.1 unknown"), pipelining=True) as server:
        sender = sender_to(server.port)
        found = [sender.hand_over(mail(), holds) for _ in range(2)]
        sender.close()
    assert [(v.outcome, v.reason) for v in found] == [(REFUSED, Reason.HARD_BOUNCE)] * 2
    assert server.taken == []
    assert server.connections == 2


@pytest.mark.parametrize("pipelining", [False, True])
def test_a_kept_connection_that_died_meanwhile_costs_nothing(pipelining: bool) -> None:  # noqa: FBT001
    seen: list[str] = []

    def script(command: str, line: str) -> str | None:  # noqa: ARG001
        seen.append(command)
        return CUT if command == "mail" and seen.count("mail") in {2, 4} else None

    with scripted(script, pipelining=pipelining) as server:
        sender = sender_to(server.port)
        outcomes = [sender.hand_over(mail(f"p{n}@example.com"), holds).outcome for n in range(3)]
        sender.close()
    assert outcomes == [ACCEPTED] * 3
    assert [t.recipient for t in server.taken] == [f"p{n}@example.com" for n in range(3)]
    assert server.connections == 3


def test_a_server_that_says_goodbye_to_an_idle_connection_is_asked_anew() -> None:
    seen: list[str] = []

    def script(command: str, line: str) -> str | None:  # noqa: ARG001
        seen.append(command)
        return "421 4.4.2 idle for too long" if command == "mail" and seen.count("mail") == 2 else None

    with scripted(script) as server:
        sender = sender_to(server.port)
        assert [sender.hand_over(mail(), holds).outcome for _ in range(2)] == [ACCEPTED] * 2
        sender.close()
    assert server.connections == 2


def test_a_claim_lost_before_the_first_word_or_before_the_last_sends_nothing() -> None:
    with scripted() as server:
        sender = sender_to(server.port)
        assert sender.hand_over(mail(), lambda: False) == sender.hand_over(mail(), lambda: False)
        answers = [True, False]
        found = sender.hand_over(mail(), lambda: answers.pop(0))
        assert (found.outcome, found.reason) == (HELD, Reason.LEASE_LOST)
        assert sender.hand_over(mail("p2@example.com"), holds).outcome is ACCEPTED
        sender.close()
    assert [t.recipient for t in server.taken] == ["p2@example.com"]


def test_an_answer_that_does_not_come_in_time_is_unknown_behind_the_end_and_deferred_before() -> None:
    gate = threading.Event()

    def silent(wanted: str) -> Script:
        def script(command: str, line: str) -> str | None:  # noqa: ARG001
            if command == wanted:
                gate.wait(20)
            return None

        return script

    for command, outcome in (("end", UNKNOWN), ("rcpt", DEFERRED), ("connect", UNREACHABLE)):
        with scripted(silent(command)) as server:
            sender = sender_to(server.port, connect_timeout_s=0.3, reply_timeout_s=0.3, end_timeout_s=0.3)
            assert sender.hand_over(mail(), holds).outcome is outcome
    gate.set()


def test_closing_cuts_what_waits_for_an_answer() -> None:
    waiting, gate, found = threading.Event(), threading.Event(), []

    def script(command: str, line: str) -> str | None:  # noqa: ARG001
        if command == "end":
            waiting.set()
            gate.wait(20)
        return None

    with scripted(script) as server:
        sender = sender_to(server.port)
        thread = threading.Thread(target=lambda: found.append(sender.hand_over(mail(), holds)))
        thread.start()
        assert waiting.wait(20)
        sender.close()
        thread.join(20)
        gate.set()
    assert [(v.outcome, v.reason) for v in found] == [(UNKNOWN, Reason.ANSWER_LOST)]


def test_nobody_listening_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = sender_to(port).hand_over(mail(), holds)
    assert (found.outcome, found.reason) == (UNREACHABLE, Reason.UNREACHABLE)


def test_an_address_that_cannot_be_written_is_refused_without_a_connection() -> None:
    with scripted() as server:
        sender = sender_to(server.port)
        for fields in ({"to": "jösé@example.com"}, {"to": "a@b.example\r\nRCPT TO:<x@y.example>"}):
            found = sender.hand_over(mail(**fields), holds)
            assert (found.outcome, found.reason) == (REFUSED, Reason.BAD_ADDRESS)
    assert server.connections == 0
    assert InboxSender().hand_over(mail("jösé@example.com"), holds).reason is Reason.BAD_ADDRESS


def test_a_connection_is_closed_after_its_share() -> None:
    with scripted() as server:
        sender = sender_to(server.port, per_connection=2)
        for _ in range(5):
            assert sender.hand_over(mail(), holds).outcome is ACCEPTED
        sender.close()
    assert server.connections == 3


# -- TLS and log-in --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    made = folder / "both.pem"
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    openssl = shutil.which("openssl") or "openssl"
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=sink",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    made.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return made


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[tuple[int, list[str]]]:
    """A server with STARTTLS and log-in, from aiosmtpd; gives its port and what it took."""
    taken: list[str] = []

    class Keeping:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ANN401, ARG002, N802
            taken.extend(envelope.rcpt_tos)
            return "250 taken"

    def check(server: object, session: object, envelope: object, mechanism: str, data: Any) -> AuthResult:  # noqa: ANN401, ARG001
        return AuthResult(success=(data.login, data.password) == (b"shop", b"p@ss:word"), handled=False)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    controller = Controller(
        Keeping(),
        hostname="127.0.0.1",
        port=0,
        tls_context=context,
        require_starttls=True,
        authenticator=check,
        auth_required=True,
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        controller.port = free.getsockname()[1]
    controller.start()
    yield controller.port, taken
    controller.stop()


def test_starttls_and_log_in(certificate: Path, tls_server: tuple[int, list[str]]) -> None:
    port, taken = tls_server
    trusted = ssl.create_default_context(cafile=certificate)
    settings = SmtpSettings.from_url(f"smtp://shop:p%40ss%3Aword@127.0.0.1:{port}")
    sender = SmtpSender(settings, "sender.example", trusted)
    assert [sender.hand_over(mail(), holds).outcome for _ in range(2)] == [ACCEPTED] * 2
    sender.close()
    assert taken == ["aia@example.com"] * 2
    wrong = SmtpSender(SmtpSettings.from_url(f"smtp://shop:wrong@127.0.0.1:{port}"), "sender.example", trusted)
    refused = wrong.hand_over(mail(), holds)
    assert (refused.outcome, refused.reply[:3]) == (UNREACHABLE, "535")
    untrusting = SmtpSender(settings, "sender.example")
    found = untrusting.hand_over(mail(), holds)
    assert found.outcome is UNREACHABLE
    assert "certificate" in found.reply


def test_a_password_never_goes_out_in_the_clear() -> None:
    with scripted() as server:
        sender = SmtpSender(SmtpSettings.from_url(f"smtp://shop:secret@127.0.0.1:{server.port}"), "sender.example")
        assert sender.hand_over(mail(), holds).outcome is UNREACHABLE
    assert [line.split()[0].upper() for line in server.said] == ["EHLO"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", SmtpSettings("mail.example", 587)),
        (
            "smtp://mail.example:25?starttls=1&connections=3",
            SmtpSettings("mail.example", 25, starttls=True, connections=3),
        ),
        ("smtps://a%40b:p%3A@mail.example", SmtpSettings("mail.example", 465, "a@b", "p:", tls=True)),
        ("smtp://u:p@mail.example", SmtpSettings("mail.example", 587, "u", "p", starttls=True)),
        (
            "smtp://u:p@mail.example?starttls=0&per_second=2.5",
            SmtpSettings("mail.example", 587, "u", "p", per_second=2.5),
        ),
        ("smtp://[::1]:25?bounces_to=b@x.example", SmtpSettings("::1", 25, bounces_to="b@x.example")),
    ],
)
def test_the_address_of_a_mail_server(url: str, expected: SmtpSettings) -> None:
    assert SmtpSettings.from_url(url) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "needs the form"),
        ("http://mail.example", "needs the form"),
        ("smtp://", "needs the form"),
        ("smtp://mail.example/x", "needs the form"),
        ("smtp://mail.example:99999", "is no address"),
        ("smtp://mail..example", "'mail..example' is no name of a host"),
        (f"smtp://{'a' * 64}.example", "is no name of a host"),
        ("smtp://u:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C@mail.example", "user and password can only be in ASCII"),
        ("smtp://u@mail.example", "user without a password"),
        ("smtp://mail.example?tls=1", "unknown option tls; known are bounces_to, connections, per_second, starttls"),
        ("smtp://mail.example?starttls=yes", "starttls is 0 or 1"),
        ("smtps://mail.example?starttls=1", "TLS from the start"),
        ("smtp://mail.example?connections=0", "connections is a number from 1 to 64"),
        ("smtp://mail.example?per_second=x", "per_second is a number from 0 to 100000"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(url: str, says: str) -> None:
    with pytest.raises(BadSmtpUrl, match=says):
        SmtpSettings.from_url(url)
