"""Every statement is one that the database takes, and none of the engine's reads a clock or draws chance."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args
from uuid import UUID

import pytest
from tests.contract.statements import (
    EDGE,
    SCHEMA,
    Said,
    builders,
    compiled,
    named,
    oracle_folder,
    rulebook,
    without_comments,
    written,
)

from tamshy.language.model import Step
from tamshy.passes import prepare
from tamshy.sqlkit import connect, queries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
SOMEBODY = UUID(int=1)
VALUES: dict[str, object] = {
    "bucket": 3,
    "workspace": 1,
    "pass": 7,
    "fence": 1,
    "limit": 100,
    "horizon": NOW,
    "late_before": None,
    "now": NOW,
    "since": NOW,
    "paused": ["welcome"],
    "names": ["Order Completed"],
    "buckets": [3, 4],
    "only": None,
    "zone": "Asia/Almaty",
    "profile": SOMEBODY,
    "rows": "[]",
    "at": NOW,
    "fresh": [SOMEBODY],
}
"""Values for what a pass hands in; what is not here is null, and so takes the type that the statement gives it."""
OTHERWISE: dict[str, dict[str, object]] = {
    "coupon: queries.any_in": {"state": "dealt"},
    "ingest: queries.holders": {"names": "[]"},
    "forms: queries.request": {"request": SOMEBODY},
    "publish: queries.create_workspace": {"buckets": 64},
    "passes: queries.forward": {"buckets": 64, "first_bucket": 0},
    "worker: queries.aside": {"buckets": 64, "first_bucket": 0},
    "worker: queries.let_in_now": {"buckets": 64, "first_bucket": 0},
    "privacy: queries.merged": {"buckets": [0, 1, 2, 3]},
    "retain: queries.people": {"after": SOMEBODY},
    "retain: queries.events": {"people": [SOMEBODY], "events": NOW, "kept": "{}", "cart_events": []},
    "retain: queries.carts": {"people": [SOMEBODY], "carts": NOW},
    "retain: queries.entries": {"people": [SOMEBODY], "entries": NOW},
    "retain: queries.decisions": {"people": [SOMEBODY], "decisions": NOW},
    "retain: queries.messages": {"people": [SOMEBODY], "messages": NOW},
    "retain: queries.bodies": {"people": [SOMEBODY], "bodies": NOW},
}
"""Where a statement means something else by one of these names."""

CLOCKS = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|random_normal|setseed|"
    r"gen_random_uuid|uuidv4|uuidv7|uuid_generate_v\w+|nextval|pg_sleep)\s*\(|"
    r"\b(current_timestamp|current_time|current_date|localtime|localtimestamp)\b|"
    r"'(now|today|yesterday|tomorrow)'",
    re.IGNORECASE,
)
APART = re.compile(
    r"\b(pg_advisory\w*|pg_try_advisory\w*|create\s+(or\s+replace\s+)?trigger|create\s+(temp\s+)?sequence|listen\s+\w+;?$|"
    r"pg_notify|bigserial|serial|generated\s+(always|by default)\s+as\s+identity)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def stage(databases: Databases) -> Iterator[Connection]:
    """Give a migrated database with the working tables of a pass and of merging."""
    dsn = databases.create("tamshy_contract_statements", databases.template)
    with connect(dsn) as conn:
        prepare(conn)
        conn.execute(queries("tamshy.passes", "merging.sql")["prepare_pairs"])
        conn.execute(queries("tamshy.recommend")["prepare_dealings"])
        conn.commit()
        yield conn
    databases.drop("tamshy_contract_statements")


def every() -> list[Said]:
    """Every statement there is: those of files, those that are woven, and those in the text of a module."""
    return [*named(), *compiled(), *written()]


def planned(conn: Connection, said: Said) -> None:
    """Have the database read, type and plan a statement; what cannot be planned (it makes tables) is run and undone."""
    wanted = set(re.findall(r"%\((\w+)\)[sb]", said.sql))
    given = VALUES | said.params | OTHERWISE.get(str(said), {})
    values = {name: given.get(name) for name in wanted}
    try:
        if re.match(r"\s*(create|truncate|analyze|set|lock)\b", said.plain):
            conn.execute(said.sql.encode(), values)
        else:
            conn.execute(f"explain {said.sql}".encode(), values)
    finally:
        conn.rollback()


@pytest.mark.parametrize("said", named(), ids=str)
def test_a_named_statement_fits_the_migrated_tables(stage: Connection, said: Said) -> None:
    planned(stage, said)


@pytest.mark.parametrize("said", compiled(), ids=str)
def test_a_woven_statement_fits_the_migrated_tables(stage: Connection, said: Said) -> None:
    assert set(re.findall(r"%\((\w+)\)[sb]", said.sql)) - said.params.keys() <= VALUES.keys()
    planned(stage, said)


def test_the_rulebooks_need_every_statement_there_is() -> None:
    woven = {said.name.rpartition(" of ")[0] for said in compiled()}
    assert woven == {f"{build.__module__.split('.')[2]}.{build.__name__}" for build in builders()}


def test_the_oracles_rulebook_holds_every_kind_of_step() -> None:
    """So what is said of its statements is said of every kind there is."""
    there = {type(place.node.step) for place in rulebook(oracle_folder()).places()}
    assert there == set(get_args(Step))


def test_no_statement_of_the_engine_reads_a_clock_or_draws_chance() -> None:
    # sqlkit's only clock stamps the migrations it has applied; the schema is looked at below.
    engine = [said for said in every() if said.package not in EDGE and said.package != "sqlkit"]
    assert len(engine) > 500
    assert [str(said) for said in engine if CLOCKS.search(said.plain) or APART.search(said.plain)] == []


@pytest.mark.parametrize("file", sorted(SCHEMA.glob("*.sql")), ids=lambda file: str(file.name))
def test_no_default_or_function_of_the_schema_reads_a_clock(file: Path) -> None:
    text = without_comments(file.read_text(encoding="utf-8"))
    assert CLOCKS.search(text) is None
    assert APART.search(text) is None


def test_stored_moments_are_read_in_no_zone_but_utc() -> None:
    """`at time zone` answers otherwise than the language in gaps and doubled hours; zones are `zone_span`'s."""
    zones = [
        (str(said), zone)
        for said in every()
        for zone in re.findall(r"at time zone\s+('[^']*'|\S+)", said.plain, flags=re.IGNORECASE)
    ]
    assert zones
    assert [(said, zone) for said, zone in zones if zone.rstrip(",)") != "'UTC'"] == []
