"""Advance and decide: passes over everything that is due in all buckets, beside a bare UPDATE of the same rows and indexes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.passes import Horizon, prepare, run
from tamshy.passes.rendering import LiquidValues
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.shop import NOON, SQL, enrolled, people
from tamshy.site.bench.singly import Singly

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_LIMIT: Final = 5000
_SUPPRESSED: Final = 5000
WAIT: Final = "a wait that is over, left"
BRANCH: Final = "a branch on behaviour, decided and left"


def advance(ground: Ground, size: Size) -> list[Figure]:
    """Measure leaving a wait, and a branch with a condition on behaviour."""
    with ground.shop("advance") as (conn, book):
        passing = Passing(conn, book, ground, "put_back")
        people(conn, book, size.profiles, size.past)
        enrolled(conn, book, "waiting", 1, size.profiles, size.profiles // size.due)
        clean(conn, "profile", "event", "entry", "enrollment")
        for _ in range(size.rounds):
            passing.round(2, size.due)
        small = passing.taken()
        singly = [Singly(conn, book).round(passing, ground, size) for _ in range(size.rounds)]
        passing.taken()
        enrolled(conn, book, "waiting", size.profiles + 1, size.profiles * size.growth, 0)
        clean(conn, "entry", "enrollment")
        for _ in range(size.rounds):
            passing.round(2, size.due)
        grown = passing.taken()
    found = [
        _figure("advance", what, "steps", size, (small[0][place], small[1]), grown[0][place])
        for place, what in enumerate((WAIT, BRANCH))
    ]
    beside = replace(
        found[1], limit="one transaction a step", limit_items=size.singly, limits=singly, note="grown: as above"
    )
    return [*found, beside]


def decide(ground: Ground, size: Size) -> list[Figure]:
    """Measure deciding a mail, with every check on and none objecting."""
    with ground.shop("decide") as (conn, book):
        passing = Passing(conn, book, ground, "put_back_decided", "drop_decisions")
        people(conn, book, size.profiles, size.past)
        enrolled(conn, book, "deciding", 1, size.profiles, size.profiles // size.due)
        conn.execute(SQL["fill_messages"], {"noon": NOON})
        conn.execute(SQL["fill_suppressions"], {"noon": NOON, "workspace": book.workspace, "count": _SUPPRESSED})
        clean(conn, "profile", "event", "entry", "enrollment", "message", "suppression")
        for _ in range(size.rounds):
            passing.round(1, size.due)
        small = passing.taken()
        enrolled(conn, book, "deciding", size.profiles + 1, size.profiles * size.growth, 0)
        clean(conn, "entry", "enrollment")
        for _ in range(size.rounds):
            passing.round(1, size.due)
        grown = passing.taken()
    what = "a mail decided, all checks on, none objecting"
    return [_figure("decide", what, "decisions", size, (small[0][0], small[1]), grown[0][0])]


def _figure(
    stage: str, what: str, unit: str, size: Size, small: tuple[list[Cost], list[Cost]], grown: list[Cost]
) -> Figure:
    return Figure(
        stage=stage,
        what=what,
        unit=unit,
        items=size.due,
        rounds=small[0],
        limit="UPDATE of the same rows",
        limit_items=size.due,
        limits=small[1],
        grown=grown,
        grown_items=size.due,
        growth=size.growth,
        growing="waiting",
        note=f"{size.profiles} waiting, {size.due} due, a transaction for each bucket",
    )


class Passing:
    """Rounds of passes over all buckets; after each the rows are put back, which is the limit."""

    def __init__(self, conn: Connection, book: Rulebook, ground: Ground, back: str, forget: str = "") -> None:
        self._conn = conn
        self._book = book
        self._meter = ground.meter
        self._back = back
        self._forget = forget
        self._values = LiquidValues(book.settings)
        self._ours: list[list[Cost]] = []
        self._limits: list[Cost] = []
        prepare(conn)

    def taken(self) -> tuple[list[list[Cost]], list[Cost]]:
        """Give what the rounds since the last asking took: pass by pass, and the limits."""
        ours, limits = self._ours, self._limits
        self._ours, self._limits = [], []
        return ours, limits

    def round(self, passes: int, due: int) -> None:
        """Work what is due in so many passes over all buckets, then put it back."""
        self._ours = self._ours or [[] for _ in range(passes)]
        for place in range(passes):
            self._ours[place].append(self.passed(due))
        clean(self._conn, "enrollment", "message")
        self._limits.append(self.put_back(due))
        if self._forget:
            self._conn.execute(SQL[self._forget])
        clean(self._conn, "enrollment", "message")

    def passed(self, due: int, limit: int = _LIMIT) -> Cost:
        """One pass over every bucket, over so many profiles of each at most.

        Raises:
            RuntimeError: it worked something else than what is due, so that the figure would mean nothing.
        """
        horizon = Horizon(NOON, NOON - timedelta(seconds=60), limit)
        worked = 0

        def work() -> None:
            nonlocal worked
            for bucket in self.buckets():
                worked += run(self._conn, self._book, bucket, 0, horizon, self._values).due
                self._conn.commit()

        cost = self._meter.of(work)
        if worked != due:
            raise RuntimeError(f"a pass worked {worked} enrollments, and {due} were due")
        return cost

    def put_back(self, due: int) -> Cost:
        """Set back what a round has changed: the bare update.

        Raises:
            RuntimeError: a round had changed something else.
        """
        changed = 0

        def work() -> None:
            nonlocal changed
            for bucket in self.buckets():
                given = {"bucket": bucket, "horizon": NOON}
                changed += self._conn.execute(SQL[self._back], given).rowcount
                self._conn.commit()

        cost = self._meter.of(work)
        if changed != due:
            raise RuntimeError(f"{changed} rows were put back, and {due} had been moved")
        return cost

    def buckets(self) -> range:
        """Every bucket of the shop."""
        return range(self._book.first_bucket, self._book.first_bucket + self._book.buckets)
