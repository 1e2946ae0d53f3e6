"""Consent withdrawn while mail goes out: whoever was answered before the claim of their message gets none."""

from __future__ import annotations

import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.scripted_smtp import scripted

from tamshy import sqlkit, track
from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer, Subject
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from tamshy.sqlkit import Connection

SIZES = [500, pytest.param(10_000, marks=[pytest.mark.prove, pytest.mark.alone])]
# Between the commit of a claim and the first command lie a few milliseconds; a machine that is busy makes more of them.
GAP_S = 0.5


@pytest.mark.parametrize("people", SIZES)
def test_no_hand_over_begins_after_somebody_has_unsubscribed(dsn: str, db: Connection, people: int) -> None:
    workspace(db)
    ids: dict[str, tuple[UUID, UUID]] = {}
    for at in range(people):
        profile = person(db, f"p{at}")
        ids[f"p{at}@example.com"] = profile, sent_message(db, profile, f"m{at}", address=f"p{at}@example.com")
    db.commit()
    began = time.monotonic()
    answered: dict[str, float] = {}
    order = sorted(ids)
    random.Random(7).shuffle(order)  # noqa: S311 - any order but that of the claims

    def clock() -> datetime:
        return NOON + timedelta(seconds=time.monotonic() - began)

    def unsubscribe(part: list[str]) -> None:
        with sqlkit.connect(dsn) as conn:
            for address in part:
                found = track.find(conn, Subject(1, BUCKET, *ids[address]))
                assert found is not None
                assert track.unsubscribe(conn, found, NOON, "one_click", "")
                conn.commit()
                answered[address] = time.monotonic()

    with scripted() as server:
        sender = SmtpSender(SmtpSettings("127.0.0.1", server.port, connections=4), "localhost")
        stage = HandOver(sender, Options(), Signer([SECRET]), "https://x.example", clock, lambda _: None, "w1")
        half = order[: people // 2]
        threads = [threading.Thread(target=unsubscribe, args=(half[part::2],)) for part in (0, 1)]
        for thread in threads:
            thread.start()
        states = stage.run(db, [BUCKET], 2 * people).states
        for thread in threads:
            thread.join(120)
        stage.close()
    # Each claim begins by reading the clock, before it looks: who was answered before that gets nothing, by no millisecond.
    rows = db.execute(
        "select m.address, d.claimed_at from delivery d join message m on m.id = d.message where d.state = 'sent'"
    ).fetchall()
    starts = {address: (claimed - NOON).total_seconds() + began for address, claimed in rows}
    assert {address for address, start in starts.items() if answered.get(address, start + 1) < start} == set()
    # On the wire it comes a moment later.
    late = [taken.at - answered[taken.recipient] for taken in server.taken if taken.recipient in answered]
    assert max(late, default=0.0) < GAP_S
    assert states["sent"] == len(server.taken) == len({t.recipient for t in server.taken}) == len(starts)
    assert states["withdrawn"] == people - states["sent"]
    assert 0 < states["withdrawn"] <= people // 2
