"""A session is the same everywhere: UTC, one search path, plans without compiling; the pool's loans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tamshy import sqlkit

if TYPE_CHECKING:
    from tests.conftest import Databases


def test_a_session_keeps_its_settings_whatever_the_server_is_set_to(dsn: str, db: sqlkit.Connection) -> None:
    name = sqlkit.dsn_parts(dsn)["dbname"]
    db.execute(f"alter database {sqlkit.quoted(name)} set timezone = 'Asia/Almaty'")
    db.execute(f"alter database {sqlkit.quoted(name)} set jit = on")
    db.commit()
    with sqlkit.connect(dsn, application="a test") as conn:
        row = conn.execute(
            "select current_setting('timezone'), current_setting('jit'), current_setting('application_name')",
        ).fetchone()
    assert row == ("UTC", "off", "a test")


def test_what_the_dsn_says_itself_is_kept(dsn: str) -> None:
    own = f"{dsn} application_name=mine options='-c statement_timeout=1234ms'"
    with sqlkit.connect(own) as conn:
        row = conn.execute(
            "select current_setting('statement_timeout'), current_setting('application_name'),"
            " current_setting('timezone')",
        ).fetchone()
    assert row == ("1234ms", "mine", "UTC")


@pytest.mark.parametrize("schema", ["odd name", 'quo"ted', "back\\slash"])
def test_a_schema_is_the_only_search_path_even_with_an_odd_name(empty_dsn: str, schema: str) -> None:
    with sqlkit.connect(empty_dsn, schema=schema) as conn:
        conn.execute(f"create schema {sqlkit.quoted(schema)}")
        conn.execute("create table here (a int)")
        found = conn.execute("select schemaname from pg_tables where tablename = 'here'").fetchone()
    assert found == (schema,)


def test_a_stream_gives_all_rows_in_order_in_batches(db: sqlkit.Connection) -> None:
    rows = sqlkit.stream(db, "select n from generate_series(1, %s) n order by n", [25], batch=10)
    assert [n for (n,) in rows] == list(range(1, 26))


def test_a_loan_commits_at_its_end_and_rolls_back_what_raised(dsn: str) -> None:
    pool = sqlkit.pool(dsn)
    try:
        with pool.connection() as conn:
            conn.execute("create table t (a int)")
        with pytest.raises(sqlkit.Error):
            _insert_and_fail(pool)
        with pool.connection() as conn:
            assert conn.execute("select count(*) from t").fetchone() == (0,)
    finally:
        pool.close()


def _insert_and_fail(pool: sqlkit.Pool) -> None:
    with pool.connection() as conn:
        conn.execute("insert into t values (1)")
        conn.execute("select 1 / 0")


def test_a_pool_that_is_lent_out_says_so(dsn: str) -> None:
    pool = sqlkit.pool(dsn, largest=1, wait_s=1)
    try:
        with (
            pool.connection(),
            pytest.raises(sqlkit.DatabaseUnavailable, match="came free within 1 seconds"),
            pool.connection(),
        ):
            pass
    finally:
        pool.close()


def test_a_connection_that_died_in_the_pool_is_not_lent(dsn: str) -> None:
    pool = sqlkit.pool(dsn, largest=1)
    try:
        with pool.connection() as conn:
            row = conn.execute("select pg_backend_pid()").fetchone()
        with sqlkit.connect(dsn, autocommit=True) as other:
            other.execute("select pg_terminate_backend(%s)", row)
        with pool.connection() as conn:
            assert conn.execute("select 1").fetchone() == (1,)
    finally:
        pool.close()


def test_a_database_is_dropped_with_the_sessions_left_in_it(databases: Databases) -> None:
    name = "tamshy_left_behind"
    left = sqlkit.connect(databases.create(name))
    with sqlkit.connect(databases.admin, autocommit=True) as conn:
        sqlkit.drop_database(conn, name)
        assert conn.execute("select count(*) from pg_database where datname = %s", [name]).fetchone() == (0,)
        with pytest.raises(sqlkit.Error):
            left.execute("select 1")
        sqlkit.drop_database(conn, name)
