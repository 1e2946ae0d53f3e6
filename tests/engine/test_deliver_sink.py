"""Hand-over to a server that nobody here wrote: Postfix's `smtp-sink`, with the faults it can be told to have."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace

from tamshy.deliver import HandOver, Mail, Options, Outcome
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tamshy.sqlkit import Connection

SINK = shutil.which("smtp-sink", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
pytestmark = pytest.mark.skipif(SINK is None, reason="Postfix's smtp-sink is not installed")


@contextmanager
def sink(*options: str, cwd: Path | None = None) -> Iterator[int]:
    """Run smtp-sink on a free port until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    running = subprocess.Popen([str(SINK), *as_user, *options, f"127.0.0.1:{port}", "100"], cwd=cwd)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                probe.settimeout(0.05)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        running.terminate()
        running.wait(10)


def mail(number: int = 0) -> Mail:
    return Mail(
        workspace=1,
        profile=UUID(int=1),
        message=UUID(int=number + 1),
        from_address="Ақ бұлт <hello@shop.example>",
        to_address=f"p{number}@example.com",
        reply_to=None,
        subject="Сәлем",
        html="<p>Сәлем</p>\r\n.\r\n" * 1000,
        plain=".\n..\nСәлем",
        decided_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ((), Outcome.ACCEPTED),
        (("-p",), Outcome.ACCEPTED),
        (("-q", "."), Outcome.UNKNOWN),
        (("-q", "data"), Outcome.DEFERRED),
        (("-q", "rcpt"), Outcome.DEFERRED),
        (("-q", "ehlo,helo"), Outcome.UNREACHABLE),
        (("-Q", "mail"), Outcome.UNREACHABLE),
        (("-Q", "."), Outcome.UNREACHABLE),
        (("-r", "rcpt"), Outcome.DEFERRED),
        (("-r", "."), Outcome.DEFERRED),
        (("-f", "rcpt"), Outcome.REFUSED),
        (("-f", "."), Outcome.REFUSED),
        (("-f", "connect"), Outcome.UNREACHABLE),
    ],
)
def test_its_faults_are_judged(options: tuple[str, ...], outcome: Outcome) -> None:
    with sink(*options) as port:
        sender = SmtpSender(SmtpSettings("127.0.0.1", port), "localhost")
        assert [sender.hand_over(mail(n), lambda: True).outcome for n in range(3)] == [outcome] * 3
        sender.close()


def test_a_hundred_messages_over_eight_connections(db: Connection) -> None:
    workspace(db)
    for at in range(100):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com", html="<p>Сәлем</p>" * 2000)
    db.commit()
    with sink() as port:
        sender = SmtpSender(SmtpSettings("127.0.0.1", port, connections=8), "localhost")
        stage = HandOver(sender, Options(), Signer([SECRET]), "https://x.example", lambda: NOON, lambda _: None, "w1")
        assert dict(stage.run(db, [BUCKET], 1000).states) == {"sent": 100}
        stage.close()
