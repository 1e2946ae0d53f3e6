"""Dealing codes to those who ask: in order of their asking, in a transaction that holds a pool for an instant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.coupon.drawing import draw
from tamshy.language.pools import ALPHABET
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.coupon")
Series = tuple[str, str]
"""Kind and name of what codes are drawn from."""
_PATTERN: Final = "pattern"
_FILE: Final = "file"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody who asks for a code, and since when."""

    bucket: int
    profile: UUID
    id: UUID
    pool: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Dealt:
    """How a dealing ended: how many got a code of which pool, and for how many none was left."""

    given: dict[str, int]
    empty: dict[str, int]

    @property
    def answered(self) -> int:
        """How many have their answer."""
        return sum(self.given.values()) + sum(self.empty.values())


def waiting(
    conn: Connection, bucket: int, limit: int, until: datetime, only: Sequence[UUID] | None = None
) -> list[Asked]:
    """Give who of a bucket asks for a code, the first first; an asking whose enrollment has ended meanwhile is dropped.

    The bucket is held. Whoever is set aside later than ``until`` waits; ``only``: these profiles and nobody else.
    """
    conn.execute(_SQL["drop_ended"], {"bucket": bucket})
    rows = conn.execute(_SQL["waiting"], {"bucket": bucket, "limit": limit, "horizon": until, "only": only})
    return [Asked(bucket, *row) for row in rows]


def deal(conn: Connection, book: Rulebook, asked: Sequence[Asked]) -> Dealt:
    """Deal codes to these, in this order; the caller commits soon, since others wait for the same pools meanwhile.

    Codes are not given out where the transaction is rolled back: nothing is lost, and nothing is given twice. Pools are locked
    in the order of their names, so that two who deal never wait for each other.
    """
    by_series: dict[Series, list[Asked]] = defaultdict(list)
    for one in asked:
        by_series[_series_of(book, one.pool)].append(one)
    codes = _drawn(conn, book, {series: len(those) for series, those in by_series.items()})
    rows: dict[int, list[dict[str, object]]] = defaultdict(list)
    given: dict[str, int] = defaultdict(int)
    empty: dict[str, int] = defaultdict(int)
    for series, those in by_series.items():
        left = codes.get(series, [])
        for place, one in enumerate(those):
            code = left[place] if place < len(left) else None
            (empty if code is None else given)[one.pool] += 1
            discount = book.pools[one.pool].discount if one.pool in book.pools else {}
            rows[one.bucket].append({"p": one.profile, "i": one.id, "c": code, "d": discount})
    for bucket, these in rows.items():
        conn.execute(_SQL["deal"], {"bucket": bucket, "rows": rows_json(these)})
    return Dealt(dict(given), dict(empty))


def _series_of(book: Rulebook, pool: str) -> Series:
    found = book.pools.get(pool)
    return (_PATTERN, found.pattern) if found is not None and found.pattern is not None else (_FILE, pool)


def _drawn(conn: Connection, book: Rulebook, wanted: dict[Series, int]) -> dict[Series, list[str]]:
    """Draw so many codes of each series, as far as it goes, and write down how far it has come."""
    asked = rows_json([{"k": kind, "n": name, "c": count} for (kind, name), count in sorted(wanted.items())])
    params: dict[str, object] = {"workspace": book.workspace, "asked": asked}
    locked = conn.execute(_SQL["lock_series"], params).fetchall()
    codes: dict[Series, list[str]] = {}
    last: dict[Series, int] = {}
    for kind, name, key, given in locked:
        if kind == _PATTERN:
            until = min(given + wanted[kind, name], len(ALPHABET) ** name.count("?"))
            codes[kind, name] = draw(key, name, range(given, until))
            last[kind, name] = until
    if any(kind == _FILE for kind, *_ in locked):
        for pool, number, code in conn.execute(_SQL["next_of_files"], params):
            codes.setdefault((_FILE, pool), []).append(code)
            last[_FILE, pool] = number
    if last:
        rows = [{"k": kind, "n": name, "g": given} for (kind, name), given in last.items()]
        conn.execute(_SQL["advance_series"], params | {"rows": rows_json(rows)})
    return codes
