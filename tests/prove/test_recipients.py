"""5,000 recipients, each with a server that does something else: everybody in exactly one state, nobody twice."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.engine.recipients import FATES, check, fates, send_to_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tamshy.sqlkit import Connection

pytestmark = [pytest.mark.prove, pytest.mark.minutes(2)]


def test_five_thousand_recipients_with_the_verdicts_mixed(
    db: Connection, tmp_path: Path, say: Callable[[str], None]
) -> None:
    wanted = fates(5000)
    found = send_to_all(db, tmp_path, wanted, answer_timeout_s=10.0)
    check(wanted, found)
    totals = ", ".join(f"{count} {state}" for state, count in sorted(found.totals.items()))
    taken = sum(len(copies) for copies in found.copies.values())
    twice = sum(len(copies) > 1 for copies in found.copies.values())
    kinds = Counter(fate.name for fate in wanted)
    say(
        f"5,000 recipients, {len(FATES)} odd fates of {5000 - kinds['as usual']} among them: {totals}; "
        f"{sum(found.tries.values())} tries, {taken} copies taken over, {twice} transactional ones more than once, all flagged"
    )
