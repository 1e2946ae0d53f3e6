"""Verdicts mixed: two hundred recipients of whom each server says something else, and a batch of five hundred with three odd ones.

The same with 5,000 recipients is in tests/prove/test_recipients.py.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.recipients import FATES, check, fates, send_to_all
from tests.engine.scripted_smtp import CUT, TAKE_AND_CUT, scripted

from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.newest


def test_everybody_is_in_exactly_one_state_whatever_their_server_says(db: Connection, tmp_path: Path) -> None:
    wanted = fates(200)
    assert {fate.name for fate in FATES} <= {fate.name for fate in wanted}
    found = send_to_all(db, tmp_path, wanted, answer_timeout_s=3.0)
    check(wanted, found)


@pytest.mark.parametrize(("where", "drop", "copies"), [("rcpt", CUT, 0), ("end", TAKE_AND_CUT, 1)])
def test_one_rejected_recipient_never_sends_the_others_again(
    db: Connection, tmp_path: Path, where: str, drop: str, copies: int
) -> None:
    workspace(db)
    for at in range(500):
        sent_message(db, person(db, f"p{at}"), f"m{at}", address=f"p{at}@example.com")
    db.commit()
    odd = {"p17": "554 no", "p250": "452 4.3.1 later", "p499": drop}
    told = Counter[str]()

    def script(command: str, line: str) -> str | None:
        name = (line.partition("<")[2] or line).partition("@")[0]
        if name == "p499":
            # Dropped at the end of its message, where nobody can know what became of it.
            return {"rcpt": None, "end": drop}.get(command)
        if command == where and name in odd:
            told[name] += 1
            return odd[name] if name == "p17" or told[name] == 1 else None
        return None

    now = NOON
    with scripted(script, ledger=tmp_path / "ledger.jsonl") as server:
        sender = SmtpSender(SmtpSettings("127.0.0.1", server.port), "localhost")
        stage = HandOver(sender, Options(), Signer([SECRET]), "https://x.example", lambda: now, lambda _: None, "w1")
        states = dict(stage.run(db, [BUCKET], 1000).states)
        assert states == {"sent": 497, "failed": 1, "queued": 1, "uncertain": 1}
        now += timedelta(hours=1)
        assert dict(stage.run(db, [BUCKET], 1000).states) == {"sent": 1}
        now += timedelta(hours=1)
        assert stage.run(db, [BUCKET], 1000).moved == 0
        stage.close()
        taken = Counter(recipient for recipient, _, _ in server.accepted())
    assert set(taken.values()) == {1}
    assert {f"p{at}@example.com" for at in range(500)} - set(taken) == {"p17@example.com"} | (
        set() if copies else {"p499@example.com"}
    )
