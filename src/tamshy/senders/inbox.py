"""Without a mail server: every message stays in the console's inbox, where it is kept anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.deliver import BadAddress, Mail, Outcome, Reason, Verdict, build

if TYPE_CHECKING:
    from collections.abc import Callable

_KEPT: Final = Verdict(Outcome.ACCEPTED, reply="kept in the inbox: no SMTP server is set")


class InboxSender:
    """Takes every message that could be sent, and sends none."""

    slots: Final = 100

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        """Build the mail as a server would get it, so that what cannot be sent shows here too."""
        try:
            build(mail)
        except BadAddress as exc:
            return Verdict(Outcome.REFUSED, Reason.BAD_ADDRESS, str(exc))
        return _KEPT if lease_holds() else Verdict(Outcome.HELD, Reason.LEASE_LOST)

    def close(self) -> None:
        """Nothing is open."""
