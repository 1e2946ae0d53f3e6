"""Processes: started, watched, started again when they die, and stopped together."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

_LOG: Final = logging.getLogger("tamshy")
PATIENCE_S: Final = 30.0
"""How long a process may take to finish what it has in hand."""
GAVE_UP: Final = 1
"""The exit code of a process that was told a second time to stop, and left what it had in hand."""
_LOOK_S: Final = 0.5
_END_LOOK_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 5.0
"""A process that has lived so long did start: its end is no reason to wait longer and longer before the next start."""
_OVERLAP_S: Final = 3.0
"""How long a process runs beside the one that it relieves: about as long as it takes to come up."""
_FOLLOW_S: Final = 0.25


def follow_parent(parent: int, patience_s: float = PATIENCE_S + 5) -> None:
    """End this process when the one that started it is gone, however and whenever that ended.

    Args:
        parent: the process id of the one that started this one, as that one itself said it: asked for here, it may be
            gone already, and somebody else be in its place.
        patience_s: how long what is in hand may take then; after it this process is cut off.
    """

    def watch() -> None:
        _outlive(parent)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _outlive(parent: int) -> None:
    """Wait until our parent is gone: asleep where the system can wake us for that, else by looking again and again."""
    if hasattr(os, "pidfd_open"):
        try:
            gone = os.pidfd_open(parent)
        except OSError:
            return
        if os.getppid() == parent:
            poll = select.poll()
            poll.register(gone, select.POLLIN)
            poll.poll()
    while os.getppid() == parent:
        time.sleep(_FOLLOW_S)


class Stop(threading.Event):
    """Set when this process is told to stop; `at_once` when it is told so a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = threading.Event()

    def tell(self) -> None:
        """Tell to stop, or to stop at once."""
        (self.at_once if self.is_set() else self).set()


def stop_on_signals(at_once: Callable[[], None] = lambda: None) -> Stop:
    """Give an event that SIGTERM and SIGINT set; with the second of them `at_once` is called."""
    stop = Stop()

    def told(_number: int, _frame: object) -> None:
        stop.tell()
        if stop.at_once.is_set():
            at_once()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stop


def give_up() -> None:
    """End this process where it stands: what it has in hand others find as after a crash."""
    os._exit(GAVE_UP)


def relieve_on_signal() -> threading.Event:
    """Give an event that SIGUSR1 sets: every process is to be relieved by a new one."""
    again = threading.Event()
    signal.signal(signal.SIGUSR1, lambda _number, _frame: again.set())
    return again


@dataclass(slots=True)
class _Child:
    """One process of the program: its name, its command line, what it is handed open, and how its starts went."""

    name: str
    arguments: tuple[str, ...]
    handed: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps processes of this program running until told to stop.

    `environment` is what they are given, `log` where they write, instead of where this one does. What dies is told in the log.
    """

    environment: Mapping[str, str]
    log: TextIO | None = None
    _children: list[_Child] = field(default_factory=list)

    def add(self, name: str, arguments: Sequence[str], handed: Sequence[int] = ()) -> None:
        """Have a `tamshy` command with these arguments running; `handed` are open files that it inherits."""
        self._children.append(_Child(name, tuple(arguments), tuple(handed)))

    def run(self, stop: threading.Event, again: threading.Event | None = None) -> None:
        """Start all, start again what dies, and stop all when `stop` is set.

        Whenever `again` is set, each is relieved by a new one, one after the other: the new one runs before the old one
        is told to finish.
        """
        try:
            while not stop.is_set():
                for child in self._children:
                    self._look_after(child)
                if again is not None and again.is_set():
                    again.clear()
                    self._relieve_all(stop)
                stop.wait(_LOOK_S)
        finally:
            self._end([child.process for child in self._children if child.process is not None], stop)

    def pids(self) -> dict[str, int]:
        """Give the process ids of what runs now, by name."""
        return {child.name: child.process.pid for child in self._children if child.process is not None}

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            steady = now - child.started > _STEADY_S
            child.failures = 1 if steady else child.failures + 1
            pause = min(0.2 * 2**child.failures, _LONGEST_PAUSE_S)
            child.process, child.next_start = None, now + pause
            died = {"event": "process_died", "child": child.name, "ending": _ending(code), "seconds": round(pause, 1)}
            _LOG.warning(
                "%s ended by itself (%s); it is started again in %.1f s",
                child.name,
                died["ending"],
                pause,
                extra=died,
            )
        if now >= child.next_start:
            try:
                child.process, child.started = self._started(child), now
            except OSError as exc:
                # No room for a process at this moment: those that run are not given up for it.
                child.failures += 1
                pause = min(0.2 * 2**child.failures, _LONGEST_PAUSE_S)
                child.next_start = now + pause
                told = {"event": "process_not_started", "child": child.name, "error": type(exc).__name__}
                _LOG.warning("%s cannot be started now; it is tried again in %.1f s", child.name, pause, extra=told)

    def _relieve_all(self, stop: threading.Event) -> None:
        for child in self._children:
            old = child.process
            try:
                new = self._started(child)
            except OSError:
                new = None
            if new is None or stop.wait(_OVERLAP_S) or new.poll() is not None:
                self._end([new] if new is not None else [], stop)
                stayed = {"event": "process_not_relieved", "child": child.name}
                _LOG.warning("%s is not relieved: the new one did not stay", child.name, extra=stayed)
                continue
            child.process, child.started, child.failures = new, time.monotonic(), 0
            self._end([old] if old is not None else [], stop)

    def _started(self, child: _Child) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tamshy.site.cli", *child.arguments]
        # A group of its own: Ctrl-C at the terminal is for us, and we stop them in order.
        return subprocess.Popen(
            command,
            env=dict(self.environment),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            pass_fds=child.handed,
        )

    def _end(self, running: Sequence[subprocess.Popen[bytes]], stop: threading.Event) -> None:
        """Tell processes to finish, and cut off those that have not within the patience, or when told again."""
        begun = time.monotonic()
        for process in running:
            process.terminate()
        at_once = stop.at_once if isinstance(stop, Stop) else threading.Event()
        while any(process.poll() is None for process in running):
            if time.monotonic() - begun > PATIENCE_S or at_once.wait(_END_LOOK_S):
                break
        cut = [process for process in running if process.poll() is None]
        for process in cut:
            process.kill()
            process.wait()
        took = round(time.monotonic() - begun, 1)
        ended = {"event": "processes_ended", "count": len(running) - len(cut), "seconds": took}
        if running and not cut:
            _LOG.info("%d ended in order, in %.1f s", ended["count"], took, extra=ended)
        elif cut:
            _LOG.warning(
                "%d ended in order, in %.1f s; %d were cut off with what they had in hand",
                ended["count"],
                took,
                len(cut),
                extra={**ended, "event": "processes_cut_off"},
            )


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
