"""Keeping the workers out while the rules change: whoever works by old ones finds its lease gone at its next pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.publish")


@dataclass(frozen=True, slots=True)
class Span:
    """A workspace and its buckets: from ``first`` up to, but not with, ``beyond``."""

    workspace: int
    first: int
    beyond: int

    def params(self, **more: object) -> dict[str, object]:
        """What statements about the workspace are run with."""
        return {"workspace": self.workspace, "first": self.first, "beyond": self.beyond, **more}


def span_of(conn: Connection, name: str) -> Span:
    """The workspace of that name. Raises LookupError where there is none."""
    row = conn.execute(_SQL["workspace"], {"name": name}).fetchone()
    if row is None:
        msg = f"there is no workspace {name!r}"
        raise LookupError(msg)
    return Span(row[0], row[1], row[1] + row[2])


def take_turns(conn: Connection) -> None:
    """Wait until nobody else publishes, and keep others from it until this transaction ends."""
    conn.execute(_SQL["one_publisher"])


def hold_buckets(conn: Connection, span: Span) -> dict[int, int]:
    """Wait until no pass is under way in these buckets, and keep them still until this transaction ends.

    Gives each bucket's number for what is written here, as if it were a pass of its own.
    """
    return dict(conn.execute(_SQL["hold_buckets"], span.params()).fetchall())


def call_in(conn: Connection, span: Span) -> None:
    """Take the buckets out of their workers' hands: they read the rules anew before they go on."""
    conn.execute(_SQL["call_in"], span.params())


def prepare_moves(conn: Connection) -> None:
    """Make this session's list of those who move on, as passes have it."""
    conn.execute(_SQL["prepare_moves"])


def buckets_inside(conn: Connection, book: Rulebook, flow: str) -> list[int]:
    """The buckets in which a flow has people."""
    span = Span(book.workspace, book.first_bucket, book.first_bucket + book.buckets)
    return [row[0] for row in conn.execute(_SQL["buckets_inside"], span.params(flow=flow))]
