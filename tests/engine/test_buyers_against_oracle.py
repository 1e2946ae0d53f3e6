"""What is found of buyers, and who comes in by it, line by line as the oracle has it: over histories that nobody wrote."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest
from tests.oracle.lines import simulate

from tamshy.ingest import calls_from_lines
from tamshy.language import read_folder
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, play

if TYPE_CHECKING:
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = pytest.mark.newest

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
UNTIL: Final = START + timedelta(days=75)
SEGMENTS: Final = {
    "good": "{rfm.segment: [champion, loyal]}",
    "low": "{any: [{rfm.score: {lt: 250}}, {rfm.segment: {exists: false}}]}",
    "going": "[{predicted.churn: {gte: 0.15}}, {did_not: Product Viewed, within: 4d}]",
    "soon": "{predicted.next_order_at: {within_next: 3d}}",
    "late": "{predicted.next_order_at: {within_last: 4d}, rfm.segment: {ne: new}}",
    "worth": "[{top: 30%, by: predicted.clv}, {not: {in: good}}]",
}
FILES: Final = {
    "tamshy.yaml": "name: S\ntimezone: Europe/Berlin\ntopics: {offers: {default: opt_out}}\n",
    **{f"segments/{name}.yaml": f"where: {where}\n" for name, where in SEGMENTS.items()},
    **{
        f"flows/{name}-{on}.yaml": f"trigger: {{segment: {name}, on: {on}}}\nreentry: always\nsteps: [{{exit: seen}}]\n"
        for name in SEGMENTS
        for on in ("enter", "leave")
    },
    "flows/ask.yaml": (
        "trigger: {event: Product Viewed}\nreentry: always\nsteps:\n"
        "  - wait: {until: predicted.next_order_at, offset: -2d}\n"
        "  - branch:\n"
        "      - {if: {predicted.clv: {gte: 400}}, steps: [{exit: dear}]}\n"
        "      - {if: {predicted.clv: {gte: 100}}, steps: [{exit: fair}]}\n"
        "      - {if: {rfm.score: {gte: 300}}, steps: [{exit: fresh}]}\n"
    ),
}


def a_history(seed: int) -> list[dict[str, object]]:
    """Draw what a dozen people order, cancel and look at in ten weeks around the change to summer time."""
    chance = random.Random(seed)  # noqa: S311 - drawn alike in every run, so that a failure can be seen again
    lines: list[dict[str, object]] = []

    def said(who: dict[str, object], event: str, at: datetime, **properties: object) -> None:
        line = {**who, "type": "track", "event": event, "timestamp": at.isoformat(), "properties": properties}
        if chance.random() < 0.1:
            line["receive_at"] = (at + timedelta(hours=chance.randrange(1, 90), seconds=1)).isoformat()
        lines.append(line)

    for number in range(12):
        user: dict[str, object] = {"userId": f"u{number}"}
        lines.append({**user, "type": "identify", "timestamp": START.isoformat(), "traits": {"name": f"u{number}"}})
        pace, at = (
            chance.randrange(4, 30),
            START + timedelta(days=chance.randrange(20), seconds=chance.randrange(86_400)),
        )
        for order in range(chance.choice((0, 1, 2, 4, 8, 12))):
            device: dict[str, object] = {"anonymousId": f"d{number}"}
            who = user if chance.random() < 0.9 else device
            said(who, "Order Completed", at, order_id=f"o{number}-{order}", value=chance.randrange(1, 80))
            if chance.random() < 0.1:
                said(who, "Order Cancelled", at + timedelta(days=chance.randrange(1, 9)), order_id=f"o{number}-{order}")
            at += timedelta(days=chance.randrange(pace // 2, pace), seconds=chance.randrange(86_400))
        for _ in range(chance.randrange(5)):
            said(user, "Product Viewed", START + timedelta(days=chance.randrange(70), seconds=chance.randrange(86_400)))
        if chance.random() < 0.5:
            tied = START + timedelta(days=chance.randrange(70), seconds=chance.randrange(86_400))
            lines.append({**user, "type": "identify", "anonymousId": f"d{number}", "timestamp": tied.isoformat()})
    return [line for line in lines if str(line["timestamp"]) < UNTIL.isoformat()]


@pytest.mark.parametrize(("seed", "flows"), [(0, 11), (1, 11), (2, 11), (3, 5)])  # the last one shows too few gaps
def test_the_lines_are_those_of_the_oracle(stage: Connection, tmp_path: Path, seed: int, flows: int) -> None:
    for path, text in FILES.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    events = a_history(seed)
    expected = simulate(tmp_path, events, until=UNTIL.isoformat())
    history = calls_from_lines([json.dumps(line) for line in events], zone=ZoneInfo("Europe/Berlin"))
    play(stage, read_folder(tmp_path), history, compile_message=compile_message, renderer=InProcess(), until=UNTIL)
    # What two do at one moment who become one later has no order.
    assert sorted(map(json.dumps, journal_lines(stage, UNTIL))) == sorted(map(json.dumps, expected))
    assert len({line["flow"] for line in expected}) >= flows
