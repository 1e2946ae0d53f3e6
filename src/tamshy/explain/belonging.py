# ruff: noqa: S608 - statements are woven of this project's own words, values always as parameters
"""Which segments somebody is in, and which part of each keeps them in, or out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.conditions import nested
from tamshy.explain.facts import Belonging, Part
from tamshy.language import walk
from tamshy.language.model import All, Ref
from tamshy.language.wording import describe_condition
from tamshy.rulebook.weaver import Weaver
from tamshy.segment import rows
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from datetime import datetime

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.explain")


def belongings(conn: Connection, book: Rulebook, params: dict[str, object], now: datetime) -> tuple[Belonging, ...]:
    """Every segment of the workspace, asked now, in the order of their names."""
    kept = {row[0]: row[1:] for row in conn.execute(_SQL["memberships"], params).fetchall()}
    known = _figures(conn, params)
    found = []
    for name, condition in sorted(book.segments.items()):
        members = condition.members if isinstance(condition, All) and condition.members else (condition,)
        weave = Weaver(book)
        columns = [weave.condition(member) for member in members]
        turn = weave.turn(name)
        hand = "(select %(profile)s::uuid as profile, %(now)s::timestamptz as moment)"
        sql = f"select {', '.join([turn, *columns])} from ({rows(hand)}) x"
        row = conn.execute(sql.encode(), weave.params | params | {"now": now}).fetchone()
        if row is None:
            continue
        parts = tuple(Part(describe_condition(one), holds) for one, holds in zip(members, row[1:], strict=True))
        read = {
            str(part)
            for one in nested(book.segments, name)
            for part in walk(book.segments[one])
            if isinstance(part, Ref)
        }
        figures = {ref: value for ref, value in known.items() if ref in read}
        found.append(Belonging(name, all(row[1:]), kept.get(name, (None,))[0], row[0], parts, figures or None))
    return tuple(found)


def _figures(conn: Connection, params: dict[str, object]) -> dict[str, object]:
    """What was last found of somebody as a buyer, by reference; None: no figure."""
    row = conn.execute(_SQL["buyer"], params).fetchone() or (None,) * 5
    group, score, clv, churn, next_order_at = row
    return {
        "rfm.segment": group,
        "rfm.score": score,
        "predicted.clv": None if clv is None else float(clv),
        "predicted.churn": None if churn is None else float(churn),
        "predicted.next_order_at": next_order_at,
    }
