"""Notices leave by the sender of all mail, the same bytes at every try."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tamshy.deliver import Mail, Outcome, Reason, Verdict, build
from tamshy.errand import Answer, Notice
from tamshy.errand import Outcome as Ended
from tamshy.senders import InboxSender
from tamshy.site.notices import Postbox

if TYPE_CHECKING:
    from collections.abc import Callable

NOTICE = Notice(
    1,
    UUID(int=2),
    UUID(int=3),
    "team@shop.example",
    "Shop <hello@shop.example>",
    "Aia\r\nBcc: x@y.example",
    "1 < 2\n<b>Ö</b>",
    datetime(2026, 3, 2, 9, tzinfo=UTC),
)


class Server:
    """A sender that answers as it is told."""

    slots = 1

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.mails: list[Mail] = []

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        assert lease_holds()
        self.mails.append(mail)
        return self.verdict

    def close(self) -> None:
        """Nothing is open."""


def test_a_notice_is_a_mail_without_marks_of_marketing() -> None:
    server = Server(Verdict(Outcome.ACCEPTED, reply="250 taken"))
    assert Postbox(server)(NOTICE) == Answer(Ended.DONE, reply="250 taken")
    Postbox(server)(NOTICE)
    first, second = map(build, server.mails)
    assert first == second
    mail = message_from_bytes(first, policy=policy.default)
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "team@shop.example",
        "Shop <hello@shop.example>",
        "Aia Bcc: x@y.example",
    )
    assert mail["List-Unsubscribe"] is None
    assert mail["Bcc"] is None
    plain, html = (part.get_content() for part in mail.iter_parts())
    assert plain == "1 < 2\r\n<b>Ö</b>"
    assert html == "<p>1 &lt; 2<br>&lt;b&gt;Ö&lt;/b&gt;</p>"


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (Verdict(Outcome.REFUSED, Reason.HARD_BOUNCE, "550 no"), Answer(Ended.NEVER, reply="550 no")),
        (Verdict(Outcome.DEFERRED, Reason.DEFERRED, "451 later"), Answer(Ended.LATER, reply="451 later")),
        (Verdict(Outcome.UNREACHABLE, Reason.UNREACHABLE), Answer(Ended.LATER, reply="unreachable")),
        (Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST), Answer(Ended.LATER, reply="answer_lost")),
    ],
)
def test_what_a_verdict_means(verdict: Verdict, answer: Answer) -> None:
    assert Postbox(Server(verdict))(NOTICE) == answer


def test_without_a_mail_server_it_is_taken_and_without_a_sender_refused() -> None:
    taken = Postbox(InboxSender())(NOTICE)
    assert taken == Answer(Ended.DONE, reply="kept in the inbox: no SMTP server is set")
    nobody = Notice(1, UUID(int=2), UUID(int=3), "team@shop.example", "", "s", "t", NOTICE.asked_at)
    assert Postbox(InboxSender())(nobody) == Answer(
        Ended.NEVER, reply="tamshy.yaml has no 'from', and a notice needs one"
    )
