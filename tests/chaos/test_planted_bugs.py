"""The rig is worth nothing if it finds nothing: bugs that are planted into a running shop, and what the judge says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.engine.deliveries import SECRET, person, sent_message, workspace
from tests.engine.scripted_smtp import scripted
from tests.prove import launch
from tests.prove.checking import NEAR_S, causes, other_copies
from tests.prove.ledger import Taken
from tests.prove.rig import Plan, Rig
from tests.prove.serving import wait_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = [pytest.mark.slow, pytest.mark.minutes(1.5)]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        wait_out(0.02)


def kill_all(rig: Rig, what: str) -> None:
    for pid in rig.processes(what):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def said_to_be_sent(rig: Rig) -> int:
    with rig.shop.connect() as conn:
        (sent,) = conn.execute("select count(*) from delivery where state = 'sent'").fetchone() or (0,)
    return int(sent)


@pytest.mark.prove
def test_calls_answered_before_they_are_stored_and_mails_said_to_be_sent_before_they_are(tmp_path: Path) -> None:
    plant = "sent_before_handed_over,answered_before_stored"
    # More carts than three deaths of the web server can lose: somebody must be mailed.
    with Rig(Plan(carts=300, seconds=6, leases=(3.0, 4.0, 1.0), plant=plant), tmp_path) as rig:
        rig.crowd.start()
        for _ in range(3):
            known = len(rig.witness.seen("call"))
            until(lambda seen=known: len(rig.witness.seen("call")) > seen)  # type: ignore[misc]
            kill_all(rig, "web")
        # Whoever has recorded what it has not handed over yet must die before it does.
        until(lambda: said_to_be_sent(rig) > rig.ledger.copies().total())
        kill_all(rig, "worker")
        rig.settle_down(300)
        found = rig.judge()
    assert {
        "nothing acknowledged is lost",
        "whoever triggered is enrolled",
        "what was sent was handed over",
    } <= found.faults.keys()
    # What is not broken is not called broken.
    assert {"one decision for each visit", "one enrollment for each flow and key"}.isdisjoint(found.faults)


def test_orders_that_were_acknowledged_and_are_not_heard(tmp_path: Path) -> None:
    with Rig(Plan(carts=120, seconds=3, leases=(3.0, 4.0, 1.0), plant="orders_lost"), tmp_path) as rig:
        rig.crowd.start()
        rig.settle_down(300)
        found = rig.judge()
    assert {
        "every acknowledged event is there",
        "whoever ordered at once hears nothing",
        "nothing is decided about a cart whose order was acknowledged",
    } <= found.faults.keys()
    assert {"whoever did not order hears all there is to hear", "one decision for each visit"}.isdisjoint(found.faults)


def test_a_hand_over_that_breaks_takes_its_process_along_and_another_goes_on(tmp_path: Path) -> None:
    """Without it a worker looks well, and mails nobody any more."""
    with Rig(Plan(carts=120, seconds=3, leases=(3.0, 4.0, 1.0), plant="hand_over_breaks"), tmp_path) as rig:
        rig.crowd.start()
        rig.settle_down(300)
        found = rig.judge()
        assert found.faults == {}
        assert found.figures["handed over"] > 100
    assert '"error": "HandOverBroken"' in (tmp_path / "serve.log").read_text()


def test_a_process_whose_hand_over_broke_waits_for_no_mail_server(dsn: str, db: Connection, tmp_path: Path) -> None:
    """A server that has everything may take ten minutes for its answer; nobody mails anything meanwhile."""
    workspace(db)
    for name in ("slow", "quick"):
        profile = person(db, name)
        message = sent_message(db, profile, name, address=f"{name}@example.com")
        db.execute("update delivery set next_at = now(), queued_at = now() where message = %s", [message])
    db.commit()
    waiting, over = threading.Event(), threading.Event()

    def script(command: str, line: str) -> str | None:
        if command == "end" and "slow" in line:
            waiting.set()
            over.wait(60)
        if command == "end" and "quick" in line:
            waiting.wait(60)
        return None

    with scripted(script) as server:
        given = {"DATABASE_URL": dsn, "TAMSHY_SECRET_KEY": SECRET, "TAMSHY_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        surroundings = {**os.environ, **launch.surroundings(plant="record_breaks"), **given}
        with (tmp_path / "log").open("wb") as log:
            worker = subprocess.Popen([sys.executable, "-m", launch.NAME, "worker"], env=surroundings, stderr=log)
        try:
            assert waiting.wait(60), (tmp_path / "log").read_text()
            assert worker.wait(30) == 1
        finally:
            worker.kill()
            worker.wait()
            over.set()
    assert "HandOverBroken" in (tmp_path / "log").read_text()


def test_a_second_copy_with_other_bytes_or_for_another_reader_is_seen() -> None:
    first = Taken("m", "u1@rig.example", "localhost", "a", 1.0, ())
    assert other_copies([first, replace(first, at=2.0), replace(first, message="n", digest="b")]) == []
    assert other_copies([first, replace(first, message="n"), replace(first, digest="b")]) == ["m"]
    assert other_copies([first, replace(first, to="u2@rig.example")]) == ["m"]


def test_a_second_copy_is_laid_to_the_death_that_is_nearest_and_without_one_to_none() -> None:
    one = Taken("m", "u1@rig.example", "localhost", "a", 100.0, ())
    again, other = replace(one, at=160.0), replace(one, message="n", at=100.5)
    assert causes([again, one, other], [99.0, 101.5, 160.0]) == ([], {99.0: 1})
    assert causes([one, again, other, replace(other, at=161.0)], [99.0, 300.0]) == ([], {99.0: 2})
    assert causes([one, again], [100.0 + NEAR_S + 1]) == ([one], {})
    assert causes([one, again], []) == ([one], {})
    assert causes([one, other], []) == ([], {})
