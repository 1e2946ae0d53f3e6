"""Promise 25 at size: a hundred poison items among twenty thousand, in a shop as it is served, beside the same day without."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Final

import pytest
from tests.hostile import poisoned
from tests.prove.serving import WRITE_KEY, Shop, wait_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = [pytest.mark.prove, pytest.mark.alone]
ITEMS: Final = 20_000
POISON: Final = 100
LAG: Final = 2.0
"""How many times as long the others may wait as on a day without poison."""
PACES: Final = {"at once": 0.0, "a batch of 125 each second": 1.0}
"""Seconds from one batch to the next."""
PATIENCE_S: Final = 900.0


def lived(place: Path, made: poisoned.Day, pace_s: float) -> tuple[poisoned.Outcome, list[float], list[str]]:
    """Serve a day; gives what became of it, how long each plain person's mail took, and why items were refused."""
    for name, text in poisoned.FILES.items():
        (place / "shop" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "shop" / name).write_text(text)
    with Shop(place / "shop", place, options=("--workers", "2")) as shop:
        shop.open(datetime.now(UTC), 1.0)
        before = {word: shop.processes(word) for word in ("web", "worker", "postgres")}
        assert [len(before[word]) for word in ("web", "worker")] == [2, 2]
        with shop.connect() as conn:
            refused = _fed(shop, conn, made, pace_s)
            deadline = time.monotonic() + PATIENCE_S
            while (outcome := poisoned.outcome(conn)).left or _unsettled(conn) or _to_be_tried(outcome):
                assert time.monotonic() < deadline, (outcome, shop.said())
                wait_out(1.0)
            lags = conn.execute(
                "select extract(epoch from d.settled_at - e.received_at)::float8 from delivery d"
                " join message m on (m.bucket, m.profile, m.id) = (d.bucket, d.profile, d.message)"
                " join event e on (e.bucket, e.profile, e.id) = (m.bucket, m.profile, m.trigger_event)"
                " join identifier i on (i.bucket, i.profile) = (d.bucket, d.profile)"
                " where i.kind = 'user_id' and i.value like 'good%%' and d.state = 'sent' order by 1"
            ).fetchall()
        # No process of the shop was lost, whatever became of what renders.
        assert {word: shop.processes(word) for word in before} == before
        log = (place / "serve.log").read_text()
        assert "process_died" not in log
        assert "bucket_rests" not in log
        shop.close()
    return outcome, [row[0] for row in lags], refused


def _fed(shop: Shop, conn: Connection, made: poisoned.Day, pace_s: float) -> list[str]:
    link = HTTPConnection("127.0.0.1", shop.port, timeout=60)
    refused: list[str] = []
    begun = time.monotonic()
    for number, body in enumerate(made.batches):
        wait_out(max(0.0, begun + number * pace_s - time.monotonic()))
        link.request("POST", "/v1/batch", body, {"X-Write-Key": WRITE_KEY})
        answer = link.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 200, said
        refused += [one["reason"] for one in said.get("rejected", [])]
    link.close()
    assert poisoned.spoil(conn, made.unworkable) == len(made.unworkable)
    return refused


def _unsettled(conn: Connection) -> bool:
    waits = "select from delivery where state in ('queued', 'handing_over') limit 1"
    return conn.execute(waits.encode()).fetchone() is not None


def _to_be_tried(outcome: poisoned.Outcome) -> bool:
    return any(aside != (3, True) for aside in outcome.aside.values())


@pytest.mark.parametrize("pace", PACES)
def test_the_others_are_done_and_wait_at_most_twice_as_long(
    pace: str, tmp_path: Path, say: Callable[[str], None]
) -> None:
    found = {}
    for poison in (0, POISON):
        made = poisoned.day(ITEMS, poison, at_once=500 if pace == "at once" else 250)
        place = tmp_path / str(poison)
        place.mkdir()
        outcome, lags, refused = lived(place, made, PACES[pace])
        assert refused == made.refused
        assert (outcome.plain, outcome.odd, outcome.burnt) == (made.plain, made.odd, made.burning)
        assert len(lags) == made.plain == ITEMS - poison
        assert outcome.reasons == (poisoned.REASONS if poison else set())
        assert outcome.aside == dict.fromkeys(sorted(made.unworkable), (3, True))
        found[poison] = lags
    clean, beside = (lags[len(lags) * 99 // 100] for lags in found.values())
    middle, other = (lags[len(lags) // 2] for lags in found.values())
    say(
        f"{pace}: {len(found[POISON])} of {ITEMS} done beside {POISON} poison; from call to mail"
        f" p50 {middle:.2f} and {other:.2f} s, p99 {clean:.2f} s without and {beside:.2f} s beside it"
    )
    assert beside <= LAG * clean
