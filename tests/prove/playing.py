"""Runs of ``tamshy simulate`` as a user starts them, and what they took."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.oracle.compare import report
from tests.oracle.lines import jsonl, read_history, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.oracle.reading import Json


@dataclass(frozen=True)
class Run:
    """What a run wrote, and what it took: seconds by the clock, and of all its processes on all processors."""

    text: str
    seconds: float
    processor_seconds: float

    def took(self) -> str:
        """Say it in a line."""
        return (
            f"{self.seconds:.1f} s, {self.processor_seconds:.1f} s of processors, {self.text.count(chr(10))} lines out"
        )


def run(folder: Path, events: Path, *more: str) -> Run:
    """Run ``tamshy simulate`` on a throwaway database of its own."""
    command = [sys.executable, "-m", "tamshy.site.cli", "simulate", str(folder), "--events", str(events), *more]
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TAMSHY_", "DATABASE_URL", "PG"))
    }
    before, begun = _processors(), time.monotonic()
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=False)
    seconds, processors = time.monotonic() - begun, _processors() - before
    assert done.returncode == 0, done.stderr[-2000:]
    return Run(done.stdout, seconds, processors)


def _processors() -> float:
    """Seconds that ended children of ours, and theirs, have spent on processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def shuffled(path: Path, seed: int) -> Path:
    """Write the lines of a file in another order beside it."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(seed).shuffle(lines)  # noqa: S311 - an order, not a secret
    target = path.with_name(f"{path.stem}-shuffled-{seed}.jsonl")
    target.write_text("".join(lines), encoding="utf-8")
    return target


def expected(folder: Path, events: Path, *, seed: int = 0, until: str | None = None) -> str:
    """What the oracle says must come out."""
    return jsonl(simulate(folder, read_history(events), seed=seed, until=until, report=io.StringIO()))


def same(wanted: str, got: str) -> None:
    """Fail, person by person, where two outputs are not the same to the byte."""
    if got != wanted:
        raise AssertionError(report(_lines(wanted), _lines(got)) + "(or the order of lines, or of keys)")


def _lines(text: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in text.splitlines()]
