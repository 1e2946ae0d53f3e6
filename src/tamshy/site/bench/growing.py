"""How the cost of a step grows: with how many wait beside those who are due, and with how many are due at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.site.bench.cost import Cost
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.passing import BRANCH, Passing
from tamshy.site.bench.shop import SQL, enrolled, people

if TYPE_CHECKING:
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size

_BATCHES = 4
"""Into how many batches a bucket's backlog is cut."""


def growth(ground: Ground, size: Size) -> list[Figure]:
    """Measure a branch on behaviour with as many due each time, among more and more who wait."""
    first, *more = size.waiting
    grown = []
    with ground.shop("growth") as (conn, book):
        passing = Passing(conn, book, ground, "put_back")
        people(conn, book, first, size.past)
        enrolled(conn, book, "waiting", 1, first, first // size.steps)
        clean(conn, "profile", "event", "entry", "enrollment")
        waiting = first
        for wanted in (first, *more):
            if wanted > waiting:
                enrolled(conn, book, "waiting", waiting + 1, wanted, 0)
                clean(conn, "entry", "enrollment")
                waiting = wanted
            for _ in range(size.rounds):
                passing.round(2, size.steps)
            grown.append(passing.taken())
    (ours, limits), *others = grown
    return [
        Figure(
            stage="growth",
            what=f"{BRANCH}, {size.steps:,} of {first:,} being due",
            unit="steps",
            items=size.steps,
            rounds=ours[1],
            limit="UPDATE of the same rows",
            limit_items=size.steps,
            limits=limits,
            grown=theirs[1],
            grown_items=size.steps,
            growth=wanted // first,
            growing="waiting",
            note=f"{wanted} waiting",
        )
        for wanted, (theirs, _) in zip(more, others, strict=True)
    ]


def _sum(one: Cost, other: Cost) -> Cost:
    def plus(left: float | None, right: float | None) -> float | None:
        return None if left is None or right is None else left + right

    return Cost(one.wall + other.wall, plus(one.ours, other.ours), plus(one.server, other.server))


def backlog(ground: Ground, size: Size) -> list[Figure]:
    """Measure a backlog of everybody due at once: its last batch beside its first, and beside a bare UPDATE."""
    due = size.backlog_due
    firsts, lasts, limits = [], [], []
    with ground.shop("backlog") as (conn, book):
        passing = Passing(conn, book, ground, "put_back")
        people(conn, book, due, 2)
        enrolled(conn, book, "waiting", 1, due, 1)
        clean(conn, "profile", "event", "entry", "enrollment")
        # Every bucket has as many full batches; what the larger ones have beyond is worked at the end, unmeasured.
        row = conn.execute(SQL["smallest_bucket"]).fetchone()
        limit = int(row[0]) // _BATCHES if row else 0
        batch = limit * book.buckets
        for _ in range(min(size.rounds, 3)):
            batches = [_sum(passing.passed(batch, limit), passing.passed(batch, limit)) for _ in range(_BATCHES)]
            rest = due - batch * _BATCHES
            passing.passed(rest)
            passing.passed(rest)
            clean(conn, "enrollment")
            firsts.append(batches[0])
            lasts.append(batches[-1])
            limits.append(passing.put_back(due))
            clean(conn, "enrollment")
    return [
        Figure(
            stage="backlog",
            what=f"a wait and a branch left, first batch of {due:,} due at once",
            unit="steps",
            items=2 * batch,
            rounds=firsts,
            limit="UPDATE of the same rows",
            limit_items=due,
            limits=limits,
            grown=lasts,
            grown_items=2 * batch,
            growth=_BATCHES,
            growing="batches, the last",
            note=f"batches of {limit} a bucket",
        )
    ]
