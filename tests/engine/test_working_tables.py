"""The working tables of a session stay small, however many passes it has made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.passes.stage import clear

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection


def size(conn: Connection) -> int:
    row = conn.execute("select pg_relation_size('agenda')").fetchone()
    assert row is not None
    return int(row[0])


def one_pass(conn: Connection, rows: int) -> None:
    conn.execute(
        "insert into agenda (profile, due, place) select md5(n::text)::uuid, true, n from generate_series(1, %(rows)s) n",
        {"rows": rows},
    )
    clear(conn, rows)
    assert conn.execute("select count(*) from agenda").fetchone() == (0,)
    conn.commit()


def test_dead_rows_of_small_passes_are_let_go_of(stage: Connection) -> None:
    sizes = []
    for _ in range(60):
        one_pass(stage, 200)
        sizes.append(size(stage))
    assert max(sizes) <= 262_144
    assert sizes.count(0) >= 2


def test_a_large_pass_leaves_no_row_to_read_over(stage: Connection) -> None:
    one_pass(stage, 2001)
    assert size(stage) == 0
