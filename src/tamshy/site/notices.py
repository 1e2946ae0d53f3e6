"""Notices to people of the shop as mails, by the sender that all mail leaves by."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from tamshy.deliver import Mail, Outcome
from tamshy.errand import Answer
from tamshy.errand import Outcome as Ended

if TYPE_CHECKING:
    from tamshy.deliver import Sender
    from tamshy.errand import Notice


@dataclass(frozen=True, slots=True)
class Postbox:
    """Hands notices to a sender. An answer that was lost is tried again: a person of the shop who is told twice is told."""

    sender: Sender

    def __call__(self, notice: Notice) -> Answer:
        """Hand over one notice, the same bytes at every try."""
        if not notice.from_address:
            return Answer(Ended.NEVER, reply="tamshy.yaml has no 'from', and a notice needs one")
        mail = Mail(
            workspace=notice.workspace,
            profile=notice.profile,
            message=notice.id,
            from_address=notice.from_address,
            to_address=notice.to,
            reply_to=None,
            subject=notice.subject,
            html=f"<p>{escape(notice.text).replace(chr(10), '<br>')}</p>",
            plain=notice.text,
            decided_at=notice.asked_at,
        )
        verdict = self.sender.hand_over(mail, lambda: True)
        if verdict.outcome is Outcome.ACCEPTED:
            return Answer(Ended.DONE, reply=verdict.reply)
        ended = Ended.NEVER if verdict.outcome is Outcome.REFUSED else Ended.LATER
        return Answer(ended, reply=verdict.reply or str(verdict.reason or ""))
