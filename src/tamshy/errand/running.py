"""Claim, act, record: errands that are due, several under way at once."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from tamshy.errand.calling import Answer, Outcome, Request, call
from tamshy.errand.connecting import Reach
from tamshy.errand.retrying import next_try
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.errand")
_LOG: Final = logging.getLogger("tamshy.errand")
SLOTS: Final = 16
"""Errands that a process has under way at once."""
LEASE: Final = timedelta(minutes=2)
"""How long a claim holds unless it is extended; after it its owner counts as dead, and the errand is run again."""
_LEASES_PER_LIFE: Final = 3
"""A claim is extended this often within its lease, for as long as its try lasts."""
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to a person of the shop."""

    workspace: int
    profile: UUID
    id: UUID
    to: str
    from_address: str
    subject: str
    text: str
    asked_at: datetime


class Post(Protocol):
    """Hands a notice over, by the same way as the mail to shoppers."""

    def __call__(self, notice: Notice, /) -> Answer:
        """Hand over one notice; whatever the server does is an answer."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An errand that is ours until its lease ends."""

    bucket: int
    profile: UUID
    id: UUID
    workspace: int
    kind: str
    request: dict[str, object]
    attempts: int
    fence: int
    asked_at: datetime
    shop: str


def buckets_due(conn: Connection, now: datetime) -> list[int]:
    """The buckets that have an errand to run."""
    return [bucket for (bucket,) in conn.execute(_SQL["buckets_due"], {"now": now})]


def waiting_errands(conn: Connection, now: datetime) -> list[tuple[str, str, int]]:
    """Count by kind and state what is not done yet, and what was given up in the last day."""
    rows = conn.execute(_SQL["counts"], {"since": now - timedelta(days=1)}).fetchall()
    return [(str(kind), str(state), int(count)) for kind, state, count in rows]


@dataclass(slots=True)
class Errands:
    """The errands of one process.

    Args:
        post: hands notices over.
        keys: from a workspace's name to what its webhooks are signed with.
        clock: the shop's moment.
        owner: the name of this process.
        reach: how far calls reach.
        stopping: whether to begin nothing more.
        speed: how many of the shop's seconds a second lasts: pauses lie on its axis.
    """

    post: Post
    keys: Callable[[str], Sequence[bytes]]
    clock: Callable[[], datetime]
    owner: str
    reach: Reach = field(default_factory=Reach)
    stopping: Callable[[], bool] = bool
    speed: float = 1.0
    _threads: ThreadPoolExecutor = field(init=False)
    _under_way: dict[Future[Answer], Claim] = field(default_factory=dict, init=False)
    _extended_at: datetime | None = field(default=None, init=False)

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._under_way)

    def __post_init__(self) -> None:
        """Start without a connection."""
        self._threads = ThreadPoolExecutor(max_workers=SLOTS, thread_name_prefix="errand")

    def run(self, conn: Connection, buckets: Sequence[int]) -> int:
        """Begin what is due in these buckets, as far as there are slots, and record what ends within a second; gives how much.

        Claims and records are transactions of their own on ``conn``, which must be in autocommit and not in one. What is still
        under way is recorded by a later call: a receiver that takes its time keeps nothing else waiting.
        """
        free = SLOTS - len(self._under_way)
        for bucket in buckets:
            if free <= 0 or self.stopping():
                break
            claims = self._claimed(conn, bucket, free)
            for claim in claims:
                self._under_way[self._threads.submit(self._try, claim)] = claim
            free -= len(claims)
        return self._ended(conn)

    def drain(self, conn: Connection) -> int:
        """Begin nothing more, and record what is under way as it ends; gives how much."""
        ended = 0
        while self._under_way:
            ended += self._ended(conn)
        return ended

    def _ended(self, conn: Connection) -> int:
        """Wait a moment for what is under way, and record what has ended; what goes on stays ours."""
        if not self._under_way:
            return 0
        done, _ = wait(self._under_way, _LOOK_S, FIRST_COMPLETED)
        self._recorded(conn, [(self._under_way[future], future) for future in done])
        # Not before it is written down: with the database away the answers are kept, and recorded once it is back.
        for future in done:
            del self._under_way[future]
        self._extend(conn)
        return len(done)

    def _extend(self, conn: Connection) -> None:
        """Extend the claims of what is under way, a third of a lease after the last time."""
        now = self.clock()
        if not self._under_way:
            self._extended_at = now
            return
        if now < (self._extended_at or now) + LEASE * self.speed / _LEASES_PER_LIFE:
            self._extended_at = self._extended_at or now
            return
        rows: dict[int, list[dict[str, object]]] = {}
        for claim in self._under_way.values():
            rows.setdefault(claim.bucket, []).append({"p": claim.profile, "i": claim.id, "f": claim.fence})
        for bucket, these in rows.items():
            until = now + LEASE * self.speed
            conn.execute(_SQL["extend"], {"bucket": bucket, "until": until, "rows": rows_json(these)})
        self._extended_at = now

    def close(self) -> None:
        """Take no more; what is under way ends by its own time limit."""
        self._threads.shutdown(wait=True)

    def _claimed(self, conn: Connection, bucket: int, limit: int) -> list[Claim]:
        now = self.clock()
        params = {
            "bucket": bucket,
            "now": now,
            "until": now + LEASE * self.speed,
            "limit": limit,
            "owner": self.owner,
        }
        conn.execute(_SQL["withdraw"], params)
        return [Claim(bucket, *row) for row in conn.execute(_SQL["claim"], params)]

    def _try(self, claim: Claim) -> Answer:
        said = claim.request
        if claim.kind == "notify":
            notice = Notice(
                claim.workspace,
                claim.profile,
                claim.id,
                str(said.get("to")),
                str(said.get("from")),
                str(said.get("subject")),
                str(said.get("text")),
                claim.asked_at,
            )
            return self.post(notice)
        headers = said.get("headers")
        timeout = said.get("timeout")
        request = Request(
            str(said.get("url")),
            str(said.get("method")),
            {name: str(value) for name, value in headers.items()} if isinstance(headers, dict) else {},
            said.get("body"),
            float(timeout) if isinstance(timeout, int | float) else 10.0,
        )
        return call(request, f"msg_{claim.id.hex}", self.keys(claim.shop), self.clock(), self.reach)

    def _recorded(self, conn: Connection, ended: Sequence[tuple[Claim, Future[Answer]]]) -> None:
        rows: dict[int, list[dict[str, object]]] = {}
        for claim, future in ended:
            error = future.exception()
            if error is not None:
                # A fault of ours, by what somebody's data held; tried again, and given up like any other.
                fault = {"event": "errand_failed", "bucket": claim.bucket, "error": type(error).__name__}
                _LOG.error("an errand of bucket %d failed: %s", claim.bucket, type(error).__name__, extra=fault)
                answer = Answer(Outcome.LATER, reply=f"the program failed: {type(error).__name__}")
            else:
                answer = future.result()
            rows.setdefault(claim.bucket, []).append(self._row(claim, answer))
        for bucket, these in rows.items():
            conn.execute(_SQL["record"], {"bucket": bucket, "rows": rows_json(these)})

    def _row(self, claim: Claim, answer: Answer) -> dict[str, object]:
        now = self.clock()
        again = next_try(claim.id, claim.attempts, now) if answer.outcome is Outcome.LATER else None
        if again is not None:
            again = now + (again - now) * self.speed
        state = "done" if answer.outcome is Outcome.DONE else "failed" if again is None else "queued"
        return {
            "p": claim.profile,
            "i": claim.id,
            "f": claim.fence,
            "s": state,
            "a": answer.value,
            "r": answer.reply,
            "n": again or now,
            "t": None if again is not None else now,
        }
