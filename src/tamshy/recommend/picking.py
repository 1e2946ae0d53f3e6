"""What the messages of a batch may show, fetched before they are rendered: a query for each kind, however many mails there are.

Rendering happens where no database is. What a template will ask for is known by its text as far as kinds go; which products it asks
about is read off the same data that it will see. The child sorts out the rest by itself (`tamshy.render.picks`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from uuid import UUID

from tamshy.domain.shopping import ADDED, COMPLETED, VIEWED, WHOLE
from tamshy.language.recommending import MOST_PICKS
from tamshy.recommend.learning import HISTORY
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.recommend")
_MANY: Final = 4 * MOST_PICKS
"""Products of a list that are handed on: those that the message is about, or were just bought, are still to be left out."""
_NEAR: Final = ("similar", "together")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one message may show.

    Args:
        profile: whom it is for.
        now: the moment of deciding.
        kinds: the kinds that its template asks for.
        names: what the products that it is about are called in its data.
        own: whether it asks for what goes with whatever this person did last.
    """

    profile: UUID
    now: datetime
    kinds: frozenset[str]
    names: frozenset[str] = frozenset()
    own: bool = False


@dataclass(slots=True)
class _Found:
    """What is known for a batch: skus by person or for all, and what goes with what."""

    bought: dict[UUID, set[str]] = field(default_factory=dict)
    of_all: dict[str, list[str]] = field(default_factory=dict)
    of_one: dict[str, dict[UUID, list[str]]] = field(default_factory=dict)
    recent: dict[UUID, list[str]] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    near: dict[str, dict[str, list[tuple[str, float]]]] = field(default_factory=dict)


def pick(conn: Connection, bucket: int, wanted: Sequence[Wanted]) -> list[dict[str, object]]:
    """Fetch what some messages of one bucket may show, in their order.

    Returns:
        For each a mapping: ``lists`` (kind → skus, best first), ``near`` (kind → sku → pairs of sku and score), ``called`` (name →
        sku), ``own`` (the skus that this person dealt with last), ``bought`` (skus that were just bought), ``products`` (sku → the
        product as templates see it). All that is in ``lists`` and ``near`` is in stock, and not among ``bought``.
    """
    row = conn.execute(_SQL["workspace_of"], {"bucket": bucket}).fetchone()
    if row is None or not wanted:
        return [{} for _ in wanted]
    params: dict[str, object] = {"bucket": bucket, "workspace": row[0], "many": _MANY}
    found = _found(conn, params, wanted)
    picks = [_of(one, found) for one in wanted]
    skus = sorted({sku for one in picks for sku in _named(one)})
    products: dict[str, object] = dict(conn.execute(_SQL["products"], params | {"skus": skus}).fetchall())
    return [{**one, "products": {sku: products[sku] for sku in _named(one) if sku in products}} for one in picks]


def _found(conn: Connection, params: dict[str, object], wanted: Sequence[Wanted]) -> _Found:
    found = _Found()
    kinds = frozenset[str]().union(*(one.kinds for one in wanted))
    everybody = _people(wanted)
    for profile, sku in conn.execute(_SQL["bought"], params | {"people": everybody}):
        found.bought.setdefault(profile, set()).add(sku)
    for kind in sorted(kinds & {"popular", "new"}):
        found.of_all[kind] = [sku for (sku,) in conn.execute(_SQL[kind], params).fetchall()]
    if "viewed" in kinds:
        asking = _people(one for one in wanted if "viewed" in one.kinds)
        found.of_one["viewed"] = _lists(conn.execute(_SQL["viewed"], params | {"people": asking, "viewed": VIEWED}))
    if "next" in kinds:
        asking = _people(one for one in wanted if "next" in one.kinds)
        # What was just bought is left out below: all of it may stand before what is not.
        many = _MANY + max(map(len, found.bought.values()), default=0)
        more = {"people": asking, "many": many, "history": HISTORY}
        found.of_one["next"] = _lists(conn.execute(_SQL["next"], params | more))
    if kinds.intersection(_NEAR):
        _find_near(conn, params, wanted, found)
    return found


def _find_near(conn: Connection, params: dict[str, object], wanted: Sequence[Wanted], found: _Found) -> None:
    names = sorted(frozenset[str]().union(*(one.names for one in wanted)))
    found.called = dict(conn.execute(_SQL["called"], params | {"names": names}).fetchall())
    asking = [one for one in wanted if one.own]
    if asking:
        more = {"people": _people(asking), "names": [VIEWED, *ADDED, *WHOLE, COMPLETED]}
        found.recent = _lists(conn.execute(_SQL["recent"], params | more))
    for kind in _NEAR:
        skus = {found.called[name] for one in wanted if kind in one.kinds for name in one.names if name in found.called}
        skus.update(sku for one in asking if kind in one.kinds for sku in found.recent.get(one.profile, ()))
        if skus:
            near = found.near.setdefault(kind, {})
            for sku, other, score in conn.execute(_SQL["near"], params | {"kind": kind, "skus": sorted(skus)}):
                near.setdefault(sku, []).append((other, score))


def _people(wanted: Iterable[Wanted]) -> str:
    """Those who are asked for, each once: at the latest of their moments where there are several."""
    latest: dict[UUID, datetime] = {}
    for one in wanted:
        latest[one.profile] = max(one.now, latest.get(one.profile, one.now))
    return rows_json({"profile": profile, "now": now} for profile, now in latest.items())


def _lists(rows: Iterable[tuple[object, ...]]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for profile, sku in rows:
        if isinstance(profile, UUID):
            found.setdefault(profile, []).append(str(sku))
    return found


def _of(one: Wanted, found: _Found) -> dict[str, object]:
    """What is known for all, cut down to what this message may show."""
    bought = found.bought.get(one.profile, set())
    lists = {kind: skus for kind, skus in found.of_all.items() if kind in one.kinds}
    lists |= {kind: of.get(one.profile, []) for kind, of in found.of_one.items() if kind in one.kinds}
    called = {name: found.called[name] for name in sorted(one.names) if name in found.called}
    own = found.recent.get(one.profile, []) if one.own else []
    return {
        "lists": {kind: [sku for sku in skus if sku not in bought][:_MANY] for kind, skus in lists.items()},
        "near": {
            kind: {
                sku: [pair for pair in near[sku] if pair[0] not in bought]
                for sku in sorted({*called.values(), *own})
                if sku in near
            }
            for kind, near in found.near.items()
            if kind in one.kinds
        },
        "called": called,
        "own": own,
    }


def _named(picks: dict[str, object]) -> set[str]:
    """The skus that may be shown."""
    lists, near = picks["lists"], picks["near"]
    found: set[str] = set()
    if isinstance(lists, dict):
        found.update(sku for skus in lists.values() for sku in skus)
    if isinstance(near, dict):
        found.update(sku for of in near.values() for pairs in of.values() for sku, _ in pairs)
    return found
