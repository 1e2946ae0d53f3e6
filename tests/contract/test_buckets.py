"""A hot statement names one bucket: on the same tables partitioned by it, its plan touches one partition of each."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.contract.statements import EDGE, Said, compiled, named
from tests.contract.test_keys import PER_PROFILE
from tests.contract.test_statements import NOW, OTHERWISE, VALUES

from tamshy.conditions import Environment, compile_question
from tamshy.domain.duration import Duration
from tamshy.language.model import All, Behaviour, Clause, Engaged, Engagement, Enrolled, Operator, Test, Window
from tamshy.passes import prepare
from tamshy.sqlkit import connect, queries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Databases

    from tamshy.sqlkit import Connection

PARTITIONS = 4
ACROSS = {
    "worker: tally.count_journal": "what the journals of a worker's buckets have gained, once a minute",
    "worker: queries.discover": "one look at the indexes for each of a worker's buckets",
    "worker: queries.aside": "a workspace's list for a person",
    "worker: queries.let_in_now": "whom a person lets in again",
    "publish: queries.running_versions": "which versions still have people, when rules are read anew",
    "publish: queries.count_overdue": "for how many something became due while a flow stood still, when it is resumed",
    "publish: queries.inside": "how many a flow holds, before it is resumed",
    "publish: queries.overdue_places": "what resuming would do, before it is resumed",
    "publish: queries.go_on": "everybody for whom it did, once, when it is resumed",
    "publish: queries.buckets_inside": "which buckets publishing has to go through, one by one",
    "standing: queries.waiting": "what would leave, counted before a person confirms",
    "standing: queries.due": "the same of what is due",
    "standing: queries.withdraw_queued": "what a copy shall not send, once, when a person confirms",
    "standing: queries.fail_errands": "the same of webhooks and notices",
    "standing: queries.skip_due": "the same of what is due",
    "explain: queries.people": "who goes by a name, looked up by value",
    "privacy: queries.merged": "who was merged into a person, wherever they lived, when that person is erased or taken out",
    "privacy: queries.sharing": "who else has an address, looked up by value",
    "privacy: queries.erase_merges": "the other sides of a person's merges",
    "simulate: queries.journal": "the report at the end of a simulation",
    "simulate: queries.past_people": "everybody of a workspace, once, for a backtest",
    "simulate: queries.past_events": "what they did",
    "simulate: queries.past_deeds": "what they did with their mail",
    "simulate: queries.past_consents": "what they agreed to",
    "simulate: queries.past_suppressions": "whose address is never written to",
    "simulate: queries.outcome": "what was decided in a stretch of time, for a backtest's report",
    "simulate: queries.entered": "how many entered in that time",
    "simulate: queries.last_moment": "how long the history of a simulation is",
    "deliver: queries.buckets_due": "one look at the index for each bucket",
    "errand: queries.buckets_due": "one look at the index for each bucket",
    "errand: queries.counts": "what is not done yet, for measurements",
    "deliver: queries.usual": "how busy the shop usually is, while something is behind",
    "deliver: queries.uncertain": "a workspace's list for a person",
    "deliver: queries.in_doubt": "how long that list is",
    "deliver: queries.counting": "the same for measurements, of every workspace",
    "deliver: queries.settle": "messages that a person has chosen, by their ids",
    "deliver: queries.settled": "who has settled them",
    "deliver: queries.hasten": "what waited for a paused domain, once, when a person has mended it",
    "simulate: queries.coming": "when anything happens next in a simulation",
    "advance: splitting.build_merged_arms of oracle": "merging: two profiles, each in its bucket",
    "recommend: queries.gather": "what everybody has ordered or was shown, to learn from, once a day",
    "commerce: learning.learn": "how long products last, by everybody's repeat orders, once a day",
    "trigger: queries.forget": "publishing: the dates of flows that are gone, once",
    "look: queries.first_due": "when a broadcast's test is settled, once",
    "segment: queries.forget_members": "segments that nobody listens to any more, when a folder is published",
    "segment: queries.forget_flips": "the same",
    "segment: queries.forget_measures": "the same of measures",
    "segment: queries.backfill": "who is in a segment already, once, when a flow is published with a backfill",
    "predict: queries.reckon": "fifths and usual gaps of all buyers of a workspace, once a day",
    "predict: queries.bury": "the same: those of whom nothing is left",
    "predict: queries.forget": "all of them, when a folder is published that asks for none",
    "segment: queries.next_moment": "how far a simulation may go before the best are computed",
    "enroll: opening.build_holdouts of oracle": "merging: two profiles, each in its bucket",
}
"""The engine's statements that look at more than one bucket, each with the reason; beside them ingest and merging."""

SOMEBODY = UUID(int=1)
THESE: dict[str, object] = {
    "message": SOMEBODY,
    "enrollment": SOMEBODY,
    "profile": SOMEBODY,
    "request": SOMEBODY,
    "segment": "regulars",
    "name": "Subscription Requested",
    "version": 1,
    "flow": "welcome",
    "old": 1,
    "at": NOW,
    "noon": NOW,
    "many": 80,
    "history": 100,
    "viewed": "Product Viewed",
    "since": NOW - timedelta(days=1),
}
"""Values that keep a plan from being nothing at all."""


def crosses(said: Said) -> bool:
    """Whether a statement is one that may look at more than one bucket.

    Ingest looks up by value and appends; merging has two profiles in its hand; a page of the edge that names no bucket
    is a list or a report.
    """
    return (
        str(said) in ACROSS
        or said.package == "ingest"
        or said.name.startswith("merging.")
        or (said.package in EDGE and "%(bucket)s" not in said.sql)
    )


_REHOMED = re.compile(r"\bset\s+(?:\w+ = (?:(?! from | where ).)*?,\s*)?bucket\s*=", re.IGNORECASE | re.DOTALL)


def reads(said: Said) -> set[str]:
    """The per-profile tables that a statement looks at or changes (an insert alone looks at nothing)."""
    words = re.findall(r"\b(?:from|join|update|using)\s+(?:only\s+)?(\w+)", said.plain, flags=re.IGNORECASE)
    return {word for word in words if word in PER_PROFILE}


@pytest.fixture(scope="module")
def parted(databases: Databases) -> Iterator[Connection]:
    """Give a connection that sees each per-profile table as partitions by a hash of its bucket."""
    name = "tamshy_contract_buckets"
    dsn = databases.create(name, databases.template)
    with connect(dsn) as conn:
        conn.execute("create schema parted")
        for table in sorted(PER_PROFILE):
            conn.execute(
                f"create table parted.{table} (like public.{table} including all) partition by hash (bucket)".encode()
            )
            for number in range(PARTITIONS):
                conn.execute(
                    f"create table parted.{table}_{number} partition of parted.{table}"
                    f" for values with (modulus {PARTITIONS}, remainder {number})".encode()
                )
        prepare(conn)
        conn.execute(queries("tamshy.passes", "merging.sql")["prepare_pairs"])
        conn.execute(queries("tamshy.recommend")["prepare_dealings"])
        conn.execute("set search_path = parted, public")
        # The plan of these very values, as every statement's first is.
        conn.execute("set plan_cache_mode = force_custom_plan")
        conn.commit()
        yield conn
    databases.drop(name)


def partitions(conn: Connection, said: Said) -> dict[str, set[str]]:
    """The partitions that the plan of a statement touches, by table."""
    wanted = set(re.findall(r"%\((\w+)\)s", said.sql))
    given = VALUES | THESE | said.params | OTHERWISE.get(str(said), {})
    try:
        values = {name: given.get(name) for name in wanted}
        row = conn.execute(f"explain (format json) {said.sql}".encode(), values).fetchone()
    finally:
        conn.rollback()
    assert row is not None
    plan = row[0] if isinstance(row[0], list) else json.loads(row[0])
    found: dict[str, set[str]] = {}
    for relation in _relations(plan):
        table, _, number = relation.rpartition("_")
        if number.isdigit():
            found.setdefault(table, set()).add(relation)
    return found


def _relations(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "Relation Name" in node:
            yield node["Relation Name"]
        for value in node.values():
            yield from _relations(value)
    elif isinstance(node, list):
        for value in node:
            yield from _relations(value)


HOT = [said for said in [*named(), *compiled()] if reads(said) and not crosses(said)]


@pytest.mark.parametrize("said", HOT, ids=str)
def test_a_hot_statement_touches_one_partition_of_each_table(parted: Connection, said: Said) -> None:
    touched = partitions(parted, said)
    assert {table: len(parts) for table, parts in touched.items() if len(parts) != 1} == {}
    assert touched.keys() == reads(said)


def test_a_question_about_everybody_touches_one_partition_of_each_table(parted: Connection) -> None:
    """It is asked bucket by bucket, as passes work; the index that it stands on is each partition's own."""
    thrice = Behaviour(
        "Order Completed", count=Test((Clause(Operator.GTE, 3),)), window=Window(within=Duration(days=90))
    )
    condition = All((thrice, Engagement(Engaged.OPENED), Enrolled("welcome")))
    question = compile_question(condition, Environment(bucket="%(bucket)s::smallint"), "%(now)s::timestamptz")
    said = Said("conditions", "question", question.sql, question.params)
    assert reads(said) == {"profile", "event", "enrollment"}
    assert {table: len(parts) for table, parts in partitions(parted, said).items()} == dict.fromkeys(reads(said), 1)


@pytest.mark.parametrize("said", compiled(), ids=str)
def test_a_woven_statement_names_its_bucket(said: Said) -> None:
    # What is in the hand is of one bucket; a statement that reads nothing else need not name it again.
    assert crosses(said) or not reads(said) or "bucket = %(bucket)s" in said.sql


def test_no_update_gives_a_row_another_bucket() -> None:
    """A distributed table cannot move a row in place: it is taken out here and put in there, as merging does."""
    moving = [str(said) for said in [*named(), *compiled()] if _REHOMED.search(said.plain)]
    # identifiers are distributed by their value; the bucket in them says where the profile lies
    assert moving == ["ingest: queries.move_identifiers"]


def test_no_exception_is_left_over() -> None:
    assert ACROSS.keys() <= {str(said) for said in [*named(), *compiled()] if reads(said)}
