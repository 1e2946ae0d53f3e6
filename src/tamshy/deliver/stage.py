"""Claim, hand over, record: what turns a queued delivery into a settled one.

A claim is a transaction of its own that looks once more at consent, suppression and the unread inbox and is committed
before the server hears a word; the verdict is recorded only where the claim still stands. In between lies the one gap
no program can close: the server's answer may get lost, and that is said (`uncertain`), never guessed.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tamshy import sqlkit
from tamshy.deliver import bounces, domains
from tamshy.deliver.ledger import Claim, Mark, Options, Outcomes, Row, judged, settled
from tamshy.deliver.pacing import Pace, ServerHold
from tamshy.deliver.ramp import Ramp
from tamshy.deliver.reasons import Reason
from tamshy.deliver.sender import Outcome, Sender, Verdict
from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tamshy.domain.token import Signer
    from tamshy.sqlkit import Connection

_LOG: Final = logging.getLogger("tamshy.deliver")
_QUERIES: Final = sqlkit.queries(__package__)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0)
_LAST_LOOK: Final = 2
"""A sender asks whether the claim holds before the first word, and once more before the last."""
_GATHER_S: Final = 0.004
"""Real seconds that who has landed waits for others, so that they are recorded, and the next claimed, together."""
_LEASES_PER_LIFE: Final = 3
"""A claim is extended this often within its lease, so that one late turn loses none."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did: how many deliveries ended in which state, how many were left for later, and when to come again.

    ``states`` counts the states written (`sent`, `failed`, `queued`, `uncertain`, `withdrawn`); ``lost`` the verdicts
    of claims that were not ours any more; ``next_at`` is set where the server is away or the rate limit is used up.
    """

    states: Counter[str]
    lost: int
    next_at: datetime | None

    @property
    def moved(self) -> int:
        """Deliveries written."""
        return self.states.total()


def buckets_due(conn: Connection, now: datetime) -> list[int]:
    """The buckets that have something due for hand-over."""
    return [bucket for (bucket,) in conn.execute(_QUERIES["buckets_due"], {"now": now})]


@dataclass(slots=True)
class _Flight:
    """A message under way to the server."""

    claim: Claim
    future: Future[Verdict]


@dataclass(slots=True)
class HandOver:
    """The hand-over of one process: a sender, the messages under way, and what is known of the server.

    Args:
        sender: hands single messages over.
        options: lease, pace and policies.
        links: signs the unsubscribe links.
        base_url: where the recipients' pages are served.
        clock: the moment; the axis on which `next_at` and leases lie.
        pause: waits so many of the clock's seconds, while the rate limit is used up and nothing is under way; True
            where the process is to stop, and then no more is claimed.
        owner: the name of this process in `delivery.owner`.
        stopping: whether the process is to stop; then no more is claimed, and what is under way is left to `drain`.
    """

    sender: Sender
    options: Options
    links: Signer
    base_url: str
    clock: Callable[[], datetime]
    pause: Callable[[float], bool | None]
    owner: str
    stopping: Callable[[], bool] = bool
    _threads: ThreadPoolExecutor = field(init=False)
    _flights: list[_Flight] = field(default_factory=list, init=False)
    _landings: SimpleQueue[Future[Verdict]] = field(default_factory=SimpleQueue, init=False)
    """Told when something lands; what it is, `_land` finds out."""
    _landed: list[tuple[Claim, Verdict]] = field(default_factory=list, init=False)
    _pace: Pace = field(init=False)
    _ramp: Ramp = field(init=False)
    _hold: ServerHold = field(init=False)
    _extended_at: datetime | None = field(default=None, init=False)
    _places: dict[int, tuple[datetime, UUID]] = field(default_factory=dict, init=False)
    """How far hand-over has come in each bucket; it begins anew at its end, and every so often."""
    _begun_at: datetime = field(default=_BEGINNING[0], init=False)

    def __post_init__(self) -> None:
        """Start without a connection; the sender opens them as needed."""
        self._threads = ThreadPoolExecutor(max_workers=self.sender.slots, thread_name_prefix="hand-over")
        self._pace = Pace(self.options.per_second)
        self._ramp = Ramp(self.options.ramp)
        self._hold = ServerHold(named("server", self.owner), self.options.first_retry, self.options.longest_retry)

    def run(self, conn: Connection, buckets: Sequence[int], limit: int) -> Result:
        """Hand over what is due in these buckets, at most `limit` messages, and wait for their verdicts.

        Each bucket is claimed from in turn, in transactions of its own on `conn`, which must not be in one.
        """
        outcomes = Outcomes()
        turn, left = deque(buckets), limit
        if self.clock() - self._begun_at >= self.options.look_back:
            self._places.clear()
            self._begun_at = self.clock()
        while True:
            self._record(conn, outcomes)
            self._extend(conn)
            if self.stopping():
                break
            free = min(self.sender.slots - len(self._flights), left)
            if turn and free > 0:
                granted = self._granted(free)
                if granted > 0:
                    seen = self._claim(conn, turn[0], granted, outcomes)
                    left -= seen
                    if seen == granted:
                        turn.rotate(-1)
                    else:
                        self._places.pop(turn.popleft(), None)
                    continue
                if not self._flights and not self._paused():
                    break
            if not self._flights:
                if not turn or left <= 0:
                    break
                continue
            self._await()
        return Result(outcomes.states, outcomes.lost, self._next_at())

    def drain(self, conn: Connection, patience_s: float = 20.0) -> Result:
        """Claim nothing more, and record what is under way as it comes in: the orderly end of a process.

        Args:
            conn: a connection that is in no transaction.
            patience_s: real seconds to wait without anything coming in. What is under way after it becomes uncertain
                when its lease ends.
        """
        outcomes = Outcomes()
        looks = max(1, round(patience_s / self.options.watch_s))
        while self._flights and looks > 0:
            under_way = len(self._flights)
            self._await()
            self._record(conn, outcomes)
            self._extend(conn)
            if len(self._flights) == under_way:
                looks -= 1
        self._record(conn, outcomes)
        return Result(outcomes.states, outcomes.lost, self._next_at())

    def close(self) -> None:
        """Let go of threads and connections; messages still under way become uncertain when their lease ends."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.sender.close()

    # -- how many may start ------------------------------------------------------------------------------------------

    def _granted(self, free: int) -> int:
        now = self.clock()
        probing = self._hold.until is not None
        allowed = self._hold.allowed(now, free)
        if probing and self._flights:
            # One look whether the server is back; the others wait for what it finds.
            return 0
        return self._pace.take(now, allowed) if allowed else 0

    def _paused(self) -> bool:
        """Wait for the rate limit; False where waiting does not help now."""
        now = self.clock()
        if self._hold.until is not None and now < self._hold.until:
            return False
        return self.pause((self._pace.next_at(now) - now).total_seconds()) is not True

    def _next_at(self) -> datetime | None:
        return self._hold.until

    # -- claim -------------------------------------------------------------------------------------------------------

    def _claim(self, conn: Connection, bucket: int, limit: int, outcomes: Outcomes) -> int:
        """Claim from one bucket and start what was claimed; gives how many rows were looked at."""
        now = self.clock()
        with conn.transaction():
            rows = self._due(conn, bucket, limit, now)
            if not rows:
                self._pace.give_back(limit)
                return 0
            barred = _barred(conn, rows)
            marks = [
                judged(row, Reason.DOMAIN_PAUSED if row.barred_by(barred) else None, now, self.options, self.owner)
                for row in rows
            ]
            marks = self._ramp.smoothed(conn, rows, marks, now)
            conn.execute(_QUERIES["claim"], {"bucket": bucket, "now": now, "rows": sqlkit.rows_json(marks)})
            bounces.note(conn, bucket, marks, now)
        self._places[bucket] = rows[-1].due_at, rows[-1].message
        claims = []
        for row, mark in zip(rows, marks, strict=True):
            if mark.state == "handing_over":
                claims.append(Claim(row, bucket, mark.fence, mark.attempts, mark.next_at))
            else:
                outcomes.states[mark.state] += 1
        self._pace.give_back(limit - len(claims))
        for claim in claims:
            mail = claim.row.mail(self.links, self.base_url, bucket, self.options.unsubscribe_mailbox)
            future = self._threads.submit(self.sender.hand_over, mail, self._holds(claim))
            self._flights.append(_Flight(claim, future))
            future.add_done_callback(self._landings.put)
        return len(rows)

    def _due(self, conn: Connection, bucket: int, limit: int, now: datetime) -> list[Row]:
        after_at, after_message = self._places.get(bucket, _BEGINNING)
        found = conn.execute(
            _QUERIES["due"],
            {
                "bucket": bucket,
                "now": now,
                "limit": limit,
                "give_up_before": now - self.options.give_up_after,
                "behind_before": now - self.options.behind,
                "after_at": after_at,
                "after_message": after_message,
            },
            binary=True,
        )
        return [Row(*columns) for columns in found]

    def _holds(self, claim: Claim) -> Callable[[], bool]:
        def holds() -> bool:
            claim.looks += 1
            return self.clock() < claim.until

        return holds

    # -- while under way ---------------------------------------------------------------------------------------------

    def _await(self) -> None:
        """Wait until something lands, or a claim wants extending.

        Whatever lands within a few milliseconds after it is waited for too, up to half of what can be under way: a claim and a
        record cost two commits, however many messages they are for, and the other half is under way meanwhile.
        """
        try:
            self._landings.get(timeout=self.options.watch_s)
            for _ in range(min(len(self._flights), self.sender.slots // 2) - 1):
                self._landings.get(timeout=_GATHER_S)
        except Empty:
            return

    def _extend(self, conn: Connection) -> None:
        """Extend the leases of what is under way, a third of a lease after the last time."""
        now = self.clock()
        if not self._flights:
            self._extended_at = now
            return
        due = (self._extended_at or now) + self.options.lease / _LEASES_PER_LIFE
        if now < due:
            return
        until = now + self.options.lease
        for bucket, flights in _by_bucket(self._flights, lambda flight: flight.claim.bucket):
            rows = [
                {"profile": f.claim.row.profile, "message": f.claim.row.message, "fence": f.claim.fence}
                for f in flights
            ]
            with conn.transaction():
                given = conn.execute(
                    _QUERIES["extend"],
                    {"bucket": bucket, "until": until, "rows": sqlkit.rows_json(rows)},
                )
                ours = {message for (message,) in given}
            for flight in flights:
                if flight.claim.row.message in ours:
                    flight.claim.until = until
        self._extended_at = now

    # -- record ------------------------------------------------------------------------------------------------------

    def _record(self, conn: Connection, outcomes: Outcomes) -> None:
        """Record every verdict that has come in. Kept until its transaction has committed, whatever happens here."""
        self._land()
        for bucket, landed in _by_bucket(self._landed, lambda pair: pair[0].bucket):
            now = self.clock()
            marks = [settled(claim, verdict, now, self._hold.until, self.options) for claim, verdict in landed]
            ours = self._written(
                conn, bucket, [(mark, pair[0].row) for mark, pair in zip(marks, landed, strict=True)], now
            )
            self._landed = [pair for pair in self._landed if pair[0].bucket != bucket]
            outcomes.lost += len(marks) - len(ours)
            outcomes.states.update(mark.state for mark in marks if mark.message in ours)

    def _written(self, conn: Connection, bucket: int, told: Sequence[tuple[Mark, Row]], now: datetime) -> set[UUID]:
        """Write verdicts of one bucket, all or none, and commit; gives the messages whose claims still were ours."""
        marks = [mark for mark, _ in told]
        # Beginning and committing are words to the server too: what is one statement does without them.
        alone = conn.autocommit and not any(mark.tells for mark in marks)
        with nullcontext() if alone else conn.transaction():
            written = conn.execute(_QUERIES["record"], {"bucket": bucket, "rows": sqlkit.rows_json(marks)})
            ours = {message for (message,) in written}
            if not alone:
                kept = [(mark, row) for mark, row in told if mark.message in ours]
                bounces.note(conn, bucket, [mark for mark, _ in kept], now)
                domains.pause(conn, kept, now)
        return ours

    def _land(self) -> None:
        """Take in the verdicts that are there, and learn from them whether the server is."""
        still = []
        for flight in self._flights:
            if not flight.future.done():
                still.append(flight)
                continue
            verdict = _verdict(flight)
            if verdict.outcome is Outcome.UNREACHABLE:
                self._hold.failed(self.clock())
            elif verdict.outcome is not Outcome.HELD:
                self._hold.answered()
            self._landed.append((flight.claim, verdict))
        self._flights = still


def _verdict(flight: _Flight) -> Verdict:
    """Give the verdict; a sender that broke behind its last look may have handed the message over, so nobody knows."""
    fault = flight.future.exception()
    if fault is None:
        return flight.future.result()
    # The text of a fault may hold what the mail does; where it happened says enough.
    place = traceback.extract_tb(fault.__traceback__)[-1:]
    where = ", ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in place)
    words = f"the sender failed: {type(fault).__name__} at {where}"
    fault_of = {"event": "sender_failed", "message_id": flight.claim.row.message, "detail": words}
    _LOG.error("message %s: %s", flight.claim.row.message, words, extra=fault_of)
    if flight.claim.looks < _LAST_LOOK:
        return Verdict(Outcome.DEFERRED, Reason.PROGRAM_FAULT, words)
    return Verdict(Outcome.UNKNOWN, Reason.SENDER_FAULT, words)


def _barred(conn: Connection, rows: Iterable[Row]) -> set[tuple[int, str]]:
    """Which sending domains are paused, by workspace; asked for rows that nothing else stops, of workspaces that have any."""
    wanted = [
        {"workspace": row.workspace, "domain": row.domain}
        for row in rows
        if row.domains_paused and row.judgement is None and row.state == "queued"
    ]
    if not wanted:
        return set()
    return set(conn.execute(_QUERIES["barred"], {"rows": sqlkit.rows_json(wanted)}).fetchall())


def _by_bucket(items: Iterable[Any], bucket: Callable[[Any], int]) -> list[tuple[int, list[Any]]]:
    groups: dict[int, list[Any]] = {}
    for item in items:
        groups.setdefault(bucket(item), []).append(item)
    return list(groups.items())
