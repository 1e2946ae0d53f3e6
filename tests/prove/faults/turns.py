"""Turns: several hands, each in a thread of its own, of which one at a time is at work, as a die says.

A hand gives its turn away between its statements. One that waits in the database for another's lock is found by asking the
server, and its turn goes on to the others; so whoever works when is the same each time, whatever the machine does.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from tamshy.sqlkit import Connection

_LOOK_S: Final = 0.004
"""Real seconds between two looks whether the one at work waits for a lock."""
_PATIENCE_S: Final = 30.0

T = TypeVar("T")


class Stopped(BaseException):
    """The run is over, or has failed elsewhere: this hand need not go on."""


@dataclass(eq=False)
class Hand:
    """One that takes turns. ``pid``: the server's process behind its connection."""

    name: str
    pid: int = 0
    asleep_until: int = 0
    """The statement, counted over all hands, from which on it may go on; until then it sleeps."""
    idle_at: int = -1
    """What had been done so far when it found nothing to do."""
    blocked: bool = False
    gone: bool = False
    at_database: bool = False
    statements: int = 0
    lives: int = 0
    stumbles: int = 0
    """How many statements further on it stands still for a while; 0: it does not."""
    cut: bool = False
    """Its connection has just been cut: it rests, and is not idle."""
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


class Turns:
    """Who is at work."""

    def __init__(self, die: random.Random, look: Connection, watch: Connection) -> None:
        """Begin with nobody. ``look`` asks the server for the one at work, ``watch`` for the one that watches."""
        self._die = die
        self._look = look
        self._watch = watch
        self._lock = threading.Lock()
        self._current: Hand | None = None
        self.hands: list[Hand] = []
        self.failure: BaseException | None = None
        self.statement = 0
        self.done = 0
        """Counts what was done: whoever is idle looks again when it grows."""
        self.locked_up = 0

    def run(self, bodies: Sequence[tuple[Hand, Callable[[], None]]], nobody: Callable[[], None]) -> None:
        """Let all work until their bodies end; ``nobody`` is called, in a hand's turn, when no hand has anything to do.

        Raises what the first of them raised.
        """
        self.hands = [hand for hand, _ in bodies]
        self._nobody = nobody
        threads = [threading.Thread(target=self._body, args=pair, name=pair[0].name) for pair in bodies]
        for thread in threads:
            thread.start()
        self._give(self.hands[0])
        self._watch_over(threads)
        for thread in threads:
            thread.join()
        if self.failure is not None:
            raise self.failure

    def _body(self, hand: Hand, body: Callable[[], None]) -> None:
        hand.go.acquire()
        try:
            if self.failure is None:
                body()
        except Stopped:
            pass
        except BaseException as exc:  # noqa: BLE001 - raised by `run`
            self.failure = self.failure or exc
        hand.gone = True
        if self.failure is not None:
            for other in self.hands:
                other.go.release()
            return
        self.settle()
        with self._lock:
            self._give(self._next())

    # -- giving turns ---------------------------------------------------------------------------------------------

    def switch(self, hand: Hand, to: Hand | None = None) -> None:
        """Let somebody work (``to``, where it can), perhaps this hand again; gives back when it is this hand's turn."""
        chosen = None if to is None or to.blocked or to.gone else to
        while chosen is None:
            with self._lock:
                chosen = self._next()
            if chosen is None:
                self._nobody()
        if chosen is hand:
            return
        with self._lock:
            self._give(chosen)
        self._take(hand)

    def _take(self, hand: Hand) -> None:
        hand.go.acquire()
        if self.failure is not None:
            raise Stopped

    def _give(self, hand: Hand | None) -> None:
        self._current = hand
        if hand is not None:
            hand.go.release()

    def _next(self) -> Hand | None:
        """Somebody who can go on: not idle, not asleep, not waiting for a lock."""
        ready = [hand for hand in self.hands if not (hand.gone or hand.blocked) and hand.idle_at != self.done]
        awake = [hand for hand in ready if hand.asleep_until <= self.statement]
        if awake:
            return self._die.choice(awake)
        # Nobody else can do anything: the one whose sleep ends first wakes up.
        sleepers = sorted(ready, key=lambda hand: hand.asleep_until)
        return sleepers[0] if sleepers else None

    # -- the database ---------------------------------------------------------------------------------------------

    def ask(self, hand: Hand, do: Callable[[], T]) -> T:
        """Let a hand's statement run; if it waits for a lock meanwhile, others work."""
        with self._lock:
            hand.at_database = True
            hand.statements += 1
        try:
            return do()
        finally:
            with self._lock:
                hand.at_database = False
                waited, hand.blocked = hand.blocked, False
            if waited:
                self._take(hand)

    def settle(self) -> None:
        """Wait until those that waited for a lock that is free now have come through."""
        limit = time.monotonic() + _PATIENCE_S
        for hand in self.hands:
            while hand.blocked and not _blocked(self._look, hand.pid):
                assert time.monotonic() < limit, f"{hand.name} waits, and for nobody"

    def _watch_over(self, threads: Sequence[threading.Thread]) -> None:
        """Look now and then whether the one at work waits for a lock."""
        before: tuple[Hand | None, int] = (None, 0)
        limit = time.monotonic() + _PATIENCE_S
        while any(thread.is_alive() for thread in threads):
            threads[0].join(_LOOK_S) if threads[0].is_alive() else time.sleep(_LOOK_S / 4)
            with self._lock:
                hand = self._current
                if hand is None and self.failure is None:
                    # All wait for one another: the server finds out, and one of them is told.
                    self._give(self._next())
                    continue
                now = (hand, hand.statements if hand else 0)
                waits = hand is not None and hand.at_database
            if now != before:
                before, limit = now, time.monotonic() + _PATIENCE_S
            elif waits and hand is not None and _blocked(self._watch, hand.pid):
                self._pass_over(hand, now[1])
            elif time.monotonic() > limit:
                self.failure = self.failure or AssertionError(f"{hand and hand.name} has stood still for too long")
                for other in self.hands:
                    other.go.release()
                limit += _PATIENCE_S

    def _pass_over(self, hand: Hand, statements: int) -> None:
        with self._lock:
            if self._current is not hand or not hand.at_database or hand.statements != statements:
                return
            hand.blocked = True
            chosen = self._next()
            if chosen is None and not any(h is not hand and h.idle_at == self.done and not h.gone for h in self.hands):
                self.locked_up += 1
            if chosen is None:
                # The others are idle: one of them finds out what comes next.
                rest = [h for h in self.hands if not h.gone and not h.blocked]
                chosen = rest[0] if rest else None
            self._give(chosen)


def _blocked(conn: Connection, pid: int) -> bool:
    row = conn.execute("select pg_blocking_pids(%s) <> '{}'", [pid]).fetchone()
    return row == (True,)
