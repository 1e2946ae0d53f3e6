"""From a folder and a history to the lines of ``tamshy simulate``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TextIO

from tests.oracle.almanac import iso, stamp
from tests.oracle.catalogue import of_folder
from tests.oracle.engine import Engine
from tests.oracle.reading import Json, workspace

if TYPE_CHECKING:
    from pathlib import Path


def read_history(path: Path) -> list[dict[str, Json]]:
    """The calls of a JSONL file, in whatever order they stand there."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def simulate(
    folder: Path,
    bodies: list[dict[str, Json]],
    *,
    seed: int = 0,
    until: str | None = None,
    report: TextIO | None = None,
) -> list[dict[str, Json]]:
    """The lines the specification describes: by time, then profile, then as it happened.

    ``until`` is a timestamp: what comes later is neither taken in nor done.
    ``at``, ``kind`` and ``profile`` come first in every line, the rest as in the specification.
    """
    said = workspace(folder)
    said.products = of_folder(folder / "catalog")
    engine = Engine(said, seed, report)
    engine.play(bodies, stamp(until, engine.settings.zone))
    named = [(one.at, one.profile.now_known_as().name(), one.line) for one in engine.lines]
    named.sort(key=lambda line: line[:2])  # stable: what happened first stays first
    return [{"at": iso(at), "kind": line["kind"], "profile": name, **line} for at, name, line in named]


def jsonl(lines: list[dict[str, Json]]) -> str:
    """The lines as text, without spaces, letters as they are."""
    texts = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines]
    return "".join(text + "\n" for text in texts)
