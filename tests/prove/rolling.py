"""Restarts in the midst of work, one process after the other, with RudderStack's own clients looking on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import rudderstack.analytics
from tests.prove.serving import WRITE_KEY, wait_out

if TYPE_CHECKING:
    from tests.prove.rig import Rig

    from tamshy import sqlkit

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 60.0
_STORED: Final = """
select (properties ->> %(client)s)::integer, count(*)
from (select properties from event union all select properties from inbox) e
where properties ? %(client)s group by 1 order by 1
"""


@dataclass
class Clients:
    """RudderStack's libraries for Python and Node.js, each calling all the time; a context manager."""

    port: int
    failures: list[object] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    _enough: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin to call."""
        host = f"http://127.0.0.1:{self.port}"
        script = _ROOT / "tests" / "chaos" / "rudder_node.mjs"
        command = ["node", str(script), host, WRITE_KEY]  # found in the path, as everything of Node.js is
        self._node = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        # Three tries, as its library for browsers and that for Node.js have them.
        self._python: Any = rudderstack.analytics.Client(
            WRITE_KEY, host=host, on_error=lambda error, _items: self.failures.append(error), max_retries=2
        )
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._thread.start()
        return self

    def _call(self) -> None:
        number = 0
        while not self._enough.is_set():
            self._python.track(f"p{number}", "Seen", {"python": number})
            number += 1
            wait_out(0.04)
        self.sent["python"] = number

    def finish(self) -> None:
        """Call no more, and have everything delivered that was called."""
        self._enough.set()
        self._thread.join()
        said, _ = self._node.communicate(timeout=_PATIENCE_S)
        told = json.loads(said.splitlines()[-1])
        self.sent["node"] = told["number"]
        self.failures += told["failures"]
        self._python.flush()
        self._python.join()

    def __exit__(self, *raised: object) -> None:
        """End what still runs."""
        self._enough.set()
        if self._node.poll() is None:
            self._node.kill()
            self._node.communicate()

    def lost(self, conn: sqlkit.Connection) -> dict[str, list[int]]:
        """Name the calls that are not stored exactly once, by client."""
        found = {}
        for client, number in self.sent.items():
            stored: dict[int, int] = dict(conn.execute(_STORED, {"client": client}).fetchall())
            found[client] = [n for n in range(number) if stored.get(n) != 1]
        return found


def roll(rig: Rig, times: int) -> float:
    """Have processes finish, one after the other, each started again; gives the longest that one took to end, in seconds.

    Every third time all are relieved by SIGUSR1; else one gets SIGTERM, the web server and the workers in turn.
    """
    longest = 0.0
    for turn in range(times):
        kinds = ("web", "worker") if turn % 3 == 2 else (("web", "worker")[turn % 3],)
        before = {pid for kind in kinds for pid in _first(rig, kind, every=len(kinds) > 1)}
        begun = time.monotonic()
        if len(kinds) > 1:
            rig.shop.relieve()
        else:
            for pid in before:
                os.kill(pid, signal.SIGTERM)
        _until(lambda gone=before: not gone & set(_all(rig)))
        if len(kinds) == 1:
            longest = max(longest, time.monotonic() - begun)
        _until(lambda: len(rig.processes("web")) >= 2 and len(rig.processes("worker")) == rig.plan.workers)
        rig.kills["rolled"] += 1
    return longest


def _first(rig: Rig, kind: str, *, every: bool) -> list[int]:
    found = rig.processes(kind)
    return found if every else found[:1]


def _all(rig: Rig) -> list[int]:
    return [pid for pid, _ in rig.shop.family()]


def _until(holds: Any) -> None:  # noqa: ANN401 - a condition
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "a restart takes longer than a minute"
        wait_out(0.05)
