"""A sender that is killed in the middle of its work: what the server was given, and what the ledger says of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.scripted_smtp import scripted

from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection

ROOT = Path(__file__).resolve().parents[2]

# Hands over with four connections until it is killed; its clock stands at the tests' noon.
CHILD = f"""
import sys
from datetime import datetime, UTC
from tamshy import sqlkit
from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings
now = datetime(2026, 3, 2, 12, tzinfo=UTC)
sender = SmtpSender(SmtpSettings("127.0.0.1", int(sys.argv[2]), connections=4), "localhost")
stage = HandOver(sender, Options(), Signer([{SECRET!r}]), "https://x.example", lambda: now, lambda _: None, "victim")
with sqlkit.connect(sys.argv[1]) as conn:
    print("ready", flush=True)
    stage.run(conn, [{BUCKET}], 10_000)
"""


def test_a_killed_sender_leaves_every_doubt_marked_and_nothing_sent_twice(dsn: str, db: Connection) -> None:
    workspace(db)
    names = {
        f"p{n}@example.com": sent_message(db, person(db, f"p{n}"), f"m{n}", address=f"p{n}@example.com")
        for n in range(60)
    }
    db.commit()
    stuck = threading.Semaphore(0)
    answered: list[str] = []

    def script(command: str, line: str) -> str | None:
        # The server takes every message; after the twentieth it has everything and never comes to say so.
        if command == "end":
            if len(answered) >= 20:
                stuck.release()
                threading.Event().wait(5)
            answered.append(line)
        return None

    with scripted(script) as server:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, dsn, str(server.port)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
        )
        for _ in range(4):
            assert stuck.acquire(timeout=60)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        given = Counter(t.recipient for t in server.taken)
        states: dict[UUID, str] = dict(db.execute("select message, state from delivery").fetchall())
        db.commit()
        in_doubt = {name for name, message in names.items() if states[message] == "handing_over"}
        assert set(given) - {name for name, message in names.items() if states[message] == "sent"} <= in_doubt
        assert 4 <= len(in_doubt) <= 8

    with scripted() as healthy:
        sender = SmtpSender(SmtpSettings("127.0.0.1", healthy.port), "localhost")
        later = NOON + timedelta(minutes=5)
        stage = HandOver(
            sender, Options(), Signer([SECRET]), "https://x.example", lambda: later, lambda _: None, "successor"
        )
        stage.run(db, [BUCKET], 10_000)
        stage.close()
        given.update(t.recipient for t in healthy.taken)
    states = dict(db.execute("select message, state from delivery").fetchall())
    reasons = db.execute("select distinct reason from delivery where state = 'uncertain'").fetchall()
    uncertain = {name for name, message in names.items() if states[message] == "uncertain"}
    assert (uncertain, reasons) == (in_doubt, [("owner_lost",)])
    assert {name for name, message in names.items() if states[message] == "sent"} == set(names) - uncertain
    # The ledger: nobody was given a second copy, and whoever got none is among those in doubt.
    assert max(given.values()) == 1
    assert set(names) - set(given) <= uncertain
