"""History that is let go of: what goes, what stays because somebody may still ask for it, and that no decision changes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import Feed, HandClock, Shop, calls_of, found_shop, journal, links, ref_of, small
from tests.oracle.history import history as made_history
from tests.oracle.history import write_workspace

from tamshy.domain.duration import Duration
from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder, read_workspace
from tamshy.language.model import Keep
from tamshy.publish import load_rulebook
from tamshy.render.children import InProcess
from tamshy.retain import FOREVER, Gone, Limits, let_go, limits, needs
from tamshy.sqlkit import connect
from tamshy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

DAY = timedelta(days=1)
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
SLACK = 2 * DAY


def let_all_go(conn: Connection, found: Limits, now: datetime) -> Gone:
    """Go once through everybody."""
    total = Gone()
    for bucket, fence in conn.execute("select bucket, fence from lease order by bucket").fetchall():
        conn.execute("delete from retention")
        while (gone := let_go(conn, found, bucket, fence, now, 3)).people:
            total.add(gone)
    conn.commit()
    return total


# -- decisions are the same ---------------------------------------------------------------------------------------------------


def lived(
    databases: Databases,
    name: str,
    variety: int,
    size: tuple[int, int],
    folder: Path,
    between: Callable[[Connection, datetime], None],
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Live through a history in strides of some hours, with something done in between; what was decided and converted."""
    files = read_folder(folder)
    lines = [json.dumps(line) for line in made_history(*size, seed=variety + 7, delayed=0.1)]
    history = calls_from_lines(lines, zone=ZoneInfo(("Asia/Almaty", "Europe/Berlin", "America/New_York")[variety]))
    with connect(databases.create(name, databases.template)) as conn:
        book = found_shop(conn, files, buckets=3)
        feed = Feed(conn, ref_of(book), calls_of(history))
        at = feed.calls[0].received_at
        end = feed.calls[-1].received_at + 40 * DAY
        shop = Shop(databases.address(name), conn, book, HandClock(at, speed=3_000))
        while at < end:
            feed.until(at)
            shop.work(at)
            between(conn, at)
            at += 2 * DAY if feed.next_arrival() else 20 * DAY
        converted = conn.execute("select profile, flow, event, value from conversion order by 1, 2, 3").fetchall()
        told = journal(conn)
    databases.drop(name)
    return told, converted


def same_decisions(databases: Databases, variety: int, size: tuple[int, int], folder: Path) -> Gone:
    """Live twice, the second time letting go of all that the rules do not need any more; gives what went."""
    write_workspace(folder, variety)
    shortest = Keep(Duration(), Duration(), Duration(), None)
    gone = Gone()

    def prune(conn: Connection, at: datetime) -> None:
        book = load_rulebook(conn, "simulation")
        object.__setattr__(book.settings, "keep", shortest)
        gone.add(let_all_go(conn, limits(book, at), at))

    name = f"tamshy_retain_{variety}"
    kept = lived(databases, f"{name}_kept", variety, size, folder, lambda _conn, _at: None)
    let = lived(databases, f"{name}_let", variety, size, folder, prune)
    assert len(kept[0]) > size[1] // 4
    assert let == kept
    return gone


@pytest.mark.slow
def test_decisions_are_the_same_with_and_without(databases: Databases, tmp_path: Path) -> None:
    gone = same_decisions(databases, 0, (12, 150), tmp_path)
    assert gone.events > 30
    assert gone.messages > 0


@pytest.mark.prove
@pytest.mark.parametrize("variety", [0, 1, 2])
def test_decisions_are_the_same_with_and_without_at_size(databases: Databases, tmp_path: Path, variety: int) -> None:
    gone = same_decisions(databases, variety, (150, 3_000), tmp_path)
    assert gone.events > 500
    assert gone.messages > 50


# -- what the rules need ------------------------------------------------------------------------------------------------------


FLOWS = {
    "windows": """\
trigger: {event: Checkout Started, where: {event.value: {gte: 1}}}
audience:
  all: [{did_not: Order Completed, within: 7d}, {not: {did: Order Completed, within: 1mo}}]
conversion: {event: Order Completed, within: 5d}
steps:
  - wait: 1d
  - branch:
      - if: {any: [{did: Looked, after: 2026-01-01}, {last: Called, ago: {gt: 2d}}]}
        steps: [{send: hello, if: {received: any, within: 20d}}]
      - else: [{send: again, if: {clicked: hello, within: 9d}}]
""",
    "ever": "trigger: {event: Signed Up}\naudience: {did: Bought Anything}\nsteps: [{send: hello}]\n",
}


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop whose rules look back in every way."""
    settings = "caps: [{messages: 3, per: 40d}]\nkeep: {events: 60d, messages: 100d, bodies: 10d, decisions: 50d}\n"
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, settings=settings), buckets=4, zones=["UTC"])
        yield Shop(dsn, conn, book, HandClock(T0))


def test_what_the_rules_need_is_known_by_event(shop: Shop) -> None:
    found = needs(shop.book)
    assert found.events == {
        "Order Completed": 31 * DAY + SLACK,
        "Called": FOREVER,
        "Message Clicked": 9 * DAY + SLACK,
        "Bought Anything": FOREVER,
    }
    assert found.since == {"Looked": datetime(2026, 1, 1, tzinfo=UTC)}
    assert found.messages == 40 * DAY + SLACK
    assert found.entries == 5 * DAY + SLACK
    assert found.because == {
        "Order Completed": "windows",
        "Called": "windows",
        "Looked": "windows",
        "Message Clicked": "windows",
        "Bought Anything": "ever",
        "": "caps",
    }


def test_what_is_kept_is_the_longer_of_what_the_shop_wants_and_the_rules_need(shop: Shop) -> None:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    found = limits(shop.book, now)
    general = now - 60 * DAY - SLACK
    assert found == Limits(
        events=general,
        carts=general,
        names={
            "Order Completed": general,
            "Called": None,
            "Message Clicked": general,
            "Bought Anything": None,
            "Looked": datetime(2026, 1, 1, tzinfo=UTC),
        },
        entries=general,
        messages=now - 100 * DAY - SLACK,
        bodies=now - 10 * DAY - SLACK,
        decisions=now - 50 * DAY - SLACK,
    )
    object.__setattr__(shop.book.settings, "keep", Keep(messages=Duration(days=1)))
    assert limits(shop.book, now) == Limits(messages=now - 40 * DAY - SLACK)
    object.__setattr__(shop.book.settings, "keep", Keep())
    assert limits(shop.book, now).nothing


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "keep: {events: 29d}\n",
            "tamshy.yaml:1:16: 'events' must be kept for at least 30d: so long a call may be sent again",
        ),
        (
            "keep: {messages: 2mo}\n",
            "tamshy.yaml:1:18: 'messages' must be kept for at least 90d: so long unsubscribing",
        ),
        ("keep: {bodies: 1d}\n", "tamshy.yaml:1:16: 'bodies' must be kept for at least 7d"),
        ("keep: {decisions: 1w}\n", "tamshy.yaml:1:19: 'decisions' must be kept for at least 30d"),
        ("keep: {event: 1y}\n", "tamshy.yaml:1:8: unknown key 'event'"),
    ],
)
def test_what_would_break_promises_is_refused(text: str, problem: str) -> None:
    (found,) = read_workspace({"tamshy.yaml": text})[1]
    assert str(found).startswith(problem)


# -- what goes ----------------------------------------------------------------------------------------------------------------


def counted(shop: Shop) -> dict[str, int]:
    tables = ("event", "entry", "enrollment", "message", "content", "delivery", "engagement", "journal", "consent")
    return {table: int(str(shop.query(f"select count(*) from {table}")[0][0])) for table in tables}


def mailed(shop: Shop, user: str, at: datetime) -> None:
    """Somebody who has bought something once signs up, and is sent a mail; its hand-over is settled."""
    shop.identify(user, at, email=f"{user}@example.com")
    shop.track(user, "Bought Anything", at)
    shop.track(user, "Signed Up", at + timedelta(seconds=1))
    shop.work(at + timedelta(seconds=2))
    shop.conn.execute("update delivery set state = 'sent', settled_at = %s where state = 'queued'", [at])
    shop.conn.execute(
        "insert into engagement (bucket, profile, id, message, kind, occurred_at, machine)"
        " select bucket, profile, id, id, 'opened', %(at)s, false from message on conflict do nothing",
        {"at": at},
    )
    shop.conn.commit()


def test_what_is_old_goes_and_what_is_needed_for_ever_stays(shop: Shop) -> None:
    mailed(shop, "u1", T0)
    assert counted(shop) == {
        "event": 3,  # bought, signed up, sent
        "entry": 1,
        "enrollment": 1,
        "message": 1,
        "content": 1,
        "delivery": 1,
        "engagement": 1,
        "journal": 3,
        "consent": 0,
    }
    before = counted(shop)
    assert let_all_go(shop.conn, limits(shop.book, T0 + 11 * DAY), T0).rows == 0
    assert counted(shop) == before

    gone = let_all_go(shop.conn, limits(shop.book, T0 + 13 * DAY), T0)
    assert (gone.bodies, gone.rows) == (1, 1)
    assert shop.query("select subject, html, plain, links <> 'null' from content") == [("", "", "", True)]

    gone = let_all_go(shop.conn, limits(shop.book, T0 + 63 * DAY), T0)
    assert (gone.events, gone.entries, gone.decisions, gone.messages) == (2, 1, 3, 0)
    assert shop.query("select name from event") == [("Bought Anything",)]

    gone = let_all_go(shop.conn, limits(shop.book, T0 + 103 * DAY), T0)
    assert (gone.messages, gone.rows) == (1, 1)
    assert {table: count for table, count in counted(shop).items() if count} == {"event": 1, "enrollment": 1}
    # Once is once, however long ago.
    shop.track("u1", "Signed Up", T0 + 400 * DAY)
    shop.work(T0 + 400 * DAY)
    assert [row[3:] for row in shop.told("u1")] == [("refused", "reentry")]


def test_who_is_inside_keeps_all_that_has_happened_since(shop: Shop) -> None:
    shop.identify("u1", T0, email="u1@example.com")
    shop.track("u1", "Looked", T0 - 5 * DAY)
    shop.track("u1", "Visited", T0)
    shop.track("u1", "Checkout Started", T0 + timedelta(seconds=1), value=2)
    shop.track("u1", "Looked", T0 + timedelta(seconds=2))
    shop.work(T0 + timedelta(seconds=3))
    assert shop.query("select active from enrollment") == [(True,)]
    everything = Limits(events=T0 + 500 * DAY, carts=T0 + 500 * DAY, decisions=T0 + 500 * DAY)
    let_all_go(shop.conn, everything, T0)
    assert {row[0] for row in shop.query("select name from event")} == {"Checkout Started", "Looked"}
    assert shop.query("select value from cart") == [(2,)]
    shop.conn.execute("update enrollment set active = false, exited_at = entered_at")
    shop.conn.commit()
    let_all_go(shop.conn, everything, T0)
    assert shop.query("select name from event") == []


@pytest.mark.parametrize("state", ["queued", "handing_over", "uncertain"])
def test_what_is_on_its_way_or_in_doubt_stays_however_old(shop: Shop, state: str) -> None:
    mailed(shop, "u1", T0)
    shop.conn.execute("update delivery set state = %s", [state])
    shop.conn.commit()
    gone = let_all_go(shop.conn, Limits(messages=T0 + 500 * DAY, bodies=T0 + 500 * DAY), T0)
    assert gone.rows == 0
    assert shop.query("select html <> '' from content") == [(True,)]


# -- how it goes --------------------------------------------------------------------------------------------------------------


def test_a_round_looks_at_each_once_a_day_and_goes_on_where_it_was(shop: Shop) -> None:
    shop.conn.execute("delete from lease where bucket <> 0")
    shop.conn.execute(
        "insert into profile (bucket, id, workspace, die, created_at, zone)"
        " select 0, md5(n::text)::uuid, 1, n::text, now(), 'UTC' from generate_series(1, 7) n"
    )
    shop.conn.commit()
    some = Limits(events=T0)
    ((fence,),) = shop.query("select fence from lease")
    assert isinstance(fence, int)
    looked = [let_go(shop.conn, some, 0, fence, T0, 3).people for _ in range(4)]
    assert looked == [3, 3, 1, 0]
    assert let_go(shop.conn, some, 0, fence, T0 + DAY - timedelta(seconds=1), 3).people == 0
    assert let_go(shop.conn, some, 0, fence, T0 + DAY, 3).people == 3
    # A bucket that has changed hands is another's.
    assert let_go(shop.conn, some, 0, fence + 1, T0 + 2 * DAY, 3).people == 0
    assert let_go(shop.conn, Limits(), 0, fence, T0 + 9 * DAY, 3).people == 0


def test_the_worker_does_it_beside_its_work_and_not_while_on_hold(shop: Shop) -> None:
    mailed(shop, "u1", T0)
    late = T0 + 63 * DAY
    shop.clock.at = late
    held = Worker(shop.dsn, "one", shop.clock, InProcess(), links, _minutes(shop, 3), clear=lambda _: False)
    held.serve()
    assert counted(shop)["event"] == 3
    shop.clock.grown = 0
    Worker(shop.dsn, "one", shop.clock, InProcess(), links, _minutes(shop, 3)).serve()
    assert (counted(shop)["event"], counted(shop)["journal"]) == (1, 0)


def _minutes(shop: Shop, count: int) -> Callable[[float], bool]:
    def wait(seconds: float) -> bool:
        shop.clock.grown += max(seconds, 1.0)
        return shop.clock.grown > count * 60

    return wait


def test_ten_times_the_people_cost_a_bite_no_more(shop: Shop) -> None:
    """A bite reads the rows of its people by their keys, whoever else is there."""

    def fill(first: int, last: int) -> None:
        shop.conn.execute(
            "insert into profile (bucket, id, workspace, die, created_at, zone)"
            " select 0, md5(n::text)::uuid, 1, n::text, now(), 'UTC' from generate_series(%(a)s::int, %(b)s) n",
            {"a": first, "b": last},
        )
        shop.conn.execute(
            "insert into event (bucket, profile, id, name, occurred_at, received_at, origin, properties, context)"
            " select 0, md5(n::text)::uuid, md5(concat(n, '/', k))::uuid, 'E', %(at)s, %(at)s, 0, '{}', '{}'"
            " from generate_series(%(a)s::int, %(b)s) n, generate_series(1, 10) k",
            {"a": first, "b": last, "at": T0},
        )
        shop.conn.commit()
        shop.conn.autocommit = True
        shop.conn.execute("vacuum analyze event")
        shop.conn.execute("vacuum analyze profile")
        shop.conn.autocommit = False

    def looked() -> int:
        shop.query("select pg_stat_force_next_flush()")
        ((blocks,),) = shop.query(
            "select sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint from pg_statio_user_tables"
        )
        assert isinstance(blocks, int)
        return blocks

    def bite() -> int:
        ((fence,),) = shop.query("select fence from lease where bucket = 0")
        assert isinstance(fence, int)
        before = looked()
        gone = let_go(shop.conn, Limits(events=T0 + DAY), 0, fence, T0, 20)
        assert (gone.people, gone.events) == (20, 200)
        shop.conn.rollback()
        return looked() - before

    fill(1, 400)
    few = bite()
    fill(401, 4_000)
    many = bite()
    assert many <= 2 * few
