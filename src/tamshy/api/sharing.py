"""One commit for the calls of several requests: what waits while a transaction is under way goes into the next.

Each request gets an answer of its own, after the commit that holds its calls. Where a transaction of several fails for
a reason that may be one request's alone, each is stored by itself, so that only that one hears of it.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit
from tamshy.ingest import Contended

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.domain.call import Call
    from tamshy.ingest import Stored, WorkspaceRef

AT_ONCE: Final = 4
"""Transactions under way at the same time: half of the web process's connections."""
ENOUGH: Final = 100
"""Waiting calls for which another transaction is begun beside one that is under way; fewer wait for its end."""
MOST_TOGETHER: Final = 500
"""Calls of one transaction, unless one request alone has more: what its locks and its answer wait for."""
MET: Final = ("40001", "40P01")
"""PostgreSQL's codes where two transactions met over the same people, and one had to go back."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """The calls of one request on their way to a commit.

    `settle` is called once, from another thread: with None when they are stored, else with what stood in the way.
    """

    workspace: WorkspaceRef
    calls: Sequence[Call]
    settle: Callable[[BaseException | None], None]


class Sharing:
    """Stores parcels, several in a transaction. Safe for several threads at once."""

    def __init__(self, store: Callable[[WorkspaceRef, Sequence[Call]], Stored]) -> None:
        """Take what stores calls of one workspace and commits; it is called in threads of our own."""
        self._store = store
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="storing")
        self._lock = threading.Lock()
        self._waiting: deque[Parcel] = deque()
        self._alone: deque[Parcel] = deque()
        self._calls = 0
        self._running = 0

    def put(self, parcel: Parcel) -> None:
        """Have a parcel stored; returns at once."""
        with self._lock:
            self._waiting.append(parcel)
            self._calls += len(parcel.calls)
            group = self._next()
        self._begin(group)

    def stored(self, workspace: WorkspaceRef, calls: Sequence[Call]) -> None:
        """Store calls, and wait until they are.

        Raises:
            DatabaseUnavailable: or the driver's error: what stood in the way.
        """
        done: Future[BaseException | None] = Future()
        self.put(Parcel(workspace, calls, done.set_result))
        problem = done.result()
        if problem is not None:
            raise problem

    def _next(self) -> list[Parcel]:
        """Take the parcels of the next transaction, none where it is not to begin yet; the lock is held."""
        if self._running >= AT_ONCE:
            return []
        group: list[Parcel] = []
        if self._alone:
            group = [self._alone.popleft()]
        elif self._waiting and (self._running == 0 or self._calls >= ENOUGH):
            group = self._together()
        self._running += bool(group)
        return group

    def _together(self) -> list[Parcel]:
        """Take the oldest parcel and those of the same workspace behind it, as many as go together."""
        first = self._waiting[0].workspace
        group: list[Parcel] = []
        others: list[Parcel] = []
        calls = 0
        while self._waiting and (not group or calls + len(self._waiting[0].calls) <= MOST_TOGETHER):
            parcel = self._waiting.popleft()
            if parcel.workspace == first:
                group.append(parcel)
                calls += len(parcel.calls)
            else:
                others.append(parcel)
        self._waiting.extendleft(reversed(others))
        self._calls -= calls
        return group

    def _begin(self, group: list[Parcel]) -> None:
        if group:
            calls = group[0].calls if len(group) == 1 else [call for parcel in group for call in parcel.calls]
            self._threads.submit(self._store, group[0].workspace, calls).add_done_callback(partial(self._ended, group))

    def _ended(self, group: list[Parcel], outcome: Future[Stored]) -> None:
        problem = outcome.exception()
        split = problem is not None and len(group) > 1 and _may_be_one_alone(problem)
        with self._lock:
            if split:
                self._alone.extend(group)
            self._running -= 1
            following = self._next()
        self._begin(following)
        if not split:
            for parcel in group:
                parcel.settle(problem)


def _may_be_one_alone(problem: BaseException) -> bool:
    """Tell whether a transaction failed for what it held, and not because the database is away."""
    return isinstance(problem, Contended) or not sqlkit.is_retryable(problem) or sqlkit.sqlstate(problem) in MET
