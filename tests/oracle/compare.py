"""``python -m tests.oracle.compare EXPECTED.jsonl ACTUAL.jsonl``: where two runs differ, person by person.

Lines are compared on the keys that both have, so that an extra key is no difference; a key that the
expected line has and the other lacks is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.oracle.reading import Json

Lines = list[dict[str, "Json"]]


def _by_profile(lines: Iterable[dict[str, Json]]) -> dict[str, Lines]:
    found: dict[str, Lines] = {}
    for line in lines:
        found.setdefault(line["profile"], []).append(line)
    return found


def _same(expected: dict[str, Json] | None, actual: dict[str, Json] | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    return all(key in actual and actual[key] == value for key, value in expected.items())


def _kind(line: dict[str, Json] | None) -> str:
    if line is None:
        return "nothing"
    words = [line["kind"], line.get("flow"), line.get("step"), line.get("state") or line.get("decision")]
    return " ".join(str(word) for word in [*words, line.get("reason")] if word is not None)


def differences(expected: Lines, actual: Lines) -> dict[str, int]:
    """The place of the first line that differs, for every profile of which some line does."""
    ours, theirs = _by_profile(expected), _by_profile(actual)
    found: dict[str, int] = {}
    for profile in sorted(ours.keys() | theirs.keys()):
        pairs = itertools.zip_longest(ours.get(profile, []), theirs.get(profile, []))
        place = next((n for n, pair in enumerate(pairs) if not _same(*pair)), None)
        if place is not None:
            found[profile] = place
    return found


def report(expected: Lines, actual: Lines, people: int = 5) -> str:
    """A text: how many people differ, the kinds of first differences, and some of them in full."""
    found = differences(expected, actual)
    ours, theirs = _by_profile(expected), _by_profile(actual)
    text = [f"{len(found)} of {len(ours.keys() | theirs.keys())} people differ"]
    kinds: Counter[str] = Counter()
    for profile, place in found.items():
        rests = [side.get(profile, [])[place:] for side in (ours, theirs)]
        pair = [rest[0] if rest else None for rest in rests]
        kinds[f"expected {_kind(pair[0])} | got {_kind(pair[1])}"] += 1
    text += [f"{n:7d}  {kind}" for kind, n in kinds.most_common(30)]
    for profile, place in itertools.islice(found.items(), people):
        text.append(f"--- {profile}, from its line {place + 1}")
        for sign, side in (("=", ours), ("-", ours), ("+", theirs)):
            few = side.get(profile, [])[max(0, place - 4) : place] if sign == "=" else side.get(profile, [])[place:][:4]
            text += [f"{sign} {json.dumps(line, ensure_ascii=False)}" for line in few]
    return "\n".join(text) + "\n"


def _read(path: Path) -> Lines:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    """Print the report; exit 1 where anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.compare", description=__doc__)
    parser.add_argument("expected", type=Path)
    parser.add_argument("actual", type=Path)
    parser.add_argument("--people", type=int, default=5)
    given = parser.parse_args()
    expected, actual = _read(given.expected), _read(given.actual)
    sys.stdout.write(report(expected, actual, given.people))
    if differences(expected, actual):
        sys.exit(1)


if __name__ == "__main__":
    main()
