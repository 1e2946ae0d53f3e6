"""One look at all experiments of a workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from tamshy.domain.calendar import last_daily
from tamshy.experiment import Sample, WinnerRule, proven, weights
from tamshy.language.experiments import defined
from tamshy.language.model import Measure, Split
from tamshy.look.sampling import samples
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.look")
_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
FEWEST_ARMS: Final = 2
"""With fewer that anybody is drawn for there is nothing to compare."""
_BANDIT: Final = "bandit"
_TOO_FEW: Final = "too_few"


@dataclass(frozen=True, slots=True)
class Look:
    """What a look has seen of an experiment, and what it means for newcomers.

    ``since``: whoever came into their arm before does not count, the experiment was another then. ``weights`` None: as published.
    ``why``: ``proven``, ``not_proven`` or ``too_few`` of a winner rule; ``bandit`` or ``too_few`` of a bandit.
    """

    experiment: str
    at: datetime
    definition: dict[str, object]
    since: datetime
    samples: dict[str, Sample]
    weights: dict[str, float] | None
    winner: str | None
    why: str


def experiments(book: Rulebook) -> dict[str, tuple[Split, int]]:
    """The experiments that newcomers can come into, by name, each with the newest live version that has it."""
    found: dict[str, tuple[Split, int]] = {}
    for place in book.places():
        step = place.node.step
        if place.running.live and isinstance(step, Split):
            known = found.get(step.name)
            if known is None or known[1] < place.running.version:
                found[step.name] = (step, place.running.version)
    return found


def measure_of(split: Split) -> Measure:
    """What a split is judged by; a bandit that says nothing else by clicks."""
    return split.winner.by if split.winner is not None else Measure.CLICKED


def newest(conn: Connection, workspace: int, before: datetime) -> dict[str, Look]:
    """The newest look at each experiment before a moment."""
    rows = conn.execute(_SQL["newest"], {"workspace": workspace, "before": before}).fetchall()
    return {row[0]: _look(row) for row in rows}


def run(
    conn: Connection, book: Rulebook, at: datetime, between: Callable[[], object] = lambda: None
) -> tuple[Look, ...]:
    """Look at every experiment with a winner rule or a bandit, and keep what was seen; the caller commits.

    What came before ``at`` is counted, and what comes of it holds from ``at`` on. Running twice changes nothing. ``between`` is
    called after each bucket, for whoever must not be kept waiting by all of them.
    """
    these = watched(book)
    if not these:
        return ()
    before = newest(conn, book.workspace, at)
    since = counted_since(conn, these, before)
    wanted = [(name, measure_of(split), since[name]) for name, (split, _) in these.items()]
    found = samples(conn, range(book.first_bucket, book.first_bucket + book.buckets), wanted, at, between)
    looks = tuple(
        _seen(split, at, since[name], found[name, measure_of(split)], before.get(name))
        for name, (split, _) in sorted(these.items())
    )
    write(conn, book, at, looks)
    return looks


def write(conn: Connection, book: Rulebook, at: datetime, looks: Iterable[Look]) -> None:
    """Keep what was seen at a moment; what is kept of it already stays."""
    conn.execute(_SQL["write"], {"workspace": book.workspace, "at": at, "rows": rows_json(map(_row, looks))})


def catch_up(
    conn: Connection, book: Rulebook, now: datetime, between: Callable[[], object] = lambda: None
) -> tuple[Look, ...]:
    """Make the look of today, unless it is made; the caller commits."""
    if not watched(book):
        return ()
    at = last_daily(now, book.settings.timezone)
    row = conn.execute(_SQL["looked"], {"workspace": book.workspace, "at": at}).fetchone()
    return () if row == (True,) else run(conn, book, at, between)


def watched(book: Rulebook) -> dict[str, tuple[Split, int]]:
    """Those of the experiments that a look decides about: with a winner rule or a bandit, and arms to tell apart."""
    return {
        name: (split, version)
        for name, (split, version) in experiments(book).items()
        if (split.winner is not None or split.bandit) and len(_weighed(split)) >= FEWEST_ARMS
    }


def _weighed(split: Split) -> list[str]:
    """The arms that anybody is drawn for."""
    return [arm.name for arm in split.arms if arm.weight]


def is_of(split: Split, look: Look | None) -> bool:
    """Whether a look has seen the experiment as it is now: one that was changed since is another."""
    return look is not None and look.definition == json.loads(defined(split))


def counted_since(conn: Connection, these: dict[str, tuple[Split, int]], looks: dict[str, Look]) -> dict[str, datetime]:
    """Since when the people of each of these experiments are counted, by the newest looks at them."""
    versions = sorted({version for _, version in these.values()})
    published: dict[int, datetime] = dict(conn.execute(_SQL["published"], {"versions": versions}).fetchall())
    return {name: _since(split, published[version], looks.get(name)) for name, (split, version) in these.items()}


def _since(split: Split, published: datetime, before: Look | None) -> datetime:
    """Since when people of the experiment as it is now are counted: for ever, unless it was another at the last look."""
    if before is None:
        return _EVER
    return before.since if is_of(split, before) else published


def _seen(split: Split, at: datetime, since: datetime, counted: dict[str, Sample], before: Look | None) -> Look:
    nobody = Sample.rate(0, 0) if measure_of(split).yes_no else Sample.values([], 0)
    arms = {name: counted.get(name, nobody) for name in _weighed(split)}
    winner, leaning = None, None
    least = split.winner.at_least if split.winner is not None else 0
    if split.bandit:
        # Its arms' people came at different times, and are no test: there is no winner to prove (ADR 78).
        few = any(sample.people < max(least, 1) for sample in arms.values())
        why = _TOO_FEW if few else _BANDIT
        leaning = None if few else weights(arms)
    elif before is not None and before.winner is not None and is_of(split, before):
        winner, why = before.winner, before.why
    else:
        confidence = float(split.winner.confidence) if split.winner is not None else WinnerRule().confidence
        finding = proven(arms, WinnerRule(confidence, least))
        winner, why = finding.arm, finding.why.value
    return Look(split.name, at, json.loads(defined(split)), since, arms, leaning, winner, why)


def _look(row: tuple[Any, ...]) -> Look:
    experiment, at, definition, since, counted, leaning, winner, why = row
    yes_no = Measure(definition["by"] or Measure.CLICKED).yes_no
    sums = {arm: Sample(**given, yes_no=yes_no) for arm, given in counted.items()}
    return Look(experiment, at, definition, since, sums, leaning, winner, why)


def _row(look: Look) -> dict[str, object]:
    return {
        "e": look.experiment,
        "d": look.definition,
        "s": look.since,
        "p": {
            arm: {
                "people": sample.people,
                "total": sample.total,
                "squares": sample.squares,
                "cubes": sample.cubes,
                "magnitude": sample.magnitude,
            }
            for arm, sample in look.samples.items()
        },
        "w": look.weights,
        "n": look.winner,
        "y": look.why,
    }
