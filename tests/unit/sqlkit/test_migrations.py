"""Schema files: applied once, in order, whole or not at all, by several programs at once."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import pytest
from tests.conftest import SCHEMA_FILES

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of an importable package `made_up_schema` for schema files."""
    folder = tmp_path / "made_up_schema"
    folder.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop("made_up_schema", None)


def migrate(dsn: str, schema: str = "public") -> tuple[str, ...]:
    with sqlkit.connect(dsn) as conn:
        return sqlkit.migrate(conn, "made_up_schema", schema)


def test_files_are_applied_once_in_order(empty_dsn: str, package: Path) -> None:
    (package / "0002_more.sql").write_text("insert into t values (2); insert into t values (3);")
    (package / "0001_first.sql").write_text("create table t (a int)")
    assert migrate(empty_dsn) == ("0001_first.sql", "0002_more.sql")
    assert migrate(empty_dsn) == ()
    with sqlkit.connect(empty_dsn) as conn:
        assert conn.execute("select a from t order by a").fetchall() == [(2,), (3,)]
        assert conn.execute("select name from schema_version order by 1").fetchall() == [
            ("0001_first.sql",),
            ("0002_more.sql",),
        ]


def test_a_scratch_schema_gets_its_own_tables(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    assert migrate(empty_dsn, "run 1") == ("0001_first.sql",)
    assert migrate(empty_dsn, "run 2") == ("0001_first.sql",)
    with sqlkit.connect(empty_dsn) as conn:
        found = conn.execute("select schemaname from pg_tables where tablename = 't' order by 1").fetchall()
    assert found == [("run 1",), ("run 2",)]


def test_a_refused_file_leaves_nothing_and_keeps_those_before_it(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    (package / "0002_wrong.sql").write_text("insert into t values (1); insert into nowhere values (1);")
    with pytest.raises(sqlkit.MigrationError, match=r'PostgreSQL refused 0002_wrong\.sql: relation "nowhere"'):
        migrate(empty_dsn)
    with sqlkit.connect(empty_dsn) as conn:
        assert conn.execute("select count(*) from t").fetchone() == (0,)
        assert conn.execute("select name from schema_version").fetchall() == [("0001_first.sql",)]


def test_a_changed_file_is_refused(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    migrate(empty_dsn)
    (package / "0001_first.sql").write_text("create table t (a bigint)")
    with pytest.raises(sqlkit.MigrationError, match=r"0001_first\.sql was changed after it was applied"):
        migrate(empty_dsn)


def test_a_database_of_a_newer_program_is_refused(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    (package / "0002_newer.sql").write_text("create table u (a int)")
    migrate(empty_dsn)
    (package / "0002_newer.sql").unlink()
    with pytest.raises(sqlkit.MigrationError, match=r"made by a newer Tamshy \(it has 0002_newer\.sql\)"):
        migrate(empty_dsn)


def test_an_unnumbered_and_a_doubly_numbered_file_are_refused(package: Path) -> None:
    (package / "0001_first.sql").write_text("select 1")
    (package / "0001_again.sql").write_text("select 1")
    with pytest.raises(sqlkit.MigrationError, match=r"0001_again\.sql and 0001_first\.sql carry the same number"):
        sqlkit.schema_files("made_up_schema")
    (package / "0001_again.sql").rename(package / "again.sql")
    with pytest.raises(sqlkit.MigrationError, match=r"again\.sql: a schema file is named NNNN_words\.sql"):
        sqlkit.schema_files("made_up_schema")


def test_programs_that_start_at_once_apply_each_file_once(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    (package / "0002_more.sql").write_text("insert into t values (1)")
    applied: list[tuple[str, ...]] = []
    meet = threading.Barrier(4, timeout=30)

    def start() -> None:
        meet.wait()
        applied.append(migrate(empty_dsn))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(name for names in applied for name in names) == ["0001_first.sql", "0002_more.sql"]
    with sqlkit.connect(empty_dsn) as conn:
        assert conn.execute("select a from t").fetchall() == [(1,)]


def test_inside_a_callers_transaction_nothing_is_committed_and_the_path_is_kept(empty_dsn: str, package: Path) -> None:
    (package / "0001_first.sql").write_text("create table t (a int)")
    with sqlkit.connect(empty_dsn) as conn:
        before = conn.execute("show search_path").fetchone()
        sqlkit.migrate(conn, "made_up_schema", "elsewhere")
        assert conn.execute("show search_path").fetchone() == before
        conn.rollback()
        assert conn.execute("select to_regclass('elsewhere.t')").fetchone() == (None,)


def test_the_products_own_files_apply_and_name_no_schema(empty_dsn: str) -> None:
    names = [file.name for file in sqlkit.schema_files(SCHEMA_FILES)]
    with sqlkit.connect(empty_dsn) as conn:
        assert list(sqlkit.migrate(conn, SCHEMA_FILES, "elsewhere")) == names
        outside = conn.execute(
            "select schemaname, tablename from pg_tables"
            " where schemaname not in ('elsewhere', 'pg_catalog', 'information_schema')",
        ).fetchall()
    assert outside == []
