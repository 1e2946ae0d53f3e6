"""One commit for the calls of several requests: who goes together, and that nobody hears of another's trouble."""

from __future__ import annotations

import random
import string
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.web.conftest import NOW

from tamshy import sqlkit
from tamshy.api.calls import store_counted
from tamshy.api.sharing import ENOUGH, MOST_TOGETHER, Parcel, Sharing
from tamshy.domain.call import Call, CallKind
from tamshy.ingest import WorkspaceRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.web.conftest import Edge

    from tamshy.ingest import Stored

SHOP = WorkspaceRef(id=1, name="default", buckets=64, zone="UTC")
OTHER = WorkspaceRef(id=2, name="other", buckets=64, zone="UTC", first_bucket=64)
PATIENCE_S = 60.0


def calls(name: str, count: int = 1, **given: Any) -> list[Call]:  # noqa: ANN401 - a call's own fields
    fields: dict[str, Any] = {"user_id": "u1", "name": "E", "occurred_at": NOW, "received_at": NOW}
    return [
        Call(kind=CallKind.TRACK, key=f"s|{name}-{place}", ord=place, **{**fields, **given}) for place in range(count)
    ]


def unstorable(name: str) -> list[Call]:
    """A call that PostgreSQL says no to: no index holds so long an id. Reading refuses it, so nobody can send one."""
    dice = random.Random(1)  # noqa: S311 - dice of a test, no secrets
    return calls(name, user_id="".join(dice.choices(string.ascii_letters, k=20_000)))


@dataclass
class Watched:
    """Stores for real, tells which parcels went together, and waits before the first of them until it is let go."""

    names: list[list[str]] = field(default_factory=list)
    """The message ids of each transaction that was begun, in that order."""
    go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __call__(self, workspace: WorkspaceRef, together: Sequence[Call]) -> Stored:
        self.names.append([str(call.key).removeprefix("s|") for call in together])
        self.begun.release()
        assert self.go.wait(PATIENCE_S)
        return store_counted(workspace, together)


class Waiting:
    """What came of parcels, by their names."""

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self.outcomes: dict[str, BaseException | None] = {}
        self.settled = threading.Semaphore(0)

    def put(self, name: str, given: Sequence[Call], workspace: WorkspaceRef = SHOP) -> None:
        def settle(problem: BaseException | None) -> None:
            assert name not in self.outcomes
            self.outcomes[name] = problem
            self.settled.release()

        self.sharing.put(Parcel(workspace, given, settle))

    def until(self, count: int) -> dict[str, BaseException | None]:
        for _ in range(count):
            assert self.settled.acquire(timeout=PATIENCE_S)
        return self.outcomes


@pytest.fixture
def store() -> Watched:
    return Watched()


@pytest.fixture
def waiting(store: Watched) -> Waiting:
    return Waiting(Sharing(store))


def transactions(edge: Edge) -> list[tuple[Any, ...]]:
    """How many message ids each transaction has written, the oldest first."""
    return edge.rows("select count(*) from seen_message group by xmin order by xmin::text::bigint")


def test_what_waits_while_a_transaction_is_under_way_goes_into_the_next_together(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    for name in ("a", "b", "c", "d"):
        waiting.put(name, calls(name))
    store.go.set()
    assert waiting.until(4) == dict.fromkeys("abcd")
    assert store.names == [["a-0"], ["b-0", "c-0", "d-0"]]
    assert transactions(edge) == [(1,), (3,)]
    assert edge.counts.value("tamshy_ingest_calls_total", outcome="accepted") == 4


def test_nobody_is_told_before_the_commit(edge: Edge, store: Watched, waiting: Waiting) -> None:
    waiting.put("a", calls("a"))
    assert store.begun.acquire(timeout=PATIENCE_S)
    assert waiting.outcomes == {}
    store.go.set()
    assert waiting.until(1) == {"a": None}
    assert edge.rows("select count(*) from inbox") == [(1,)]


def test_the_same_call_in_two_requests_of_a_transaction_counts_once(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    waiting.put("first", calls("x"))
    for name in ("b", "c"):
        waiting.put(name, calls("same"))
    store.go.set()
    assert waiting.until(3) == {"first": None, "b": None, "c": None}
    assert edge.rows("select count(*) from inbox") == [(2,)]
    assert edge.counts.value("tamshy_ingest_calls_total", outcome="repeated") == 1


def test_what_cannot_be_stored_is_told_to_its_own_request_alone(edge: Edge, store: Watched, waiting: Waiting) -> None:
    waiting.put("first", calls("first"))
    waiting.put("b", calls("b", 2))
    waiting.put("bad", unstorable("bad"))
    waiting.put("d", calls("d"))
    store.go.set()
    outcomes = waiting.until(4)
    problem = outcomes.pop("bad")
    assert isinstance(problem, sqlkit.Error)
    assert sqlkit.sqlstate(problem) == "54000"
    assert outcomes == {"first": None, "b": None, "d": None}
    # Together, and then each by itself.
    assert store.names == [["first-0"], ["b-0", "b-1", "bad-0", "d-0"], ["b-0", "b-1"], ["bad-0"], ["d-0"]]
    assert edge.rows("select count(*) from inbox") == [(4,)]


def test_an_error_of_ours_is_told_to_its_own_request_and_storing_goes_on(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    waiting.put("first", calls("first"))
    waiting.put("nul", calls("nul", properties={"x": "\0"}))
    waiting.put("c", calls("c"))
    store.go.set()
    outcomes = waiting.until(3)
    assert isinstance(outcomes.pop("nul"), sqlkit.NulInText)
    assert outcomes == {"first": None, "c": None}
    waiting.put("later", calls("later"))
    assert waiting.until(1)["later"] is None
    assert edge.rows("select count(*) from inbox") == [(3,)]


def test_while_the_database_is_away_all_are_told_and_none_is_tried_again(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    edge.down = True
    for name in ("a", "b", "c"):
        waiting.put(name, calls(name))
    store.go.set()
    outcomes = waiting.until(3)
    assert [type(problem) for problem in outcomes.values()] == [sqlkit.DatabaseUnavailable] * 3
    assert store.names == [["a-0"], ["b-0", "c-0"]]


def test_a_session_that_is_lost_in_the_commit_is_told_to_all_of_it(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    edge.cut = True
    for name in ("a", "b", "c"):
        waiting.put(name, calls(name))
    store.go.set()
    outcomes = waiting.until(3)
    assert all(problem is not None and sqlkit.is_retryable(problem) for problem in outcomes.values())
    assert store.names == [["a-0"], ["b-0", "c-0"]]
    assert edge.rows("select count(*) from inbox") == [(0,)]


def test_a_transaction_holds_calls_of_one_workspace(edge: Edge, store: Watched, waiting: Waiting) -> None:
    waiting.put("first", calls("first"))
    for name in ("a", "b"):
        waiting.put(f"shop {name}", calls(name))
        waiting.put(f"other {name}", calls(name), OTHER)
    store.go.set()
    assert set(waiting.until(5).values()) == {None}
    assert store.names == [["first-0"], ["a-0", "b-0"], ["a-0", "b-0"]]
    assert edge.rows("select workspace, count(*) from inbox group by 1 order by 1") == [(1, 3), (2, 2)]


def test_another_transaction_is_begun_beside_one_once_enough_calls_wait(
    edge: Edge, store: Watched, waiting: Waiting
) -> None:
    waiting.put("first", calls("first"))
    assert store.begun.acquire(timeout=PATIENCE_S)
    waiting.put("a", calls("a", ENOUGH - 1))
    assert len(store.names) == 1
    waiting.put("b", calls("b"))
    assert store.begun.acquire(timeout=PATIENCE_S)
    assert len(store.names[1]) == ENOUGH
    store.go.set()
    assert set(waiting.until(3).values()) == {None}
    assert edge.rows("select count(*) from inbox") == [(ENOUGH + 1,)]


def test_a_transaction_does_not_grow_without_end(edge: Edge, store: Watched, waiting: Waiting) -> None:
    store.go.set()
    waiting.put("large", calls("large", MOST_TOGETHER * 2))
    assert waiting.until(1) == {"large": None}
    store.go.clear()
    waiting.put("first", calls("first"))
    assert store.begun.acquire(timeout=PATIENCE_S)
    half = MOST_TOGETHER // 2 + 1
    waiting.put("a", calls("a", ENOUGH - 1))
    for name in ("b", "c"):
        waiting.put(name, calls(name, half))
    store.go.set()
    assert set(waiting.until(4).values()) == {None}
    assert sorted(len(together) for together in store.names[2:]) == [half, ENOUGH - 1 + half]
    assert edge.rows("select count(*) from inbox") == [(MOST_TOGETHER * 2 + 1 + ENOUGH - 1 + 2 * half,)]
