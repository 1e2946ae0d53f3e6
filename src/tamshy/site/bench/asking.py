"""Asking everybody: who ordered three times in 90 days and opened a mail in 30, beside the same asked of the index by people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.conditions import Environment, compile_question
from tamshy.domain.duration import Duration
from tamshy.language.model import All, Behaviour, Clause, Engaged, Engagement, Operator, Test, Window
from tamshy.site.bench.figures import Figure
from tamshy.site.bench.ground import clean
from tamshy.site.bench.shop import NOON, SQL, people

if TYPE_CHECKING:
    from tamshy.rulebook import Rulebook
    from tamshy.site.bench.cost import Cost
    from tamshy.site.bench.ground import Ground
    from tamshy.site.bench.sizes import Size
    from tamshy.sqlkit import Connection

_PROFILES: Final = {"tiny": 256, "short": 100_000, "full": 1_000_000}
"""With fewer, planning is most of what it costs."""
_CONDITION: Final = All(
    (
        Behaviour(
            "Order Completed",
            count=Test((Clause(Operator.GTE, 3),)),
            window=Window(within=Duration(days=90)),
        ),
        Engagement(Engaged.OPENED, window=Window(within=Duration(days=30))),
    )
)


def ask(ground: Ground, size: Size) -> list[Figure]:
    """Measure a question about everybody, bucket by bucket."""
    with ground.shop("ask") as (conn, book):
        profiles = _PROFILES[size.name]
        people(conn, book, profiles, 0)
        conn.execute(SQL["fill_behaviour"], {"noon": NOON, "past": size.past})
        clean(conn, "profile", "event")
        asking = _Asking(conn, book, ground)
        ours, limits = [], []
        for _ in range(size.rounds):
            ours.append(asking.asked())
            limits.append(asking.limit())
    return [
        Figure(
            stage="ask",
            what=(
                f"three orders in 90 days and an open in 30, asked of {profiles:,} profiles with"
                f" {profiles * size.past:,} events"
            ),
            unit="profiles",
            items=profiles,
            rounds=ours,
            limit="the same asked of the index by profile, name and time alone",
            limit_items=profiles,
            limits=limits,
            note=f"{asking.found} profiles",
        )
    ]


class _Asking:
    """The question and its limit; both must find as many."""

    def __init__(self, conn: Connection, book: Rulebook, ground: Ground) -> None:
        self._conn = conn
        self._buckets = range(book.first_bucket, book.first_bucket + book.buckets)
        self._meter = ground.meter
        self.found = -1
        question = compile_question(
            _CONDITION, Environment(bucket="%(bucket)s::smallint"), moment="%(noon)s::timestamptz"
        )
        self._sql = f"select count(*) from ({question.sql}) q"  # noqa: S608 - compiled, its values are parameters
        self._params = question.params

    def asked(self) -> Cost:
        """Ask as a shop would."""
        cost = self._meter.of(lambda: self._counted(self._sql, self._params))
        self._conn.commit()
        return cost

    def limit(self) -> Cost:
        """Ask the covering index that behaviour is found by elsewhere; the other one is not there meanwhile."""
        self._conn.execute("drop index event_time")
        self._conn.execute("set local enable_seqscan = off")
        cost = self._meter.of(lambda: self._counted(SQL["ask_by_profile"], {}))
        self._conn.rollback()
        return cost

    def _counted(self, sql: str, params: dict[str, object]) -> None:
        found = 0
        for bucket in self._buckets:
            row = self._conn.execute(sql.encode(), {"bucket": bucket, "noon": NOON, **params}).fetchone()
            found += row[0] if row else 0
        if self.found not in {-1, found}:
            raise RuntimeError(f"one way finds {found} profiles and the other {self.found}")
        self.found = found
