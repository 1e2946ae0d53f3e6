"""A sender that is stopped in its tracks for longer than its lease, and wakes up when another has taken over (promise 10)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.engine.deliveries import BUCKET, person, sent_message, workspace
from tests.prove.ledger import Ledger
from tests.prove.serving import wait_out

from tamshy import sqlkit
from tamshy.domain.ids import named

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from tests.prove.ledger import Taken

ROOT: Final = Path(__file__).parents[2]
LEASE_S: Final = 0.4
_STALE: Final = "stale.example"
_OTHER: Final = "other.example"
_PATIENCE_S: Final = 60.0
_MINE: Final = "select message from delivery where state = 'handing_over' and owner = %(owner)s"
_LEFT: Final = "select count(*) from delivery where message = any(%(messages)s) and state <> 'sent'"
_WAITING: Final = "select count(*) from delivery where state = 'queued'"


@dataclass(frozen=True)
class Slept:
    """One sleep: what the sender had in hand when it was stopped, and when it was woken."""

    messages: frozenset[str]
    woken: float


def trials(dsn: str, folder: Path, count: int, *, plant: str = "", seed: int = 1) -> tuple[list[Taken], int, int]:
    """Stop a sender so often; gives what it handed over of what was not its own any more, and what it had had in hand.

    Returns:
        The hand-overs by the stale owner, the number of messages that it was stopped with, and those handed over in all.
    """
    dice = random.Random(seed)  # noqa: S311 - when it is stopped
    slept: list[Slept] = []
    with ExitStack() as stack:
        conn = stack.enter_context(sqlkit.connect(dsn, autocommit=True))
        workspace(conn)
        ledger = stack.enter_context(Ledger(folder / f"ledger-{plant}.jsonl", thinks_s=0.06))
        # Its pauses are the sender's, so the bug is planted in it alone.
        stale = stack.enter_context(_sender(dsn, ledger.port, _STALE, plant))
        stack.callback(stale.kill)
        other = stack.enter_context(_sender(dsn, ledger.port, _OTHER, ""))
        stack.callback(other.kill)
        for _ in range(count):
            _fill(conn)
            _until(lambda: bool(_in_hand(conn)), "a hand-over")
            wait_out(dice.uniform(0, 0.06))
            slept.append(_sleep(conn, stale))
        wait_out(0.5)
        taken = ledger.taken()
    late = [
        one
        for one in taken
        if one.by == _STALE and any(one.message in nap.messages and one.at >= nap.woken for nap in slept)
    ]
    return late, sum(len(nap.messages) for nap in slept), len(taken)


def _sleep(conn: sqlkit.Connection, stale: subprocess.Popen[bytes]) -> Slept:
    """Stop the sender for three leases at least, and until another has handed over everything that it had in hand."""
    os.kill(stale.pid, signal.SIGSTOP)
    until = time.monotonic() + 3 * LEASE_S
    try:
        messages = _in_hand(conn)
        _until(lambda: _left(conn, messages) == 0 and time.monotonic() > until, "the take-over")
        woken = time.time()
    finally:
        os.kill(stale.pid, signal.SIGCONT)
    return Slept(frozenset(message.hex for message in messages), woken)


def _in_hand(conn: sqlkit.Connection) -> list[UUID]:
    return [message for (message,) in conn.execute(_MINE, {"owner": _STALE})]


def _left(conn: sqlkit.Connection, messages: list[UUID]) -> int:
    row = conn.execute(_LEFT, {"messages": messages}).fetchone()
    return int(row[0]) if row else 0


def _fill(conn: sqlkit.Connection) -> None:
    """Have enough wait that both always have something in hand."""
    row = conn.execute(_WAITING).fetchone()
    done = conn.execute("select count(*) from delivery").fetchone()
    if row is None or done is None or row[0] > 25:
        return
    with conn.transaction():
        for number in range(done[0], done[0] + 40):
            # Kept by the policy for transactional mail: another takes it over and hands it over.
            profile = person(conn, f"p{number}")
            queued: dict[str, object] = {
                "bucket": BUCKET,
                "profile": profile,
                "message": named("message", profile.hex, f"m{number}"),
                "workspace": 1,
                "state": "queued",
                "next_at": "now",
                "queued_at": "now",
            }
            sent_message(conn, profile, f"m{number}", kind="transactional", delivery=queued)


def _sender(dsn: str, port: int, name: str, plant: str) -> subprocess.Popen[bytes]:
    given = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"PROVE_PLANT": plant} if plant else {})
    command = [sys.executable, "-m", "tests.prove.hand_over", dsn, str(port), name, str(LEASE_S)]
    return subprocess.Popen(command, env=given)


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} takes longer than a minute"
        wait_out(0.01)
