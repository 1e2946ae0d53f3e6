"""Rows as one JSON parameter: nothing is lost on the way into the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from tamshy import sqlkit

PROFILE = UUID("0193a5c4-0000-7000-8000-000000000001")


@dataclass(frozen=True)
class Row:
    bucket: int
    profile: UUID
    at: datetime
    price: Decimal
    props: msgspec.Raw
    words: str | None


def test_values_arrive_as_they_left(db: sqlkit.Connection) -> None:
    moment = datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)
    big = 2**70
    row = Row(3, PROFILE, moment, Decimal("19.90"), msgspec.Raw(b'{"a":[1,2.50]}'), None)
    found = db.execute(
        "select * from json_to_recordset(%s::json)"
        " as x(bucket smallint, profile uuid, at timestamptz, price numeric, props jsonb, words text, big numeric)",
        [sqlkit.rows_json([row, {"big": big, "words": 'қаз "\\u0000 \\'}])],
    ).fetchall()
    assert found == [
        (3, PROFILE, moment, Decimal("19.90"), {"a": [1, 2.5]}, None, None),
        (None, None, None, None, None, 'қаз "\\u0000 \\', Decimal(big)),
    ]


def test_a_generator_of_rows_is_taken_too() -> None:
    assert sqlkit.rows_json({"n": n} for n in range(2)) == '[{"n":0},{"n":1}]'


@pytest.mark.parametrize("text", ["a\0b", "\\\0", "\0"])
def test_the_zero_character_is_refused_before_the_database_does(text: str) -> None:
    with pytest.raises(sqlkit.NulInText):
        sqlkit.rows_json([{"name": text}])
