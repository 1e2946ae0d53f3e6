"""Looks before anything is worked or handed over: is this the installation that mails, and is the clock to be believed?"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy import sqlkit, standing
from tamshy.site.clock import boot
from tamshy.standing import MEND, Anchor, Standing, because

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from uuid import UUID

    from tamshy.site.clock import SteadyClock
    from tamshy.sqlkit import Connection
    from tamshy.standing import Whereabouts

_LOG: Final = logging.getLogger("tamshy.standing")
LOOK_S: Final = 1.0
"""Seconds between two looks."""
WATCH_S: Final = 5.0
"""Seconds between two looks of a process that only stores calls."""
KEEP_S: Final = 60.0
"""Seconds between two keepings of how the clock stands."""
_REPEAT_S: Final = 600.0
"""Seconds after which a hold that lasts is told again."""
_DRIFT: Final = timedelta(seconds=1)


class Guard:
    """Says of one connection whether work may go on; writes down what it finds, and tells the log when that changes.

    `name` is what the settings call this installation; `say` False leaves the log to another guard of the same process.
    """

    def __init__(self, clock: SteadyClock, name: str = "", *, say: bool = True) -> None:
        self._clock = clock
        self._name = name
        self._say = say
        self._boot = boot()
        self._seen: Connection | None = None
        self._here: Whereabouts = {}
        self._looked = self._kept = self._told = -_REPEAT_S
        self._standing = Standing()
        self._jumped = False
        self._installation: UUID | None = None

    def clear(self, conn: Connection) -> bool:
        """Whether work may go on; looks at most once a second, and at once on a connection that is new to it. Commits."""
        now = self._clock.monotonic()
        if conn is not self._seen:
            self._here = standing.whereabouts(conn, name=self._name)
            self._seen, self._looked = conn, now - LOOK_S
            if standing.look(conn, self._here).clear:
                standing.learn(conn, self._here)
        if now - self._looked >= LOOK_S:
            self._look(conn)
            self._looked = now
        # The clock is asked every time: a jump must not be worked by for even one pass.
        return self._standing.clear and not self._clock.ahead

    def _look(self, conn: Connection) -> None:
        before = (self._standing.reasons, self._jumped)
        self._standing = standing.look(conn, self._here)
        if not self._standing.clear and standing.hold(conn, self._standing.reasons, self._clock.now(), self._here):
            self._standing = standing.look(conn, self._here)
        self._watch(conn, self._standing.id)
        conn.commit()
        self._tell(before)

    def watch_clock(self, conn: Connection) -> None:
        """Hold the clock against what was kept of it, for a process that only stores calls."""
        self._watch(conn, standing.look(conn, {}).id)

    def _watch(self, conn: Connection, id_: UUID | None) -> None:
        """Hold the clock against what was kept of it; what is believed is kept, for processes that start later."""
        confirmed = self._installation is not None and id_ != self._installation
        if confirmed:
            self._clock.believe()
        first, self._installation = self._installation is None, id_
        kept = standing.anchor(conn, self._boot) if self._boot and (first or self._due()) else None
        if first and kept is not None:
            self._clock.hold_to(kept.since_boot, kept.at)
        self._jumped = bool(self._clock.ahead)
        if self._boot and not self._jumped and (confirmed or self._due()):
            self._keep(conn, kept)

    def _due(self) -> bool:
        return self._clock.monotonic() - self._kept >= KEEP_S

    def _keep(self, conn: Connection, kept: Anchor | None) -> None:
        self._kept = self._clock.monotonic()
        since, at = self._clock.anchor
        if kept is None or abs(kept.at + timedelta(seconds=since - kept.since_boot) - at) > _DRIFT:
            standing.drop_anchor(conn, self._boot, Anchor(since, at))

    def _tell(self, before: tuple[tuple[str, ...], bool]) -> None:
        now = self._clock.monotonic()
        same = (self._standing.reasons, self._jumped) == before
        if not self._say or (same and now - self._told < _REPEAT_S):
            return
        self._told = now
        if not self._standing.clear:
            why = because(self._standing.reasons)
            _LOG.warning("on hold: %s. %s", why, MEND, extra={"event": "on_hold", "reason": why, "detail": MEND})
        elif self._jumped:
            _LOG.warning(
                "on hold: the machine's clock was put forward by %s. Set it right, or run `tamshy confirm` if it is",
                self._clock.ahead,
                extra={"event": "clock_jumped", "seconds": self._clock.ahead.total_seconds()},
            )
        elif before != ((), False):
            _LOG.info("no longer on hold", extra={"event": "hold_ended"})


def watch_clock(lend: Callable[[], AbstractContextManager[Connection]], clock: SteadyClock) -> None:
    """Keep a process that only stores calls from taking a clock's jump for the truth, until a person confirms it."""
    threading.Thread(target=_watch, args=(lend, Guard(clock, say=False)), name="clock", daemon=True).start()


def _watch(lend: Callable[[], AbstractContextManager[Connection]], guard: Guard) -> None:
    rest = threading.Event()
    while True:
        try:
            with lend() as conn:
                guard.watch_clock(conn)
        except (sqlkit.DatabaseUnavailable, sqlkit.Error):
            # It is asked again; meanwhile the clock is held against itself.
            _LOG.debug("the clock's watch waits for the database", extra={"event": "clock_unwatched"})
        rest.wait(WATCH_S)
