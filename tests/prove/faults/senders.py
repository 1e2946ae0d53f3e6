"""The mail server's side: what was handed over, written down before the answer, and what the sender made of it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from tests.prove.faults import plan

from tamshy.deliver import MAYBE_SENT, HandOver, Options, Outcome, Reason, Verdict
from tamshy.domain.token import Signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from tests.prove.faults.turns import Hand

    from tamshy.deliver import Mail
    from tamshy.sqlkit import Connection

_SECRET: Final = "a secret for the simulator, long enough"


class Points(Protocol):
    """Where a sender can be interrupted, and what the server answers next."""

    answers: list[str]

    def point(self, hand: Hand) -> None:
        """Perhaps this is its end, or somebody else's turn."""
        ...


@dataclass
class Ledger:
    """The mail server: all that it has taken, in order. ``twice``: what it was given again although nobody had doubts."""

    look: Connection
    taken: list[UUID] = field(default_factory=list)
    twice: list[UUID] = field(default_factory=list)

    def take(self, message: UUID) -> None:
        """Take a message. That it is taken again is known by its row, or is wrong."""
        if message in self.taken:
            row = self.look.execute("select reason from delivery where message = %s", [message]).fetchone()
            if row is None or row[0] not in MAYBE_SENT:
                self.twice.append(message)
        self.taken.append(message)


@dataclass
class _Sender:
    hand: Hand
    points: Points
    ledger: Ledger
    slots: int = 1

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        """Hand over one message: it can end before, in between and after."""
        if not lease_holds():
            return Verdict(Outcome.HELD)
        self.points.point(self.hand)
        if not lease_holds():
            return Verdict(Outcome.HELD)
        answer = self.points.answers.pop(0) if self.points.answers else ""
        if answer == plan.REFUSED:
            return Verdict(Outcome.DEFERRED, Reason.DEFERRED, "450 not now")
        self.ledger.take(mail.message)
        self.points.point(self.hand)
        if answer == plan.LOST:
            return Verdict(Outcome.UNKNOWN, Reason.ANSWER_LOST)
        if answer == plan.BROKEN:
            raise ArithmeticError("the sender is broken")
        return Verdict(Outcome.ACCEPTED)

    def close(self) -> None:
        """Nothing is open."""


class _AtOnce:
    """Does what it is given at once, in the hand's own turn."""

    def submit(self, do: Callable[..., Any], *given: object) -> Future[Any]:
        """Do it. What the sender raises is kept as its result; the end of its process is not."""
        future: Future[Any] = Future()
        try:
            future.set_result(do(*given))
        except Exception as exc:  # noqa: BLE001 - as an executor does
            future.set_exception(exc)
        return future

    def shutdown(self, **_more: object) -> None:
        """Nothing is under way."""


def hand_over_of(hand: Hand, points: Points, ledger: Ledger, clock: Callable[[], datetime], owner: str) -> HandOver:
    """The product's own hand-over, with this sender, in the hand's own thread."""
    made = HandOver(
        _Sender(hand, points, ledger),
        Options(lease=timedelta(minutes=30)),
        Signer([_SECRET]),
        "https://mail.example",
        clock,
        lambda _seconds: True,
        owner,
    )
    made._threads.shutdown()
    made._threads = _AtOnce()  # type: ignore[assignment]
    return made
