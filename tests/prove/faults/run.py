"""One run: a case, the hands that work it, and what goes wrong on the way."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tests.engine.living import calls_of, links, ref_of
from tests.prove.faults import plan
from tests.prove.faults.fragile import CUT, KILL, Fate, Fragile, Killed
from tests.prove.faults.parts import Batch, Part, in_parts
from tests.prove.faults.senders import Ledger, hand_over_of
from tests.prove.faults.turns import Hand, Turns

from tamshy.deliver import buckets_due
from tamshy.ingest import store
from tamshy.publish import publish
from tamshy.render.compile import compile_message
from tamshy.sqlkit import Error, is_retryable
from tamshy.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.prove.faults.ground import Ground
    from tests.prove.faults.plan import Fault

    from tamshy.domain.call import Call
    from tamshy.ingest import History

WORKERS: Final = 3
WEBS: Final = 2
SENDERS: Final = 2
TAIL: Final = timedelta(days=8)
"""How long after the last arrival the shop is watched."""
_STUCK_S: Final = 120.0
_STALLS: Final = 40
_MEND_AT: Final = 4
"""Stalls after which all clocks are right again."""
_SWITCH: Final = 0.2
"""How often, at a statement, somebody else may have the turn."""
_HURRY: Final = 1 / 900
"""How often, at a statement, the shop's clock goes on although not all has been worked."""
_MOST_STATEMENTS: Final = 40_000
_PATIENCE: Final = 250
"""Statements of workers for which a publisher waits for a better moment."""
_MOMENT: Final = timedelta(milliseconds=1)
_STRIDES: Final = (timedelta(0), _MOMENT, timedelta(minutes=20), timedelta(hours=5), timedelta(hours=14))

_WAITING: Final = """
select exists (select from inbox where moment <= %(at)s)
    or exists (select from enrollment where active and work_at <= %(at)s)
    or exists (select from message where state = 'accepted')
    or exists (select from delivery where state in ('queued', 'handing_over') and next_at <= %(at)s)"""
_NEXT: Final = """
select least((select min(moment) from inbox),
    (select min(work_at) from enrollment where active and work_at < '9999-01-01'),
    (select min(next_at) from delivery where state in ('queued', 'handing_over')))"""


_ACCEPTED: Final = "select flow from message where state = 'accepted' and decided_at = %(at)s order by id limit 1"
_INSIDE: Final = """
select e.id, e.due_at, e.met_at is not null or least(e.work_at, m.decided_at) < %(at)s
    or (m.id is null and e.work_at <> e.due_at)
from enrollment e
left join message m on m.bucket = e.bucket and m.enrollment = e.id and m.state = 'accepted'
where e.active and e.flow = any(%(flows)s)"""


class Endless(AssertionError):
    """Work is done again and again, or stays undone, and there is no end of it."""


@dataclass
class _Clock:
    """A hand's view of time, as far as it is right."""

    run: Run
    speed: float = 1e6
    machine_off: timedelta = timedelta(0)
    shop_off: timedelta = timedelta(0)

    def now(self) -> datetime:
        """The shop's time; never beyond what has arrived: what was done there could not be undone by what comes."""
        return max(self.run.begun, min(self.run.at + self.shop_off, self.run.furthest()))

    def real(self) -> datetime:
        """The machine's time."""
        return self.run.machine + self.machine_off

    def monotonic(self) -> float:
        """Seconds that only grow."""
        return self.run.grown


@dataclass
class Run:
    """A case under way. It says whose turn it is, what time it is, and what goes wrong now."""

    ground: Ground
    history: History
    faults: Sequence[Fault]
    seed: int
    machine: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    grown: float = 0.0
    over: bool = False
    answers: list[str] = field(default_factory=list)
    """What the mail server does at the next hand-overs, where it does not just take them."""

    def __post_init__(self) -> None:
        """Begin before the first arrival."""
        self._die = random.Random(f"turns {self.seed}")  # noqa: S311 - no secret
        self.turns = Turns(self._die, self.ground.look, self.ground.watch)
        calls = [_with_key(call) for call in calls_of(self.history)]
        self._parts = in_parts(calls)
        self.begun = min(call.received_at for call in calls) - timedelta(hours=1)
        self.at = self.begun
        self.until = max(call.received_at for call in calls) + TAIL
        self._target: datetime | None = None
        self._copies: list[Batch] = []
        self._accepted: list[Batch] = []
        self._coming = list(self.faults)
        self._due: list[Fault] = []
        self._publications = 0
        self.editions = 0
        self._published = 0
        self._now_published: str | None = None
        self._patience = _PATIENCE
        self._titles: dict[str, str] = {}
        self._stalls = 0
        self.ledger = Ledger(self.ground.look)
        self.clocks: dict[str, _Clock] = {}

    # -- the hands ------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Let everybody work until nothing is left to do by the end of the time; raises what no fault explains."""
        self.ground.connects = self._connects
        bodies: list[tuple[Hand, Callable[[Hand], None]]] = []
        for count, name, body in (
            (WORKERS, "worker", self._work),
            (WEBS, "web", self._store),
            (SENDERS, "sender", self._send),
            (1, "shop", self._publish),
        ):
            bodies += [(self._hand(f"{name}{n}" if count > 1 else name), body) for n in range(count)]
        self._hands = {hand.name: hand for hand, _ in bodies}
        self.turns.run([(hand, self._living(hand, body)) for hand, body in bodies], self._move_on)

    def _hand(self, name: str) -> Hand:
        session = self.ground.session(name, autocommit=name.startswith("sender"))
        session.rollback()
        self.clocks[name] = _Clock(self)
        return Hand(name, session.info.backend_pid)

    def _living(self, hand: Hand, body: Callable[[Hand], None]) -> Callable[[], None]:
        def live() -> None:
            while not self.over:
                try:
                    body(hand)
                except Killed:
                    hand.lives += 1

        return live

    def _connects(self, address: str) -> Fragile:
        return Fragile(self.ground.sessions[address], self._hands[address], self)

    def _work(self, hand: Hand) -> None:
        clock = self.clocks[hand.name]
        owner = f"{hand.name}/{hand.lives}"
        Worker(hand.name, owner, clock, self.ground.renderer, links, lambda s: self._rest(hand, s)).serve()

    def _store(self, hand: Hand) -> None:
        batch = self._asked()
        if batch is None:
            self._rest(hand, 1)
            return
        if batch.copy:
            hand.stumbles = self._die.randrange(8)
        try:
            with self._connects(hand.name) as conn:
                store(conn, ref_of(self.ground.book), batch.calls)  # type: ignore[arg-type] # as good as a connection
        except Exception as exc:
            if not is_retryable(exc):
                raise
            self._answered(batch, accepted=False)
        except BaseException:
            self._answered(batch, accepted=False)
            raise
        else:
            self._answered(batch, accepted=True)

    def _send(self, hand: Hand) -> None:
        clock = self.clocks[hand.name]
        hand_over = hand_over_of(hand, self, self.ledger, clock.now, f"{hand.name}/{hand.lives}")
        while not self.over:
            try:
                with self._connects(hand.name) as conn:
                    while not self.over:
                        due = buckets_due(conn, clock.now())  # type: ignore[arg-type]
                        moved = hand_over.run(conn, due, 500).moved if due else 0  # type: ignore[arg-type]
                        self._rest(hand, 0 if moved else 1)
            except Error:
                self._rest(hand, 1)

    def _publish(self, hand: Hand) -> None:
        if self.editions == self._published:
            self._rest(hand, 1)
            return
        self._published = self.editions
        flow = self._now_published or self._die.choice([None, *(one.name for one in self.ground.book.flows)])
        titles = self._titles if flow is None else self._titles | {flow: f"Edition {self.editions}"}
        files = self.ground.edition(self.editions, titles)
        try:
            with self._connects(hand.name) as conn:
                # Nobody works meanwhile: who stands where is looked at before and after.
                conn.execute("select from lease order by bucket for update")
                changed = _changed(conn, files)
                before = _standing(conn, self.at, changed)
                name = self.ground.book.name
                publish(conn, name, files, at=self.at, compile_message=compile_message)  # type: ignore[arg-type]
                if before is None or before != _standing(conn, self.at, changed):
                    # A due moment is made anew by publishing; the oracle knows of none that changes.
                    conn.rollback()
                else:
                    self._titles = titles
        except Exception as exc:
            if not is_retryable(exc):
                raise
        self.turns.done += 1

    def _flow_under_way(self) -> str | None:
        """The flow of a message that is accepted at this very moment, and not rendered yet."""
        row = self.ground.look.execute(_ACCEPTED, {"at": self.at}).fetchone()
        return None if row is None else str(row[0])

    def _call_publisher(self, hand: Hand) -> None:
        """Who is to publish waits for the best moment, in the middle of it, but not for ever."""
        self._patience -= 1
        self._now_published = self._flow_under_way()
        if self._now_published is not None or self._patience < 0:
            self._patience = _PATIENCE
            self._publications -= 1
            self.editions += 1
            self.turns.switch(hand, self._hands["shop"])

    def _rest(self, hand: Hand, seconds: float) -> bool:
        if self.over:
            return True
        if seconds == 0:
            self.turns.done += 1
        elif hand.cut:
            hand.cut = False
        else:
            hand.idle_at = self.turns.done
        self.turns.switch(hand)
        return self.over

    # -- what arrives ---------------------------------------------------------------------------------------------

    def furthest(self) -> datetime:
        """How far all that arrives has been stored."""
        waiting = [call.received_at for part in self._parts for call in _unanswered(part)]
        return min(waiting) - _MOMENT if waiting else self.until

    def _asked(self) -> Batch | None:
        if self._copies:
            return self._copies.pop(0)
        parts = [part for part in self._parts if part.asked and part.under_way is None]
        if not parts:
            return None
        part = self._die.choice(parts)
        part.under_way = part.asked[0]
        return part.under_way

    def _answered(self, batch: Batch, *, accepted: bool) -> None:
        """A client has its answer, or none: then it asks again."""
        self.turns.done += 1
        if batch.copy:
            if not accepted:
                self._copies.append(batch)
            return
        batch.part.under_way = None
        if not accepted:
            return
        batch.part.asked.popleft()
        self._accepted.append(batch)
        if self._target is not None and not any(part.asked for part in self._parts):
            self.at, self._target = self._target, None

    # -- time -----------------------------------------------------------------------------------------------------

    def _pass_by(self, seconds: float) -> None:
        self.machine += timedelta(seconds=seconds)
        self.grown += seconds

    def _move_on(self) -> None:
        """Nobody has anything to do: what comes next?"""
        self._pass_by(0.4)
        self.turns.done += 1
        if self.ground.look.execute(_WAITING, {"at": self.at}).fetchone() == (True,) or self._copies:
            # Some bucket is nobody's at this moment; with time gone by, somebody takes it.
            self._stalls += 1
            self._pass_by(min(2.0**self._stalls, 4000.0))
            if self._stalls == _MEND_AT:
                for clock in self.clocks.values():
                    clock.machine_off = clock.shop_off = timedelta(0)
            if self._stalls > _STALLS:
                raise Endless(f"at {self.at}: something waits that nobody works")
            return
        self._stalls = 0
        if self._target is None and self.at >= self.until:
            self.over = True
            return
        self._stride()

    def _stride(self) -> None:
        """Let the shop's clock go on: to what comes next, or somewhat beyond, once all that arrives by then is stored."""
        if self._target is not None or self.at >= self.until:
            return
        coming = [part.left[0].received_at for part in self._parts if part.left]
        row = self.ground.look.execute(_NEXT).fetchone()
        if row is not None and row[0] is not None and row[0] > self.at:
            coming.append(row[0])
        beyond = timedelta(0) if self._publications else self._die.choice(_STRIDES)
        target = min([*coming, self.until]) + beyond
        target = max(self.at, min(self.until, target))
        asked = [part.ask(target, self._die) for part in self._parts]
        if any(asked):
            self._target = target
        else:
            self.at = target

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def fate(self, hand: Hand, conn: Fragile | None) -> Fate | None:
        """What becomes of a hand at its next statement; others may work first."""
        turns = self.turns
        turns.statement += 1
        if turns.statement > _MOST_STATEMENTS:
            raise Endless(f"at {self.at}: {_MOST_STATEMENTS} statements, and no end")
        self._pass_by(0.005)
        found: Fate | None = None
        while self._coming and self._coming[0].at <= turns.statement:
            self._due.append(self._coming.pop(0))
        for fault in [fault for fault in self._due if hand.name.startswith(fault.who)]:
            self._due.remove(fault)
            found = self._happens(fault, hand, conn) or found
        if hand.stumbles:
            hand.stumbles -= 1
            if not hand.stumbles:
                hand.asleep_until = turns.statement + self._die.randrange(50, 600)
        if self._die.random() < _HURRY:
            self._stride()
            turns.done += 1
        if self._publications and hand.name.startswith("worker"):
            self._call_publisher(hand)
        if hand.asleep_until > turns.statement or self._die.random() < _SWITCH:
            turns.switch(hand)
        return found

    def point(self, hand: Hand) -> None:
        """A place between statements at which a hand can end."""
        fate = self.fate(hand, None)
        if fate is not None:
            raise Killed

    def ask(self, hand: Hand, do: Callable[[], Any], *, releases: bool) -> Any:  # noqa: ANN401 - a statement's own
        """Run a statement."""
        found = self.turns.ask(hand, do)
        if releases:
            self.turns.settle()
        return found

    def _happens(self, fault: Fault, hand: Hand, conn: Fragile | None) -> Fate | None:
        what = fault.what
        if what in {KILL, CUT}:
            hand.cut = what == CUT
            return Fate(what, fault.after)
        if what == plan.PAUSE:
            self._pass_by(fault.span)
            hand.asleep_until = self.turns.statement + self._die.randrange(20, 300)
            if conn is not None and fault.span > _STUCK_S and conn.in_transaction():
                conn.end()
                self.turns.settle()
        elif what == plan.STEP:
            clock = self.clocks[hand.name]
            clock.machine_off, clock.shop_off = timedelta(seconds=fault.machine), timedelta(seconds=fault.shop)
        elif what == plan.AGAIN:
            under_way = [part.under_way for part in self._parts if part.under_way is not None]
            self._send_again(under_way, later=False)
        elif what == plan.LATE:
            self._send_again(self._accepted, later=True)
        elif what == plan.PUBLISH:
            self._publications += 1
            self.turns.done += 1
        else:
            self.answers.append(what)
        return None

    def _send_again(self, batches: Sequence[Batch], *, later: bool) -> None:
        if not batches:
            return
        batch = self._die.choice(batches)
        calls = batch.calls
        if later:
            calls = [replace(call, received_at=max(call.received_at, self.at)) for call in calls]
        self._copies.append(Batch(batch.part, calls, copy=True))
        self.turns.done += 1


def _changed(conn: Fragile, files: Mapping[str, str]) -> list[str]:
    """The flows whose published text is another one."""
    rows = conn.execute("select path, content from definition where path like 'flows/%'").fetchall()
    return [path.removeprefix("flows/").removesuffix(".yaml") for path, content in rows if files[path] != content]


def _standing(conn: Fragile, at: datetime, flows: list[str]) -> dict[object, object] | None:
    """When the people inside flows are due; None: somebody's moment would not be the same if it were made anew now."""
    rows = conn.execute(_INSIDE, {"at": at, "flows": flows}).fetchall()
    return None if any(row[2] for row in rows) else {row[0]: row[1] for row in rows}


def _unanswered(part: Part) -> list[Call]:
    return [call for batch in part.asked for call in batch.calls[:1]] + list(part.left)[:1]


def _with_key(call: Call) -> Call:
    """Deeds have no messageId of their own: a client's second word would be a second deed."""
    return call if call.key is not None else replace(call, key=f"deed {call.ord}")
