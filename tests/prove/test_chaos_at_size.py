"""The rig at size: hundreds of kills, a death at every named place, restarts by the book, senders that sleep."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from tests.prove.chaos import Chaos
from tests.prove.crowd import ask
from tests.prove.points import POINTS
from tests.prove.rig import Plan, Rig
from tests.prove.rolling import Clients, roll
from tests.prove.serving import WRITE_KEY, wait_out
from tests.prove.sleeping import trials
from tests.prove.weather import Weather

from tamshy import sqlkit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.prove.checking import Judgement

pytestmark = pytest.mark.prove

EACH = 5
"""Deaths at every place."""


def held(rig: Rig, say: Callable[[str], None], patience_s: float) -> Judgement:
    """Let everything come to its end, say what there was, and hold it to every promise."""
    begun = time.monotonic()
    rig.settle_down(patience_s)
    found = rig.judge()
    say(rig.deaths())
    say(f"{found.told()}; {rig.crowd.failed} requests made again; at rest {time.monotonic() - begun:.0f} s later")
    for promise, broken in found.faults.items():
        # Whole: the shop's database is gone with the run, and an assertion shows the beginning alone.
        say(f"broken: {promise}: {broken}")
    assert found.faults == {}
    assert rig.crowd.odd == []
    return found


@pytest.mark.minutes(32)
def test_three_hundred_kills_and_five_deaths_at_every_place(tmp_path: Path, say: Callable[[str], None]) -> None:
    plan = Plan(carts=11_200, seconds=1000, workers=3, thinks_s=0.02)
    with Rig(plan, tmp_path) as rig:
        rig.crowd.start()
        places = [point.name for point in POINTS for _ in range(EACH)]
        chaos = Chaos(rig, kills=300, places=places, least_s=0.3, most_s=2.0)
        begun = time.monotonic()
        chaos.run()
        say(f"killed for {time.monotonic() - begun:.0f} s; nobody came by at {chaos.missed}")
        found = held(rig, say, 900)
        assert found.figures["enrollments"] >= 20_000
        assert chaos.missed == []
        rig.shop.close()


@pytest.mark.minutes(5)
def test_links_that_break_in_every_way(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Between callers and web server, workers and mail server, all processes and PostgreSQL, on the product's own leases."""
    with Rig(Plan(carts=2000, seconds=150, thinks_s=0.1, links=True), tmp_path) as rig:
        rig.crowd.start()
        Weather(rig, turns=140).run()
        found = held(rig, say, 600)
        assert found.figures["in doubt at some time"] > 0
        assert '"process_died"' not in (tmp_path / "serve.log").read_text()
        rig.shop.close()


@pytest.mark.minutes(5)
def test_one_worker_killed_every_second(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Promise 3: whoever triggers is enrolled, once."""
    with Rig(Plan(carts=10_000, seconds=120, workers=8, leases=(3.0, 5.0, 1.0)), tmp_path) as rig:
        rig.crowd.start()
        while rig.crowd.calling():
            rig.kill("worker")
            wait_out(1.0)
        held(rig, say, 600)
        rig.shop.close()


@pytest.mark.minutes(6)
def test_the_database_goes_away_again_and_again(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Promise 11: thirty calls a second over five minutes, and whoever waited is served within half a minute."""
    dice = random.Random(11)  # noqa: S311 - when it goes
    with Rig(Plan(carts=3000, seconds=300), tmp_path) as rig:
        rig.crowd.start()
        lags: list[tuple[float, float]] = []
        going = time.monotonic() + dice.uniform(5, 40)
        while rig.crowd.calling():
            if time.monotonic() > going:
                rig.kill("database", dice.choice((signal.SIGKILL, signal.SIGQUIT)))
                going = time.monotonic() + dice.uniform(5, 40)
            lags += _lag(rig)
            wait_out(1.0)
        say(f"{len(lags)} looks, at most {max(lag for _, lag in lags):.1f} s behind")
        assert _longest_behind(lags, 30) < 60
        held(rig, say, 300)
        rig.shop.close()


def _lag(rig: Rig) -> list[tuple[float, float]]:
    """How many real seconds the oldest unread call waits; nothing where the database is away."""
    try:
        with rig.shop.connect() as conn:
            row = conn.execute("select min(moment) from inbox where not emitted").fetchone()
    except (sqlkit.DatabaseUnavailable, sqlkit.Error):
        return []
    if row is None or row[0] is None:
        return [(time.monotonic(), 0.0)]
    return [(time.monotonic(), (rig.shop.clock.now() - row[0]).total_seconds() / rig.plan.speed)]


def _longest_behind(lags: list[tuple[float, float]], limit_s: float) -> float:
    """How many seconds on end the shop was further behind than that."""
    longest, since = 0.0, None
    for at, lag in lags:
        since = None if lag < limit_s else at if since is None else since
        longest = longest if since is None else max(longest, at - since)
    return longest


@pytest.mark.minutes(8)
def test_fifty_restarts_by_the_book(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Promise 12, and RudderStack's clients over far more than twenty restarts of the web server."""
    with Rig(Plan(carts=1000, seconds=400, thinks_s=0.05), tmp_path) as rig, Clients(rig.shop.port) as clients:
        rig.crowd.start()
        longest = roll(rig, 50)
        clients.finish()
        say(f"{clients.sent} calls of RudderStack's clients; the longest end took {longest:.1f} s")
        assert clients.failures == []
        found = held(rig, say, 600)
        with rig.shop.connect() as conn:
            assert clients.lost(conn) == {"python": [], "node": []}
        assert (found.figures["in doubt at some time"], found.figures["second copies"]) == (0, 0)
        assert longest <= 30
        rig.shop.close()


@pytest.mark.minutes(4)
def test_two_hundred_sleeps_of_a_sender(dsn: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    """Promise 10."""
    late, in_hand, handed_over = trials(dsn, tmp_path, 200)
    say(
        f"{in_hand} messages in the hands of a sender that slept, {handed_over} handed over in all, {len(late)} too late"
    )
    assert late == []
    assert in_hand >= 200


@pytest.mark.minutes(3)
def test_ten_thousand_calls_ten_times_each(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Promise 2: eight callers send the same calls at the same time, alone and in batches, in other orders."""
    number, copies, callers = 10_000, 10, 8
    with Rig(Plan(carts=1, seconds=1), tmp_path) as rig:
        answers: list[int] = []

        def call(place: int) -> None:
            dice = random.Random(place)  # noqa: S311 - orders
            for _ in range(place, copies, callers):
                order = list(range(number))
                dice.shuffle(order)
                while order:
                    some = [order.pop() for _ in range(min(len(order), dice.choice((1, 20, 200, 500))))]
                    answers.append(_again(rig.shop.port, some))

        threads = [threading.Thread(target=call, args=(place,)) for place in range(callers)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(f"{len(answers)} requests in {time.monotonic() - begun:.0f} s")
        assert set(answers) == {200}
        rig.settle_down(600)
        with rig.shop.connect() as conn:
            stored = "select count(*), count(distinct id) from event where name = 'Checkout Started'"
            assert conn.execute(stored).fetchone() == (number, number)
            enrolled = "select count(*), count(distinct key) from enrollment where flow = 'cart'"
            assert conn.execute(enrolled).fetchone() == (number, number)
        rig.shop.close()


def _again(port: int, numbers: list[int]) -> int:
    """Send some calls until there is another answer than "later"."""
    calls: list[dict[str, Any]] = [
        {"messageId": f"x{n}", "userId": f"u{n}", "event": "Checkout Started", "properties": {"cart_id": f"x{n}"}}
        for n in numbers
    ]
    headers = {"Authorization": "Basic " + b64encode(f"{WRITE_KEY}:".encode()).decode()}
    path, body = "/v1/track", calls[0]
    if len(calls) > 1:
        path, body = "/v1/batch", {"batch": [{**one, "type": "track"} for one in calls]}
    while (status := ask(port, "POST", path, json.dumps(body).encode(), headers)) == 429:
        wait_out(0.05)
    return status
