"""Throwaway servers: quick, apart from each other, and gone with whoever asked for them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tests.unit.sqlkit.processes import wait_for_end

from tamshy import sqlkit

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


def folder_of(server: sqlkit.ScratchServer) -> Path:
    return Path(sqlkit.dsn_parts(server.dsn)["host"])


def test_two_run_at_once_and_know_nothing_of_each_other() -> None:
    with sqlkit.scratch_server() as one, sqlkit.scratch_server() as other:
        with sqlkit.connect(one.dsn) as conn:
            conn.execute("create table t (a int)")
        with sqlkit.connect(other.dsn) as conn:
            assert conn.execute("select to_regclass('t')").fetchone() == (None,)


def test_nothing_is_left_at_the_end() -> None:
    with sqlkit.scratch_server() as server:
        folder = folder_of(server)
        handle = os.pidfd_open(server.pid)
        assert folder.stat().st_mode & 0o777 == 0o700
    wait_for_end(handle, 0)
    os.close(handle)
    assert not folder.exists()


def test_it_lies_in_the_folder_that_is_named_and_leaves_that_empty() -> None:
    with tempfile.TemporaryDirectory() as named:
        Path(named).chmod(0o755)
        with sqlkit.scratch_server(within=Path(named)) as server, sqlkit.connect(server.dsn) as conn:
            assert folder_of(server).parent == Path(named)
            assert conn.execute("select 1").fetchone() == (1,)
        assert list(Path(named).iterdir()) == []


def test_nothing_is_left_when_the_block_raises() -> None:
    folders: list[Path] = []

    def fail() -> None:
        with sqlkit.scratch_server() as server:
            folders.append(folder_of(server))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [folder.exists() for folder in folders] == [False]


def test_nothing_is_left_when_its_owner_is_killed() -> None:
    script = (
        "import signal\n"
        "from tamshy import sqlkit\n"
        "with sqlkit.scratch_server() as server:\n"
        "    print(server.pid, sqlkit.dsn_parts(server.dsn)['host'], flush=True)\n"
        "    signal.pause()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid, folder = process.stdout.readline().split()
    handle = os.pidfd_open(int(pid))
    watchdog = os.pidfd_open(_watchdog_of(process.pid))
    process.kill()
    process.communicate()
    wait_for_end(handle)
    wait_for_end(watchdog)
    os.close(handle)
    os.close(watchdog)
    assert not Path(folder).exists()


def _watchdog_of(owner: int) -> int:
    found = Path(f"/proc/{owner}/task/{owner}/children").read_text(encoding="ascii").split()
    (watchdog,) = [int(pid) for pid in found if "tamshy-watchdog" in Path(f"/proc/{pid}/cmdline").read_text()]
    return watchdog


def test_a_folder_without_a_server_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(sqlkit.EmbeddedError, match="has no working `postgres`"),
        sqlkit.scratch_server(programs=tmp_path),
    ):
        pass


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="PostgreSQL 15 is not installed")
def test_the_oldest_postgresql_runs_too_and_folds_every_alphabet() -> None:
    with sqlkit.scratch_server(programs=DEBIAN_15) as server, sqlkit.connect(server.dsn) as conn:
        row = conn.execute("select current_setting('server_version_num')::int / 10000, lower('ҚАЗ')").fetchone()
    assert (server.major, row) == (15, (15, "қаз"))
