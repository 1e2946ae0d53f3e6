"""Each alternative of the grammar and each piece of a rule's code is taken out in turn: at least one test fails each time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.prove.removals import rules
from tests.prove.removals.grammar import alternatives
from tests.prove.removals.judging import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.prove.removals.removal import Removal

pytestmark = [pytest.mark.prove, pytest.mark.full]


def _judged(removals: Sequence[Removal], server: str, tmp_path: Path, say: Callable[[str], None]) -> list[str]:
    """The removals that no test notices."""
    begun = time.monotonic()
    verdicts = judge(removals, server, tmp_path, 2, lambda verdict: print(verdict.removal.name, verdict.by, flush=True))  # noqa: T201
    left = [f"{one.removal.name} {one.broken}" for one in verdicts if not one.noticed]
    say(f"{len(verdicts)} removals, {len(left)} not noticed, {time.monotonic() - begun:.0f} s")
    return left


@pytest.mark.minutes(15)
def test_a_test_notices_each_alternative_of_the_grammar(
    database_server: str, tmp_path: Path, say: Callable[[str], None]
) -> None:
    assert _judged(alternatives(), database_server, tmp_path, say) == []


@pytest.mark.minutes(15)
def test_a_test_notices_the_code_of_each_rule(database_server: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    assert _judged(rules.REMOVALS, database_server, tmp_path, say) == []
