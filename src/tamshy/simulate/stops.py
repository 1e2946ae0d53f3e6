"""A play from one moment that concerns everybody to the next: a change of the catalogue, the daily hour of learning from orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from tamshy.commerce import Word, learn_intervals, tell
from tamshy.domain.calendar import DAILY_AT, local, resolve
from tamshy.domain.shopping import CART_EVENTS, ORDER_EVENTS, VIEWED
from tamshy.recommend import learn
from tamshy.simulate.daily import both, work_daily
from tamshy.simulate.working import Play
from tamshy.trigger import arrivals, plan_all_reorders, sources, speaks_of_reorders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamshy.ingest import History
    from tamshy.passes.rendering import Press
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_JUST_BEFORE: Final = timedelta(microseconds=1)
_AFTER: Final = timedelta(days=2)
"""How long after the last event there is still something to learn."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A moment up to which everybody lives before anybody goes on.

    ``learn``: how long products last is worked out anew then. ``near``: what goes with what is. ``words``: what is told of products
    then, before anything else of that moment: the catalogue is at every moment what it was.
    """

    moment: datetime
    learn: bool = False
    near: bool = False
    words: tuple[Word, ...] = ()


def stops_of(book: Rulebook, history: History, last: datetime | None) -> list[Stop]:
    """The moments of a history at which something concerns everybody, in order; none where no flow asks for it."""
    stops = [Stop(moment, words=words) for moment, words in told(history)] if hears_of_products(book) else []
    first = min((call.received_at for call in history.calls), default=None)
    if book.recommends:
        stops += [Stop(moment, near=True) for moment in _hours_behind(history, book.settings.timezone)]
    if speaks_of_reorders(book) and first is not None and last is not None:
        day = first.date() - timedelta(days=1)
        while day <= (last + _AFTER).date():
            stops.append(Stop(resolve(datetime.combine(day, DAILY_AT), book.settings.timezone), learn=True))
            day += timedelta(days=1)
    return sorted(stops, key=attrgetter("moment", "learn", "near"))


def _hours_behind(history: History, zone: str) -> list[datetime]:
    """The daily hours behind whatever shows what goes with what: at all others the same would be learnt again."""
    telling = {VIEWED, *CART_EVENTS, *ORDER_EVENTS}
    moments = {call.received_at for call in history.calls if call.name in telling}
    moments.update(line.received_at for line in history.products)
    shift = timedelta(hours=DAILY_AT.hour)
    days = {(local(at, zone) - shift).date() + timedelta(days=1) for at in moments}
    return sorted(resolve(datetime.combine(day, DAILY_AT), zone) for day in days)


def hears_of_products(book: Rulebook) -> bool:
    """Whether it matters to anybody when something is told of a product."""
    return bool(sources(book) or arrivals(book) or book.recommends)


def told(history: History) -> list[tuple[datetime, tuple[Word, ...]]]:
    """What a history tells of products, by the moments at which it arrives, in order."""
    lines = sorted(history.products, key=attrgetter("ord"))
    return [
        (arrival, tuple(Word(line.product, line.occurred_at) for line in group))
        for arrival, group in groupby(lines, key=attrgetter("received_at"))
    ]


def work_by_stops(
    book: Rulebook,
    until: datetime,
    hands: Sequence[tuple[Connection, Press]],
    progress: Callable[[datetime, int], None],
    stops: Sequence[Stop],
) -> Play:
    """Work as `work_daily` does, from one stop to the next."""
    played = Play(until, 0, 0)
    conn = hands[0][0]
    since: datetime | None = None
    for stop in (*(stop for stop in stops if stop.moment <= until), Stop(until)):
        if stop.words:
            before = played.passes // len(hands)
            just_before = stop.moment - _JUST_BEFORE
            played = both(played, work_daily(book, just_before, hands, progress, before, since), until)
            since = just_before
            tell(conn, book.workspace, stop.words, stop.moment)
            conn.commit()
        before = played.passes // len(hands)
        played = both(played, work_daily(book, stop.moment, hands, progress, before, since), until)
        since = stop.moment
        if stop.near:
            learn(conn, book, stop.moment)
        if stop.learn:
            learn_intervals(conn, book, stop.moment)
            for bucket in range(book.first_bucket, book.first_bucket + book.buckets):
                plan_all_reorders(conn, book, bucket, stop.moment)
            conn.commit()
    return played
