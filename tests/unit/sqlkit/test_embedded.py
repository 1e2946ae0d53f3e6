"""The embedded server goes on after the death of anything, and one process at a time runs it."""

from __future__ import annotations

import os
import pwd
import queue
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.sqlkit.processes import children, kill, owner_of, wait_for_end

from tamshy import sqlkit
from tamshy.sqlkit import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root does")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Give a data folder that no person named; what was kept for it elsewhere is removed at the end."""
    folder = tmp_path / "tamshy-data"
    yield folder
    note = folder / "postgres-lies-in"
    if note.exists() and not note.is_symlink():
        shutil.rmtree(note.read_text(encoding="utf-8").strip(), ignore_errors=True)


def start(data: Path, said: list[str] | None = None) -> sqlkit.EmbeddedServer:
    say = (said if said is not None else []).append
    return sqlkit.EmbeddedServer.open(data, named=False, durable=False, say=say)


def write(server: sqlkit.EmbeddedServer, number: int) -> None:
    with sqlkit.connect(server.dsn) as conn:
        conn.execute("create table if not exists t (a int)")
        conn.execute("insert into t values (%s)", [number])


def read(dsn: str) -> list[int]:
    with sqlkit.connect(dsn) as conn:
        return [a for (a,) in conn.execute("select a from t order by a").fetchall()]


def test_a_server_that_does_not_start_is_tried_again_until_it_does(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_PAUSE_BETWEEN_RESTARTS_S", 0.001)
    failed: queue.Queue[str] = queue.Queue()
    with sqlkit.EmbeddedServer.open(data, named=False, durable=False, say=failed.put) as server:
        write(server, 1)
        version = server.folder / "PG_VERSION"
        version.rename(version.with_suffix(".away"))
        os.kill(server.pid, signal.SIGKILL)
        for _ in range(8):
            while "did not start again" not in failed.get(timeout=60):
                pass
        version.with_suffix(".away").rename(version)
        deadline = time.monotonic() + 60
        while sqlkit.running_dsn(data, named=False) is None:
            assert time.monotonic() < deadline
        assert read(server.dsn) == [1]


def test_a_second_start_finds_what_the_first_one_wrote(data: Path) -> None:
    said: list[str] = []
    with start(data, said) as server:
        write(server, 1)
    with start(data, said) as server:
        assert read(server.dsn) == [1]
    assert said == ["Making the database, once"]


def test_it_listens_on_no_network_and_writes_durably_as_a_role_without_power(data: Path) -> None:
    with sqlkit.EmbeddedServer.open(data, named=False) as server, sqlkit.connect(server.dsn) as conn:
        row = conn.execute(
            "select current_setting('listen_addresses'), current_setting('fsync'),"
            " current_setting('synchronous_commit'), current_setting('jit'), current_setting('server_encoding'),"
            " (select rolsuper from pg_roles where rolname = current_user), lower('ҚАЗ'), 'a' < 'B'",
        ).fetchone()
    assert row == ("", "on", "on", "off", "UTF8", False, "қаз", False)


def test_nobody_else_gets_to_its_files(data: Path) -> None:
    with start(data) as server:
        assert server.folder.stat().st_mode & 0o777 == 0o700
        assert server.folder.parent.stat().st_mode & 0o777 == 0o700


def test_stopping_twice_is_harmless_and_ends_the_process(data: Path) -> None:
    server = start(data)
    handle = os.pidfd_open(server.pid)
    server.stop()
    wait_for_end(handle, 0)
    os.close(handle)
    server.stop()
    with pytest.raises(sqlkit.DatabaseUnavailable):
        sqlkit.connect(server.dsn)


# What a shell leaves to whatever it starts with `&`: the server ignores the signal as well, until it has come to say otherwise.
_GIVES_UP = """
import signal, sys, threading
from pathlib import Path
from tamshy import sqlkit
from tamshy.sqlkit.postmaster import Postmaster
signal.signal(signal.SIGQUIT, signal.SIG_IGN)
server = sqlkit.EmbeddedServer.open(Path(sys.argv[1]), named=False, durable=False)
server.stop()
given_up = threading.Event()
given_up.set()
for _ in range(3):
    try:
        Postmaster(server._start, print, given_up)
    except sqlkit.EmbeddedError:
        print("gave up", flush=True)
"""


def test_who_gives_up_waiting_for_a_start_waits_for_its_end_and_no_longer(data: Path) -> None:
    """Before, the one signal could be lost on a server that had only begun, and its end was waited for for ever."""
    command = [sys.executable, "-c", _GIVES_UP, str(data)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "gave up\n" * 3, "")
    assert sqlkit.running_dsn(data, named=False) is None


def test_a_killed_server_is_started_again_with_all_that_was_committed(data: Path) -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    with sqlkit.EmbeddedServer.open(data, named=False, say=said.put) as server:
        write(server, 1)
        first = server.pid
        kill(first)
        assert said.get(timeout=60) == "Making the database, once"
        assert said.get(timeout=60) == "PostgreSQL ended by itself (signal 9): starting it again"
        # `stop` waits for a start under way, and so does this: the new server is there when its guard is free.
        with server._guard:
            second = server.pid
        assert second != first
        assert read(server.dsn) == [1]


def test_a_killed_backend_restarts_the_sessions_and_loses_nothing(data: Path) -> None:
    with start(data) as server:
        write(server, 1)
        with sqlkit.connect(server.dsn) as conn:
            row = conn.execute("select pg_backend_pid()").fetchone()
            assert row is not None
            kill(row[0])
            with pytest.raises(sqlkit.Error) as raised:
                conn.execute("select 1")
        assert sqlkit.is_retryable(raised.value)
        assert _read_when_back(server.dsn) == [1]


def _read_when_back(dsn: str) -> list[int]:
    """Read as soon as the server lets anybody in; it answers at once, with no, while it recovers."""
    for _ in range(100_000):
        try:
            return read(dsn)
        except sqlkit.DatabaseUnavailable:
            continue
    raise AssertionError(dsn)


def test_the_server_stops_when_its_owner_is_killed_and_the_next_start_goes_on(data: Path) -> None:
    with owner_of(data) as owner:
        owner.listen()
        handle = os.pidfd_open(owner.server)
        kill(owner.process.pid)
        wait_for_end(handle)
        os.close(handle)
    said: list[str] = []
    with start(data, said) as server:
        write(server, 1)
        assert read(server.dsn) == [1]
    assert said == []


def test_a_server_left_behind_by_everybody_is_stopped_by_the_next_start(data: Path) -> None:
    with owner_of(data) as owner:
        owner.listen()
        kill(owner.watchdog)
        kill(owner.process.pid)
        said: list[str] = []
        with start(data, said) as server:
            assert server.pid != owner.server
            write(server, 1)
            assert read(server.dsn) == [1]
    assert said == [f"PostgreSQL still runs as process {owner.server} for an owner that is gone: stopping it"]


def test_after_the_death_of_everything_at_once_the_next_start_recovers(data: Path) -> None:
    with start(data) as server:
        write(server, 1)
    with owner_of(data) as owner:
        owner.listen()
        dsn = sqlkit.running_dsn(data, named=False)
        assert dsn is not None
        with sqlkit.connect(dsn) as conn:
            conn.execute("insert into t values (2)")
        for pid in (owner.watchdog, owner.process.pid, owner.server, *children(owner.server)):
            kill(pid)
    with start(data) as server:
        assert read(server.dsn) == [1, 2]


def test_a_second_start_is_refused_with_the_owners_number(data: Path) -> None:
    with owner_of(data) as owner:
        owner.listen()
        with pytest.raises(sqlkit.DataFolderInUse) as refused:
            start(data)
        assert refused.value.pid == owner.process.pid
        assert str(refused.value).startswith(f"process {owner.process.pid} runs the database in ")
        owner.leave()
    with start(data) as server:
        write(server, 1)
        assert read(server.dsn) == [1]


def test_other_programs_find_the_server_that_runs(data: Path) -> None:
    assert sqlkit.running_dsn(data, named=False) is None
    assert not data.exists()
    with start(data) as server:
        assert sqlkit.running_dsn(data, named=False) == server.dsn
    assert sqlkit.running_dsn(data, named=False) is None


def test_of_two_first_starts_at_once_one_runs_and_the_other_is_refused(data: Path) -> None:
    with owner_of(data) as one, owner_of(data) as other:
        one.listen()
        other.listen()
        assert sorted([one.answer, other.answer]) == ["refused", "runs"]
        runs, refused = (one, other) if one.answer == "runs" else (other, one)
        assert refused.numbers == (runs.process.pid,)
        runs.leave()


def test_a_forked_child_keeps_neither_the_folder_nor_the_server(data: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tamshy import sqlkit\n"
        "server = sqlkit.EmbeddedServer.open(Path(sys.argv[1]), named=False)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.pause()\n"
        "print(child, server.pid, flush=True)\n"
        "signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(data)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child, server_pid = (int(word) for word in process.stdout.readline().split())
    handle = os.pidfd_open(server_pid)
    try:
        process.kill()
        process.wait()
        wait_for_end(handle)
        with start(data) as server:
            write(server, 1)
            assert read(server.dsn) == [1]
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
        os.close(handle)


def test_a_pid_file_that_names_somebody_else_is_no_obstacle(data: Path) -> None:
    with start(data) as server:
        write(server, 1)
        folder = server.folder
    _leave_pid_file(folder, os.getpid())
    with start(data) as server:
        assert read(server.dsn) == [1]


def test_a_pid_file_that_names_a_zombie_is_no_obstacle(data: Path) -> None:
    with start(data) as server:
        write(server, 1)
        folder = server.folder
    with subprocess.Popen(["/bin/true"]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        _leave_pid_file(folder, zombie.pid)
        with start(data) as server:
            assert read(server.dsn) == [1]


def _leave_pid_file(folder: Path, pid: int) -> None:
    """Write what a killed server leaves: its number, folder, start, port and sockets."""
    path = folder / "postmaster.pid"
    path.write_text(f"{pid}\n{folder}\n1700000000\n5432\n{folder.parent}\n\n", encoding="utf-8")
    owner = folder.stat()
    os.chown(path, owner.st_uid, owner.st_gid)


def test_a_half_made_database_is_made_anew(data: Path) -> None:
    with start(data) as server:
        folder = server.folder
    half = folder.with_name(".data-new")
    folder.rename(half)
    (half / "PG_VERSION").unlink()
    said: list[str] = []
    with start(data, said) as server:
        write(server, 1)
        assert read(server.dsn) == [1]
    assert said == ["Making the database, once"]
    assert not half.exists()


def test_a_database_of_another_version_is_refused_and_left_alone(data: Path) -> None:
    with start(data) as server:
        folder = server.folder
    version = folder / "PG_VERSION"
    version.write_text("15\n", encoding="ascii")
    with pytest.raises(sqlkit.EmbeddedError, match="was made by PostgreSQL 15, and the programs here are 18"):
        start(data)
    assert version.read_text(encoding="ascii") == "15\n"


def test_a_server_that_cannot_start_says_in_postgresqls_words_why(data: Path) -> None:
    with start(data) as server:
        folder = server.folder
    (folder / "global" / "pg_control").unlink()
    with pytest.raises(sqlkit.EmbeddedError, match=r"ended with code \d+ while starting: .*pg_control"):
        start(data)


@pytest.mark.slow
def test_a_recovery_of_more_than_ten_seconds_is_waited_for_and_told(data: Path) -> None:
    with sqlkit.EmbeddedServer.open(data, named=False) as server:
        write(server, 1)
        folder = server.folder
    # A restore from an archive whose first file takes eleven seconds: the server is up, and lets nobody in.
    command = "test -e fetched || { touch fetched; sleep 11; }; false"
    with (folder / "postgresql.auto.conf").open("a", encoding="utf-8") as conf:
        conf.write(f"restore_command = '{command}'\n")
    signal_file = folder / "recovery.signal"
    signal_file.touch()
    owner = folder.stat()
    os.chown(signal_file, owner.st_uid, owner.st_gid)
    said: list[str] = []
    with sqlkit.EmbeddedServer.open(data, named=False, say=said.append) as server:
        assert read(server.dsn) == [1]
    assert len(said) >= 3
    assert said[0].startswith("PostgreSQL is not ready after 3 s: ")
    assert said[0].endswith("the database system is starting up")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every account can pass through, unlike pytest's own."""
    folder = Path("/tmp", f"tamshy-test-{os.getpid()}")  # noqa: S108 - the point is that everybody gets there
    folder.mkdir()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_path_too_long_for_a_socket_is_no_obstacle(open_folder: Path) -> None:
    deep = open_folder / ("d" * 60) / ("e" * 60)
    with sqlkit.EmbeddedServer.open(deep, durable=False) as server:
        write(server, 1)
        assert read(server.dsn) == [1]
    sockets = Path(sqlkit.dsn_parts(server.dsn)["host"])
    assert sockets not in deep.parents
    assert sockets.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(sockets)


@as_root
def test_root_is_refused_a_named_folder_that_the_server_cannot_reach(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = [(path, path.stat().st_mode) for path in (closed, *closed.parents)]
    with pytest.raises(sqlkit.UnreachableDataFolder) as refused:
        sqlkit.EmbeddedServer.open(closed / "data", named=True)
    assert "which cannot pass through /" in str(refused.value)
    assert "Leave --data away" in str(refused.value)
    assert not (closed / "data").exists()
    assert [(path, path.stat().st_mode) for path in (closed, *closed.parents)] == before


@as_root
def test_root_keeps_the_data_where_a_person_said_and_changes_no_folder_of_theirs(open_folder: Path) -> None:
    named = open_folder / ("d" * 100)
    named.mkdir()
    named.chmod(0o711)
    (named / "secret").write_text("x", encoding="utf-8")
    theirs = (named, named / "secret", open_folder)
    before = [(path, path.stat().st_mode, path.stat().st_uid) for path in theirs]
    with sqlkit.EmbeddedServer.open(named) as server:
        write(server, 1)
        assert server.folder == named / "postgres" / "data"
        assert pwd.getpwuid(server.folder.stat().st_uid).pw_name == "tamshy"
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.folder.stat().st_uid
        # The socket's path would be too long in there.
        assert sqlkit.dsn_parts(server.dsn)["host"].startswith("/var/lib/tamshy/tamshy-")
    shutil.rmtree(sqlkit.dsn_parts(server.dsn)["host"])
    assert [
        (path, path.stat().st_mode, path.stat().st_uid) for path in (named, named / "secret", open_folder)
    ] == before


@as_root
def test_root_follows_the_note_when_the_data_folder_has_moved(data: Path) -> None:
    with start(data) as server:
        write(server, 1)
    moved = data.with_name("moved")
    data.rename(moved)
    with start(moved) as server:
        assert read(server.dsn) == [1]
    moved.rename(data)


@as_root
def test_root_follows_no_note_that_somebody_else_wrote(data: Path) -> None:
    with start(data):
        pass
    note = data / "postgres-lies-in"
    os.chown(note, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(sqlkit.EmbeddedError, match="does not lead to a database of Tamshy"):
        start(data)


@as_root
def test_root_runs_a_database_that_belongs_to_a_person_as_that_person(open_folder: Path) -> None:
    with sqlkit.EmbeddedServer.open(open_folder / "data", durable=False) as server:
        write(server, 1)
    person = pwd.getpwnam("nobody")
    home = open_folder / "data" / "postgres"
    for path in (home, *home.rglob("*")):
        os.chown(path, person.pw_uid, person.pw_gid)
    with sqlkit.EmbeddedServer.open(open_folder / "data", durable=False) as server:
        assert read(server.dsn) == [1]
        assert Path(f"/proc/{server.pid}").stat().st_uid == person.pw_uid
