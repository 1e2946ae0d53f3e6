"""What deliver asks of a mail back end, and what it gets back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from tamshy.deliver.reasons import Reason


@dataclass(frozen=True, slots=True)
class Mail:
    """One message for one address, with all that a back end may need to build it the same way each time.

    ``from_address`` and ``reply_to`` are as written (``Shop <hello@shop.example>``), ``to_address`` a bare address. Bodies are
    text, or the same as UTF-8. ``decided_at`` dates the mail, so that a second try has the same bytes as the first.
    ``unsubscribe_url`` is None for transactional messages.
    """

    workspace: int
    profile: UUID
    message: UUID
    from_address: str
    to_address: str
    reply_to: str | None
    subject: str
    html: str | bytes
    plain: str | bytes
    decided_at: datetime
    unsubscribe_url: str | None = None
    unsubscribe_mailbox: str | None = None
    feedback_id: str | None = None


class Outcome(StrEnum):
    """How a try ended."""

    ACCEPTED = "accepted"
    """The server has taken the message over."""
    REFUSED = "refused"
    """It never will: a permanent no."""
    DEFERRED = "deferred"
    """Not now; this message may be tried again."""
    UNREACHABLE = "unreachable"
    """The server itself is away, or refuses us altogether: no message can be handed over for now."""
    UNKNOWN = "unknown"
    """All was said and the answer was lost: it may have been taken over, or not."""
    HELD = "held"
    """Nothing was handed over, because the claim was not ours any more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one try: the outcome, why (None where it was accepted), the server's own words.

    ``link`` names the connection so that the server's operator finds it: both ends, and which message on it this was.
    """

    outcome: Outcome
    reason: Reason | None = None
    reply: str = ""
    link: str = ""


class Sender(Protocol):
    """A mail back end. Used from several threads at once."""

    @property
    def slots(self) -> int:
        """How many messages it can hand over at the same time."""
        ...

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        """Hand over one message.

        Args:
            mail: the message.
            lease_holds: tells whether the claim is still ours; asked before the first word to the server and once more
                before the last one, after which the server owns the message. Whoever was not asked a second time has
                handed nothing over, whatever broke.

        Returns:
            The verdict. Whatever the server or the network does is a verdict; an exception is a fault of the program.
        """
        ...

    def close(self) -> None:
        """Take leave of the server."""
        ...
