"""Passes until nothing waits: one hand a bucket, side by side, meeting only where profiles of two buckets merge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Condition
from typing import TYPE_CHECKING, Final

from tamshy.passes import Horizon, deal_in_turn, left, merge_ready, run, settle_coupons, settle_rendered
from tamshy.passes.rendering import LiquidValues
from tamshy.segment import compute, daily, note_ranking, rankings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tamshy.decide import Rendered
    from tamshy.passes.rendering import Press
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_RENDER: Final = 2000
_EVERYBODY: Final = 1_000_000
_GROWING: Final = ("event", "enrollment", "entry", "message", "journal", "inbox")
_FEW: Final = 500
"""Items below which looking at the tables costs more than the better plans save."""
_BETWEEN_MERGES: Final = 16
"""Passes between two looks for merges, while there is other work: a merge waits for the other hand's pass to end."""
_SETTLED: Final = 256
"""Passes after which tables grow no more by so much that plans would change."""


@dataclass(frozen=True, slots=True)
class Play:
    """What came of a play: how far it went, what was done, and what a history said that could not be."""

    until: datetime
    passes: int
    items: int
    missed: tuple[tuple[object, ...], ...] = field(default=())


class Meeting:
    """Where hands wait for one another: all have to be idle at once, for one may give another work by a merge."""

    def __init__(self, hands: int) -> None:
        self._hands = hands
        self._idle = 0
        self._done = 0
        self._failed = False
        self.changed = Condition()

    def begin(self) -> None:
        """Nobody waits yet."""
        with self.changed:
            self._idle = 0

    def progress(self) -> int:
        """Say that something was done; gives the number of what was done so far."""
        with self.changed:
            self._done += 1
            # Whoever waits has to look again: from now on, not from when it wakes, or else all would seem to be idle.
            self._idle = 0
            self.changed.notify_all()
            return self._done

    def waiting(self) -> int:
        """How many wait for another."""
        with self.changed:
            return self._idle

    def seen(self) -> int:
        """The number of what was done so far, to compare with later."""
        with self.changed:
            return self._done

    def idle(self, seen: int, last: Callable[[], bool] = bool) -> bool:
        """Wait until another has done something since ``seen`` (False: look again) or nobody has anything to do (True).

        ``last``: asked by the last one to become idle, while all others wait: what is dealt to everybody in turn. True: there was.
        """
        with self.changed:
            if self._done > seen:
                return False
            self._idle += 1
            if self._idle == self._hands and not self._failed and last():
                self._done += 1
                self._idle = 0
                self.changed.notify_all()
                return False
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._failed or self._idle == self._hands or self._done > seen)
            return self._failed or self._done <= seen

    def fail(self) -> None:
        """Nobody need wait any more."""
        with self.changed:
            self._failed = True
            self.changed.notify_all()


def work(
    book: Rulebook,
    until: datetime,
    hands: Sequence[tuple[Connection, Press]],
    progress: Callable[[datetime, int], None],
    before: int = 0,
    since: datetime | None = None,
) -> Play:
    """Work every bucket of the rulebook up to ``until``, a hand each; as many hands as the workspace has buckets.

    ``before``: how many passes each hand has made already, in an earlier part of the same play, which went up to ``since``.
    """
    meeting = Meeting(len(hands))
    workers = [
        _Hand(conn, press, book, book.first_bucket + place, until, meeting, before)
        for place, (conn, press) in enumerate(hands)
    ]
    if daily(book):
        _by_days(book, until, since, hands[0][0], workers, progress)
    _work_on(workers, progress)
    return Play(
        until,
        sum(worker.passes for worker in workers),
        sum(worker.items for worker in workers),
        tuple(sorted((one for worker in workers for one in worker.missed), key=str)),
    )


def _by_days(
    book: Rulebook,
    until: datetime,
    since: datetime | None,
    conn: Connection,
    workers: Sequence[_Hand],
    progress: Callable[[datetime, int], None],
) -> None:
    """Stop at each hour at which something is computed of all people, with all that came before it worked."""
    for ranking in rankings(conn, book, until, since):
        for worker in workers:
            worker.aim_at(ranking - timedelta(microseconds=1))
        _work_on(workers, progress)
        note_ranking(conn, book, ranking)
        compute(conn, book, ranking)
        conn.commit()
    for worker in workers:
        worker.aim_at(until)


def _work_on(workers: Sequence[_Hand], progress: Callable[[datetime, int], None]) -> None:
    if len(workers) == 1:
        workers[0].work(progress)
    else:
        with ThreadPoolExecutor(len(workers)) as pool:
            for done in [pool.submit(worker.work, progress) for worker in workers]:
                done.result()


class _Hand:
    """One connection working one bucket."""

    def __init__(
        self,
        conn: Connection,
        press: Press,
        book: Rulebook,
        bucket: int,
        until: datetime,
        meeting: Meeting,
        before: int,
    ) -> None:
        self._conn = conn
        self._press = press
        self._book = book
        self._bucket = bucket
        self._horizon = Horizon(until, None, _EVERYBODY)
        self._meeting = meeting
        self._values = LiquidValues(book.settings)
        self._before = before
        self.passes = 0
        self.items = 0
        self.missed: list[tuple[object, ...]] = []

    def aim_at(self, until: datetime) -> None:
        """Work up to this moment next."""
        self._horizon = Horizon(until, None, _EVERYBODY)
        self._meeting.begin()

    def work(self, progress: Callable[[datetime, int], None]) -> None:
        """Passes until nobody has anything to do."""
        try:
            while True:
                seen = self._meeting.seen()
                if self._once():
                    self._meeting.progress()
                    progress(self._horizon.until, self.items)
                elif self._meeting.idle(seen, self._deal):
                    return
        except BaseException:
            self._meeting.fail()
            raise

    def _once(self) -> bool:
        """One pass with its rendering and the merges into this bucket; False: nothing was to do."""
        conn = self._conn
        worked = run(conn, self._book, self._bucket, 0, self._horizon, self._values)
        behind = left(conn, self._book, self._bucket)
        conn.commit()
        rendered = 0
        while behind.accepted and (
            done := settle_rendered(
                conn, self._book, self._bucket, 0, self._horizon, _RENDER, self._render, keep_content=False
            )
        ):
            conn.commit()
            rendered += done
        conn.commit()
        while behind.dealt and (done := settle_coupons(conn, self._book, self._bucket, 0, self._horizon)):
            conn.commit()
            rendered += done
        self.passes += 1
        merged = 0
        if not worked.items or self.passes % _BETWEEN_MERGES == 0:
            merged = merge_ready(conn, self._book, self._horizon, [self._bucket])
        self.items += worked.items
        self.missed += worked.missed
        # Plans are made for tables of the size they have: these grow fast at first, then slowly. For a few rows any plan does.
        made = self._before + self.passes
        if made & (made - 1) == 0 and made <= _SETTLED and self.items >= _FEW:
            for table in _GROWING:
                conn.execute(f"analyze {table}".encode())
            conn.commit()
        return bool(worked.items or rendered or merged)

    def _deal(self) -> bool:
        """Deal codes to everybody who asks, in the order of their own times: nobody is at anything earlier."""
        dealt = deal_in_turn(self._conn, self._book, self._horizon)
        self._conn.commit()
        return dealt > 0

    def _render(self, rows: Sequence[tuple[object, ...]]) -> list[Rendered]:
        return self._press.render(self._conn, self._bucket, rows)
