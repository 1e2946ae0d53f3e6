"""``python -m tests.prove.faults``: run seeds, make what fails small, keep it.

--seed 17                  one run
--seed 0 --count 1000      many
--seed 17 --reduce         the smallest case that still fails, on standard output; into kept/NAME.yaml with --keep NAME
--case FILE                a case that was written down
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.prove.faults.ground import open_ground
from tests.prove.faults.keeping import FOLDER, read, smallest, written
from tests.prove.faults.verdict import drawn, judge

from tamshy.sqlkit import connect, migrate, scratch_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.prove.faults.ground import Ground
    from tests.prove.faults.verdict import Case


def main() -> None:
    """Run what is asked for and say what is wrong; exit 1 where anything is."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.prove.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--case", type=Path)
    parser.add_argument("--show", type=int, default=1500, help="how much to print of what is wrong with a run")
    parser.add_argument("--reduce", action="store_true")
    parser.add_argument("--keep", metavar="NAME")
    given = parser.parse_args()
    with _ground() as ground:
        if given.case is not None:
            failed: int = _say(ground, f"case {given.case}", read(given.case), given.show)
        elif given.reduce or given.keep:
            failed = _reduce(ground, given.seed, given.keep)
        else:
            failed = _run(ground, given.seed, given.count, given.show)
    sys.exit(1 if failed else 0)


@contextmanager
def _ground() -> Iterator[Ground]:
    with scratch_server() as server:
        with connect(server.dsn) as conn:
            migrate(conn, "tamshy.schema.sql")
        with open_ground(server.dsn) as ground:
            yield ground


def _say(ground: Ground, name: str, case: Case, show: int) -> bool:
    verdict = judge(ground, case)
    if verdict.wrong:
        sys.stdout.write(f"--- {name}: " + "\n".join(verdict.wrong)[:show] + "\n")
        sys.stdout.flush()
    return bool(verdict.wrong)


def _run(ground: Ground, first: int, count: int, show: int) -> int:
    begun = time.monotonic()
    failed = [seed for seed in range(first, first + count) if _say(ground, f"seed {seed}", drawn(seed), show)]
    for seed in failed:
        sys.stdout.write(f"again: python -m tests.prove.faults --seed {seed}; smaller: --seed {seed} --reduce\n")
    sys.stdout.write(f"{count} seeds, {len(failed)} failed, {time.monotonic() - begun:.1f} s\n")
    return len(failed)


def _reduce(ground: Ground, seed: int, name: str | None) -> bool:
    case = drawn(seed)
    if not judge(ground, case).wrong:
        sys.stdout.write(f"seed {seed} does not fail\n")
        return False
    small = smallest(case, lambda one: bool(judge(ground, one).wrong))
    verdict = judge(ground, small)
    text = written(small, f"seed {seed}: {verdict.wrong[0].splitlines()[0]}")
    if name is None:
        sys.stdout.write(text)
    else:
        (FOLDER / f"{name}.yaml").write_text(text, encoding="utf-8")
    sys.stdout.write("".join(f"# {line}\n" for wrong in verdict.wrong for line in wrong.splitlines()[:12]))
    return True


if __name__ == "__main__":
    main()
