"""``python -m tests.prove.removals``: take out each alternative of the grammar and each rule's code; exit 1 where no test notices.

--only TEXT        those whose name holds the text (several times: any of them)
--grammar, --rules one of the two alone
--list             say what there is to take out, and do nothing
--jobs N           how many side by side (default: 2)
--near             ask the nearest tests alone: quick, while a test is written
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.prove.removals import grammar, rules
from tests.prove.removals.judging import judge

from tamshy.sqlkit import scratch_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.prove.removals.judging import Verdict
    from tests.prove.removals.removal import Removal

_BAR = 30


def main() -> None:
    """Judge what is asked for, and say what no test notices."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prove.removals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="TEXT")
    parser.add_argument("--grammar", action="store_true")
    parser.add_argument("--rules", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--near", action="store_true")
    given = parser.parse_args()
    removals: list[Removal] = []
    if not given.rules:
        removals += grammar.alternatives()
    if not given.grammar:
        removals += rules.REMOVALS
    removals = [one for one in removals if not given.only or any(text in one.name for text in given.only)]
    if given.list:
        sys.stdout.write("".join(f"{one.name}\n" for one in removals))
        return
    verdicts = run(removals, given.jobs, whole=not given.near)
    sys.stdout.write(table(verdicts))
    sys.exit(0 if all(verdict.noticed for verdict in verdicts) else 1)


def run(removals: Sequence[Removal], jobs: int, *, whole: bool) -> list[Verdict]:
    """Judge removals on a database server of their own, and show how far it is."""
    begun = time.monotonic()
    said: list[Verdict] = []

    def done(verdict: Verdict) -> None:
        said.append(verdict)
        if not verdict.noticed:
            sys.stderr.write(f"\r{_line(verdict)}\n")
        full = _BAR * len(said) // len(removals)
        left = sum(not one.noticed for one in said)
        bar, took = "#" * full + "." * (_BAR - full), time.monotonic() - begun
        sys.stderr.write(f"\r[{bar}] {len(said)}/{len(removals)}, {left} not noticed, {took:.0f} s ")
        sys.stderr.flush()

    with tempfile.TemporaryDirectory() as scratch, scratch_server() as server:
        verdicts = judge(removals, server.dsn, Path(scratch), jobs, done, whole=whole)
    sys.stderr.write("\n")
    return verdicts


def table(verdicts: Sequence[Verdict]) -> str:
    """Say of each removal which test noticed it, and at the end what none did."""
    left = [one for one in verdicts if not one.noticed]
    lines = [*map(_line, verdicts), *([""] if left else []), *map(_line, left)]
    return "\n".join([*lines, f"{len(verdicts)} removals, {len(left)} not noticed", ""])


def _line(one: Verdict) -> str:
    said = one.by or f"NOT NOTICED{f' ({one.broken})' if one.broken else ''}"
    return f"{one.seconds:6.1f} s  {one.removal.name}: {said}"


if __name__ == "__main__":
    main()
