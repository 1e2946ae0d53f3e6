"""Contacts and a history of events, as many as one says, taken in through kills: nothing lost or double, nobody mailed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from tests.engine.living import NAME, HandClock, Shop, found_shop, small

from tamshy.sqlkit import connect

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.prove, pytest.mark.minutes(7)]

CONTACTS: Final = int(os.environ.get("PROVE_CONTACTS", "100000"))
EVENTS: Final = int(os.environ.get("PROVE_EVENTS", "100000"))
KILLS: Final = 3
GROWTH: Final = 48 << 20
"""Bytes by which a process may grow between its first tenth and its end."""
FLOWS: Final = {
    "cart": "trigger: {event: Checkout Started}\nsteps: [{send: reminder}]\n",
    "hello": "trigger: {event: Subscribed}\nsteps: [{send: hello}]\n",
}
SETTINGS: Final = "identities: {merge_on: [user_id, email]}\n"

TAKING: Final = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tamshy.importing import Kind, Options, Progress, Target, run
from tamshy.ingest import WorkspaceRef
from tamshy.sqlkit import connect

dsn, name, kind, file = sys.argv[1:5]
ref = WorkspaceRef(1, name, 64, "UTC", frozenset({"user_id", "email"}), "offers", 0)

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def told(one):
    if isinstance(one, Progress):
        print(one.records, resident(), flush=True)

with connect(dsn) as conn:
    report = run(conn, Target(ref, frozenset({"offers", "news"}), frozenset()), Kind(kind), Path(file), Options(),
        as_of=datetime(2026, 3, 1, tzinfo=UTC), now=lambda: datetime.now(tz=UTC), told=told)
print("done", report.counts.records, report.counts.refused, report.counts.stored, report.counts.known, flush=True)
"""


def taking(dsn: str, kind: str, file: Path, *, kill_at: int = 0) -> tuple[list[tuple[int, int]], str]:
    """Take a file in with a process of its own: (records, resident bytes) as it told them, and its last word."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKING, dsn, NAME, kind, str(file)], stdout=subprocess.PIPE, text=True
    )
    seen: list[tuple[int, int]] = []
    last = ""
    for line in process.stdout or ():
        first, *rest = line.split()
        if first == "done":
            last = " ".join(rest)
            continue
        seen.append((int(first), int(rest[0])))
        if kill_at and seen[-1][0] >= kill_at:
            process.send_signal(signal.SIGKILL)
    if process.stdout:
        process.stdout.close()
    assert process.wait() == (-signal.SIGKILL if kill_at else 0)
    return seen, last


def contacts(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("user_id,email,first_name,orders,city,consent.news,consent.news.at,consent.news.source\n")
        for n in range(count):
            email = "broken@" if n % 1000 == 7 else f"p{n}@example.com"
            file.write(f"u{n},{email},Name {n},{n % 50},Алматы,granted,2025-05-01T10:00:00Z,form\n")


def history(path: Path, count: int, people: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            name = "Checkout Started" if n % 3 else "Order Completed"
            at = f"2026-{1 + n % 2:02d}-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}:00Z"
            file.write(
                f'{{"type":"track","userId":"u{n % people}","event":"{name}","messageId":"m{n}",'
                f'"properties":{{"value":{n % 900},"order_id":"o{n}"}},"timestamp":"{at}"}}\n'
            )


@pytest.mark.parametrize("kind", ["profiles", "events"])
def test_a_large_file_is_taken_in_through_kills_in_flat_memory(dsn: str, tmp_path: Path, kind: str) -> None:
    with connect(dsn) as conn:
        book = found_shop(conn, small(FLOWS, settings=SETTINGS), zones=["UTC"])
    count = CONTACTS if kind == "profiles" else EVENTS
    path = tmp_path / "file"
    if kind == "profiles":
        contacts(path, count)
    else:
        history(path, count, max(count // 10, 1))
    began = time.monotonic()
    peaks = []
    for go in range(1, KILLS + 1):
        seen, _ = taking(dsn, kind, path, kill_at=count * go // (KILLS + 1))
        peaks.append(seen)
    seen, last = taking(dsn, kind, path)
    took = time.monotonic() - began
    bad = sum(1 for n in range(count) if n % 1000 == 7) if kind == "profiles" else 0
    calls = (count - bad) * (2 if kind == "profiles" else 1)
    assert last == f"{count} {bad} {calls} 0"
    for one in [*peaks, seen]:
        early = max(resident for _, resident in one[: max(len(one) // 10, 1)])
        assert max(resident for _, resident in one) - early < GROWTH
    with connect(dsn) as conn:
        asked = "select count(*), count(distinct id), count(*) filter (where origin = 2) from inbox"
        assert conn.execute(asked).fetchone() == (calls, calls, calls)
        conn.commit()
        shop = Shop(dsn, conn, book, HandClock(datetime.now(tz=UTC)))
        shop.work(datetime.now(tz=UTC))
        # every line has arrived, once, as what it says; and whatever it would start in life, it starts nothing
        tables = ("inbox", "event", "consent", "profile", "enrollment", "message", "delivery")
        left = {table: shop.query(f"select count(*) from {table}")[0][0] for table in tables}
        refused = shop.query("select flow, reason, count(*) from journal group by 1, 2")
        good = count - bad
        if kind == "profiles":
            counts, name = {"event": good, "consent": good, "profile": good}, "hello"
        else:
            counts = {"event": good, "consent": 0, "profile": max(count // 10, 1)}
            name, good = "cart", sum(1 for n in range(count) if n % 3)
        assert left == {"inbox": 0, "enrollment": 0, "message": 0, "delivery": 0} | counts
        assert refused == [(name, "too_old", good)]
    top = max(resident for one in [*peaks, seen] for _, resident in one)
    print(f"{kind}: {count} lines in {took:.0f} s, {count / took:.0f} a second, at most {top >> 20} MiB resident")  # noqa: T201
