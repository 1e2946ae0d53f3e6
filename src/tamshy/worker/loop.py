"""The worker's loop."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from tamshy.advance import asks_for_best_hour, find_best_hour
from tamshy.commerce import forget_changes, learn_intervals
from tamshy.coupon import count_pools
from tamshy.domain import calendar
from tamshy.ingest import prune
from tamshy.language.model import Keep
from tamshy.look import catch_up
from tamshy.passes import (
    Horizon,
    at_hand,
    deal_coupons,
    left,
    merge_ready,
    merging,
    prepare,
    run,
    settle_answers,
    settle_coupons,
    settle_rendered,
)
from tamshy.passes.rendering import LiquidValues, Press
from tamshy.publish import load_rulebook
from tamshy.recommend import learn
from tamshy.retain import Gone, let_go, limits
from tamshy.segment import rank_when_due
from tamshy.sqlkit import DatabaseUnavailable, alone, connect, is_retryable, queries, sqlstate
from tamshy.trigger import plan_all_reorders, renew_ticks, speaks_of_reorders
from tamshy.worker.leasing import Leases
from tamshy.worker.sifting import is_the_machines, set_aside, sift
from tamshy.worker.tallying import count_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from tamshy.decide import Rendered
    from tamshy.passes.rendering import MakeLinks, Renderer
    from tamshy.rulebook import Rulebook
    from tamshy.sqlkit import Connection

_SQL = queries("tamshy.worker")
_LOG = logging.getLogger("tamshy.worker")

SHARING: Final = 1.0
"""Seconds between two looks at leases and publications."""
QUIET_SHARING: Final = 4.0
"""The same while nothing is to do and everybody has their share: a lease outlasts three such looks."""
PRUNING: Final = 60.0
"""Seconds between two prunings of message ids that nothing can repeat any more."""
BITES: Final = 8
"""Buckets in which old history is let go of at one pruning."""
PEOPLE: Final = 100
"""People of each of them that are looked at then: a million a day, with 64 buckets."""
REST: Final = 0.1
"""Seconds of rest when nothing was to do; longer and longer, up to the longest, while there still is nothing."""
LONGEST_REST: Final = 0.5
_LONGER: Final = 1.25
PATIENT: Final = 10
"""Rests after which people of a paused flow, whose time has come, are looked at again."""
AGAIN: Final = 5.0
"""Seconds that a bucket rests after an unexpected error."""
STUCK: Final = 120.0
"""Seconds without a word of ours in an open transaction after which the server ends it; rendering takes its time within one."""
RENDER_LIMIT: Final = 100
POOLS: Final = 60.0
"""Seconds between two looks at how many codes a pool has left, while codes of it are dealt."""
DEAL_LIMIT: Final = 500
"""Codes that are dealt in one go: others wait for the same pool meanwhile."""
BEHIND: Final = 60.0
"""Real seconds behind which the engine counts as away: then the horizon takes the moment's place."""


class Clock(Protocol):
    """Where the worker reads time: the shop's, which may run faster than life, and the machine's."""

    speed: float

    def now(self) -> datetime:
        """The shop's time."""

    def real(self) -> datetime:
        """The machine's time, for leases."""

    def monotonic(self) -> float:
        """Seconds that only grow."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """A workspace's rulebook with the publication and pauses it was read at."""

    mark: tuple[object, ...]
    book: Rulebook
    values: LiquidValues

    @property
    def paused(self) -> bool:
        """Whether a flow stands still."""
        return bool(self.mark[-1])


class Worker:
    """One worker process: passes over the buckets it holds, until it is told to stop."""

    def __init__(  # noqa: PLR0913 - each is one thing that a worker needs, by its own name
        self,
        dsn: str,
        owner: str,
        clock: Clock,
        renderer: Renderer,
        links: MakeLinks,
        wait: Callable[[float], bool],
        *,
        deliver: bool = True,
        clear: Callable[[Connection], bool] = lambda _: True,
        rendered: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = bool,
    ) -> None:
        """Keep what it needs.

        ``wait`` rests for some seconds (0: none, there was work) and says whether to stop; ``clear`` says whether to work at all;
        ``rendered`` is told when there is mail to hand over; ``stopping`` says whether to begin nothing more.
        """
        self._dsn = dsn
        self._leases = Leases(owner)
        self._clock = clock
        self._press = Press(renderer, links)
        self._wait = wait
        self._keep = deliver
        self._clear = clear
        self._rendered = rendered
        self._stopping = stopping
        self._rules: dict[str, _Rules] = {}
        self._resting: dict[int, float] = {}
        self._looks: dict[str, datetime] = {}
        self._paused_until: dict[int, datetime] = {}
        self._pools_at: dict[tuple[int, str], float] = {}
        self._share_at = 0.0
        self._retained = -1
        self._learnt: dict[str, tuple[object, ...]] = {}
        self._rest = REST
        self._rests = 0
        self.passes = 0
        self.items = 0

    def serve(self) -> None:
        """Work until told to stop; a database that is away is waited for."""
        pause = REST
        while True:
            try:
                with connect(self._dsn, application="tamshy worker") as conn:
                    pause = REST
                    self._serve(conn)
                    return
            except DatabaseUnavailable as exc:
                said = {"event": "database_away", "detail": str(exc)}
                _LOG.warning("the database is away: %s", exc, extra=said)
            except Exception as exc:
                if not is_retryable(exc):
                    raise
                gone = {"event": "database_gone", "error": type(exc).__name__, "sqlstate": sqlstate(exc)}
                _LOG.warning("the database has gone: %s", type(exc).__name__, extra=gone)
            if self._wait(pause):
                return
            pause = min(pause * 2, 5.0)

    def _serve(self, conn: Connection) -> None:
        prepare(conn)
        # A worker that is stopped in its tracks must not keep its bucket for ever: the server ends its transaction.
        conn.execute(f"set idle_in_transaction_session_timeout = {STUCK * 1000:.0f}".encode())
        # No pass waits for the disk: what a crash takes back, it takes back whole, and it is worked again. Nothing of it can
        # have left the house, as the claim that comes before every hand-over does wait, for all that was before it too.
        conn.execute("set synchronous_commit = off")
        conn.commit()
        self._share_at, pruned, begins = self._clock.monotonic(), -PRUNING, True
        while True:
            now = self._clock.monotonic()
            if now - pruned >= PRUNING:
                prune(conn, self._clock.now())
                forget_changes(conn, self._clock.now())
                conn.commit()
                pruned = now
                self._look_ahead(conn)
                if self._leases.held:
                    count_journal(conn, list(self._leases.held), self._clock.now(), self._clock.speed)
                    conn.commit()
                    self._retain(conn)
                    self._learn(conn)
                    self._rank(conn)
            self._keep_up(conn)
            self._look(conn)
            worked = self.once(conn)
            if not worked and begins:
                # Who has just begun ranks once what had arrived is worked, and need not wait for a minute to pass.
                begins = False
                worked = self._rank(conn)
            if self._wait(self._pause(worked)):
                self._leases.give_back(conn)
                return

    def _look_ahead(self, conn: Connection) -> None:
        """Write down further ticks of schedules, in good time before the last that are known."""
        for rules in self._rules.values():
            renew_ticks(conn, rules.book, self._clock.now())
        conn.commit()

    def _look(self, conn: Connection) -> None:
        """Make the daily figures of the workspaces whose first bucket is ours; not by a clock that is not believed."""
        now = self._clock.now()
        for name, rules in list(self._rules.items()):
            ours = rules.book.first_bucket in self._leases.held
            if ours and now >= self._looks.get(name, now) and self._clear(conn):
                catch_up(conn, rules.book, now, lambda: self._keep_up(conn))
                if asks_for_best_hour(rules.book):
                    find_best_hour(conn, rules.book, calendar.last_daily(now, rules.book.settings.timezone))
                conn.commit()
                self._looks[name] = calendar.next_daily(now, rules.book.settings.timezone)

    def _retain(self, conn: Connection) -> None:
        """Let go of old history in the next few of our buckets; not by a clock that is not believed."""
        buckets = sorted(self._leases.held)
        these = [bucket for bucket in buckets if bucket > self._retained][:BITES] or buckets[:BITES]
        total = Gone()
        for bucket in these:
            self._retained = bucket
            rules = self._rules_of(bucket)
            if rules is None or rules.book.settings.keep == Keep() or not self._clear(conn):
                continue
            now = self._clock.now()
            total.add(let_go(conn, limits(rules.book, now), bucket, self._leases.held[bucket], now, PEOPLE))
            conn.commit()
        if total.rows:
            _LOG.info(
                "%d rows were old enough to go", total.rows, extra={"event": "history_let_go", "count": total.rows}
            )

    def _learn(self, conn: Connection) -> None:
        """Once a day, from three o'clock of each workspace on: what orders and looks show, and what is due in our buckets.

        That is how long products last, and what goes with what.
        """
        now = self._clock.now()
        for name, rules in list(self._rules.items()):
            book = rules.book
            day = (calendar.local(now, book.settings.timezone) - timedelta(hours=calendar.DAILY_AT.hour)).date()
            ours = [b for b in self._leases.held if book.first_bucket <= b < book.first_bucket + book.buckets]
            speaks = speaks_of_reorders(book)
            if self._learnt.get(name) == (day, rules.mark) or not ours or not (speaks or book.recommends):
                continue
            self._learnt[name] = (day, rules.mark)
            if book.first_bucket in ours and book.recommends:
                learn(conn, book, now, lambda: self._keep_up(conn))
            if not speaks:
                continue
            if book.first_bucket in ours:
                learn_intervals(conn, book, now)
                conn.commit()
            for bucket in sorted(ours):
                plan_all_reorders(conn, book, bucket, now)
                conn.commit()

    def _rank(self, conn: Connection) -> int:
        """Compute who is among the best and what buyers are like, once the hour of a workspace of ours has come (rule 29).

        One worker does.

        Returns for how many workspaces.
        """
        ranked = 0
        for rules in self._rules.values():
            first = rules.book.first_bucket
            ours = any(first <= bucket < first + rules.book.buckets for bucket in self._leases.held)
            if ours and self._clear(conn):
                ranked += rank_when_due(conn, rules.book, self._clock.now())
            conn.commit()
        return ranked

    def _pause(self, worked: int) -> float:
        """How long to rest now: longer and longer while nothing is to do."""
        if worked:
            self._rest, self._rests = REST, 0
            return 0.0
        self._rests += 1
        if self._rests % PATIENT == 0:
            self._paused_until.clear()
        rest, self._rest = self._rest, min(self._rest * _LONGER, LONGEST_REST)
        return rest

    def _keep_up(self, conn: Connection) -> None:
        """Share out and read the rules, once a second however long a round takes: leases must not run out meanwhile.

        More rarely while all is quiet; whose lease runs out before then is noticed at that moment.
        """
        now = self._clock.monotonic()
        if now >= self._share_at:
            real = self._clock.real()
            runs_out = self._leases.share_out(conn, real)
            self._read_rules(conn)
            quiet = self._rests > PATIENT and self._leases.settled
            pause = QUIET_SHARING if quiet else SHARING
            if runs_out is not None:
                pause = min(pause, max((runs_out - real).total_seconds(), SHARING))
            self._share_at = now + pause

    def once(self, conn: Connection) -> int:
        """One round over the buckets that have work; returns how many items were worked."""
        horizon = self._clock.now()
        buckets = sorted(self._leases.held)
        if not buckets:
            return 0
        after = [self._paused_until.get(bucket) for bucket in buckets]
        with alone(conn):
            found = conn.execute(_SQL["discover"], {"buckets": buckets, "after": after, "horizon": horizon}).fetchall()
        worked = 0
        for bucket, some, let_in in found:
            if (some or let_in) and self._resting.get(bucket, 0.0) <= self._clock.monotonic():
                worked += self._guarded(conn, bucket)
                if let_in:
                    conn.execute(_SQL["let_in"], {"bucket": bucket, "horizon": horizon})
                    conn.commit()
        self.items += worked
        return worked

    def _guarded(self, conn: Connection, bucket: int) -> int:
        """A bucket's turn; an unexpected error stops those whose items raise it, or else that bucket alone, for a while."""
        try:
            try:
                return self._turn(conn, bucket)
            except Exception as exc:
                if is_retryable(exc) or is_the_machines(exc):
                    raise
                conn.rollback()
                return self._sifted(conn, bucket, exc)
        except Exception as exc:
            if is_retryable(exc):
                raise
            conn.rollback()
            rests = {"event": "bucket_rests", "bucket": bucket, "seconds": AGAIN}
            _LOG.exception("bucket %d rests for %.0f seconds", bucket, AGAIN, extra=rests)
            self._resting[bucket] = self._clock.monotonic() + AGAIN
            return 0

    def _sifted(self, conn: Connection, bucket: int, cause: Exception) -> int:
        """Work what can be worked, and set aside those whose items raise; with none found the ``cause`` is raised on."""
        rules = self._rules_of(bucket)
        fence = self._leases.held.get(bucket)
        if rules is None or fence is None:
            raise cause
        book, horizon = rules.book, self._horizon()
        suspects = at_hand(conn, book, bucket, horizon).union(merging(conn, book, bucket, horizon))
        conn.rollback()

        def work(part: Sequence[UUID]) -> int:
            these = replace(horizon, only=part)
            try:
                done = run(conn, book, bucket, fence, these, rules.values).items
                conn.commit()
                done += self._render(conn, book, bucket, fence, these)
                done += self._deal(conn, book, bucket, fence, these)
                done += self._settle_answers(conn, book, bucket, fence, these)
                return done + merge_ready(conn, book, these, [bucket])
            finally:
                conn.rollback()

        worked, poison = sift(sorted(suspects), work)
        if not poison:
            raise cause
        set_aside(conn, bucket, poison, horizon.until, self._clock.speed)
        for exc in poison.values():
            # What it says is kept in the table: it may hold what belongs to the person.
            aside = {
                "event": "profile_set_aside",
                "bucket": bucket,
                "error": type(exc).__name__,
                "sqlstate": sqlstate(exc),
            }
            _LOG.error("one profile of bucket %d is set aside: %s", bucket, type(exc).__name__, extra=aside)
        return worked

    def _turn(self, conn: Connection, bucket: int) -> int:
        """Passes over one bucket while they find something, each with its rendering; then the merges into it."""
        total = 0
        for _ in range(20):  # then the other buckets have their turn
            self._keep_up(conn)
            rules = self._rules_of(bucket)
            fence = self._leases.held.get(bucket)
            if rules is None or fence is None or self._stopping() or not self._clear(conn):
                break
            horizon = self._horizon()
            worked = run(conn, rules.book, bucket, fence, horizon, rules.values)
            behind = left(conn, rules.book, bucket)
            # Never rolled back, though nothing was done: the driver forgets its prepared statements with it, and planning them
            # takes a hundred times as long as running them.
            conn.commit()
            if worked.lost:
                # Another has taken it, or the rules have changed: it is asked for anew at once, and the rules are read after that.
                self._leases.held.pop(bucket, None)
                self._share_at = self._clock.monotonic()
                break
            rendered = self._render(conn, rules.book, bucket, fence, horizon) if behind.accepted else 0
            if behind.asked or behind.dealt:
                rendered += self._deal(conn, rules.book, bucket, fence, horizon)
            if behind.answered:
                rendered += self._settle_answers(conn, rules.book, bucket, fence, horizon)
            self.passes += 1
            total += worked.items + rendered
            if not (worked.items or rendered):
                total += merge_ready(conn, rules.book, horizon, [bucket])
                conn.commit()
                if not total and rules.paused:
                    # Whoever is due here stands in a paused flow: only those who become due later are looked for.
                    self._paused_until[bucket] = horizon.until
                break
        else:
            # In a backlog that does not end merges have their turn too: two profiles each wait for theirs.
            rules = self._rules_of(bucket)
            if rules is not None:
                total += merge_ready(conn, rules.book, self._horizon(), [bucket])
                conn.commit()
        return total

    def _horizon(self) -> Horizon:
        """What is due by now; what is overdue by long is worked now, not at its own moment."""
        now = self._clock.now()
        return Horizon(now, now - timedelta(seconds=BEHIND * self._clock.speed))

    def _render(self, conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon) -> int:
        def render(rows: Sequence[tuple[object, ...]]) -> Sequence[Rendered]:
            return self._press.render(conn, bucket, rows)

        total = 0
        while done := settle_rendered(
            conn, book, bucket, fence, horizon, RENDER_LIMIT, render, keep_content=self._keep
        ):
            conn.commit()
            total += done
            if self._stopping():
                break
        conn.commit()
        if total:
            self._rendered()
        return total

    def _deal(self, conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon) -> int:
        """Deal codes to those of the bucket who ask for one, and let them move on."""
        total = 0
        while dealt := deal_coupons(conn, book, bucket, fence, horizon, DEAL_LIMIT):
            conn.commit()
            self._warn_of_pools(conn, book, dealt.given.keys() | dealt.empty.keys())
            total += dealt.answered
        conn.commit()
        while done := settle_coupons(conn, book, bucket, fence, horizon):
            conn.commit()
            total += done
        conn.commit()
        return total

    def _settle_answers(self, conn: Connection, book: Rulebook, bucket: int, fence: int, horizon: Horizon) -> int:
        total = 0
        while done := settle_answers(conn, book, bucket, fence, horizon):
            conn.commit()
            total += done
        conn.commit()
        return total

    def _warn_of_pools(self, conn: Connection, book: Rulebook, pools: set[str]) -> None:
        """Say that pools are about to run dry, before they do; of each once in a while."""
        now = self._clock.monotonic()
        looked = {pool for pool in pools if self._pools_at.get((book.workspace, pool), -POOLS) + POOLS <= now}
        if not looked:
            return
        for each in count_pools(conn, book.workspace):
            if each.pool in looked:
                self._pools_at[book.workspace, each.pool] = now
                if each.low:
                    low = {"event": "pool_low", "workspace": each.workspace, "pool": each.pool, "count": each.left}
                    _LOG.warning("the coupon pool %s has %d codes left", each.pool, each.left, extra=low)
        conn.commit()

    def _rules_of(self, bucket: int) -> _Rules | None:
        for rules in self._rules.values():
            if rules.book.first_bucket <= bucket < rules.book.first_bucket + rules.book.buckets:
                return rules
        return None

    def _read_rules(self, conn: Connection) -> None:
        """Read anew the rulebooks of workspaces that have published or paused something.

        Rules that cannot be read stop their workspace alone, until they can.
        """
        for name, *mark in conn.execute(_SQL["workspaces"]).fetchall():
            if name in self._rules and self._rules[name].mark == tuple(mark):
                continue
            try:
                book = load_rulebook(conn, name)
            except Exception as exc:
                if is_retryable(exc):
                    raise
                conn.rollback()
                unread = {"event": "rules_unreadable", "workspace": name}
                _LOG.exception("the rules of workspace %s cannot be read", name, extra=unread)
                self._rules.pop(name, None)
            else:
                self._rules[name] = _Rules(tuple(mark), book, LiquidValues(book.settings))
            self._paused_until.clear()
        conn.commit()
