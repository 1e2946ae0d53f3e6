"""What work costs: seconds of the clock, and of all processes' processors by what Linux keeps in `/proc`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROC: Final = Path("/proc")
_PARENT, _FIRST_TIME, _BEYOND_TIMES = 1, 11, 15
"""Places in `/proc/PID/stat` behind the name: the parent, then own time and that of children waited for, in ticks."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a piece of work took, in seconds. Processor times are None where the machine does not tell them."""

    wall: float
    ours: float | None
    """This process and those it has started: renderers, mail server, load generators."""
    server: float | None
    """PostgreSQL: its backends and its own helpers."""

    @property
    def processor(self) -> float | None:
        """All processes together."""
        if self.ours is None or self.server is None:
            return None
        return self.ours + self.server


class Meter:
    """Measures pieces of work.

    Args:
        server: the process id of PostgreSQL's first process; None: there is none, or it runs elsewhere.
        local: False where a server takes part that runs elsewhere: then processor times are not told.
    """

    def __init__(self, server: int | None = None, *, local: bool = True) -> None:
        self._server = server
        self._tells = local and (_PROC / "self/stat").exists()

    def of(self, work: Callable[[], object]) -> Cost:
        """Do the work and give what it took."""
        before = self._times()
        begin = time.perf_counter()
        work()
        wall = time.perf_counter() - begin
        after = self._times()
        if before is None or after is None:
            return Cost(wall, None, None)
        return Cost(wall, after[0] - before[0], after[1] - before[1])

    def held(self, workers: Sequence[int]) -> dict[str, float]:
        """Give the private memory in MiB of workers, of the renderers that they have started, and of the server's processes."""
        if not self._tells:
            return {}
        seen = _processes()
        own = set(workers)
        started = set[int]().union(*(_family(seen, pid) for pid in workers)) - own
        server = _family(seen, self._server) if self._server is not None else set[int]()
        return {
            name: _private(pids) for name, pids in (("workers", own), ("renderers", started), ("PostgreSQL", server))
        }

    def _times(self) -> tuple[float, float] | None:
        """Give the processor time so far: ours and the server's, which may be a child of ours."""
        if not self._tells:
            return None
        seen = _processes()
        server = _family(seen, self._server) if self._server is not None else set()
        ours = _family(seen, os.getpid()) - server
        return _sum(seen, ours), _sum(seen, server)


def first_process(backend: int) -> int | None:
    """Give PostgreSQL's first process by one of its backends' ids; None: it does not run on this machine."""
    try:
        words = (_PROC / str(backend) / "cmdline").read_bytes()
    except OSError:
        return None
    parent = _processes().get(backend)
    return parent[0] if parent is not None and words.startswith(b"postgres") else None


def _processes() -> dict[int, tuple[int, float]]:
    """Give every process: its parent, and its processor time with that of ended children, in seconds."""
    tick = os.sysconf("SC_CLK_TCK")
    found: dict[int, tuple[int, float]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended meanwhile; its parent has its time
            words = text.rpartition(")")[2].split()
            ticks = sum(map(int, words[_FIRST_TIME:_BEYOND_TIMES]))
            found[int(folder.name)] = (int(words[_PARENT]), ticks / tick)
    return found


def _family(seen: dict[int, tuple[int, float]], first: int) -> set[int]:
    """Give a process and all that descend from it."""
    found = {first} & seen.keys()
    while more := {pid for pid, (parent, _) in seen.items() if parent in found} - found:
        found |= more
    return found


def _private(pids: set[int]) -> float:
    """Give the memory that these processes share with nobody, in MiB."""
    found = 0
    for pid in pids:
        try:
            text = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        found += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("RssAnon:"))
    return found / 1024


def _sum(seen: dict[int, tuple[int, float]], pids: set[int]) -> float:
    return sum(seen[pid][1] for pid in pids)
