"""Where anything of a person lies, and reading all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from tamshy import sqlkit
from tamshy.explain import whoever

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

SQL: Final = sqlkit.queries("tamshy.privacy")

BY_PROFILE: Final = (
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
)
"""The tables whose rows are one profile's."""
HELD: Final = (
    "profile",
    "identifier",
    "naming",
    "suppression",
    "soft_bounce",
    "paused_domain",
    "retention",
    *BY_PROFILE,
)
"""Every table that holds anything of anybody."""
FREE: Final = {
    "workspace": "a shop",
    "definition": "what the shop has written",
    "publication": "what the shop has written",
    "flow": "what the shop has written",
    "flow_version": "what the shop has written",
    "message_version": "what the shop has written",
    "look": "sums over the people of an experiment's arms",
    "coupon_pool": "what the shop has written",
    "coupon_series": "how many codes were given out",
    "coupon_stock": "codes that the shop has written; whose they are stands in coupon",
    "api_key": "digests of the shop's own keys",
    "zone_span": "the world's clocks",
    "product": "what the shop sells",
    "product_name": "what the shop sells",
    "product_category": "what the shop sells",
    "product_change": "what the shop sells",
    "catalogue_turn": "what a bucket has not heard of yet",
    "neighbour": "what goes with what, by two people at least",
    "bestseller": "what most people buy",
    "learnt_interval": "how long products last, by twenty purchases at least",
    "tick": "when the shop's schedules come",
    "best_hour": "one hour of the day for the whole shop",
    "seen_message": "hashes of what clients named their calls, for 30 days",
    "lease": "who works a bucket",
    "worker": "which workers live",
    "tally": "counts",
    "tallied": "how far is counted",
    "installation": "where the database lies",
    "ramp": "a moment",
    "anchor": "a machine's clock",
    "ranked": "a moment",
    "import": "a file's name, its hash, and how far it was read",
    "erasure_key": "a key",
    "schema_version": "migrations",
}
"""The tables that hold nothing of anybody, each with what it holds instead."""


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person: the profile that they are, and those that became it or are about to.

    ``parts``: bucket and profile of each, the one that was found first.
    """

    workspace: int
    parts: tuple[tuple[int, UUID], ...]
    merges: tuple[UUID, ...] = ()
    """Merges that wait in the inboxes of several of them."""

    @property
    def profile(self) -> UUID:
        """The profile that they are."""
        return self.parts[0][1]

    @property
    def buckets(self) -> list[int]:
        """The buckets that anything of them lies in, in order."""
        return sorted({bucket for bucket, _ in self.parts})

    def each(self) -> list[dict[str, object]]:
        """What the statements go by, for each part."""
        return [{"workspace": self.workspace, "bucket": bucket, "profile": profile} for bucket, profile in self.parts]


def find(conn: Connection, workspace: int, name: str) -> list[Somebody]:
    """Find everybody in a workspace who goes by a name, as `tamshy explain` does, with all that they are or were."""
    row = conn.execute(
        "select first_bucket, buckets from workspace where id = %(workspace)s", {"workspace": workspace}
    ).fetchone()
    if row is None:
        return []
    span = list(range(row[0], row[0] + row[1]))
    found: list[Somebody] = []
    known: set[UUID] = set()
    for bucket, profile in whoever(conn, workspace, name):
        if profile not in known:
            found.append(_whole(conn, workspace, span, (bucket, profile)))
            known |= {part for _, part in found[-1].parts}
    return found


def _whole(conn: Connection, workspace: int, span: list[int], first: tuple[int, UUID]) -> Somebody:
    parts, merges = [first], set[UUID]()
    for bucket, profile in parts:  # grows while it is gone through
        given = {"bucket": bucket, "profile": profile, "buckets": span}
        beside: list[tuple[int, UUID]] = conn.execute(SQL["merged"], given).fetchall()
        for one_bucket, one, other_bucket, other, merge in conn.execute(SQL["merging"], given).fetchall():
            beside += [(one_bucket, one), (other_bucket, other)]
            merges.add(merge)
        parts += [part for part in dict.fromkeys(beside) if part not in parts]
    return Somebody(workspace, tuple(parts), tuple(sorted(merges)))


def addresses_of(conn: Connection, somebody: Somebody) -> list[str]:
    """Every address that is, or was, written to for a person."""
    return sorted({row[0] for key in somebody.each() for row in conn.execute(SQL["addresses"], key)})


def names_of(conn: Connection, somebody: Somebody) -> list[tuple[str, str]]:
    """What a person goes by: kind and value."""
    rows = [row[0] for key in somebody.each() for row in conn.execute(SQL["identifier"], key)]
    return sorted({(row["kind"], row["value"]) for row in rows})


def users_of(conn: Connection, somebody: Somebody) -> list[str]:
    """The user ids of a person."""
    return [value for kind, value in names_of(conn, somebody) if kind == "user_id"]


def take_out(conn: Connection, somebody: Somebody) -> dict[str, list[dict[str, Any]]]:
    """Read all that is held about a person: by table, its rows as they are; tables without any are left out.

    Everything is read as of one moment where the caller's transaction is `repeatable read`.
    """
    given = {
        "workspace": somebody.workspace,
        "addresses": addresses_of(conn, somebody),
        "users": users_of(conn, somebody),
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for table in HELD:
        keys = somebody.each() if "%(bucket)s" in SQL[table] else [{}]
        rows = [row[0] for key in keys for row in conn.execute(SQL[table], given | key)]
        if rows:
            found[table] = rows
    return found
