"""A broadcast's trial: which arm the rest of the segment gets, settled once, when the first of them is due (rule 32)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tamshy.experiment import Sample, WinnerRule, chosen
from tamshy.language.experiments import defined
from tamshy.language.model import Split
from tamshy.look.sampling import samples
from tamshy.look.stage import Look, write
from tamshy.sqlkit import queries

if TYPE_CHECKING:
    from tamshy.rulebook import Place, Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.look")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=8)
def trials(book: Rulebook) -> tuple[tuple[Place, Split], ...]:
    """The steps at which the rest of a broadcast learns what its trial has shown."""
    return tuple(
        (place, place.node.step)
        for place in book.places()
        if isinstance(place.node.step, Split)
        and place.node.step.winner is not None
        and place.node.step.winner.after is not None
    )


def settled(conn: Connection, book: Rulebook, split: Split) -> bool:
    """Whether it is known which arm the rest gets."""
    params = {"workspace": book.workspace, "experiment": split.name, "definition": defined(split)}
    return conn.execute(_SQL["settled"], params).fetchone() == (True,)


def settle_trials(conn: Connection, book: Rulebook, places: set[int]) -> int:
    """Settle the tests whose rest is due at these places; part of the caller's transaction. Returns how many.

    What came before the first of the rest is due, in whatever bucket, is counted: whoever comes to it first settles it for all.
    """
    done = 0
    for place, split in trials(book):
        if place.number in places and not settled(conn, book, split):
            _settle(conn, book, place, split)
            done += 1
    return done


def first_due(conn: Connection, book: Rulebook, place: Place) -> datetime | None:
    """When the first of those is due who wait for what a trial shows; None: nobody waits."""
    span = {"first": book.first_bucket, "beyond": book.first_bucket + book.buckets}
    row = conn.execute(
        _SQL["first_due"], span | {"version": place.running.version, "step": place.node.index}
    ).fetchone()
    return None if row is None else row[0]


def _settle(conn: Connection, book: Rulebook, place: Place, split: Split) -> None:
    at = first_due(conn, book, place)
    if split.winner is None or at is None:
        return
    buckets = range(book.first_bucket, book.first_bucket + book.buckets)
    by = split.winner.by
    counted = samples(conn, buckets, [(split.name, by, _EVER)], at)[split.name, by]
    nobody = Sample(0, 0.0, 0.0, 0.0, 0.0, yes_no=by.yes_no)
    arms = {arm.name: counted.get(arm.name, nobody) for arm in split.arms if arm.weight}
    finding = chosen(arms, WinnerRule(float(split.winner.confidence), split.winner.at_least))
    look = Look(split.name, at, json.loads(defined(split)), _EVER, arms, None, finding.arm, finding.why.value)
    write(conn, book, at, [look])
