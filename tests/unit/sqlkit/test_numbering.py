"""Named placeholders become numbers, in the order in which their names come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.rulebook import Statement
from tamshy.sqlkit import numbered

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection


def test_a_name_has_one_number_wherever_it_stands() -> None:
    assert numbered("select %(b)s::text, %(a)s, %(b)s || 'ж', 5 %% 3 like '%%'") == (
        "select $1::text, $2, $1 || 'ж', 5 % 3 like '%'".encode(),
        ("b", "a"),
    )


def test_values_of_a_statement_and_of_its_run_stand_in_their_places(db: Connection) -> None:
    statement = Statement("select %(c)s::text, %(bucket)s::int %% 3, %(d)s::text[]", {"c": "a%b", "d": ["x", "y"]})
    assert statement.run(db, {"bucket": 5, "unasked": 1}).fetchall() == [("a%b", 2, ["x", "y"])]
    assert statement.run(db, {"bucket": 6}).fetchall() == [("a%b", 0, ["x", "y"])]
