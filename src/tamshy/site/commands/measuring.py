"""`bench`: measures this machine; the measuring itself is `tamshy.site.bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tamshy.site.bench import SIZES, STAGES, measure
from tamshy.site.bench.figures import table
from tamshy.site.clock import Clock
from tamshy.site.commands.saying import data, out, remark
from tamshy.site.commands.surroundings import WrongUse, configured

if TYPE_CHECKING:
    import argparse


def bench(options: argparse.Namespace) -> int:
    """Measure, print the table (or the record as JSON), and keep the record where a folder is named.

    Raises:
        WrongUse: there is no such stage.
    """
    unknown = sorted(set(options.stage) - set(STAGES))
    if unknown:
        raise WrongUse(f"there is no stage {unknown[0]!r}; known are {', '.join(STAGES)}")
    now = Clock().real()
    size = SIZES[options.size]
    figures, record = measure(options.stage or STAGES, size, now, configured(options).database_url, remark)
    if options.out:
        folder = Path(options.out)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{now:%Y-%m-%dT%H%M%SZ}-{size.name}.json"
        file.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        remark(f"kept in {file}")
    if options.json:
        data(record)
        return 0
    out(table(figures))
    for figure in figures:
        if figure.remembered:
            out(f"\n{figure.remembered}")
    out(f"\nMedians of {size.rounds}; ratios are medians of rounds, each beside its own limit. {_about(record)}")
    return 0


def _about(record: dict[str, object]) -> str:
    machine = record["machine"]
    if not isinstance(machine, dict):
        raise TypeError(f"not the record of a run: {machine!r}")
    server = f", PostgreSQL {machine['postgresql']}" if machine["postgresql"] else ""
    busy = (
        f" Other work kept {machine['load_before']} processors busy when this began: figures by the clock are too low."
        if machine["noisy"]
        else ""
    )
    return f"{machine['processors']} processors, Python {machine['python']}{server}.{busy}"
