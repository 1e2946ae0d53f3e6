"""Empty tables again and again, at little cost: new files for 70 tables and their indexes take longer than most tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from tamshy.sqlkit import Connection

_LARGE: Final = 512 * 1024
"""Bytes of a table from which on new files cost less than rows that are dead."""
_SIZES: Final = """
    select c.relname, pg_relation_size(c.oid) from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.relname <> all(%(kept)s)
        and pg_relation_size(c.oid) > 0
    order by c.relname"""


KEPT: Final = ("schema_version", "zone_span")
"""What a migrated database begins with."""


def empty(conn: Connection, kept: Collection[str] = KEPT) -> None:
    """Leave no row in any table but those that are ``kept``; the caller commits."""
    sizes = dict(conn.execute(_SIZES, {"kept": list(kept)}).fetchall())
    if any(size > _LARGE for size in sizes.values()):
        conn.execute(f"truncate {', '.join(sizes)} cascade".encode())
    elif sizes:
        # One statement: what a row is named by goes in the same moment as the row.
        parts = ", ".join(f"d{place} as (delete from {name})" for place, name in enumerate(sizes))
        conn.execute(f"with {parts} select 1".encode())
