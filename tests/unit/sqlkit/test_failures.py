"""What may be tried again, and what may not; each error is a real one of a real server."""

from __future__ import annotations

import threading

import pytest

from tamshy import sqlkit


def refusal(conn: sqlkit.Connection, statement: str) -> sqlkit.Error:
    with pytest.raises(sqlkit.Error) as raised:
        conn.execute(statement)
    conn.rollback()
    return raised.value


def test_a_broken_rule_is_final_and_names_its_constraint(db: sqlkit.Connection) -> None:
    db.execute("create temp table t (a int constraint t_positive check (a > 0))")
    db.commit()
    refused = refusal(db, "insert into t values (-1)")
    assert not sqlkit.is_retryable(refused)
    assert sqlkit.violated_constraint(refused) == "t_positive"
    assert sqlkit.sqlstate(refused) == "23514"


def test_wrong_sql_is_final_and_no_constraint(db: sqlkit.Connection) -> None:
    refused = refusal(db, "selec 1")
    assert not sqlkit.is_retryable(refused)
    assert sqlkit.violated_constraint(refused) is None


def test_a_row_that_another_holds_is_worth_another_try(dsn: str, db: sqlkit.Connection) -> None:
    db.execute("create table t (a int)")
    db.execute("insert into t values (1)")
    db.commit()
    with sqlkit.connect(dsn) as other:
        other.execute("select * from t for update")
        refused = refusal(db, "select * from t for update nowait")
        other.rollback()
    assert sqlkit.sqlstate(refused) == "55P03"
    assert sqlkit.is_retryable(refused)


def test_a_deadlock_is_worth_another_try(dsn: str, db: sqlkit.Connection) -> None:
    db.execute("create table t (a int primary key)")
    db.execute("insert into t values (1), (2)")
    db.commit()
    raised: list[BaseException] = []
    meet = threading.Barrier(2, timeout=30)

    def swap(first: int, second: int) -> None:
        with sqlkit.connect(dsn) as conn:
            try:
                conn.execute("update t set a = a where a = %s", [first])
                meet.wait()
                conn.execute("update t set a = a where a = %s", [second])
            except sqlkit.Error as exc:
                raised.append(exc)
            conn.rollback()

    threads = [threading.Thread(target=swap, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [sqlkit.sqlstate(exc) for exc in raised] == ["40P01"]
    assert sqlkit.is_retryable(raised[0])


def test_a_cut_connection_is_worth_another_try(dsn: str, db: sqlkit.Connection) -> None:
    pid = db.execute("select pg_backend_pid()").fetchone()
    db.commit()
    with sqlkit.connect(dsn, autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", pid)
    with pytest.raises(sqlkit.Error) as raised:
        db.execute("select 1")
    assert sqlkit.is_retryable(raised.value)


def test_no_server_is_told_with_its_place_and_worth_another_try() -> None:
    with pytest.raises(sqlkit.DatabaseUnavailable) as raised:
        sqlkit.connect("postgresql://tamshy@127.0.0.1:1/tamshy")
    assert str(raised.value).startswith("PostgreSQL does not answer at 127.0.0.1, port 1: ")
    assert sqlkit.is_retryable(raised.value)


def test_a_connection_string_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(sqlkit.InvalidDsn) as raised:
        sqlkit.connect("mysql://tamshy:secret@host/name")
    assert "secret" not in str(raised.value)
    assert "postgresql://user:password@host:5432/name" in str(raised.value)


def test_an_error_of_our_own_is_not_the_databases() -> None:
    assert not sqlkit.is_retryable(ValueError("no"))
