"""Erasing a person: every row of every table that holds anything of them, in one transaction.

What stays is a keyed hash of each of their addresses, so that a file that is imported again, or a new call, mails
nobody who was erased.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy import sqlkit
from tamshy.domain.address import lowered
from tamshy.privacy.holding import BY_PROFILE, SQL, addresses_of, users_of

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.privacy.holding import Somebody
    from tamshy.sqlkit import Connection

_BLOCK: Final = 64
_INNER, _OUTER = 0x36, 0x5C
_BY_VALUE: Final = ("naming", "suppression", "soft_bounce")


@dataclass(frozen=True, slots=True)
class Pads:
    """A key of HMAC-SHA256 in the two halves that the database hashes with (RFC 2104)."""

    inner: bytes
    outer: bytes

    @classmethod
    def of(cls, key: bytes) -> Pads:
        """Pad a key of at most 64 bytes."""
        whole = key.ljust(_BLOCK, b"\0")
        return cls(bytes(one ^ _INNER for one in whole), bytes(one ^ _OUTER for one in whole))


@dataclass(frozen=True, slots=True)
class Sharing:
    """Another profile with an address of somebody who was erased: it stays, and nothing is written to that address."""

    profile: UUID
    first_known_as: str


@dataclass(frozen=True, slots=True)
class Erased:
    """What went: rows by table, flows that were left, mails that were withdrawn; and who has the same address.

    ``addresses`` and ``users`` are what the person was known by: for `sweep`, and to be kept nowhere.
    """

    rows: dict[str, int]
    enrollments: int
    deliveries: int
    addresses: tuple[str, ...] = field(repr=False)
    users: tuple[str, ...] = field(repr=False)
    sharing: tuple[Sharing, ...] = field(default=())


def erased_since(conn: Connection, workspace: int, name: str) -> datetime | None:
    """Since when an address is kept as that of somebody who was erased; None: it is not."""
    row = conn.execute(SQL["erased_since"], {"workspace": workspace, "address": lowered(name)}).fetchone()
    return None if row is None else row[0]


def erase(conn: Connection, somebody: Somebody, pads: Pads, now: datetime) -> Erased:
    """Erase a person; the caller commits. Erased again, nothing more happens.

    Args:
        conn: a connection; passes over the person's buckets, and calls of theirs, wait until its transaction ends.
        somebody: whom.
        pads: the key for the workspace's erased addresses, where it has none yet.
        now: since when.
    """
    conn.execute(SQL["hold"], {"buckets": somebody.buckets})
    conn.execute(SQL["hold_names"], {"rows": sqlkit.rows_json(somebody.each())})
    addresses, users = addresses_of(conn, somebody), users_of(conn, somebody)
    given: dict[str, object] = {"workspace": somebody.workspace, "addresses": addresses, "users": users, "now": now}
    conn.execute(SQL["make_key"], given | {"inner_pad": pads.inner, "outer_pad": pads.outer})
    rows: Counter[str] = Counter()
    for table in _BY_VALUE:
        rows[table] += conn.execute(SQL[f"erase_{table}"], given).rowcount
    conn.execute(SQL["keep_keyed"], given)
    enrollments = deliveries = 0
    for key in somebody.each():
        inside = conn.execute(SQL["inside"], key).fetchone() or (0, 0)
        enrollments, deliveries = enrollments + inside[0], deliveries + inside[1]
        rows += _emptied(conn, somebody, key)
    sharing = conn.execute(SQL["sharing"], given | {"people": [part for _, part in somebody.parts]}).fetchall()
    return Erased(
        {table: count for table, count in sorted(rows.items()) if count},
        enrollments,
        deliveries,
        tuple(addresses),
        tuple(users),
        tuple(Sharing(profile, die) for _, profile, die in sharing),
    )


def sweep(conn: Connection, somebody: Somebody, erased: Erased) -> dict[str, int]:
    """Erase what calls and answers that were under way have left of somebody; rows by table. The caller commits."""
    conn.execute(SQL["hold"], {"buckets": somebody.buckets})
    rows: Counter[str] = Counter()
    given = {"workspace": somebody.workspace, "addresses": list(erased.addresses), "users": list(erased.users)}
    for table in _BY_VALUE:
        rows[table] += conn.execute(SQL[f"erase_{table}"], given).rowcount
    for key in somebody.each():
        rows += _emptied(conn, somebody, key)
    return {table: count for table, count in sorted(rows.items()) if count}


def under_way(conn: Connection) -> frozenset[tuple[int, datetime]]:
    """The transactions of others that are open now."""
    return frozenset((row[0], row[1]) for row in conn.execute(SQL["under_way"]))


def _emptied(conn: Connection, somebody: Somebody, key: dict[str, object]) -> Counter[str]:
    """Take out everything of one part."""
    rows: Counter[str] = Counter()
    for name in ("end_enrollments", "withdraw"):
        conn.execute(SQL[name], key)
    profile = UUID(str(key["profile"]))
    before = UUID(int=max(profile.int - 1, 0))
    conn.execute(SQL["erase_retention"], key | {"before": before})
    # By the messages, which go after it.
    rows["paused_domain"] = conn.execute(SQL["erase_paused_domain"], key).rowcount
    if somebody.merges:
        merges = {"buckets": somebody.buckets, "merges": list(somebody.merges)}
        rows["inbox"] = conn.execute(SQL["erase_merges"], merges).rowcount
    for table in (*BY_PROFILE, "identifier", "profile"):
        rows[table] += conn.execute(SQL[f"erase_{table}"], key).rowcount
    return rows
