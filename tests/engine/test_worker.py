"""Workers on a clock moved by hand, against a real database: what they do in life is what a simulation says."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import (
    Director,
    Feed,
    HandClock,
    Shop,
    calls_of,
    found_shop,
    journal,
    links,
    live,
    ref_of,
    small,
    unworked,
)
from tests.oracle.history import history as made_history
from tests.oracle.history import write_workspace

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder
from tamshy.render.children import InProcess, RendererUnavailable
from tamshy.render.compile import compile_message
from tamshy.simulate import play
from tamshy.simulate.playing import open_stage
from tamshy.sqlkit import DatabaseUnavailable, connect, migrate, scratch_server
from tamshy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tamshy.ingest import History
    from tamshy.render import Compiled, Job, Outcome

EXAMPLE = Path(__file__).parents[2] / "examples/shop"
YEAR = timedelta(days=366)


def simulated(dsn: str, files: Mapping[str, str], history: History) -> list[tuple[object, ...]]:
    """The journal of a simulation of the history."""
    with open_stage(dsn, "simulated") as stage:
        play(stage.conn, files, history, compile_message=compile_message, renderer=InProcess())
        return journal(stage.conn)


def lived(
    dsn: str, files: Mapping[str, str], history: History, owners: tuple[str, ...], buckets: int, kills: frozenset[int]
) -> list[tuple[object, ...]]:
    """The journal of workers that live through the history at 600 times speed, in strides of hours."""
    with connect(dsn) as conn:
        book = found_shop(conn, files, buckets=buckets)
        feed = Feed(conn, ref_of(book), calls_of(history))
        first = feed.next_arrival()
        assert first is not None
        last = history.calls[-1].received_at + YEAR
        clock = HandClock(first, speed=600)
        director = Director(clock, feed, last, timedelta(hours=9), hands=len(owners), kills=kills)
        workers = live(dsn, director, owners)
        assert feed.place == len(feed.calls)
        assert len(workers) == len(owners) + len(kills)
        # Everybody had a hand in it.
        assert sum(worker.items > 0 for worker in workers) >= len(owners)
        return journal(conn)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variety", "owners", "buckets", "kills"),
    [
        pytest.param(0, ("one",), 5, frozenset(), marks=pytest.mark.prove),
        (1, ("one", "two"), 64, frozenset()),
        (2, ("one", "two", "three"), 8, frozenset({5, 30, 60, 61, 100, 170})),
    ],
    ids=["alone", "two_share_64_buckets", "three_share_8_and_some_are_killed"],
)
def test_life_is_what_a_simulation_says(
    dsn: str, tmp_path: Path, variety: int, owners: tuple[str, ...], buckets: int, kills: frozenset[int]
) -> None:
    """The same people, flows, steps, decisions, reasons and moments."""
    write_workspace(tmp_path, variety)
    files = read_folder(tmp_path)
    lines = [json.dumps(line) for line in made_history(30, 450, seed=variety + 1, delayed=0.1)]
    zone = ("Asia/Almaty", "Europe/Berlin", "America/New_York")[variety]
    history = calls_from_lines(lines, zone=ZoneInfo(zone))

    expected = simulated(dsn, files, history)
    assert len(expected) > 150
    assert lived(dsn, files, history, owners, buckets, kills) == expected


T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
CART = """\
trigger: {event: Checkout Started}
exit_on: {event: Order Completed}
reentry: always
steps: [{wait: 2h}, {send: reminder}, {wait: 1h}, {send: second, expires: 2h}]
"""


@pytest.fixture
def shop(dsn: str) -> Iterator[Shop]:
    """A shop with one flow, in which u1 and u2 have begun to check out at 9:00."""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"cart": CART}), buckets=4, zones=["UTC"])
        made = Shop(dsn, conn, book, HandClock(T0))
        for user in ("u1", "u2"):
            made.identify(user, T0, email=f"{user}@example.com")
            made.track(user, "Checkout Started", T0)
        yield made


def test_a_sent_message_has_its_content_and_stands_in_line(shop: Shop) -> None:
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    rows = shop.query(
        "select m.address, m.state, c.subject, c.plain, d.state, d.queued_at, d.attempts from message m"
        " join content c using (bucket, profile) join delivery d using (bucket, profile)"
        " where c.message = m.id and d.message = m.id order by m.address"
    )
    assert [row[:3] + row[4:] for row in rows] == [
        (f"{user}@example.com", "sent", "reminder", "queued", T0 + 2 * HOUR, 0) for user in ("u1", "u2")
    ]
    assert all("About reminder." in str(row[3]) for row in rows)


def test_within_a_minute_everything_has_its_own_moment(shop: Shop) -> None:
    shop.work(T0)
    shop.work(T0 + 2 * HOUR + timedelta(seconds=60))
    assert [row for row in shop.told("u1") if row[3] == "sent"] == [(T0 + 2 * HOUR, "cart", "reminder", "sent", "")]
    assert shop.query("select distinct facts ? 'late' from journal where outcome = 'sent'") == [(False,)]


def test_what_is_over_a_minute_late_is_worked_now_and_says_so(shop: Shop) -> None:
    shop.work(T0)
    late = T0 + 2 * HOUR + timedelta(seconds=61)
    shop.work(late)
    assert [row for row in shop.told("u1") if row[3] == "sent"] == [(late, "cart", "reminder", "sent", "")]
    facts = shop.query("select distinct facts -> 'late', facts ->> 'due' from journal where outcome = 'sent'")
    assert facts == [(True, "2026-03-02T11:00:00+00:00")]
    # The next wait counts from when the message was really decided (rule 4).
    shop.work(late + HOUR)
    assert [row[0] for row in shop.told("u1") if row[2] == "second"] == [late + HOUR]


def test_a_minute_is_a_minute_of_the_machine_however_fast_the_shop_lives(shop: Shop) -> None:
    shop.clock.speed = 600
    shop.work(T0)
    shop.work(T0 + 12 * HOUR)
    assert [row[0] for row in shop.told("u1") if row[3] == "sent"] == [T0 + 2 * HOUR, T0 + 3 * HOUR]


def test_after_an_outage_an_order_that_has_arrived_meanwhile_stops_the_reminder(shop: Shop) -> None:
    shop.work(T0)
    shop.track("u1", "Order Completed", T0 + 4 * HOUR)
    shop.work(T0 + 5 * HOUR)
    assert shop.told("u1")[1:] == [(T0 + 4 * HOUR, "cart", "", "exited", "exit_on")]
    assert [row[3] for row in shop.told("u2")] == ["entered", "sent"]


def test_after_an_outage_what_is_too_late_is_expired(shop: Shop) -> None:
    shop.work(T0)
    shop.work(T0 + 2 * HOUR)
    back = T0 + 3 * HOUR + 2 * HOUR + timedelta(seconds=1)
    shop.work(back)
    assert shop.told("u1")[2:] == [
        (back, "cart", "second", "skipped", "expired"),
        (back, "cart", "", "exited", "finished"),
    ]
    assert shop.query("select distinct facts -> 'late' from journal where reason = 'expired'") == [(True,)]


def poison(shop: Shop, *users: str) -> None:
    """Put something that raises before everything else of these users."""
    shop.conn.execute(
        "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts)"
        " select bucket, profile, %(at)s, 0, profile, 1, 'consent', %(at)s,"
        """ '{"topic": "offers", "granted": "perhaps"}' from identifier where kind = 'user_id' and value = any(%(users)s)""",
        {"users": list(users), "at": T0 - HOUR},
    )
    shop.conn.commit()


def aside(shop: Shop) -> list[tuple[object, ...]]:
    """Who is set aside: user, tries, until when, and whether the error is told."""
    return shop.query(
        "select i.value, s.tries, nullif(s.until, 'infinity'), s.error like 'InvalidTextRepresentation: %%perhaps%%'"
        " from set_aside s join identifier i on i.profile = s.profile and i.kind = 'user_id' order by 1"
    )


def test_one_whose_item_raises_is_set_aside_and_nobody_else_waits(shop: Shop) -> None:
    for number in range(40):
        shop.identify(f"n{number}", T0, email=f"n{number}@example.com")
        shop.track(f"n{number}", "Checkout Started", T0)
    poison(shop, "u1", "n7", "n8", "n31")
    shop.work(T0)
    told = {user: [row[3] for row in shop.told(user)] for user in ("u2", *(f"n{number}" for number in range(40)))}
    assert {user for user, rows in told.items() if rows != ["entered"]} == {"n7", "n8", "n31"}
    again = T0 + timedelta(seconds=5)
    assert aside(shop) == [(user, 1, again, True) for user in ("n31", "n7", "n8", "u1")]

    # Tried again after five seconds and after a minute, then never by itself.
    shop.work(again - timedelta(seconds=1))
    assert {row[1] for row in aside(shop)} == {1}
    shop.work(again)
    later = again + timedelta(minutes=1)
    assert {row[1:3] for row in aside(shop)} == {(2, later)}
    shop.work(later)
    assert {row[1:3] for row in aside(shop)} == {(3, None)}
    shop.work(T0 + 3 * HOUR)
    assert {row[1:3] for row in aside(shop)} == {(3, None)}
    assert [row[3] for row in shop.told("u2")] == ["entered", "sent"]


def test_one_whose_item_is_mended_is_let_in_again_and_forgiven(shop: Shop) -> None:
    poison(shop, "u1")
    shop.work(T0)
    shop.conn.execute("delete from inbox where kind = 'consent'")
    shop.conn.commit()
    shop.work(T0 + timedelta(seconds=4))
    assert shop.told("u1") == []
    shop.work(T0 + timedelta(seconds=5))
    assert [row[3] for row in shop.told("u1")] == ["entered"]
    assert aside(shop) == []


class Away(InProcess):
    """Cannot start a child for three minutes: the machine has no room for one."""

    def __init__(self, clock: HandClock, error: Exception) -> None:
        super().__init__()
        self._clock, self._error = clock, error
        self.refused = 0

    def render_rows(self, jobs: Sequence[Job], compiled: Mapping[int, Compiled]) -> list[Outcome]:
        """Render as ever, in the end."""
        if self._clock.grown < 180:
            self.refused += 1
            raise self._error
        return super().render_rows(jobs, compiled)


@pytest.mark.newest
@pytest.mark.parametrize(
    "error", [BlockingIOError(11, "no process"), RendererUnavailable("ends as it starts")], ids=repr
)
def test_a_machine_without_room_sets_nobody_aside(
    shop: Shop, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    shop.work(T0)
    shop.clock.at = T0 + 2 * HOUR
    renderer = Away(shop.clock, error)

    def wait(seconds: float) -> bool:
        shop.clock.pass_by(seconds)
        shop.clock.at += timedelta(seconds=seconds)
        return shop.clock.grown >= 200

    Worker(shop.dsn, "one", shop.clock, renderer, links, wait).serve()
    assert aside(shop) == []
    assert "rests for 5 seconds" in caplog.text
    # It is asked again every five seconds, by each bucket that has mail; whatever waited goes when there is room again.
    assert 10 < renderer.refused < 100
    assert [[row[2] for row in shop.told(user) if row[3] == "sent"] for user in ("u1", "u2")] == [["reminder"]] * 2


def test_a_value_that_nothing_can_hold_is_a_problem_of_its_step_and_stops_nobody(dsn: str) -> None:
    """Base64 of the shop's data can be NUL, which no text of the database is: the step is left, as with any error of Liquid's."""
    worked_out = "{{ event.x | base64_decode }}"
    odd = f"""\
trigger: {{event: Came}}
steps:
  - set: {{profile.y: "{worked_out}"}}
  - track: {{event: Next, properties: {{list: ["{worked_out}"]}}}}
  - send: hello
"""
    with connect(dsn) as conn:
        book = found_shop(conn, small({"odd": odd}), buckets=1, zones=["UTC"])
        shop = Shop(dsn, conn, book, HandClock(T0))
        for user, x in (("u1", "AAAA"), ("u2", "aGVsbG8=")):
            shop.identify(user, T0, email=f"{user}@example.com")
            shop.track(user, "Came", T0, x=x)
        shop.work(T0)
        assert [(row[3], row[4]) for row in shop.told("u1") if row[3] != "entered"] == [
            ("render_error", "not_changed"),
            ("render_error", "not_changed"),
            ("sent", ""),
            ("exited", "finished"),
        ]
        assert shop.query("select properties -> 'y' from profile order by properties ? 'y'") == [(None,), ("hello",)]
        assert shop.query("select properties from event where name = 'Next'") == [({"list": ["hello"]},)]
        assert aside(shop) == []


@pytest.mark.newest
def test_an_error_of_everybody_sets_nobody_aside(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.conn.execute("alter table event add constraint broken check (name = '')")
    for number in range(400):
        shop.track(f"n{number}", "Looked", T0)
    shop.work(T0)
    assert aside(shop) == []
    assert "rests for 5 seconds" in caplog.text


def test_a_bucket_that_rests_is_tried_again_after_five_seconds(shop: Shop) -> None:
    ((bucket, profile),) = shop.query("select bucket, profile from identifier where kind = 'user_id' and value = 'u1'")
    merge = {"survivor": "nobody", "loser": str(profile), "loser_bucket": bucket}
    shop.conn.execute(
        "insert into inbox (bucket, profile, moment, ord, id, workspace, kind, occurred_at, facts)"
        " values (%(bucket)s, %(profile)s, %(at)s, 0, %(profile)s, 1, 'merge', %(at)s, %(facts)s)",
        {"bucket": bucket, "profile": profile, "at": T0 - HOUR, "facts": json.dumps(merge)},
    )
    shop.conn.commit()
    rounds: list[int] = []

    def wait(seconds: float) -> bool:
        if seconds == 0:
            return False
        rounds.append(worker.passes)
        if len(rounds) == 2:
            shop.conn.execute("delete from inbox where kind = 'merge'")
            shop.conn.commit()
        shop.clock.pass_by(2.0)
        return len(rounds) == 5

    worker = Worker(shop.dsn, "one", shop.clock, InProcess(), links, wait)
    worker.serve()
    # A merge that cannot be read stops neither the worker nor the other buckets; tried at 0, mended at 2, tried again at 6.
    assert [row[3] for row in shop.told("u2")] == ["entered"]
    assert [row[3] for row in shop.told("u1")] == ["entered"]
    assert rounds[2] == rounds[0]
    assert rounds[3] > rounds[2]


def test_nothing_is_rolled_back_where_nothing_goes_wrong(shop: Shop) -> None:
    """A rollback makes the driver forget its prepared statements: every pass would plan them anew."""
    rolled_back = "select xact_rollback from pg_stat_database where datname = current_database()"
    before = shop.query(rolled_back)
    shop.work(T0)
    shop.work(T0 + HOUR)
    shop.work(T0 + 2 * HOUR)
    assert [row[3] for row in shop.told("u1")] == ["entered", "sent"]
    assert shop.query(rolled_back) == before


def test_merges_have_their_turn_in_a_backlog_that_does_not_end(dsn: str) -> None:
    with connect(dsn) as conn:
        shop = Shop(dsn, conn, found_shop(conn, small({"cart": CART}), buckets=1, zones=["UTC"]), HandClock(T0))
        shop.visit("d", "Checkout Started", T0 - HOUR)
        shop.identify("u", T0 - HOUR)
        shop.identify("u", T0 - HOUR, device="d")
        for minute in range(50):
            shop.track("busy", "Looked", T0 - timedelta(minutes=minute))
        worker = Worker(shop.dsn, "one", shop.clock, InProcess(), links, lambda _: True)
        worker.serve()
        ((left,),) = shop.query("select count(*) from inbox where kind = 'event'")
        assert 0 < int(str(left)) < 50
        assert shop.query("select count(*) from inbox where kind = 'merge'") == [(0,)]
        assert shop.query("select count(*) from profile where merged_into is not null") == [(1,)]


@pytest.mark.newest
def test_a_database_that_is_killed_in_the_middle_loses_nothing_and_repeats_nothing() -> None:
    with scratch_server() as server:
        with connect(server.dsn) as conn:
            # A throwaway server's commits wait for nothing, and a crash takes back the last of them; a shop's calls do wait.
            conn.execute("set synchronous_commit = on")
            conn.commit()
            migrate(conn, "tamshy.schema.sql")
            book = found_shop(conn, small({"cart": CART}), buckets=4, zones=["UTC"])
            shop = Shop(server.dsn, conn, book, HandClock(T0 + 3 * HOUR, speed=600))
            for number in range(30):
                shop.identify(f"u{number}", T0, email=f"u{number}@example.com")
                shop.track(f"u{number}", "Checkout Started", T0)
        kills = iter((1, 2, 4))
        rounds, rests = [0, next(kills)], [0]

        def wait(seconds: float) -> bool:
            if seconds == 0:
                rounds[0] += 1
                if rounds[0] == rounds[1]:
                    with connect(server.dsn) as looking:
                        found = looking.execute(
                            "select pid from pg_stat_activity where application_name = 'tamshy worker'"
                        ).fetchone()
                    # Not 0: that would be all of us.
                    assert found is not None
                    os.kill(found[0], signal.SIGKILL)
                    rounds[1] = next(kills, 0)
                return False
            # The server takes a moment to stand up again; a bucket that rests would do so for ever, as no time goes by here.
            rests[0] += 1
            assert rests[0] < 500
            threading.Event().wait(seconds)
            return _all_done(server.dsn, shop.clock.at)

        Worker(server.dsn, "one", shop.clock, InProcess(), links, wait).serve()
        with connect(server.dsn) as conn:
            counted = conn.execute(
                "select outcome, coalesce(message, ''), coalesce(reason, ''), count(*), count(distinct profile), min(at), max(at)"
                " from journal group by 1, 2, 3 order by 1, 2"
            ).fetchall()
            mails = conn.execute("select count(*) from delivery where state = 'queued'").fetchone()
    assert counted == [
        ("entered", "", "", 30, 30, T0, T0),
        ("exited", "", "finished", 30, 30, T0 + 3 * HOUR, T0 + 3 * HOUR),
        ("sent", "reminder", "", 30, 30, T0 + 2 * HOUR, T0 + 2 * HOUR),
        ("sent", "second", "", 30, 30, T0 + 3 * HOUR, T0 + 3 * HOUR),
    ]
    assert mails == (60,)


def _all_done(dsn: str, at: datetime) -> bool:
    """Whether nothing waits by a moment; a server that is not there says nothing."""
    try:
        conn = connect(dsn)
    except DatabaseUnavailable:
        return False
    with conn:
        return not unworked(conn, at)
