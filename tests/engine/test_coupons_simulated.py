"""Coupons in a simulation: the seed says the codes, however many hands play; who comes first is served first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.engine.living import small

from tamshy.ingest import History, calls_from_lines
from tamshy.render.children import InProcess
from tamshy.render.compile import compile_message
from tamshy.simulate import journal_lines, open_stage, play
from tamshy.simulate.playing import Hand

if TYPE_CHECKING:
    from collections.abc import Iterable

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
FLOW = """\
trigger: {event: Go}
reentry: always
steps: [{coupon: {pool: POOL, as: it, if_empty: exit}}, {send: hello}]
"""
OUTWARD = """\
trigger: {event: Go}
steps:
  - webhook: {url: "https://shop.example/"}
  - notify: {to: team@shop.example, subject: s, text: t}
  - branch: [{if: {not: {vars.webhook-1: {exists: true}}}, steps: [{exit: unanswered}]}]
"""


def folder(pool: str, codes: Iterable[str] = ()) -> dict[str, str]:
    files = small({"flow": FLOW.replace("POOL", pool)})
    files["messages/hello/message.yaml"] = 'kind: transactional\nsubject: {en: "{{ coupon.it.code }}"}\n'
    files["coupons/made.yaml"] = "pattern: M-????-????\n"
    files["coupons/filed.yaml"] = "file: codes.csv\n"
    files["coupons/codes.csv"] = "".join(f"{code}\n" for code in [*codes, "LAST"])
    return files


def history(people: int, *, before: int = 0) -> History:
    """People who come in one after the other, a minute apart; each has been elsewhere ``before`` that, the later ones the less."""
    lines = []
    for number in range(people):
        who = f'"userId":"u{number}"'
        lines.append(
            f'{{"type":"identify",{who},"traits":{{"email":"u{number}@example.com"}},"timestamp":"{T0.isoformat()}"}}'
        )
        for visit in range(before * (people - number)):
            at = T0 + timedelta(seconds=visit)
            lines.append(f'{{"type":"track",{who},"event":"Seen","timestamp":"{at.isoformat()}"}}')
        at = T0 + timedelta(hours=1, minutes=number)
        lines.append(f'{{"type":"track",{who},"event":"Go","timestamp":"{at.isoformat()}"}}')
    return calls_from_lines([line.encode() for line in lines], zone=ZoneInfo("UTC"))


def played(dsn: str, files: dict[str, str], told: History, *, seed: int = 0, hands: int = 1) -> list[tuple[str, str]]:
    """Who got which code, in the order of their times; nobody: the reason."""
    with open_stage(dsn, "tamshy_coupons") as stage:
        more = [Hand(stage.another(), InProcess()) for _ in range(hands - 1)]
        done = play(
            stage.conn, files, told, compile_message=compile_message, renderer=InProcess(), seed=seed, hands=more
        )
        lines = list(journal_lines(stage.conn, done.until))
    found = [line for line in lines if line["kind"] == "message" or line.get("reason") == "empty_pool"]
    return [(str(line["profile"]), str(line.get("subject", line.get("reason")))) for line in found]


def test_the_seed_says_the_codes_whatever_plays(dsn: str) -> None:
    told = history(12)
    one = played(dsn, folder("made"), told)
    assert [user for user, _ in one] == [f"u{number}" for number in range(12)]
    assert len({code for _, code in one}) == 12
    assert played(dsn, folder("made"), told) == one
    assert played(dsn, folder("made"), told, hands=3) == one
    other = played(dsn, folder("made"), told, seed=1)
    assert {code for _, code in one}.isdisjoint({code for _, code in other})


@pytest.mark.parametrize("hands", [1, 2])
def test_who_comes_first_is_served_first_whatever_they_did_before(dsn: str, hands: int) -> None:
    # u0 comes first and has most to live through before that
    told = history(6, before=4)
    assert played(dsn, folder("filed", ["A", "B", "C"]), told, hands=hands) == [
        ("u0", "A"),
        ("u1", "B"),
        ("u2", "C"),
        ("u3", "LAST"),
        ("u4", "empty_pool"),
        ("u5", "empty_pool"),
    ]


def test_who_comes_twice_does_not_come_before_those_who_stand_there(dsn: str) -> None:
    told = history(3)
    again = [replace(call, occurred_at=call.occurred_at + timedelta(seconds=90), received_at=call.received_at
             + timedelta(seconds=90), ord=100 + call.ord)
             for call in told.calls if call.name == "Go" and call.user_id == "u0"]  # fmt: skip
    told.calls.extend(again)
    codes = played(dsn, folder("filed", ["A", "B"]), told)
    assert codes == [("u0", "A"), ("u1", "B"), ("u0", "LAST"), ("u2", "empty_pool")]


def test_webhooks_are_not_called_and_nobody_is_told(dsn: str) -> None:
    files = small({"flow": OUTWARD})
    with open_stage(dsn, "tamshy_errands") as stage:
        done = play(stage.conn, files, history(2), compile_message=compile_message, renderer=InProcess())
        lines = [line for line in journal_lines(stage.conn, done.until) if line["state"] == "exited"]
        assert stage.conn.execute("select count(*)::integer from errand").fetchone() == (0,)
    assert [(line["at"], line["reason"]) for line in lines] == [
        ("2026-03-02T10:00:00Z", "unanswered"),
        ("2026-03-02T10:01:00Z", "unanswered"),
    ]
