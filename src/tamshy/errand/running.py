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
"""How long a claim holds: longer than any try takes; after it its owner counts as dead, and the errand is run again."""
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
class Task:
    """A claimed errand."""

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
    _under_way: dict[Future[Answer], Task] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Start without a connection."""
        self._threads = ThreadPoolExecutor(max_workers=SLOTS, thread_name_prefix="errand")

    def run(self, conn: Connection, buckets: Sequence[int]) -> int:
        """Run what is due in these buckets until nothing is under way; gives how many tries ended.

        Claims and records are transactions of their own on ``conn``, which must be in autocommit and not in one.
        """
        ended = 0
        turn = list(buckets)
        while turn or self._under_way:
            free = SLOTS - len(self._under_way)
            while turn and free and not self.stopping():
                tasks = self._claimed(conn, turn[0], free)
                for task in tasks:
                    self._under_way[self._threads.submit(self._try, task)] = task
                if len(tasks) < free:
                    turn.pop(0)
                free -= len(tasks)
            if self.stopping():
                turn.clear()
            if self._under_way:
                done, _ = wait(self._under_way, _LOOK_S, FIRST_COMPLETED)
                ended += self._recorded(conn, [(self._under_way.pop(future), future) for future in done])
        return ended

    def close(self) -> None:
        """Take no more; what is under way ends by its own time limit."""
        self._threads.shutdown(wait=True)

    def _claimed(self, conn: Connection, bucket: int, limit: int) -> list[Task]:
        now = self.clock()
        params = {
            "bucket": bucket,
            "now": now,
            "until": now + LEASE * self.speed,
            "limit": limit,
            "owner": self.owner,
        }
        conn.execute(_SQL["withdraw"], params)
        return [Task(bucket, *row) for row in conn.execute(_SQL["claim"], params)]

    def _try(self, task: Task) -> Answer:
        said = task.request
        if task.kind == "notify":
            notice = Notice(
                task.workspace,
                task.profile,
                task.id,
                str(said.get("to")),
                str(said.get("from")),
                str(said.get("subject")),
                str(said.get("text")),
                task.asked_at,
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
        return call(request, f"msg_{task.id.hex}", self.keys(task.shop), self.clock(), self.reach)

    def _recorded(self, conn: Connection, ended: Sequence[tuple[Task, Future[Answer]]]) -> int:
        rows: dict[int, list[dict[str, object]]] = {}
        for task, future in ended:
            error = future.exception()
            if error is not None:
                # A fault of ours, by what somebody's data held; tried again, and given up like any other.
                fault = {"event": "errand_failed", "bucket": task.bucket, "error": type(error).__name__}
                _LOG.error("an errand of bucket %d failed: %s", task.bucket, type(error).__name__, extra=fault)
                answer = Answer(Outcome.LATER, reply=f"the program failed: {type(error).__name__}")
            else:
                answer = future.result()
            rows.setdefault(task.bucket, []).append(self._row(task, answer))
        for bucket, these in rows.items():
            conn.execute(_SQL["record"], {"bucket": bucket, "rows": rows_json(these)})
        return len(ended)

    def _row(self, task: Task, answer: Answer) -> dict[str, object]:
        now = self.clock()
        again = next_try(task.id, task.attempts, now) if answer.outcome is Outcome.LATER else None
        if again is not None:
            again = now + (again - now) * self.speed
        state = "done" if answer.outcome is Outcome.DONE else "failed" if again is None else "queued"
        return {
            "p": task.profile,
            "i": task.id,
            "f": task.fence,
            "s": state,
            "a": answer.value,
            "r": answer.reply,
            "n": again or now,
            "t": None if again is not None else now,
        }
