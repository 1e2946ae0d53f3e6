"""A plan outlives the moment at which it is made: even one made for empty tables reads none of people's tables whole."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.statements import Said, compiled, named
from tests.contract.test_buckets import THESE, crosses, reads
from tests.contract.test_keys import PER_PROFILE
from tests.contract.test_statements import OTHERWISE, VALUES

from tamshy.passes import prepare
from tamshy.sqlkit import connect, queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

ENGINE = {"passes", "worker", "identify", "trigger", "enroll", "advance", "decide"}
PLANNED = [said for said in [*named(), *compiled()] if said.package in ENGINE and reads(said) and not crosses(said)]


@pytest.fixture(scope="module")
def emptied(databases: Databases) -> Iterator[Connection]:
    """Give a worker's session on tables that hold nothing and were vacuumed: where reading all of it looks cheapest."""
    name = "tamshy_contract_plans"
    dsn = databases.create(name, databases.template)
    with connect(dsn, autocommit=True) as conn:
        for table in sorted(PER_PROFILE):
            conn.execute(f"vacuum (analyze) {table}".encode())
        prepare(conn)
        conn.execute(queries("tamshy.passes", "merging.sql")["prepare_pairs"])
        conn.execute(queries("tamshy.recommend")["prepare_dealings"])
        yield conn
    databases.drop(name)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def plan_of(conn: Connection, said: Said) -> dict[str, Any]:
    wanted = set(re.findall(r"%\((\w+)\)s", said.sql))
    given = VALUES | THESE | said.params | OTHERWISE.get(str(said), {})
    values = {name: given.get(name) for name in wanted}
    row = conn.execute(f"explain (format json) {said.sql}".encode(), values).fetchone()
    assert row is not None
    found = row[0] if isinstance(row[0], list) else json.loads(row[0])
    plan = found[0]["Plan"]
    assert isinstance(plan, dict)
    return plan


@pytest.mark.parametrize("said", PLANNED, ids=str)
def test_a_pass_reads_no_table_whole(emptied: Connection, said: Said) -> None:
    whole = [
        node["Relation Name"]
        for node in nodes(plan_of(emptied, said))
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in PER_PROFILE
    ]
    assert whole == []
