"""Runs that failed: made as small as they can be while they fail, written down, and read again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.oracle.reading import yaml
from tests.oracle.reduce import fewest, plainest
from tests.prove.faults.plan import Fault
from tests.prove.faults.verdict import Case

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).parent / "kept"
_OTHER_TURNS: Final = 3
"""How often a smaller case is tried with other turns: what is left out moves all that comes after it."""


@dataclass
class _Search:
    """Tries smaller cases, and keeps the last one that failed."""

    fails: Callable[[Case], bool]
    case: Case

    def tried(self, smaller: Case) -> bool:
        """Whether a smaller case fails, with these turns or with others."""
        for turns in [self.case.seed, *(1000 * n + self.case.seed for n in range(1, _OTHER_TURNS))]:
            if self.fails(replace(smaller, seed=turns)):
                self.case = replace(smaller, seed=turns)
                return True
        return False


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Leave out faults, flows, lines and keys of lines while the run fails."""
    search = _Search(fails, case)
    if not search.tried(replace(case, faults=[])) and case.faults:
        items = [fault.as_json() for fault in case.faults]
        fewest(items, lambda some: search.tried(replace(search.case, faults=[Fault(**one) for one in some])))
    for path in [path for path in case.files if path.startswith("flows/")]:
        files = {name: text for name, text in search.case.files.items() if name != path}
        if any(name.startswith("flows/") for name in files):
            search.tried(replace(search.case, files=files))
    fewest(list(search.case.lines), lambda some: search.tried(replace(search.case, lines=some)))
    plainest(list(search.case.lines), lambda some: search.tried(replace(search.case, lines=some)))
    return search.case


def written(case: Case, about: str) -> str:
    """A case as the text of a file; ``about`` says what it was that failed."""
    parts: list[str] = [f"# {about}", f"seed: {case.seed}", f"buckets: {case.buckets}", "files:"]
    for path, text in sorted(case.files.items()):
        parts.append(f"  {path}: {json.dumps(text, ensure_ascii=False)}")
    parts.append("faults:" if case.faults else "faults: []")
    parts += [f"  - {json.dumps(fault.as_json())}" for fault in case.faults]
    parts.append("lines:")
    parts += [f"  - {json.dumps(line, ensure_ascii=False)}" for line in case.lines]
    return "\n".join(parts) + "\n"


def read(path: Path) -> Case:
    """A case that was written down."""
    found: dict[str, Any] = yaml(path.read_text(encoding="utf-8"))
    faults = [Fault(**fault) for fault in found["faults"]]
    return Case(found["files"], found["lines"], faults, found["seed"], found["buckets"])


def kept() -> list[Path]:
    """The files of all cases that are kept."""
    return sorted(FOLDER.glob("*.yaml"))
