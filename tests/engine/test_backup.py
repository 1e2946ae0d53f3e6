"""A backup taken while all goes on is one moment; restored, it sends only what was undecided or waiting in it."""

from __future__ import annotations

import json
import os
import tarfile
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy import sqlkit, standing
from tamshy.deliver import HandOver, Mail, Options, Outcome, Verdict, buckets_due
from tamshy.domain.token import Signer
from tamshy.publish import load_rulebook
from tamshy.site.cli import main
from tamshy.site.clock import Clock, SteadyClock
from tamshy.site.guarding import Guard
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

SCHEMA = "tamshy.schema.sql"
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIGNER = Signer(["a secret for tests, long enough"])
CART = """\
trigger: {event: Go}
reentry: always
per: event.cart
steps: [{wait: 1h}, {send: first}, {wait: 1h}, {send: second}]
"""


class Outbox:
    """A sender that takes everything, and remembers it."""

    slots = 4

    def __init__(self) -> None:
        self.taken: list[UUID] = []

    def hand_over(self, mail: Mail, lease_holds: Callable[[], bool]) -> Verdict:
        assert lease_holds()
        self.taken.append(mail.message)
        return Verdict(Outcome.ACCEPTED)

    def close(self) -> None:
        """Nothing is open."""


def hand_over(dsn: str, clock: HandClock, guard: Guard | None = None) -> list[UUID]:
    """Hand over what is due, if the guard lets it; gives the messages."""
    box = Outbox()
    over = HandOver(box, Options(), SIGNER, "https://mail.example", clock.now, lambda _: None, "test")
    with connect(dsn, autocommit=True) as conn:
        while (guard is None or guard.clear(conn)) and (due := buckets_due(conn, clock.now())):
            over.run(conn, due, 500)
    over.close()
    return box.taken


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with a flow of two messages."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"cart": CART}), buckets=4, zones=["UTC"])
        standing.founded(conn, standing.whereabouts(conn), UUID(int=1), T0)
        conn.commit()
        yield Shop(dsn, conn, book, HandClock(T0))


@pytest.fixture
def elsewhere(empty_dsn: str) -> str:
    """Give the DSN of an empty database."""
    return empty_dsn


def backed_up(dsn: str, path: Path, tell: Callable[[int, int], None] = lambda _done, _all: None) -> sqlkit.Archive:
    with connect(dsn) as conn:
        return sqlkit.write_archive(conn, path, leave_out=("worker", "anchor"), tell=tell)


def slowly(_done: int, _all: int) -> None:
    """Leave time for life between two pieces."""
    threading.Event().wait(0.02)


def brought_back(dsn: str, path: Path) -> None:
    with connect(dsn) as conn:
        sqlkit.read_archive(conn, path, SCHEMA)
        standing.hold(conn, ["restored"], T0)
        conn.commit()


def content(conn: Connection) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    names = [row[0] for row in conn.execute("select tablename from pg_tables where schemaname = 'public'")]
    kept = sorted(set(names) - {"worker", "anchor", "installation", "schema_version"})
    return {
        name: sorted(row[0] for row in conn.execute(f"select t::text from {name} t".encode()).fetchall())
        for name in kept
    }


def test_what_is_restored_is_what_was_backed_up_to_the_byte(shop: Shop, elsewhere: str, tmp_path: Path) -> None:
    odd = "a\tb\\n\r\n\u2028 ünï \\N 'quoted' \"x\""
    shop.identify("u1", T0, email="u1@example.com", first_name=odd, cart=None)
    shop.track("u1", "Go", T0, cart="c1", note=odd)
    shop.work(T0)
    shop.work(T0 + HOUR)
    before = content(shop.conn)
    assert len(before["content"]) == 1
    made = backed_up(shop.dsn, tmp_path / "b")
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert {name: made.rows[name] for name in before} == {name: len(rows) for name, rows in before.items()}
    brought_back(elsewhere, tmp_path / "b")
    with connect(elsewhere) as conn:
        assert content(conn) == before
        assert sqlkit.migrate(conn, SCHEMA) == ()


def test_a_backup_under_load_is_one_moment_and_resumes_with_what_was_undecided(
    shop: Shop, elsewhere: str, tmp_path: Path
) -> None:
    """Calls come in, passes are made and mail leaves all the while; in the copy nothing is half done, and nothing goes twice."""
    people = 120
    for number in range(people):
        shop.identify(f"u{number}", T0, email=f"u{number}@example.com")
        shop.track(f"u{number}", "Go", T0 + timedelta(seconds=number), cart="c")
    shop.work(T0 + timedelta(minutes=5))
    started, stop = threading.Event(), threading.Event()
    first: list[UUID] = []

    def live() -> None:
        for minute in range(0, 240, 2):
            shop.work(T0 + HOUR + timedelta(minutes=minute) / 10)
            first.extend(hand_over(shop.dsn, shop.clock))
            shop.track(f"u{minute % people}", "Go", shop.clock.at, cart=f"c{minute}")
            started.set()
            if stop.is_set():
                return

    life = threading.Thread(target=live)
    life.start()
    assert started.wait(30)
    # The life goes on between one table and the next.
    made = backed_up(shop.dsn, tmp_path / "b", slowly)
    stop.set()
    life.join()
    first.extend(hand_over(shop.dsn, shop.clock))
    brought_back(elsewhere, tmp_path / "b")

    with connect(elsewhere) as conn:
        consistent(conn)
        settled = {row[0] for row in conn.execute("select message from delivery where state = 'sent'")}
        (entered,) = conn.execute("select count(*) from enrollment").fetchone() or (0,)
        conn.commit()
        assert made.rows["enrollment"] == entered
        assert settled <= set(first)
        copy = Shop(elsewhere, conn, load_rulebook(conn, NAME), HandClock(shop.clock.at))
        guard = Guard(SteadyClock(Clock()))
        copy.work(T0 + 5 * HOUR, clear=guard.clear)
        assert hand_over(elsewhere, copy.clock, guard) == []

        standing.confirm(conn, standing.whereabouts(conn), UUID(int=2), copy.clock.at)
        conn.commit()
        # Longer than any claim that was under way in the copy.
        after = Guard(SteadyClock(Clock()))
        for hour in range(5, 9):
            copy.work(T0 + hour * HOUR, clear=after.clear)
            second = hand_over(elsewhere, copy.clock, after)
            assert settled.isdisjoint(second)
            assert len(second) == len(set(second))
            settled |= set(second)
        consistent(conn)
        states: dict[str, int] = dict(conn.execute("select state, count(*)::int from delivery group by 1").fetchall())
        assert states.keys() <= {"sent", "uncertain"}
        # Every person's first cart has come to its end, each of its two messages decided once.
        ended = "select count(*)::int from enrollment where key = 'c' and exit_reason = 'finished'"
        assert conn.execute(ended).fetchone() == (people,)


def consistent(conn: Connection) -> None:
    """Nothing is half done: what one transaction wrote is there whole."""
    for what, sql in {
        "an enrollment has its entry and its line": "select count(*) from enrollment e where not exists (select from entry n"
        " where n.enrollment = e.id) or not exists (select from journal j where j.enrollment = e.id and j.outcome = 'entered')",
        "a sent message has its content and its delivery": "select count(*) from message m where m.state = 'sent' and (not exists"
        " (select from content c where c.message = m.id) or not exists (select from delivery d where d.message = m.id))",
        "a delivery has its message": "select count(*) from delivery d where not exists"
        " (select from message m where m.id = d.message and m.state = 'sent')",
        "an item is waiting or taken in, not both": "select count(*) from inbox i join event e on e.id = i.id",
        "a decision has one line": "select count(*) from (select enrollment, step, id from journal where outcome = 'sent'"
        " group by 1, 2, 3 having count(*) > 1) twice",
    }.items():
        assert conn.execute(sql.encode()).fetchone() == (0,), what


def spoilt(path: Path, how: Callable[[bytes], bytes]) -> Path:
    made = path.with_name("spoilt")
    made.write_bytes(how(path.read_bytes()))
    return made


def flipped(data: bytes) -> bytes:
    """One bit, inside a piece of a table."""
    at = data.index(b"tables/profile/") + 512 + 40
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda data: data[: len(data) // 2], "whole"),
        (lambda data: data[: data.rindex(b"checks.json")], "its end is missing"),
        (flipped, "whole|changed after it was made"),
        (lambda _: b"", "no (whole )?backup"),
        (lambda _: b"PGDMP" + bytes(600), "no (whole )?backup"),
        (lambda data: data.replace(b'"format": 1', b'"format": 2'), "newer Tamshy"),
        (lambda data: data.replace(b'"0001_engine.sql"', b'"9001_engine.sql"'), r"newer Tamshy \(it has 9001_engine"),
    ],
    ids=["half", "no_end", "a_bit", "empty", "another_program", "format", "schema"],
)
def test_a_bad_file_is_refused_and_changes_nothing(
    shop: Shop, elsewhere: str, tmp_path: Path, how: Callable[[bytes], bytes], said: str
) -> None:
    shop.identify("u1", T0, email="u1@example.com")
    backed_up(shop.dsn, tmp_path / "b")
    bad = spoilt(tmp_path / "b", how)
    with connect(elsewhere) as conn:
        with pytest.raises(sqlkit.BadArchive, match=said):
            sqlkit.read_archive(conn, bad, SCHEMA)
        conn.commit()
        assert conn.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone() == (0,)


def test_a_database_with_tables_is_not_overwritten(shop: Shop, tmp_path: Path) -> None:
    backed_up(shop.dsn, tmp_path / "b")
    with connect(shop.dsn) as conn, pytest.raises(sqlkit.NotEmpty, match="restore into an empty one"):
        sqlkit.read_archive(conn, tmp_path / "b", SCHEMA)


def test_a_backup_does_not_overwrite_and_leaves_nothing_where_it_fails(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        backed_up(shop.dsn, tmp_path / "b")

    def burst(_done: int, _all: int) -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        backed_up(shop.dsn, tmp_path / "c", burst)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "mine"


def test_the_archive_is_one_that_anybody_can_look_into(shop: Shop, tmp_path: Path) -> None:
    backed_up(shop.dsn, tmp_path / "b")
    with tarfile.open(tmp_path / "b") as tar:
        names = tar.getnames()
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        told = json.load(manifest)
    assert (names[0], names[-1]) == ("manifest.json", "checks.json")
    order = [table["name"] for table in told["tables"]]
    assert order.index("workspace") < order.index("flow") < order.index("flow_version")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("TAMSHY_SECRET_KEY", "0123456789abcdef0123456789abcdef")

    def ran(dsn: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("DATABASE_URL", dsn)
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


def test_the_commands_back_up_restore_hold_and_confirm(
    run: Callable[..., tuple[int, str, str]], databases: Databases, elsewhere: str, tmp_path: Path
) -> None:
    name = f"tamshy_backup_{os.getpid()}"
    dsn = databases.create(name)
    file = str(tmp_path / "b")
    try:
        assert run(dsn, "backup", file)[0] == 2
        assert run(dsn, "migrate")[0] == 0
        code, said, remarked = run(dsn, "backup", file)
        assert (code, "tables in" in said, "TAMSHY_SECRET_KEY is not in it" in remarked) == (0, True, True)
        assert run(dsn, "backup", file)[0] == 2
        assert run(dsn, "restore", file) == (
            2,
            "",
            "tamshy restore: the database holds tables (anchor …): restore into an empty one, nothing is overwritten\n",
        )
        assert run(dsn, "confirm") == (0, "it is not on hold; there is nothing to confirm\n", "")

        assert run(elsewhere, "restore", str(tmp_path / "nothing"))[0] == 2
        code, said, _ = run(elsewhere, "restore", file)
        assert (code, "on hold: calls are stored" in said) == (0, True)
        assert "BAD   installation: on hold: " in run(elsewhere, "doctor")[1]
        code, said, _ = run(elsewhere, "confirm", "--dry-run")
        assert (code, "0 messages would leave:" in said) == (0, True)
        told = json.loads(run(elsewhere, "confirm", "--dry-run", "--json")[1])
        assert (told["on_hold"], sorted(told["reasons"])) == (True, ["restored"])
        code, said, _ = run(elsewhere, "confirm")
        assert (code, said.splitlines()[-1]) == (0, "confirmed: work goes on within a second")
        assert "ok    installation: clear" in run(elsewhere, "doctor")[1]
        assert run(elsewhere, "hold")[0] == 0
        assert "somebody put it on hold" in run(elsewhere, "confirm", "--dry-run")[1]
        # Upgraded, the copy that was confirmed is itself, and the original too.
        assert run(dsn, "migrate")[0] == 0
        assert run(dsn, "confirm", "--dry-run")[1].startswith("it is not on hold")
    finally:
        databases.drop(name)
