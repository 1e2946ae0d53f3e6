"""Several processes store calls about the same people at once: nobody is lost, doubled, or two people made one."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tamshy import sqlkit
from tamshy.domain.call import Call, CallKind
from tamshy.ingest import Stored, WorkspaceRef, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.conftest import Databases

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOP = WorkspaceRef(id=1, name="shop", buckets=64, zone="UTC", merge_on=frozenset({"user_id", "email"}))
MET = ("40001", "40P01")


TABLES = "workspace, profile, identifier, naming, inbox, seen_message"


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[str]:
    name = "tamshy_races"
    yield databases.create(name, databases.template)
    databases.drop(name)


@pytest.fixture
def shop(database: str) -> str:
    with sqlkit.connect(database) as conn:
        conn.execute(f"truncate {TABLES} cascade".encode())
        conn.execute("insert into workspace (id, name, first_bucket, buckets) values (1, 'shop', 0, 64)")
    return database


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - dice of a test, no secrets


def call(number: int, **given: Any) -> Call:  # noqa: ANN401 - a call's own fields
    moment = NOW + timedelta(seconds=number)
    return Call(**{"kind": CallKind.TRACK, "name": "E", "occurred_at": moment, "received_at": moment, **given})


def at_once(dsn: str, batches: Sequence[Sequence[Call]]) -> list[Stored]:
    """Store each batch in a thread and connection of its own, all starting together; what met is run again."""
    start = threading.Barrier(len(batches))

    def run(batch: Sequence[Call]) -> Stored:
        with sqlkit.connect(dsn) as conn:
            start.wait()
            while True:
                try:
                    stored = store(conn, SHOP, batch)
                    conn.commit()
                except sqlkit.Error as exc:
                    conn.rollback()
                    if sqlkit.sqlstate(exc) not in MET:
                        raise
                else:
                    return stored

    with ThreadPoolExecutor(len(batches)) as threads:
        return list(threads.map(run, batches))


def look(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with sqlkit.connect(dsn) as conn:
        return conn.execute(statement.encode()).fetchall()


def test_the_same_calls_from_eight_processes_count_once(shop: str) -> None:
    calls = [call(n, user_id=f"u{n % 17}", key=f"s|m{n}") for n in range(200)]
    shuffled = [dice_of(seed).sample(calls, len(calls)) for seed in range(8)]
    stored = at_once(shop, shuffled)
    assert sum(one.accepted for one in stored) == 200
    assert sum(one.repeated for one in stored) == 7 * 200
    assert look(shop, "select count(*), count(distinct id) from inbox") == [(200, 200)]


def test_a_newcomer_that_all_meet_at_once_is_one_profile(shop: str) -> None:
    at_once(shop, [[call(n, user_id="u1", anonymous_id="a1")] for n in range(8)])
    assert look(shop, "select count(*) from profile") == [(1,)]
    assert look(shop, "select count(distinct profile), count(*) from inbox") == [(1, 8)]


@pytest.mark.parametrize("seed", range(4))
def test_two_users_that_name_themselves_at_one_device_at_once_stay_two(shop: str, seed: int) -> None:
    at_once(shop, [[call(0, anonymous_id="a1")]])
    batches = [[call(n, user_id=f"u{n}", anonymous_id="a1")] for n in range(6)]
    dice_of(seed).shuffle(batches)
    at_once(shop, batches)
    # One of them was first at the anonymous device and is that visitor now; the others are people of their own.
    users = look(shop, "select count(distinct profile) from identifier where kind = 'user_id'")
    assert users == [(6,)]
    assert look(shop, "select count(*) from inbox where kind = 'merge'") == [(0,)]


def test_merges_of_one_chain_at_once_end_at_one_profile(shop: str) -> None:
    at_once(shop, [[call(n, user_id=f"u{n}") for n in range(12)]])
    ties = [[call(100 + n, kind=CallKind.ALIAS, user_id=f"u{n}", previous_id=f"u{n + 1}")] for n in range(11)]
    at_once(shop, ties)
    assert look(shop, "select count(distinct profile) from identifier") == [(1,)]
    # Every merge lies in both inboxes, and no profile lost twice.
    assert look(shop, "select count(*), count(distinct id) from inbox where kind = 'merge'") == [(22, 11)]
    lost = "select count(distinct facts ->> 'loser') from inbox where kind = 'merge'"
    assert look(shop, lost) == [(11,)]


def _random_batches(dice: random.Random) -> list[list[Call]]:
    """Batches over few people, so that they meet all the time."""
    makers: list[Callable[[int], Call]] = [
        lambda n: call(n, user_id=f"u{dice.randrange(6)}", key=f"s|{n}"),
        lambda n: call(n, anonymous_id=f"a{dice.randrange(8)}", key=f"s|{n}"),
        lambda n: call(n, user_id=f"u{dice.randrange(6)}", anonymous_id=f"a{dice.randrange(8)}", key=f"s|{n}"),
        lambda n: call(
            n, kind=CallKind.ALIAS, user_id=f"u{dice.randrange(6)}", previous_id=f"a{dice.randrange(8)}", key=f"s|{n}"
        ),
        lambda n: call(
            n,
            kind=CallKind.IDENTIFY,
            user_id=f"u{dice.randrange(6)}",
            properties={"email": f"p{dice.randrange(4)}@example.com"},
            key=f"s|{n}",
        ),
    ]
    numbers = iter(range(10_000))
    return [[dice.choice(makers)(next(numbers)) for _ in range(25)] for _ in range(6)]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_meets_nothing_is_lost_and_every_identifier_leads_to_a_profile_that_stays(
    shop: str, seed: int
) -> None:
    batches = _random_batches(dice_of(seed))
    stored = at_once(shop, batches)
    assert sum(one.accepted for one in stored) == 150
    kept = sum(one.kind is not CallKind.ALIAS for batch in batches for one in batch)
    assert look(shop, "select count(*) from inbox where kind <> 'merge'") == [(kept,)]
    # Nobody is merged away twice, and no identifier is left with one that was.
    losers = "select facts ->> 'loser' as loser, count(distinct id) from inbox where kind = 'merge' group by 1"
    assert [times for _, times in look(shop, losers) if times != 1] == []
    left = f"select count(*) from identifier where profile::text in (select loser from ({losers}) x)"
    assert look(shop, left) == [(0,)]
    # Each row's bucket is its profile's, and every profile is there.
    strays = "select count(*) from inbox i left join profile p using (bucket, workspace) where p.id is null"
    assert look(shop, strays) == [(0,)]
