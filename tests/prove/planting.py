"""Bugs that the rig must find: each is planted into a running process by name, and shown to break a promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable


def no_fence() -> None:
    """The claim is not looked at any more: whoever slept over its lease hands over and records all the same."""
    from tamshy.deliver import stage  # noqa: PLC0415 - planted where the program is loaded already

    stage.HandOver._holds = lambda _self, _claim: lambda: True  # type: ignore[assignment, method-assign]


def sent_before_handed_over() -> None:
    """A delivery is recorded as sent, and then handed over."""
    from tamshy.deliver import Outcome, Verdict  # noqa: PLC0415
    from tamshy.senders import smtp  # noqa: PLC0415

    said = smtp.SmtpSender.hand_over
    late: list[tuple[Any, ...]] = []

    def hand_over(*given: Any) -> Verdict:  # noqa: ANN401 - as the real one takes them
        late.append(given)
        # What was recorded by now goes out behind the next ones.
        while len(late) > 3:
            said(*late.pop(0))
        return Verdict(Outcome.ACCEPTED)

    smtp.SmtpSender.hand_over = hand_over  # type: ignore[assignment, method-assign]


def answered_before_stored() -> None:
    """Calls are acknowledged first, and stored by and by."""
    import threading  # noqa: PLC0415

    from tamshy.api import calls  # noqa: PLC0415
    from tamshy.ingest import Stored  # noqa: PLC0415

    stored = calls.stored_durably

    def later(*given: Any) -> Stored:  # noqa: ANN401 - as the real one takes them
        threading.Timer(0.5, stored, given).start()
        return Stored(len(given[1]), 0)

    calls.stored_durably = later  # type: ignore[assignment]


def orders_lost() -> None:
    """A pass takes orders out of the inbox, and forgets them."""
    from tamshy.passes import stage  # noqa: PLC0415

    held = stage.hold

    def hold(conn: Any, bucket: int, fence: int) -> int | None:  # noqa: ANN401 - a connection
        pass_ = held(conn, bucket, fence)
        if pass_ is not None:
            conn.execute("delete from inbox where bucket = %s and name = 'Order Completed'", [bucket])
        return pass_

    stage.hold = hold


def hand_over_breaks() -> None:
    """After some mails hand-over raises what nobody expects, once in each process."""
    from tamshy.deliver import Result, stage  # noqa: PLC0415

    ran = stage.HandOver.run
    moved = [0]

    def run(*given: Any) -> Result:  # noqa: ANN401 - as the real one takes them
        result = ran(*given)
        moved[0] += result.moved
        if moved[0] >= 60:
            raise KeyError("planted")
        return result

    stage.HandOver.run = run  # type: ignore[assignment, method-assign]


def record_breaks() -> None:
    """The first answer that comes in is written down, and then hand-over raises what nobody expects."""
    from tamshy.deliver import stage  # noqa: PLC0415

    recorded = stage.HandOver._record

    def record(hand_over: stage.HandOver, *given: Any) -> None:  # noqa: ANN401 - as the real one takes them
        landed = any(flight.future.done() for flight in hand_over._flights)
        recorded(hand_over, *given)
        if landed:
            raise KeyError("planted")

    stage.HandOver._record = record  # type: ignore[assignment, method-assign]


BUGS: Final[dict[str, Callable[[], None]]] = {
    bug.__name__: bug
    for bug in (no_fence, sent_before_handed_over, answered_before_stored, orders_lost, hand_over_breaks, record_breaks)
}
