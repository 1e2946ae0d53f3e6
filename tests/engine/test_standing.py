"""A copy of a database does not mail until a person confirms it; the database itself, started anew or moved, does."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.engine.deliveries import person, sent_message, workspace
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy import standing
from tamshy.publish import pause
from tamshy.site.clock import Clock, SteadyClock
from tamshy.site.guarding import Guard
from tamshy.sqlkit import connect, scratch_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST, SECOND = UUID(int=1), UUID(int=2)


@pytest.fixture
def original(databases: Databases) -> Iterator[str]:
    """Give the name of a database that was founded, with a message that waits to leave."""
    name = f"tamshy_original_{os.getpid()}"
    dsn = databases.create(name, databases.template)
    with connect(dsn) as conn:
        workspace(conn)
        sent_message(conn, person(conn, "aia"))
        standing.founded(conn, standing.whereabouts(conn), FIRST, T0)
        conn.commit()
    yield name
    databases.drop(name)


def found(conn: Connection, **more: str) -> tuple[str, ...]:
    return standing.look(conn, standing.whereabouts(conn, **more)).reasons


def test_where_it_was_founded_it_is_clear_however_often_it_is_looked_at(databases: Databases, original: str) -> None:
    for _ in range(3):
        with connect(databases.address(original)) as conn:
            assert standing.look(conn, standing.whereabouts(conn)) == standing.Standing(FIRST)


def test_founding_again_changes_nothing(databases: Databases, original: str) -> None:
    with connect(databases.address(original)) as conn:
        standing.founded(conn, {"database": "0"}, SECOND, T0 + HOUR)
        assert standing.look(conn, standing.whereabouts(conn)).id == FIRST


def test_a_database_that_was_never_founded_is_clear(db: Connection) -> None:
    assert standing.look(db, standing.whereabouts(db)) == standing.Standing()


def test_a_copy_beside_the_original_is_held_and_the_original_is_not(databases: Databases, original: str) -> None:
    copy = f"{original}_copy"
    dsn = databases.create(copy, original)
    try:
        with connect(dsn) as conn:
            assert found(conn) == ("database",)
        with connect(databases.address(original)) as conn:
            assert found(conn) == ()
    finally:
        databases.drop(copy)


def test_a_renamed_database_is_itself(databases: Databases, original: str) -> None:
    other = f"{original}_renamed"
    with connect(databases.admin, autocommit=True) as admin:
        admin.execute(f"alter database {original} rename to {other}".encode())
        try:
            with connect(databases.address(other)) as conn:
                assert found(conn) == ()
        finally:
            admin.execute(f"alter database {other} rename to {original}".encode())


def dumped(programs: Path, dsn: str, file: Path) -> None:
    subprocess.run([programs / "pg_dump", "-Fc", "-f", file, dsn], check=True, capture_output=True)


def restored(programs: Path, dsn: str, file: Path, *more: str) -> None:
    subprocess.run([programs / "pg_restore", *more, "-d", dsn, file], check=True, capture_output=True)


def test_a_dump_restored_into_another_database_is_held(
    databases: Databases, original: str, database_programs: Path, tmp_path: Path
) -> None:
    dumped(database_programs, databases.address(original), tmp_path / "dump")
    copy = f"{original}_restored"
    dsn = databases.create(copy)
    try:
        restored(database_programs, dsn, tmp_path / "dump")
        with connect(dsn) as conn:
            assert "database" in found(conn)
    finally:
        databases.drop(copy)


def test_a_dump_restored_on_another_server_is_held(
    databases: Databases, original: str, database_programs: Path, tmp_path: Path
) -> None:
    dumped(database_programs, databases.address(original), tmp_path / "dump")
    with scratch_server(programs=database_programs) as server:
        restored(database_programs, server.dsn, tmp_path / "dump")
        with connect(server.dsn) as conn:
            # Throwaway servers of one build are copies of one template, and have its number.
            assert found(conn) in {("server",), ("database", "table")}


def test_a_dump_restored_over_the_very_database_is_held(
    databases: Databases, original: str, database_programs: Path, tmp_path: Path
) -> None:
    """What was sent since the dump is not known in it any more."""
    dsn = databases.address(original)
    dumped(database_programs, dsn, tmp_path / "dump")
    restored(database_programs, dsn, tmp_path / "dump", "--clean")
    with connect(dsn) as conn:
        assert found(conn) == ("table",)


def test_another_folder_or_name_is_held_and_an_unknown_one_is_not(databases: Databases, original: str) -> None:
    with connect(databases.address(original)) as conn:
        standing.learn(conn, standing.whereabouts(conn, folder="f1", name="production"))
        assert found(conn) == ()
        assert found(conn, folder="f1", name="production") == ()
        assert found(conn, folder="f2") == ("folder",)
        assert found(conn, name="staging") == ("name",)


def test_confirmed_it_is_clear_under_a_new_id_and_the_copy_of_it_is_not(databases: Databases, original: str) -> None:
    copy = f"{original}_copy"
    dsn = databases.create(copy, original)
    try:
        with connect(dsn) as conn:
            here = standing.whereabouts(conn)
            assert standing.hold(conn, found(conn), T0, here)
            assert not standing.hold(conn, found(conn), T0 + HOUR, here)
            assert standing.look(conn, here) == standing.Standing(FIRST, ("database",), T0)
            standing.confirm(conn, here, SECOND, T0 + HOUR)
            assert standing.look(conn, here) == standing.Standing(SECOND)
    finally:
        databases.drop(copy)


def test_what_only_another_process_saw_is_confirmed_too(databases: Databases, original: str) -> None:
    """The data folder is seen by `serve`; whoever confirms may reach the database alone."""
    with connect(databases.address(original)) as conn:
        here = standing.whereabouts(conn)
        standing.learn(conn, {"folder": "f1"})
        standing.hold(conn, ["folder"], T0, {"folder": "f2"})
        assert found(conn) == ("folder",)
        standing.confirm(conn, here, SECOND, T0)
        assert found(conn, folder="f2") == ()
        assert found(conn, folder="f1") == ("folder",)


def test_held_by_hand_it_is_held_and_a_reason_may_go_by_itself(databases: Databases, original: str) -> None:
    with connect(databases.address(original)) as conn:
        standing.hold(conn, ["by_hand"], T0)
        standing.hold(conn, ["restored"], T0 + HOUR)
        assert standing.look(conn, {}) == standing.Standing(FIRST, ("by_hand", "restored"), T0)
        assert standing.release(conn, "restored")
        assert not standing.release(conn, "restored")
        assert standing.look(conn, {}) == standing.Standing(FIRST, ("by_hand",), T0)
        assert standing.release(conn, "by_hand")
        assert standing.look(conn, {}) == standing.Standing(FIRST)


def test_every_reason_has_a_sentence() -> None:
    assert all(standing.because([reason]) != reason for reason in (*standing.REASONS, "server"))


CART = "trigger: {event: Go}\nsteps: [{wait: 1h}, {send: first}, {wait: 1d}, {send: second}]\n"


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with two flows, that u1 and u2 have entered, and one of them u3."""
    with connect(dsn) as conn:
        flows = {"cart": CART, "track": "trigger: {event: Go}\nsteps: [{wait: 2h}, {exit: done}]\n"}
        book = found_shop(conn, small(flows), buckets=4, zones=["UTC"])
        standing.founded(conn, standing.whereabouts(conn), FIRST, T0)
        conn.commit()
        made = Shop(dsn, conn, book, HandClock(T0))
        for user in ("u1", "u2", "u3"):
            made.identify(user, T0, email=f"{user}@example.com")
            made.track(user, "Go", T0)
        made.work(T0)
        yield made


def test_on_hold_no_pass_is_made_and_what_arrives_is_kept(shop: Shop) -> None:
    standing.hold(shop.conn, ["by_hand"], T0)
    shop.conn.commit()
    guard = Guard(SteadyClock(Clock()))
    shop.track("u4", "Go", T0 + HOUR)
    shop.work(T0 + 2 * HOUR, clear=guard.clear)
    assert shop.query("select distinct outcome from journal") == [("entered",)]
    assert shop.query("select count(*) from inbox") == [(1,)]

    standing.confirm(shop.conn, {}, SECOND, T0 + 2 * HOUR)
    shop.conn.commit()
    shop.work(T0 + 2 * HOUR, clear=Guard(SteadyClock(Clock())).clear)
    assert shop.query("select outcome, count(*)::int from journal group by 1 order by 1") == [
        ("entered", 8),
        ("exited", 3),
        ("sent", 3),
        ("skipped", 1),  # u4 has no address
    ]


def test_what_would_leave_is_counted(shop: Shop) -> None:
    assert standing.waiting(shop.conn, T0) == standing.Waiting()
    assert standing.waiting(shop.conn, T0 + 2 * HOUR) == standing.Waiting(due=6, messages=3)
    shop.work(T0 + HOUR)
    assert standing.waiting(shop.conn, T0 + 2 * HOUR) == standing.Waiting(queued=3, due=3)
    pause(shop.conn, NAME, "track", at=T0 + HOUR)
    assert standing.waiting(shop.conn, T0 + 2 * HOUR) == standing.Waiting(queued=3)


def test_confirmed_with_skip_nothing_leaves_that_the_original_may_have_sent(shop: Shop) -> None:
    shop.work(T0 + HOUR)
    at = T0 + timedelta(days=2)
    standing.hold(shop.conn, ["restored"], at)
    standing.confirm(shop.conn, {}, SECOND, at, skip=True)
    shop.conn.commit()
    shop.work(at)
    assert shop.query("select distinct state, reason from delivery") == [("withdrawn", "restored")]
    assert shop.query("select message, state, reason, count(*)::int from message group by 1, 2, 3 order by 1") == [
        ("first", "sent", None, 3),
        ("second", "skipped", "expired", 3),
    ]


def test_a_guard_looks_at_a_new_connection_at_once_and_writes_down_what_it_finds(
    databases: Databases, original: str, caplog: pytest.LogCaptureFixture
) -> None:
    copy = f"{original}_copy"
    dsn = databases.create(copy, original)
    guard = Guard(SteadyClock(Clock()))
    try:
        with connect(databases.address(original)) as conn:
            assert guard.clear(conn)
        with connect(dsn) as conn:
            assert not guard.clear(conn)
            assert [row[0] for row in conn.execute("select held_for from installation")] == [["database"]]
        assert "on hold: this is another database than the one recorded" in caplog.text
        assert "tamshy confirm" in caplog.text
        with connect(databases.address(original)) as conn:
            assert guard.clear(conn)
    finally:
        databases.drop(copy)
