"""The moment at which a cap's window lets go of a message, in SQL, against a search minute by minute around clock changes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.almanac import Duration as Spelt
from tests.oracle.almanac import duration, lets_go

from tamshy.domain.duration import Duration
from tamshy.sqlkit import calendar

if TYPE_CHECKING:
    from tamshy import sqlkit

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Almaty")
CHANGES = (
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2027, 1, 31, tzinfo=UTC),
)
LENGTHS = ("6h", "1d", "1w", "1mo", "1d12h", "30d12h")


@pytest.mark.parametrize("spelt", LENGTHS)
def test_a_window_lets_go_at_the_first_moment_that_it_can(spelt: str, db: sqlkit.Connection) -> None:
    calendar.fill_zones(db, ZONES)
    length: Spelt = duration(spelt)
    given = Duration(length.months, length.days, length.millis // 1000)
    sql = calendar.let_go_sql("r.at", "r.zone", given, "r.after")
    die = random.Random(spelt)  # noqa: S311 - samples
    samples = []
    for _ in range(600):
        near = die.choice(CHANGES) + timedelta(milliseconds=die.randrange(-3 * 86_400_000, 3 * 86_400_000))
        if die.random() < 0.5:
            near = near.replace(minute=die.choice([0, 30]), second=0, microsecond=0)
        if die.random() < 0.1:
            near = die.choice(CHANGES)
        # A message that still is in the window of the moment after which it is asked for.
        samples.append((near, die.choice(ZONES), near + timedelta(milliseconds=die.randrange(20_000_000))))
    rows = "unnest(%(at)s::timestamptz[], %(zone)s::text[], %(after)s::timestamptz[])"
    columns = dict(zip(("at", "zone", "after"), map(list, zip(*samples, strict=True)), strict=True))
    found = [row[0] for row in db.execute(f"select {sql} from {rows} as r (at, zone, after)".encode(), columns)]
    wanted = [_looked_for(length, *sample) for sample in samples]
    assert [_text(at) for at in found] == [_text(at) for at in wanted]


def _looked_for(length: Spelt, at: datetime, zone: str, after: datetime) -> datetime:
    millis = lets_go(_millis(at), length, ZoneInfo(zone), _millis(after))
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=millis)


def _millis(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _text(at: datetime) -> str:
    return at.isoformat()
