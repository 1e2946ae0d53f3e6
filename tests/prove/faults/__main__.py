"""``python -m tests.prove.faults``: run seeds, reduce what fails, keep it."""

from __future__ import annotations

import argparse
import sys
import time

from tests.prove.faults.ground import open_ground
from tests.prove.faults.verdict import drawn, judge

from tamshy.sqlkit import connect, migrate, scratch_server


def main() -> None:
    """Run seeds and say which fail; exit 1 where one does."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--show", type=int, default=1000, help="how much of what is wrong to print of each seed")
    given = parser.parse_args()
    failed = 0
    with scratch_server() as server:
        with connect(server.dsn) as conn:
            migrate(conn, "tamshy.schema.sql")
        with open_ground(server.dsn) as ground:
            begun, statements, lines = time.monotonic(), 0, 0
            for seed in range(given.seed, given.seed + given.count):
                verdict = judge(ground, drawn(seed))
                statements, lines = statements + verdict.statements, lines + verdict.lines
                failed += bool(verdict.wrong)
                if verdict.wrong:
                    sys.stdout.write(f"--- seed {seed}: " + "\n".join(verdict.wrong)[: given.show] + "\n")
                    sys.stdout.flush()
            took = time.monotonic() - begun
    sys.stdout.write(f"{given.count} seeds, {failed} failed, {statements} statements, {lines} lines, {took:.1f} s\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
