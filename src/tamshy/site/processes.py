"""Processes: started, watched, started again when they die, and stopped together."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LOG: Final = logging.getLogger("tamshy")
PATIENCE_S: Final = 30.0
"""How long a process may take to finish what it has in hand."""
_LOOK_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 30.0
_STEADY_S: Final = 60.0


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write log lines to standard error: time, where from, what."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(level)


def follow_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def stop_on_signals() -> threading.Event:
    """Give an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


@dataclass(slots=True)
class _Child:
    """One process of the program: its name, its command line, and how its starts went."""

    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Keeps processes of this program running until told to stop.

    `environment` is what they are given; `say` takes a line about each that died.
    """

    environment: Mapping[str, str]
    say: Callable[[str], None]
    _children: list[_Child] = field(default_factory=list)

    def add(self, name: str, arguments: Sequence[str]) -> None:
        """Have a `tamshy` command with these arguments running."""
        self._children.append(_Child(name, tuple(arguments)))

    def run(self, stop: threading.Event) -> None:
        """Start all, start again what dies, and stop all when `stop` is set."""
        try:
            while not stop.is_set():
                for child in self._children:
                    self._look_after(child)
                stop.wait(_LOOK_S)
        finally:
            self._stop()

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
            self.say(f"{child.name} ended by itself ({_ending(code)}); it is started again in {pause:.1f} s")
        if now >= child.next_start:
            command = [sys.executable, "-m", "tamshy.site.cli", *child.arguments]
            # A group of its own: Ctrl-C at the terminal is for us, and we stop them in order.
            child.process = subprocess.Popen(command, env=dict(self.environment), start_new_session=True)
            child.started = now

    def _stop(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
