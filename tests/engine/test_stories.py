"""What a story tells hangs on nothing that was told before it."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from tamshy.simulate.command import test as run_stories

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.newest

FILES = {
    "tamshy.yaml": "timezone: Asia/Almaty\nfrom: A shop <hello@shop.example>\ntopics: {offers: {}}\n",
    "segments/lost.yaml": """
where:
  all:
    - {top: 2%, by: {sum: event.value, of: Order Completed}, within: 730d}
    - {did_not: Order Completed, within: 30d}
""",
    "flows/back.yaml": "trigger: {segment: lost}\nsteps:\n  - wait: {until: best_hour}\n  - send: back\n",
    "messages/back/message.yaml": "topic: offers\nsubject: {en: Back?}\n",
    "messages/back/en.md": "Hello.\n",
}
STORY = """
flow: back
profile: {{id: {who}, email: {who}@example.com, subscribed: [offers]}}
start: 2026-03-02T10:00+05:00
events: [{{at: 0m, event: Order Completed, properties: {{order_id: o1, value: 900}}}}]
expect: [{{at: 2026-04-01T10:00+05:00, sent: back}}]
"""


def test_of_each_of_three_alike_the_same_is_told(tmp_path: Path, empty_dsn: str) -> None:
    """The best are computed daily: what was computed for the first shopper was taken for done by the second's days."""
    who = ("ada", "bea", "cem")
    for name, text in {**FILES, **{f"stories/{one}.yaml": STORY.format(who=one) for one in who}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    out, err = io.StringIO(), io.StringIO()
    run_stories(tmp_path, out=out, err=err, dsn=empty_dsn, as_json=True)
    assert err.getvalue() == ""
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["story"] for one in told] == list(who)
    timelines = [json.dumps(one["timeline"]).replace(one["story"], "?") for one in told]
    assert timelines == timelines[:1] * 3
    assert [line["decision"] for line in told[0]["timeline"] if "decision" in line] == ["sent"]
