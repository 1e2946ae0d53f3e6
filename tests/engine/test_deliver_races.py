"""Consent withdrawn while mail goes out: whoever was answered before the claim of their message gets none."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from tests.engine.deliveries import BUCKET, NOON, SECRET, person, sent_message, workspace
from tests.engine.scripted_smtp import scripted

from tamshy import sqlkit, track
from tamshy.deliver import HandOver, Options
from tamshy.domain.token import Signer, Subject
from tamshy.senders import SmtpSender, SmtpSettings

if TYPE_CHECKING:
    from uuid import UUID

    from tamshy.sqlkit import Connection

PEOPLE = 300
# Between the commit of a claim and the first command lie a few milliseconds; a machine that is busy makes more of them.
GAP_S = 0.5


def test_nobody_gets_a_message_whose_hand_over_began_after_they_had_unsubscribed(dsn: str, db: Connection) -> None:
    workspace(db)
    people: dict[str, tuple[UUID, UUID]] = {}
    for at in range(PEOPLE):
        profile = person(db, f"p{at}")
        people[f"p{at}@example.com"] = profile, sent_message(db, profile, f"m{at}", address=f"p{at}@example.com")
    db.commit()
    answered: dict[str, float] = {}
    order = sorted(people)
    random.Random(7).shuffle(order)  # noqa: S311 - any order but that of the claims

    def unsubscribe() -> None:
        with sqlkit.connect(dsn) as conn:
            for address in order[: PEOPLE // 2]:
                found = track.find(conn, Subject(1, BUCKET, *people[address]))
                assert found is not None
                assert track.unsubscribe(conn, found, NOON, "one_click", "")
                conn.commit()
                answered[address] = time.monotonic()

    with scripted() as server:
        sender = SmtpSender(SmtpSettings("127.0.0.1", server.port, connections=4), "localhost")
        stage = HandOver(sender, Options(), Signer([SECRET]), "https://x.example", lambda: NOON, lambda _: None, "w1")
        thread = threading.Thread(target=unsubscribe)
        thread.start()
        states = stage.run(db, [BUCKET], 10_000).states
        thread.join(60)
        stage.close()
    late = {t.recipient: t.at - answered[t.recipient] for t in server.taken if t.recipient in answered}
    assert {address: gap for address, gap in late.items() if gap > GAP_S} == {}
    assert states["sent"] == len(server.taken) == len({t.recipient for t in server.taken})
    assert states["withdrawn"] == PEOPLE - states["sent"]
    assert 0 < states["withdrawn"] <= PEOPLE // 2
