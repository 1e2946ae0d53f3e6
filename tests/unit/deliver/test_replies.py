"""What servers answer, and what it means: real replies of mailbox providers, each with its verdict."""

from __future__ import annotations

import pytest

from tamshy.deliver import Outcome, Reason
from tamshy.deliver.replies import Command, lost, verdict

REFUSED, DEFERRED, UNREACHABLE = Outcome.REFUSED, Outcome.DEFERRED, Outcome.UNREACHABLE
RCPT, END, MAIL, DATA, CONNECT = Command.RCPT, Command.END, Command.MAIL, Command.DATA, Command.CONNECT

TABLE = [
    # the mailbox is gone: suppressed
    (
        RCPT,
        550,
        "5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
        "hard_bounce",
    ),
    (RCPT, 550, "5.1.1 The email account that you tried to reach does not exist. gsmtp", "hard_bounce"),
    (RCPT, 550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "hard_bounce"),
    (RCPT, 554, "5.1.10 Domain does not accept mail (nullMX)", "hard_bounce"),
    (RCPT, 550, "5.1.2 bad destination system address", "hard_bounce"),
    (RCPT, 501, "5.1.3 Bad recipient address syntax", "hard_bounce"),
    (RCPT, 551, "5.1.6 mailbox has moved", "hard_bounce"),
    (RCPT, 550, "5.2.1 The email account that you tried to reach is disabled.", "hard_bounce"),
    (RCPT, 550, "No such user here", "hard_bounce"),
    (RCPT, 550, "Requested action not taken: mailbox unavailable", "hard_bounce"),
    (RCPT, 553, "sorry, no mailbox here by that name", "hard_bounce"),
    (RCPT, 550, "Invalid recipient <a@b.example>", "hard_bounce"),
    (END, 554, "5.1.1 delivery error: dd This user doesn't have an account here", "hard_bounce"),
    # a mailbox that cannot take it now, said as a permanent no: not sent, not suppressed
    (RCPT, 552, "5.2.2 The email account that you tried to reach is over quota", "mailbox_full"),
    (RCPT, 550, "Mailbox full", "mailbox_full"),
    (
        RCPT,
        550,
        "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more",
        "recipient_refused",
    ),
    # ours: never suppressed
    (RCPT, 550, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "policy"),
    (END, 550, "5.7.515 Access denied, sending domain does not meet the required authentication level", "policy"),
    (END, 550, "5.7.26 This mail has been blocked because the sender is unauthenticated.", "policy"),
    (RCPT, 550, "5.7.606 Access denied, banned sending IP", "policy"),
    (RCPT, 554, "5.7.1 <a@b.example>: Relay access denied", "policy"),
    (RCPT, 550, "User unknown or blocked by our spam policy", "recipient_refused"),
    (RCPT, 550, "relay not permitted, mailbox unavailable", "recipient_refused"),
    (RCPT, 550, "5.4.1 Recipient address rejected: Access denied", "recipient_refused"),
    (RCPT, 554, "5.4.4 Unable to route", "recipient_refused"),
    (RCPT, 550, "5.1.8 Sender address rejected: Domain not found", "sender_refused"),
    (MAIL, 553, "5.1.7 sender address syntax", "sender_refused"),
    (MAIL, 550, "no mail from you", "sender_refused"),
    (MAIL, 552, "message too big", "sender_refused"),
    (MAIL, 552, "5.3.4 Message size exceeds fixed limit", "sender_refused"),
    (END, 552, "5.3.4 Message size exceeds fixed limit", "too_large"),
    (END, 552, "5.2.3 too long for this mailbox", "too_large"),
    (END, 552, "message too big", "too_large"),
    (END, 554, "5.6.0 message content rejected", "content_refused"),
    (END, 554, "no", "content_refused"),
    (DATA, 554, "no valid recipients", "content_refused"),
]


@pytest.mark.parametrize(("command", "code", "text", "reason"), TABLE)
def test_a_permanent_no_has_its_reason(command: Command, code: int, text: str, reason: str) -> None:
    found = verdict(command, code, text)
    assert (found.outcome, found.reason, found.reply) == (REFUSED, Reason(reason), f"{code} {text}")


@pytest.mark.parametrize(
    ("command", "code", "text", "outcome"),
    [
        (RCPT, 450, "4.2.1 greylisted", DEFERRED),
        (RCPT, 452, "4.2.2 mailbox full", DEFERRED),
        (RCPT, 451, "4.7.1 try later", DEFERRED),
        (MAIL, 452, "4.3.1 insufficient storage", DEFERRED),
        (DATA, 451, "local error", DEFERRED),
        (END, 451, "4.3.0 queue file write error", DEFERRED),
        (RCPT, 421, "4.7.0 too many connections", UNREACHABLE),
        (END, 421, "4.4.2 timeout", UNREACHABLE),
        (CONNECT, 554, "5.7.1 no service for you", UNREACHABLE),
        (CONNECT, 535, "5.7.8 bad credentials", UNREACHABLE),
        (MAIL, 530, "5.7.0 Authentication required", UNREACHABLE),
        (RCPT, 250, "what", DEFERRED),
        (RCPT, 999, "what", DEFERRED),
        (END, 354, "what", Outcome.UNKNOWN),
        (END, -1, "what", Outcome.UNKNOWN),
    ],
)
def test_what_may_pass_later(command: Command, code: int, text: str, outcome: Outcome) -> None:
    assert verdict(command, code, text).outcome is outcome


@pytest.mark.parametrize(
    ("command", "outcome"),
    [(CONNECT, UNREACHABLE), (MAIL, DEFERRED), (RCPT, DEFERRED), (DATA, DEFERRED), (END, Outcome.UNKNOWN)],
)
def test_a_lost_link_means_what_was_said_before_it(command: Command, outcome: Outcome) -> None:
    assert lost(command, "reset").outcome is outcome


def test_a_long_reply_is_cut() -> None:
    assert len(verdict(RCPT, 550, "x" * 5000).reply) == 500
