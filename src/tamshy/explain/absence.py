"""Why somebody has never been in a flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.explain.facts import Absence, Absent
from tamshy.language.model import BackInStock, EventTrigger, ManualTrigger, PriceDrop, ReorderDue
from tamshy.language.occasions import described
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from tamshy.explain.facts import Happening
    from tamshy.rulebook import Rulebook, RunningFlow
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.explain")
_OFFERS: Final = {
    PriceDrop: "a price drop of something that concerns them",
    BackInStock: "the return of something that concerns them",
    ReorderDue: "the reorder day of something that they have bought",
}


def absences(
    conn: Connection,
    book: Rulebook,
    params: dict[str, object],
    published: dict[str, datetime],
    story: Iterable[Happening],
    wanted: frozenset[str] | None,
) -> tuple[Absence, ...]:
    """The live flows that somebody has never been in, each with what kept them out."""
    been_in = {row[0] for row in conn.execute(_SQL["been_in"], params).fetchall()}
    flows = [
        running
        for running in book.flows
        if running.live and running.name not in been_in and (wanted is None or running.name in wanted)
    ]
    names = sorted({name for running in flows for name in _events(running)})
    came = {row[0]: (row[1], row[2]) for row in conn.execute(_SQL["came"], params | {"names": names}).fetchall()}
    refused = {one.flow: one for one in story if one.outcome == "refused"}
    return tuple(_absence(running, came, published[running.name], refused.get(running.name)) for running in flows)


def _events(running: RunningFlow) -> tuple[str, ...]:
    """The names of the events that start a flow, and what of the catalogue does; none: it is entered by hand alone."""
    names = (trigger.event for trigger in running.flow.triggers if isinstance(trigger, EventTrigger))
    return tuple(dict.fromkeys((*names, *(_OFFERS[type(offer)] for offer in running.flow.offers))))


def _absence(
    running: RunningFlow, came: dict[str, tuple[int, datetime]], published: datetime, refused: Happening | None
) -> Absence:
    started = [described(trigger) for trigger in running.flow.triggers if not isinstance(trigger, ManualTrigger)]
    events = tuple(dict.fromkeys((*started, *(_OFFERS[type(offer)] for offer in running.flow.offers))))
    counts = [came[name] for name in _events(running) if name in came]
    number = sum(count for count, _ in counts)
    if refused is not None:
        return Absence(running.name, Absent.REFUSED, events, number, refused.at, refused.reason or "")
    if not counts:
        return Absence(running.name, Absent.NO_EVENT, events)
    last = max(at for _, at in counts)
    why = Absent.BEFORE if last < published else Absent.NO_MATCH
    return Absence(running.name, why, events, number, last)
