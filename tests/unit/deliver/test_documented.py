"""Every reason has its line in the reference, and no line is about one that is not."""

from __future__ import annotations

import re
from pathlib import Path

from tamshy.deliver import Reason
from tamshy.track import Machine

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"


def first_column(page: str, heading: str) -> set[str]:
    """The words in code marks of the first column of the table under a heading."""
    section = (REFERENCE / page).read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    firsts = [line[: line.index("|", 2)] for line in section.splitlines() if line.startswith("| `")]
    return {word for first in firsts for word in re.findall("`(.*?)`", first)}


def test_reasons_of_delivery() -> None:
    # The engine withdraws what an exit overtakes, with the exit's own word.
    assert first_column("delivery.md", "Reasons") == {reason.value for reason in Reason} | {"exit_on", "merged"}


def test_reasons_of_machines() -> None:
    assert first_column("tracking.md", "Machines") == {machine.value for machine in Machine}
