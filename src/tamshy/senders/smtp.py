"""SMTP with kept, parallel connections.

smtplib opens the connection (greeting, EHLO, TLS, log-in) and reads replies; the transaction itself is said here,
because what a lost link means depends on exactly how far it had come: before the dot that ends the message nothing
was handed over, behind it nobody knows.
"""

from __future__ import annotations

import queue
import smtplib
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from tamshy.deliver import BadAddress, Mail, Outcome, Reason, Verdict, build
from tamshy.deliver.addresses import ascii_address, mailbox
from tamshy.deliver.replies import Command, lost, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.senders.settings import SmtpSettings

_OK: Final = range(200, 300)
_GO_ON: Final = 354
_NO_REPLY: Final = -1
_CLOSING: Final = 421


@dataclass(slots=True)
class _Session:
    """One open connection: its link, what the server can do, and how it has been used."""

    link: smtplib.SMTP
    pipelining: bool
    sized: bool
    name: str
    """Both ends, as the server's log has them."""
    used: int = 0
    idle_since: float = 0.0

    @property
    def message(self) -> str:
        """The connection, and which message on it is being said."""
        return f"{self.name}, message {self.used + 1}"


@dataclass(frozen=True, slots=True)
class _Envelope:
    sender: str
    recipient: str
    payload: bytes


class _Stale(Exception):
    """A kept connection was closed by the server while it was idle: nothing of the message was said on it."""


@dataclass(slots=True)
class SmtpSender:
    """Hands messages to one mail server over at most `settings.connections` connections.

    Args:
        settings: the server.
        helo: this machine's name for EHLO, such as the host of the base URL.
        context: TLS settings; default those of the system, with its list of authorities.
    """

    settings: SmtpSettings
    helo: str
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    _kept: queue.LifoQueue[_Session] = field(default_factory=queue.LifoQueue, init=False)
    _open: set[smtplib.SMTP] = field(default_factory=set, init=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def slots(self) -> int:
        """As many as there may be connections."""
        return self.settings.connections

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        """Hand over one message, on a kept connection or a new one."""
        try:
            sender = mailbox(self.settings.bounces_to or mail.from_address).address
            recipient = ascii_address(mail.to_address)
            envelope = _Envelope(sender, recipient, _stuffed(build(mail)))
        except BadAddress as exc:
            return Verdict(Outcome.REFUSED, Reason.BAD_ADDRESS, str(exc))
        if not lease_holds():
            return Verdict(Outcome.HELD, Reason.LEASE_LOST)
        session = self._borrowed()
        if session is not None:
            try:
                return self._noted(session, envelope, lease_holds)
            except _Stale:
                # Nothing was handed over on it, so a fresh connection may begin anew.
                self._dropped(session.link)
        opened = self._opened()
        if isinstance(opened, Verdict):
            return opened
        try:
            return self._noted(opened, envelope, lease_holds)
        except _Stale as exc:
            self._dropped(opened.link)
            return lost(Command.MAIL, str(exc))

    def close(self) -> None:
        """Say good-bye on every kept connection, and cut those on which something is still being said."""
        while (session := self._borrowed()) is not None:
            try:
                session.link.quit()
            except (smtplib.SMTPException, OSError):
                session.link.close()
            self._forget(session.link)
        with self._guard:
            busy = list(self._open)
        for link in busy:
            # A thread that waits for a server wakes up with a lost link; closing alone would leave it waiting.
            if link.sock is not None:
                with suppress(OSError):
                    link.sock.shutdown(socket.SHUT_RDWR)

    # -- connections -------------------------------------------------------------------------------------------------

    def _borrowed(self) -> _Session | None:
        """Take the connection used last, or None where there is none that was used a short while ago."""
        while True:
            try:
                session = self._kept.get_nowait()
            except queue.Empty:
                return None
            if time.monotonic() - session.idle_since <= self.settings.idle_s:
                return session
            self._dropped(session.link)

    def _returned(self, session: _Session) -> None:
        session.used += 1
        session.idle_since = time.monotonic()
        if session.used < self.settings.per_connection:
            self._kept.put(session)
        else:
            self._dropped(session.link)

    def _opened(self) -> _Session | Verdict:
        """Open a connection up to the point where a message can be said; or the verdict that it cannot."""
        wanted = self.settings
        smtp: smtplib.SMTP | None = None
        try:
            smtp = self._connected()
            # The dot goes out alone, behind the last look at the claim; Nagle's algorithm would hold it back 40 ms.
            if smtp.sock is not None:
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            if wanted.starttls:
                smtp.starttls(context=self.context)
                smtp.ehlo_or_helo_if_needed()
            if wanted.user is not None and wanted.password is not None:
                smtp.login(wanted.user, wanted.password)
        except smtplib.SMTPResponseException as exc:
            if smtp is not None:
                smtp.close()
            return verdict(Command.CONNECT, exc.smtp_code, _text(exc.smtp_error))
        except (smtplib.SMTPException, OSError) as exc:
            if smtp is not None:
                smtp.close()
            return lost(Command.CONNECT, f"{wanted.host}:{wanted.port}: {exc}")
        with self._guard:
            self._open.add(smtp)
        return _Session(smtp, smtp.has_extn("pipelining"), smtp.has_extn("size"), self._name(smtp))

    def _name(self, link: smtplib.SMTP) -> str:
        to = f"{self.settings.host}:{self.settings.port}"
        try:
            host, port = link.sock.getsockname()[:2] if link.sock is not None else ("", 0)
        except OSError:
            return to
        return f"{host}:{port} to {to}"

    def _connected(self) -> smtplib.SMTP:
        wanted = self.settings
        if wanted.tls:
            return smtplib.SMTP_SSL(
                wanted.host,
                wanted.port,
                local_hostname=self.helo,
                timeout=wanted.connect_timeout_s,
                context=self.context,
            )
        return smtplib.SMTP(wanted.host, wanted.port, self.helo, wanted.connect_timeout_s)

    def _dropped(self, link: smtplib.SMTP) -> None:
        link.close()
        self._forget(link)

    def _forget(self, link: smtplib.SMTP) -> None:
        with self._guard:
            self._open.discard(link)

    # -- one message -------------------------------------------------------------------------------------------------

    def _noted(self, session: _Session, envelope: _Envelope, lease_holds: Callable[[], bool]) -> Verdict:
        """Say one message, and keep with the verdict on which connection."""
        link = session.message
        return replace(self._said(session, envelope, lease_holds), link=link)

    def _said(self, session: _Session, envelope: _Envelope, lease_holds: Callable[[], bool]) -> Verdict:
        """Say one message on a connection, and keep the connection where it can be used again."""
        link = session.link
        try:
            refusal = self._announced(session, envelope)
            if refusal is None:
                _timeout(link, self.settings.reply_timeout_s)
                link.send(envelope.payload)
        except (smtplib.SMTPServerDisconnected, OSError) as exc:
            self._dropped(link)
            return lost(Command.DATA, str(exc))
        if refusal is not None:
            self._after_refusal(session, refusal)
            return refusal
        if not lease_holds():
            # Without the dot the server throws away what it has; another process owns this message now.
            self._dropped(link)
            return Verdict(Outcome.HELD, Reason.LEASE_LOST)
        try:
            _timeout(link, self.settings.end_timeout_s)
            link.send(b".\r\n")
            code, text = link.getreply()
        except (smtplib.SMTPException, OSError) as exc:
            self._dropped(link)
            return lost(Command.END, str(exc))
        if code in _OK:
            self._returned(session)
            return Verdict(Outcome.ACCEPTED, reply=f"{code} {_text(text)}"[:500])
        result = verdict(Command.END, code, _text(text))
        self._after_refusal(session, result)
        return result

    def _announced(self, session: _Session, envelope: _Envelope) -> Verdict | None:
        """Say MAIL, RCPT and DATA; None where the server waits for the message, else its refusal.

        Raises:
            _Stale: the connection had been kept and was dead before the first reply.
        """
        link = session.link
        size = f" SIZE={len(envelope.payload)}" if session.sized else ""
        commands = (
            (Command.MAIL, f"MAIL FROM:<{envelope.sender}>{size}\r\n"),
            (Command.RCPT, f"RCPT TO:<{envelope.recipient}>\r\n"),
            (Command.DATA, "DATA\r\n"),
        )
        _timeout(link, self.settings.reply_timeout_s)
        said = "".join(line for _, line in commands) if session.pipelining else commands[0][1]
        refusal = self._first_answer(session, said)
        for command, line in commands[1:]:
            if refusal is not None and not session.pipelining:
                break
            try:
                if not session.pipelining:
                    link.send(line)
                code, text = link.getreply()
            except (smtplib.SMTPServerDisconnected, OSError):
                self._dropped(link)
                if refusal is None:
                    raise
                break  # it said why before it went
            if refusal is None:
                refusal = _refusal(command, code, text)
            elif code == _GO_ON:
                # Told everything at once, it now waits for a message that must not be sent. RFC 2920 would end it with
                # a dot; breaking off cannot leave an empty mail with anybody.
                self._dropped(link)
        return refusal

    def _first_answer(self, session: _Session, said: str) -> Verdict | None:
        """Say the first words on a connection, and find out whether it still is one."""
        try:
            session.link.send(said)
            code, text = session.link.getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as exc:
            if session.used:
                raise _Stale(str(exc)) from exc
            raise
        if session.used and code == _CLOSING:
            raise _Stale(_text(text))
        return _refusal(Command.MAIL, code, text)

    def _after_refusal(self, session: _Session, refusal: Verdict) -> None:
        """Begin anew on a connection whose message was refused; let go of it where the server is leaving."""
        if refusal.outcome in {Outcome.UNREACHABLE, Outcome.UNKNOWN} or refusal.reason is Reason.LINK_LOST:
            self._dropped(session.link)
            return
        try:
            code, _ = session.link.docmd("RSET")
        except (smtplib.SMTPException, OSError):
            code = _NO_REPLY
        if code in _OK:
            self._returned(session)
        else:
            self._dropped(session.link)


def _refusal(command: Command, code: int, text: bytes) -> Verdict | None:
    wished = code == _GO_ON if command is Command.DATA else code in _OK
    return None if wished else verdict(command, code, _text(text))


def _stuffed(payload: bytes) -> bytes:
    """Double the dots at the beginnings of lines, so that none of them ends the message."""
    if b"\r\n." in payload:  # looking costs a seventh of replacing, and few mails have one
        payload = payload.replace(b"\r\n.", b"\r\n..")
    return payload if payload.endswith(b"\r\n") else payload + b"\r\n"


def _timeout(link: smtplib.SMTP, seconds: float) -> None:
    if link.sock is not None and link.sock.gettimeout() != seconds:  # setting it is a call into the system each time
        link.sock.settimeout(seconds)


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
