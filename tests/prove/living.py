"""Life beside a simulation: the journal of a served shop, and what `tamshy simulate` makes of what arrived there."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.prove.playing import run
from tests.prove.serving import wait_out

from tamshy.simulate import journal_lines, moment_text

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from tests.oracle.reading import Json
    from tests.prove.feeding import Feeder
    from tests.prove.serving import Shop

_WAITING = """
select (select count(*) from inbox where moment <= %(until)s)
    + (select count(*) from enrollment where active and work_at <= %(until)s)
    + (select count(*) from message where state = 'accepted')
"""
_INSIDE = """
select (select count(*) from inbox) + (select count(*) from enrollment where active)
    + (select count(*) from delivery where state in ('queued', 'handing_over'))
"""
# Messages with another number of decisions in the journal than one, or of deliveries than were sent.
_NOT_ONCE = """
select m.id, m.state, j.decisions, d.deliveries
from message m
cross join lateral (
    select count(*) from journal j where j.bucket = m.bucket and j.profile = m.profile and j.kind = 'message'
        and j.outcome in ('sent', 'skipped') and j.enrollment = m.enrollment and j.id = m.id
) j (decisions)
cross join lateral (
    select count(*) from delivery d where d.bucket = m.bucket and d.profile = m.profile and d.message = m.id
) d (deliveries)
where j.decisions <> 1 or d.deliveries <> (m.state = 'sent')::integer
"""


def work_off(shop: Shop, until: datetime, patience_s: float) -> None:
    """Wait until the shop's time has passed that moment, and nothing up to it waits any more."""
    deadline = time.monotonic() + patience_s
    with shop.connect() as conn:
        while True:
            passed = shop.clock.now() > until
            row = conn.execute(_WAITING, {"until": until}).fetchone()
            if passed and row == (0,):
                return
            assert time.monotonic() < deadline, f"{row} still wait at {shop.clock.now()}: {shop.said()}"
            wait_out(0.2)


def all_ended(shop: Shop, patience_s: float) -> None:
    """Wait until nobody is inside any flow, and nothing waits to be taken in."""
    deadline = time.monotonic() + patience_s
    with shop.connect() as conn:
        while True:
            row = conn.execute(_INSIDE).fetchone()
            if row == (0,):
                return
            assert time.monotonic() < deadline, f"{row} still inside at {shop.clock.now()}: {shop.said()}"
            wait_out(0.2)


def passes(shop: Shop) -> int:
    """How many passes there were that left a line in the journal: fewer than there were in all."""
    with shop.connect() as conn:
        row = conn.execute("select count(distinct (bucket, pass)) from journal").fetchone()
    return 0 if row is None else int(row[0])


def once_each(shop: Shop) -> None:
    """Every message has one decision in the journal, every one that was sent one delivery, all of them settled."""
    with shop.connect() as conn:
        assert conn.execute(_NOT_ONCE).fetchall() == []
        states: dict[str, int] = dict(conn.execute("select state, count(*) from delivery group by state").fetchall())
    assert states.keys() <= {"sent", "withdrawn"}, states
    assert states["sent"] > 0


def lived(shop: Shop, until: datetime) -> list[dict[str, Json]]:
    """The lines of the shop's own journal."""
    with shop.connect() as conn:
        return list(journal_lines(conn, until))


def simulated(feeder: Feeder, path: Path, until: datetime) -> list[dict[str, Json]]:
    """The lines of a simulation of what arrived."""
    feeder.write_history(path)
    played = run(feeder.shop.folder, path, "--until", moment_text(until))
    return [json.loads(line) for line in played.text.splitlines()]
