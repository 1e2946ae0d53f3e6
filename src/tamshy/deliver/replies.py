"""What a server's reply means for the message, for the recipient, and for the server itself.

Pure: a command, a code and a text in, a verdict out. Codes are RFC 5321's, the enhanced ones of the text RFC 3463's.
Only what is surely the recipient's own fault suppresses an address; what may be ours never does.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from tamshy.deliver.reasons import Reason
from tamshy.deliver.sender import Outcome, Verdict


class Command(StrEnum):
    """What the reply answered."""

    CONNECT = "connect"
    """Greeting, EHLO, STARTTLS and log-in: nothing of a message has been said yet."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    END = "end"
    """The dot that ends the message."""


_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_CLOSING: Final = 421
_LOGIN_CODES: Final = frozenset({530, 534, 535, 538})
_TOO_LARGE: Final = frozenset({"3.4", "2.3"})
_FULL: Final = frozenset({"2.2"})
# Bad mailbox, bad domain, bad syntax, moved away, accepts no mail at all (RFC 7505), disabled.
_GONE: Final = frozenset({"1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
# The sender's address, in RFC 3463's class of address faults.
_SENDERS: Final = frozenset({"1.7", "1.8"})
_GONE_WORDS: Final = re.compile(
    r"user (?:is )?(?:unknown|not found)|unknown (?:user|recipient|mailbox|local)|does(?:n.t| not) exist|no mailbox|"
    r"no such (?:user|recipient|mailbox|address|person)|mailbox (?:not found|is disabled|unavailable)|"
    r"invalid (?:recipient|mailbox|user)|recipient (?:not found|unknown|rejected: user)|"
    r"account (?:is )?(?:disabled|inactive)",
    re.IGNORECASE,
)
_FULL_WORDS: Final = re.compile(
    r"over ?quota|quota exceeded|mailbox (?:is )?full|storage (?:limit|allocation)", re.IGNORECASE
)
_RATE_WORDS: Final = re.compile(r"\brate\b|too (?:many|fast|quickly)|try again|temporar|throttl", re.IGNORECASE)
_OURS_WORDS: Final = re.compile(
    r"spam|blocked|(?:block|black|deny) ?list|reputation|policy|dmarc|\bspf\b|dkim|unauthenticated|"
    r"relay(?! recipient table)|"
    r"not (?:permitted|authori[sz]ed)|access denied|reject(?:ed)? due",
    re.IGNORECASE,
)
_LONGEST: Final = 500


def verdict(command: Command, code: int, text: str) -> Verdict:
    """Judge one reply that is not the wished-for one.

    Args:
        command: what it answered.
        code: the three figures, 400 to 599; anything else is no SMTP and taken for a lost link.
        text: the rest, lines joined.
    """
    reply = _readable(f"{code} {text}")
    if command is Command.CONNECT or code == _CLOSING or code in _LOGIN_CODES:
        return Verdict(Outcome.UNREACHABLE, Reason.UNREACHABLE, reply)
    if 400 <= code < 500:  # noqa: PLR2004 - the two classes of refusals as RFC 5321 numbers them
        return Verdict(Outcome.DEFERRED, Reason.MAILBOX_FULL if _full(text) else Reason.DEFERRED, reply)
    if 500 <= code < 600:  # noqa: PLR2004 - as above
        return Verdict(Outcome.REFUSED, permanent(command, code, text), reply)
    return lost(command, reply)


def lost(command: Command, words: str) -> Verdict:
    """Judge a link that broke, or an answer that is none, while waiting for the reply to `command`."""
    if command is Command.END:
        return Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST, _readable(words))
    if command is Command.CONNECT:
        return Verdict(Outcome.UNREACHABLE, Reason.UNREACHABLE, _readable(words))
    return Verdict(Outcome.DEFERRED, Reason.LINK_LOST, _readable(words))


def _readable(words: str) -> str:
    """Bring what a server said into one line that can be kept: NUL is no text for the database, and would stop all that follows."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())[:_LONGEST]


def permanent(command: Command, code: int, text: str) -> Reason:
    """Give the reason behind a 5xx."""
    detail = _detail(text)
    if detail.startswith("7."):
        return Reason.POLICY
    if command is Command.MAIL or detail in _SENDERS:
        return Reason.SENDER_REFUSED
    if detail in _TOO_LARGE or (command is not Command.RCPT and code == 552 and detail not in _FULL):  # noqa: PLR2004
        return Reason.TOO_LARGE
    if _full(text):
        return Reason.MAILBOX_FULL
    if _gone(command, code, detail, text):
        return Reason.HARD_BOUNCE
    return Reason.RECIPIENT_REFUSED if command is Command.RCPT else Reason.CONTENT_REFUSED


def _detail(text: str) -> str:
    """Give the enhanced code behind its class, `1.1` of `5.1.1`; empty where there is none."""
    found = _ENHANCED.search(text)
    return f"{int(found[2])}.{int(found[3])}" if found else ""


def _full(text: str) -> bool:
    """Tell whether the mailbox is what is full, and not the server: by the enhanced code, else by the words."""
    detail = _detail(text)
    return detail in _FULL if detail else _FULL_WORDS.search(text) is not None


def _gone(command: Command, code: int, detail: str, text: str) -> bool:
    """Tell whether the mailbox is gone for good: by the enhanced code, else by the words of the server."""
    if _RATE_WORDS.search(text) or _OURS_WORDS.search(text):
        # Gmail and others put their limits and blocks under 5.2.1 and 5.1.1 too.
        return False
    if detail:
        return detail in _GONE
    return command is Command.RCPT and code in {550, 551, 553} and _GONE_WORDS.search(text) is not None
