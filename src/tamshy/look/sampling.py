"""What the people of each arm have done since they came into it: counts and sums, bucket by bucket."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from tamshy.experiment import Sample
from tamshy.sqlkit import queries, rows_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from tamshy.language.model import Measure
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.look")


def samples(
    conn: Connection,
    buckets: Iterable[int],
    wanted: Iterable[tuple[str, Measure, datetime]],
    at: datetime,
    between: Callable[[], object] = lambda: None,
) -> dict[tuple[str, Measure], dict[str, Sample]]:
    """Give the sample of each arm that anybody has come into, by experiment and measure.

    Args:
        conn: a connection to the database; one statement for each bucket is run on it.
        buckets: those of the workspace.
        wanted: experiments by name, each with a measure and since when people are counted.
        at: what came before is counted.
        between: called after each bucket.
    """
    rows = list(wanted)
    given = {"rows": rows_json({"e": name, "m": by.value, "s": since} for name, by, since in rows), "at": at}
    parts: dict[tuple[str, str], dict[str, list[Sample]]] = {}
    for bucket in buckets:
        for name, by, arm, people, total, squares, cubes, magnitude, yes_no in conn.execute(
            _SQL["sample"], given | {"bucket": bucket}
        ):
            part = Sample(people, float(total), float(squares), float(cubes), float(magnitude), yes_no=yes_no)
            parts.setdefault((name, by), {}).setdefault(arm, []).append(part)
        between()
    return {
        (name, by): {arm: reduce(add, found) for arm, found in parts.get((name, by.value), {}).items()}
        for name, by, _ in rows
    }
