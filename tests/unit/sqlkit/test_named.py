"""The form of `queries.sql`, and its refusals with place and mend."""

from __future__ import annotations

import pytest

from tamshy import sqlkit
from tamshy.sqlkit.named import parse_queries

GOOD = """-- Statements of a made-up stage.

-- name: claim_due
-- Takes what is due,
-- oldest first.
select 1;

-- name: forget
-- Drops a row.
delete from t
where id = %(id)s
"""


def test_a_file_becomes_named_statements_with_intent_and_line() -> None:
    first, second = parse_queries(GOOD, "made/up.sql")
    assert (first.name, first.intent, first.sql, first.line) == (
        "claim_due",
        "Takes what is due, oldest first.",
        "select 1",
        3,
    )
    assert (second.name, second.sql) == ("forget", "delete from t\nwhere id = %(id)s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: a\n-- One.\nselect 1\n-- name: a\n-- Two.\nselect 2\n", "f.sql:4: the name `a` stands on line 1"),
        ("-- name: a\nselect 1\n", "f.sql:1: `a` says no intent"),
        ("-- name: a\n--\nselect 1\n", "f.sql:1: `a` says no intent"),
        ("-- name: a\n-- Nothing.\n\n", "f.sql:1: `a` has no statement"),
        ("-- name: claim due\n-- Odd.\nselect 1\n", "f.sql:1: `claim due` is no name"),
        ("select 1\n-- name: a\n-- One.\nselect 1\n", "f.sql:1: SQL before the first name"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(sqlkit.QueryFileError) as refused:
        parse_queries(text, "f.sql")
    assert str(refused.value).startswith(said)


def test_a_package_without_queries_is_refused_by_name() -> None:
    with pytest.raises(sqlkit.QueryFileError, match=r"tamshy\.sqlkit/queries\.sql: there is no such file"):
        sqlkit.queries("tamshy.sqlkit")
