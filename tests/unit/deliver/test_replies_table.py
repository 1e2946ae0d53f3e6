"""A table of replies, each judged as it says: what suppresses, what only counts, and what is ours to mend."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tamshy.deliver import Outcome, Reason
from tamshy.deliver.replies import Command, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path(__file__).with_name("replies.txt")
Line = tuple[str, int, str, str, str]


def lines() -> Iterator[Line]:
    """(command, code, text, outcome, reason) of each reply."""
    outcome = reason = ""
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("="):
            outcome, reason = line.split()[1:3]
        elif line and not line.startswith("#"):
            command, rest = line.split(" ", 1)
            found = re.fullmatch(r"(-?\d+)[ -](.*)", rest)
            assert found is not None, line
            yield command, int(found[1]), found[2], outcome, reason


def headings() -> dict[tuple[str, str], set[str]]:
    found = [line.split()[1:] for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("=")]
    return {(outcome, reason): set(more) for outcome, reason, *more in found}


def test_the_table_is_large_and_says_nothing_twice() -> None:
    table = list(lines())
    assert len(table) >= 250
    assert len({(command, code, text) for command, code, text, _, _ in table}) == len(table)


@pytest.mark.parametrize(("command", "code", "text", "outcome", "reason"), list(lines()))
def test_each_reply_is_judged_as_the_table_says(command: str, code: int, text: str, outcome: str, reason: str) -> None:
    found = verdict(Command(command), code, text)
    assert (found.outcome, found.reason) == (Outcome(outcome), Reason(reason))


def test_what_the_table_says_of_suppressing_and_pausing_is_what_the_reasons_do() -> None:
    """The effects of a reason are shown in tests/engine/test_deliver_bounces.py; here that the table means the same."""
    for (outcome, reason), effects in headings().items():
        wanted = {
            "hard_bounce": {"suppresses"},
            "mailbox_full": {"soft"},
            "policy": {"pauses"},
        }.get(reason, set())
        assert effects == wanted, (outcome, reason)


def test_no_reply_of_5_7_ever_suppresses_and_each_to_a_message_pauses() -> None:
    for code in (501, 550, 551, 553, 554, 571):
        for detail in range(1000):
            for words in ("user unknown", "mailbox full", "no such user", "Access denied"):
                for command in (Command.MAIL, Command.RCPT, Command.DATA, Command.END):
                    assert verdict(command, code, f"5.7.{detail} {words}").reason is Reason.POLICY
