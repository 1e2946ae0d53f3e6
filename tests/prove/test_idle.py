"""A million people wait, and the machine has next to nothing to do; whoever's time comes is written to at once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.prove.serving import PATIENCE_S, WRITE_KEY, Shop, wait_out

from tamshy.publish import load_rulebook

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.sqlkit import Connection

pytestmark = [pytest.mark.prove, pytest.mark.alone]

WAITING = int(os.environ.get("IDLE_WAITING", "1000000"))
SECONDS = 60.0
MOST_CPU_S = 0.6
MOST_LATE_S = 2.0
SETTLED_S = 120.0
"""After so many people came at once PostgreSQL writes, counts and tidies up for a while."""

SETTINGS = (
    "name: Idle\nlocale: en\ntimezone: Asia/Almaty\nfrom: Idle <hello@idle.example>\ntopics: {offers: {name: Offers}}\n"
)
FLOWS = {
    "waiting": "trigger: {event: Checkout Started}\nsteps: [{wait: 30d}, {send: letter}]\n",
    "soon": "trigger: {event: Order Completed}\nreentry: always\nsteps: [{wait: 3s}, {send: letter}]\n",
}
LETTER = "kind: transactional\ntopic: offers\nsubject: {en: Here you are}\n"
FILL = """
with made as materialized (
    select n, md5(%(name)s::text || '|user_id:p' || n) h from generate_series(1, %(count)s::integer) n
), placed as (
    select n, h::uuid id, h, %(first)s::integer + ('x' || left(h, 4))::bit(16)::integer %% %(buckets)s::integer bucket from made
), people as (
    insert into profile (bucket, id, workspace, die, created_at, properties, address, zone)
    select bucket, id, %(workspace)s, 'user_id:p' || n, now(), '{}', 'p' || n || '@example.com', 'Asia/Almaty' from placed
), entries as (
    insert into entry (bucket, profile, enrollment, name, occurred_at, properties, context)
    select bucket, id, md5(h || 'waiting')::uuid, 'Checkout Started', now(), '{}', '{}' from placed
)
insert into enrollment (bucket, profile, id, workspace, flow, version, key, trigger_event, active, step, visit, priority, held_out,
    entered_at, reached_at, due_at, work_at)
select bucket, id, md5(h || 'waiting')::uuid, %(workspace)s, 'waiting', %(version)s, '', md5(h || 'trigger')::uuid, true, 0, 1, 0,
    false, now(), now(), t.at, t.at
from placed cross join lateral (select now() + interval '1 day' + n %% 864000 * interval '1 second') t (at)
"""


def write_folder(folder: Path) -> None:
    for name, text in FLOWS.items():
        (folder / "flows").mkdir(parents=True, exist_ok=True)
        (folder / "flows" / f"{name}.yaml").write_text(text)
    (folder / "messages/letter").mkdir(parents=True)
    (folder / "messages/letter/message.yaml").write_text(LETTER)
    (folder / "messages/letter/en.md").write_text("Hello.\n")
    (folder / "tamshy.yaml").write_text(SETTINGS)


def fill(conn: Connection, count: int) -> None:
    """Let so many people wait for between a day and eleven, as if they had come by themselves."""
    ((name, first, buckets),) = conn.execute("select name, first_bucket, buckets from workspace").fetchall()
    book = load_rulebook(conn, name)
    (version,) = (flow.version for flow in book.flows if flow.name == "waiting")
    given = {
        "name": name,
        "first": first,
        "buckets": buckets,
        "workspace": book.workspace,
        "version": version,
        "count": count,
    }
    conn.execute(FILL, given)
    for table in ("profile", "entry", "enrollment"):
        conn.execute(f"vacuum (analyze, freeze) {table}".encode())


def busy(shop: Shop) -> dict[str, float]:
    """Processor seconds of every process of the shop so far, with those of children that have ended."""
    tick = os.sysconf("SC_CLK_TCK")
    used: dict[str, float] = {}
    for pid, command in [(shop.pid, "serve"), *shop.family()]:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        used[f"{pid} {command[:60]}"] = sum(map(int, words[11:15])) / tick
    return used


def late(shop: Shop, conn: Connection, number: int) -> float:
    """Let somebody's order come, and give by how many seconds after its moment the letter was handed over."""
    deadline = time.monotonic() + PATIENCE_S
    while shop.ask("GET", "/healthz") != 200:  # a connection that was kept too long
        assert time.monotonic() < deadline, shop.said()
    body = f'{{"event":"Order Completed","userId":"late{number}","context":{{"traits":{{"email":"late{number}@example.com"}}}}}}'
    assert shop.ask("POST", "/v1/track", body.encode(), {"X-Write-Key": WRITE_KEY}) == 200
    identify = f'{{"userId":"late{number}","traits":{{"email":"late{number}@example.com"}}}}'
    assert shop.ask("POST", "/v1/identify", identify.encode(), {"X-Write-Key": WRITE_KEY}) == 200
    while True:
        row = conn.execute(
            "select extract(epoch from d.settled_at - m.due_at)::float8 from delivery d join message m"
            " on m.bucket = d.bucket and m.profile = d.profile and m.id = d.message"
            " where m.address = %s and d.state = 'sent'",
            [f"late{number}@example.com"],
        ).fetchone()
        if row is not None:
            return float(row[0])
        assert time.monotonic() < deadline, shop.said()
        wait_out(0.2)


def test_a_million_people_wait_for_next_to_nothing(tmp_path: Path, say: Callable[[str], None]) -> None:
    write_folder(tmp_path / "shop")
    with Shop(tmp_path / "shop", tmp_path) as shop:
        shop.start()
        shop.wait_ready()
        with shop.connect() as conn:
            fill(conn, WAITING)
            say(f"{WAITING:,} people wait: {conn.execute('select count(*) from enrollment where active').fetchone()}")
        wait_out(SETTLED_S)
        before, begun = busy(shop), time.monotonic()
        wait_out(SECONDS)
        after, took = busy(shop), time.monotonic() - begun
        spent = {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}
        for name, seconds in sorted(spent.items(), key=lambda pair: -pair[1]):
            if seconds > 0:
                say(f"{seconds:6.2f} s  {name}")
        total = sum(spent.values())
        say(f"{total:.2f} s of processors in {took:.1f} s")
        with shop.connect() as conn:
            lags = [late(shop, conn, number) for number in range(5)]
        say("handed over after the moment by " + ", ".join(f"{lag:.2f}" for lag in lags) + " s")
        assert max(lags) <= MOST_LATE_S
        assert total <= MOST_CPU_S
        shop.close()
