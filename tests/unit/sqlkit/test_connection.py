"""A session is the same everywhere: UTC, one search path, the pool's loans."""

from __future__ import annotations

from tamshy import sqlkit


def test_a_session_keeps_utc_whatever_the_server_is_set_to(db: sqlkit.Connection) -> None:
    assert db.execute("show timezone").fetchone() == ("UTC",)


def test_a_schema_is_the_only_search_path_even_with_an_odd_name(empty_dsn: str) -> None:
    with sqlkit.connect(empty_dsn, schema="odd name") as conn:
        conn.execute('create schema "odd name"')
        conn.execute("create table here (a int)")
        found = conn.execute("select schemaname from pg_tables where tablename = 'here'").fetchone()
    assert found == ("odd name",)
