"""Every table has its declared writers and no others: who may insert, update and delete, by package."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.contract.statements import SCHEMA, compiled, named, without_comments, written

from tamshy.passes.merging import MOVED
from tamshy.simulate.playing import PEOPLE

WRITERS: dict[str, dict[str, str]] = {
    # definitions
    "workspace": {"publish": "insert"},
    "definition": {"publish": "insert update delete"},
    "publication": {"publish": "insert"},
    "flow": {"publish": "insert update"},
    "flow_version": {"publish": "insert"},
    "message_version": {"publish": "insert"},
    "coupon_pool": {"coupon": "insert update delete"},
    "coupon_series": {"coupon": "insert update"},
    "coupon_stock": {"coupon": "insert delete"},
    "api_key": {"accounts": "insert update"},
    "zone_span": {"sqlkit": "insert update delete"},
    # people: ingest makes them, identify and steps change them
    "profile": {
        "ingest": "insert",
        "identify": "update",
        "advance": "update",
        "segment": "update",
        "privacy": "delete",
    },
    "identifier": {"ingest": "insert update", "privacy": "delete"},
    "naming": {"ingest": "insert update delete", "privacy": "delete"},
    "consent": {"identify": "insert", "advance": "insert", "privacy": "delete"},
    "suppression": {"identify": "insert", "importing": "insert", "privacy": "insert delete"},
    "import": {"importing": "insert update"},
    "erasure_key": {"privacy": "insert"},
    # what happened
    "seen_message": {"ingest": "insert update delete", "track": "insert delete", "enlist": "insert"},
    "inbox": {
        "enlist": "insert",
        "ingest": "insert",
        "track": "insert delete",
        "deliver": "insert",
        "advance": "insert",
        "decide": "insert",
        "coupon": "insert",
        "segment": "insert",
        "passes": "insert update delete",
        "trigger": "insert delete",
        "privacy": "delete",
    },
    "tick": {"trigger": "insert delete"},
    "best_hour": {"advance": "insert update"},
    "occasion": {"trigger": "insert update delete", "privacy": "delete"},
    "event": {"passes": "insert", "retain": "delete", "privacy": "delete"},
    "cart": {"commerce": "insert update delete", "retain": "delete", "privacy": "delete"},
    "orders": {"commerce": "insert update", "privacy": "delete"},
    "reorder": {"trigger": "insert update delete", "privacy": "delete"},
    # the catalogue
    "product": {"commerce": "insert update"},
    "product_name": {"commerce": "insert"},
    "product_category": {"commerce": "insert update"},
    "product_change": {"commerce": "insert delete"},
    "catalogue_turn": {"commerce": "insert", "trigger": "delete"},
    "learnt_interval": {"commerce": "insert delete"},
    "neighbour": {"recommend": "insert delete"},
    "bestseller": {"recommend": "insert delete"},
    # segments
    "membership": {"segment": "insert delete", "privacy": "delete"},
    "flip": {"segment": "insert update delete", "privacy": "delete"},
    "buyer": {"predict": "insert update delete", "privacy": "delete"},
    "best": {"segment": "insert delete", "privacy": "delete"},
    "ranked": {"segment": "insert update"},
    # passage
    "enrollment": {
        "enroll": "insert update",
        "advance": "update",
        "decide": "update",
        "coupon": "update",
        "errand": "update",
        "publish": "update",
        "standing": "update",
        "privacy": "delete",
    },
    "entry": {"enroll": "insert", "retain": "delete", "privacy": "delete"},
    "conversion": {"enroll": "insert", "privacy": "delete"},
    "arm": {"advance": "insert update", "privacy": "delete"},
    "look": {"look": "insert"},
    "message": {"decide": "insert update", "publish": "delete", "retain": "delete", "privacy": "delete"},
    "content": {"decide": "insert", "retain": "update delete", "privacy": "delete"},
    "delivery": {
        "decide": "insert",
        "deliver": "update",
        "enroll": "update",
        "publish": "update",
        "standing": "update",
        "retain": "delete",
        "privacy": "delete",
    },
    "coupon": {"coupon": "insert update delete", "privacy": "delete"},
    "errand": {"advance": "insert", "errand": "update", "standing": "update", "privacy": "delete"},
    "settlement": {"deliver": "insert", "retain": "delete", "privacy": "delete"},
    "soft_bounce": {"deliver": "insert delete", "privacy": "delete"},
    "ramp": {"deliver": "insert update"},
    "paused_domain": {"deliver": "insert update", "privacy": "update"},
    "engagement": {"track": "insert update", "retain": "delete", "privacy": "delete"},
    "journal": dict.fromkeys(("advance", "coupon", "decide", "enroll", "errand", "identify"), "insert")
    | {"retain": "delete", "privacy": "delete"},
    "lease": {"publish": "insert update", "worker": "update", "passes": "update"},
    "worker": {"worker": "insert update delete", "site": "insert delete"},
    "tally": {"worker": "insert update", "privacy": "insert update"},
    "retention": {"retain": "insert update", "privacy": "update"},
    "tallied": {"worker": "insert update"},
    "installation": {"standing": "insert update"},
    "anchor": {"standing": "insert update delete"},
    "set_aside": {"worker": "insert update delete", "privacy": "delete"},
}
"""Table -> package -> what it may do there. Merging (below) and simulations stand beside this."""

PUBLISHED = {
    "workspace",
    "definition",
    "publication",
    "flow",
    "flow_version",
    "message_version",
    "zone_span",
    "product",
    "product_name",
    "product_category",
    "coupon_pool",
    "coupon_series",
    "coupon_stock",
    "lease",
}
"""What a play stands on; how far codes were given out is taken back by itself, and of leases a play counts its passes alone."""
LIVE_ALONE = {
    "api_key",
    "erasure_key",
    "import",
    "retention",
    "installation",
    "anchor",
    "worker",
    "tally",
    "tallied",
    "ramp",
    "paused_domain",
    "product_change",
}
"""What live processes write, and imports; of products a story tells nothing."""

MERGING = {
    "profile": "update",
    "enrollment": "update",
    "delivery": "update",
    "journal": "insert",
    "inbox": "insert update delete",
    "occasion": "delete",
    "flip": "delete",
    "lease": "update",
}
"""What merging (`passes/merging.*`) changes by name, beside the rows that it moves from one profile to the other."""

_WRITES = re.compile(
    r"\b(insert into|delete from|truncate|(?<!for )(?<!key )(?<!do )update)\s+(?:only )?([\w{}]+)", re.IGNORECASE
)
_VERBS = {"insert into": "insert", "delete from": "delete", "update": "update", "truncate": "truncate"}
_UPSERT = re.compile(r"insert into (\w+)(?:(?!insert into).)*?\bdo update\b", re.IGNORECASE | re.DOTALL)


def tables() -> set[str]:
    texts = "".join(without_comments(file.read_text(encoding="utf-8")) for file in SCHEMA.glob("*.sql"))
    return set(re.findall(r"create table (\w+)", texts))


def found() -> dict[str, dict[str, set[str]]]:
    """Table -> package -> verbs, of every statement but those of merging and of benchmarks (in databases of their own)."""
    writes: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for said in [*named(), *compiled(), *written()]:
        if said.name.startswith(("merging.", "bench.")):
            continue
        for verb, table in _WRITES.findall(said.plain):
            writes[table][said.package].add(_VERBS[verb.lower()])
        for table in _UPSERT.findall(said.plain):
            writes[table][said.package].add("update")
    return writes


def test_every_table_has_its_declared_writers_and_no_others() -> None:
    all_tables = tables()
    real = {
        table: {package: " ".join(sorted(verbs)) for package, verbs in packages.items()}
        for table, packages in found().items()
        if table in all_tables
    }
    declared = {
        table: {package: " ".join(sorted(verbs.split())) for package, verbs in packages.items()}
        for table, packages in WRITERS.items()
    }
    assert real == declared


def test_every_table_is_declared() -> None:
    assert tables() == WRITERS.keys()


def test_merging_changes_what_it_says_and_moves_what_it_names() -> None:
    real: dict[str, set[str]] = defaultdict(set)
    for said in [*named(), *written()]:
        if said.name.startswith("merging."):
            for verb, table in _WRITES.findall(said.plain):
                if table in tables():
                    real[table].add(_VERBS[verb.lower()])
    assert real == {table: set(verbs.split()) for table, verbs in MERGING.items()}
    assert set(MOVED) <= tables()


def test_what_is_written_by_a_name_put_in_is_told_apart() -> None:
    """Statements whose table is put in: merging's moves, a stage that is emptied, and sqlkit's own books."""
    loose = {package for table, packages in found().items() if "{" in table for package in packages}
    assert loose == {"simulate", "sqlkit"}


def test_a_stage_that_is_played_on_again_remembers_nothing() -> None:
    """Each table is emptied before the next story, holds what was published, or is written by no play."""
    assert set(PEOPLE) <= tables()
    assert tables() - set(PEOPLE) == PUBLISHED | LIVE_ALONE
