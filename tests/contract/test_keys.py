"""The catalogue of a migrated database keeps the rules that let one machine's tables become many machines'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.test_writers import WRITERS

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

PER_PROFILE = {
    "profile",
    "consent",
    "inbox",
    "occasion",
    "event",
    "cart",
    "orders",
    "reorder",
    "enrollment",
    "entry",
    "conversion",
    "arm",
    "message",
    "content",
    "delivery",
    "settlement",
    "coupon",
    "errand",
    "engagement",
    "journal",
    "set_aside",
    "membership",
    "flip",
    "best",
    "buyer",
}
OTHERS = {
    "identifier": "uniqueness across profiles, keyed by workspace, kind and value",
    "suppression": "an address of a workspace, whoever goes by it",
    "soft_bounce": "an address of a workspace, as suppression is",
    "paused_domain": "a sending domain of a workspace",
    "ranked": "one row for each workspace: when what is computed daily was last computed",
    "import": "a file that was taken in, before anybody knows whose its lines are",
    "erasure_key": "one row for each workspace that has erased somebody",
    "product": "the catalogue, the same for everybody",
    "product_name": "the catalogue, the same for everybody",
    "product_category": "the catalogue, the same for everybody",
    "product_change": "the catalogue, the same for everybody",
    "neighbour": "what goes with what, the same for everybody",
    "bestseller": "what sells, the same for everybody",
    "learnt_interval": "the catalogue, the same for everybody",
    "catalogue_turn": "a few rows for each bucket: what its people have not heard of yet",
    "seen_message": "message ids of a source, before anybody knows whose they are",
    "naming": "which user a device named, keyed by the device",
    "lease": "one row for each bucket: who works it",
    "worker": "one row for each worker",
    "tally": "a few counts for each bucket",
    "retention": "one row for each bucket: how far its old history is let go of",
    "tallied": "one row for each bucket: how far it is counted",
    "installation": "one row: where this database lies",
    "ramp": "one row: how far a backlog is spread",
    "anchor": "one row for each start of a machine",
    "workspace": "a definition",
    "definition": "a definition",
    "publication": "a definition",
    "flow": "a definition",
    "flow_version": "a definition",
    "message_version": "a definition",
    "coupon_pool": "a definition",
    "coupon_series": "how far a pattern or a file of codes is given out, for everybody",
    "coupon_stock": "codes of files that nobody has yet, keyed by value as identifier is",
    "api_key": "a definition",
    "tick": "when the schedules of a workspace come, the same for everybody",
    "best_hour": "one figure of a workspace a day",
    "look": "what is known of an experiment, a row a day",
    "zone_span": "a reference table, the same everywhere",
    "schema_version": "the migrations that were applied",
}
"""The tables that no bucket begins, each with the reason."""

ACROSS = {
    "delivery_uncertain": "a workspace's list for a person, not a pass's",
    "delivery_in_doubt": "what is in doubt, by the message's id that a person names",
    "settlement_message": "who has settled it, by the message's id that a person names",
}
"""Indexes of per-profile tables that no bucket begins, each with the reason."""


def test_every_table_is_one_profiles_or_has_a_reason_not_to_be(db: Connection) -> None:
    rows = db.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    assert {row[0] for row in rows} == PER_PROFILE | OTHERS.keys()
    assert WRITERS.keys() | {"schema_version"} == PER_PROFILE | OTHERS.keys()


def test_every_key_and_index_of_a_per_profile_table_begins_with_the_bucket(db: Connection) -> None:
    rows = db.execute(
        """
        select t.relname, i.relname, a.attname, x.indisprimary or x.indisunique
        from pg_index x
        join pg_class i on i.oid = x.indexrelid
        join pg_class t on t.oid = x.indrelid
        left join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
        where t.relname = any(%(tables)s) and t.relnamespace = 'public'::regnamespace
        """,
        {"tables": sorted(PER_PROFILE)},
    ).fetchall()
    assert {row[0] for row in rows} == PER_PROFILE
    assert {index: unique for _, index, first, unique in rows if first != "bucket"} == dict.fromkeys(ACROSS, False)


def test_every_per_profile_table_has_a_primary_key_that_tells_whose_a_row_is(db: Connection) -> None:
    rows = db.execute(
        """
        select t.relname, array_agg(a.attname::text order by k.place)
        from pg_constraint c
        join pg_class t on t.oid = c.conrelid
        cross join lateral unnest(c.conkey) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number
        where c.contype = 'p' and t.relname = any(%(tables)s) and t.relnamespace = 'public'::regnamespace
        group by t.relname
        """,
        {"tables": sorted(PER_PROFILE)},
    ).fetchall()
    keys = {table: columns[:2] for table, columns in rows}
    assert keys == {table: ["bucket", "profile"] for table in PER_PROFILE} | {"profile": ["bucket", "id"]}


def test_a_bucket_is_a_smallint_and_never_missing(db: Connection) -> None:
    rows = db.execute(
        """
        select t.relname, format_type(a.atttypid, a.atttypmod), a.attnotnull
        from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attname = 'bucket'
        where t.relkind = 'r' and t.relnamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert {row[0] for row in rows} == PER_PROFILE | {
        "identifier",
        "lease",
        "tally",
        "tallied",
        "retention",
        "catalogue_turn",
    }
    assert {row[1:] for row in rows} == {("smallint", True)}


def test_a_per_profile_table_points_at_nothing_and_nothing_points_at_it(db: Connection) -> None:
    """Merging re-inserts rows under another key; a foreign key would be asked for every one of them."""
    rows = db.execute(
        "select conrelid::regclass::text, confrelid::regclass::text from pg_constraint where contype = 'f'"
    ).fetchall()
    assert [row for row in rows if {*row} & PER_PROFILE] == []


def test_nothing_hangs_on_triggers_sequences_or_the_clock(db: Connection) -> None:
    triggers = db.execute("select tgname from pg_trigger where not tgisinternal").fetchall()
    sequences = db.execute("select relname from pg_class where relkind = 'S'").fetchall()
    defaults = db.execute(
        """
        select d.adrelid::regclass::text, pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
        join pg_class t on t.oid = d.adrelid where t.relnamespace = 'public'::regnamespace
        """
    ).fetchall()
    assert triggers == []
    assert sequences == []
    # The one moment that the database says itself: when a migration was applied, by which nothing is decided.
    assert [row for row in defaults if "(" in row[1].replace("'{}'::jsonb", "")] == [
        ("schema_version", "clock_timestamp()")
    ]
