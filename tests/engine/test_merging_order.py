"""What two profiles did before they merged stays before what they do afterwards, whatever their buckets have seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tamshy.domain.ids import profile_id
from tamshy.ingest import calls_from_lines
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, open_stage, play
from tamshy.simulate.playing import WORKSPACE, Hand

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = {
    "tamshy.yaml": "name: Shop\ntimezone: UTC\n",
    "flows/added.yaml": "trigger: {event: Product Added}\nreentry: always\nsteps: [{wait: 30m}]\n",
    "flows/bought.yaml": "trigger: {event: Order Completed}\nsteps: [{wait: 30m}]\n",
}
MOMENT = "2026-03-02T12:00:00Z"


def named(kind: str, bucket: int, of: int = 2) -> Iterator[str]:
    """Ids of people who live in that bucket."""
    for number in range(1000):
        id_ = f"{kind[0]}{number}"
        if int(profile_id(WORKSPACE, f"{kind}:{id_}").hex[:4], 16) % of == bucket:
            yield id_


def test_a_nameless_call_stands_before_the_call_that_names_its_device(database_server: str) -> None:
    device = next(named("anonymous_id", 1))
    user, quiet = next(named("user_id", 0)), named("user_id", 1)
    busy = next(quiet)
    history = [
        {"type": "track", "userId": busy, "event": "Seen", "timestamp": f"2026-03-02T{hour:02}:{minute:02}:00Z"}
        for hour in range(8, 12)
        for minute in range(60)
    ]
    history += [
        {"type": "identify", "userId": user, "timestamp": "2026-03-02T08:00:00Z"},
        {"type": "track", "anonymousId": device, "event": "Product Added", "timestamp": MOMENT, "messageId": "1"},
        {"type": "track", "userId": user, "anonymousId": device, "event": "Order Completed", "timestamp": MOMENT,
         "messageId": "2"},
    ]  # fmt: skip
    read = calls_from_lines([json.dumps(line) for line in history], zone="UTC")
    with open_stage(database_server, "merging_order") as stage:
        played = play(
            stage.conn,
            FILES,
            read,
            compile_message=compile_message,
            renderer=InProcess(),
            hands=[Hand(stage.another(), InProcess())],
        )
        passes: dict[int, int] = dict(stage.conn.execute("select bucket, pass from lease").fetchall())
        lines = list(journal_lines(stage.conn, played.until))
    assert passes[1] > 240
    assert [(line["profile"], line["flow"], line["state"]) for line in lines] == [
        (user, "added", "entered"),
        (user, "bought", "entered"),
        (user, "added", "exited"),
        (user, "bought", "exited"),
    ]
