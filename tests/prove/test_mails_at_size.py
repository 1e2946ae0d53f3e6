"""Promise 43: a hundred thousand mails of odd shops, valid and to the byte as they were built, over somebody else's server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.prove, pytest.mark.minutes(2)]

MAILS = 100_000
HANDS = 2
ROOT = Path(__file__).parents[2]


def test_a_hundred_thousand_mails_have_no_defect(say: Callable[[str], None]) -> None:
    begun, each = time.monotonic(), MAILS // HANDS
    hands = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.prove.mails", str(hand * each), str(each)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for hand in range(HANDS)
    ]
    found = [json.loads(hand.communicate()[0]) for hand in hands]
    size = sum(one["bytes"] for one in found)
    say(f"{MAILS} mails of {size / MAILS:.0f} bytes on average in {time.monotonic() - begun:.0f} s")
    assert [bad for one in found for bad in one["bad"]] == []
    assert sum(one["good"] for one in found) == MAILS
