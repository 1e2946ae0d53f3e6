"""``python -m tests.oracle DIR --events FILE [--seed N] [--until T] [--out FILE]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.oracle.lines import jsonl, read_history, simulate


def main() -> None:
    """Play the history and write the lines."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    text = jsonl(simulate(given.folder, read_history(given.events), seed=given.seed, until=given.until))
    if given.out is None:
        sys.stdout.write(text)
    else:
        given.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
