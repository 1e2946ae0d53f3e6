"""Workers deal from the same pools and are killed in the middle of it: every taking has one code, and no code has two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from tests.engine.living import found_shop, ref_of, small

from tamshy.coupon import count_pools
from tamshy.domain.call import Call, CallKind
from tamshy.ingest import store
from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from tamshy.sqlkit import Connection

ROOT = Path(__file__).resolve().parents[2]
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEOPLE, CODES, EVERY = 1500, 1400, 7
FLOW = "trigger: {event: Go}\nsteps: [{coupon: {pool: filed, as: a}}, {coupon: {pool: made, as: b}}, {exit: over}]\n"

# A worker whose machine's time is twenty times as fast, so that the leases of the dead run out soon. It says so before every pass
# over a bucket, not after a round: of these there are two or three in all, with everybody in one.
CHILD = """
import sys, threading, time
from datetime import UTC, datetime, timedelta
from tests.engine.living import links
from tamshy import sqlkit
from tamshy.render.children import InProcess
from tamshy.worker import Worker

class Clock:
    speed = 1.0
    def now(self): return datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)
    def monotonic(self): return time.monotonic() * 20
    def real(self): return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic())

looking = sqlkit.connect(sys.argv[1], autocommit=True)
LEFT = "select exists (select from inbox) or exists (select from enrollment where active)"

def wait(seconds):
    if seconds == 0:
        return False
    threading.Event().wait(seconds / 20)
    return not looking.execute(LEFT).fetchone()[0]

def begins(conn):
    print("at work", flush=True)
    return True

Worker(sys.argv[1], sys.argv[2], Clock(), InProcess(), links, wait, clear=begins).serve()
"""


def came_in(conn: Connection) -> None:
    """A shop that everybody comes into at one moment."""
    files = small({"flow": FLOW})
    files["coupons/made.yaml"] = "pattern: M-????-????\n"
    files["coupons/filed.yaml"] = "file: codes.csv\n"
    files["coupons/codes.csv"] = "".join(f"F{number}\n" for number in range(CODES))
    book = found_shop(conn, files, buckets=64, zones=["UTC"])
    calls = [Call(CallKind.TRACK, T0, T0, user_id=f"u{number}", name="Go", ord=number) for number in range(PEOPLE)]
    store(conn, ref_of(book), calls)
    conn.commit()


class Crew:
    """Workers, who die at some of the moments at which they say that they begin a pass: in the middle of it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.said: SimpleQueue[subprocess.Popen[str] | None] = SimpleQueue()
        self.alive = 0
        self.number = 0
        self._children: list[subprocess.Popen[str]] = []

    def begin(self) -> None:
        self.number += 1
        self.alive += 1
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, self._dsn, f"worker {self.number}"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._children.append(child)
        threading.Thread(target=self._listen, args=(child,)).start()

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        with child.stdout:
            for _ in child.stdout:
                self.said.put(child)
        child.wait()
        self.said.put(None)

    def end(self) -> None:
        """Nobody outlives the test, not where it fails either."""
        for child in self._children:
            child.kill()
        while self.alive:
            self.alive -= self.said.get(timeout=60) is None


@pytest.mark.newest
@pytest.mark.parametrize(
    ("workers", "kills"), [(5, 4), pytest.param(16, 12, marks=pytest.mark.prove)], ids=["five", "sixteen"]
)
def test_every_taking_has_one_code_and_no_code_has_two(workers: int, kills: int, dsn: str) -> None:
    with connect(dsn) as conn:
        came_in(conn)
        crew = Crew(dsn)
        killed = begun = 0
        try:
            for _ in range(workers):
                crew.begin()
            while crew.alive:
                child = crew.said.get(timeout=240)
                if child is None:
                    crew.alive -= 1
                    continue
                begun += 1
                if begun >= EVERY and killed < kills and child.poll() is None:
                    os.kill(child.pid, signal.SIGKILL)
                    killed, begun = killed + 1, 0
                    crew.begin()
        finally:
            crew.end()
        assert killed == kills
        given = conn.execute(
            "select step, state, count(*)::integer, count(distinct enrollment)::integer, count(distinct code)::integer"
            " from coupon group by step, state order by step, state"
        ).fetchall()
        assert given == [
            ("coupon-1", "empty", PEOPLE - CODES, PEOPLE - CODES, 0),
            ("coupon-1", "taken", CODES, CODES, CODES),
            ("coupon-2", "taken", PEOPLE, PEOPLE, PEOPLE),
        ]
        assert {each.pool: each.size - each.left for each in count_pools(conn)} == {"filed": CODES, "made": PEOPLE}
        assert conn.execute("select exit_reason, count(*)::integer from enrollment group by 1").fetchall() == [
            ("over", PEOPLE)
        ]
