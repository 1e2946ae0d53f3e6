"""`tamshy bench` in its smallest size: every stage runs, and is told beside its limit."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tamshy.site.bench import STAGES
from tamshy.site.bench.cost import Cost, Meter
from tamshy.site.bench.figures import Figure, table
from tamshy.site.bench.mailing import _PATH
from tamshy.site.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Databases

SINK = shutil.which("smtp-sink", path=_PATH)
LINES = {
    "ingest": 2,
    "http": 3,
    "advance": 3,
    "decide": 1,
    "growth": 1,
    "backlog": 1,
    "ask": 1,
    "workers": 2,
    "lag": 1,
    "simulate": 1,
    "render": 1,
    "send": 1 if SINK else 0,
}
GROWN = {"ingest", "advance", "decide", "render", "send"}
"""The stages that are measured with more waiting too."""


def test_the_smallest_run_tells_every_stage_beside_its_limit(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", databases.admin)
    assert main(["bench", "--size", "tiny", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    rows = [line for line in said.out.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [
        stage for stage in STAGES for _ in range(LINES[stage])
    ]
    (file,) = tmp_path.iterdir()
    record = json.loads(file.read_text(encoding="utf-8"))
    assert [figure["stage"] for figure in record["figures"]] == [stage for stage in STAGES for _ in range(LINES[stage])]
    for figure in record["figures"]:
        ours, limit = figure["rounds"][0]["wall"] / figure["items"], figure["limits"][0]["wall"] / figure["limit_items"]
        assert figure["ratio"] == pytest.approx(limit / ours, rel=0.05)
        assert (figure["growth"]["times"] == 2) is (figure["stage"] in GROWN)
    assert ("send: left out" in said.err) is (SINK is None)


def test_nothing_of_a_run_is_left_on_the_server(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", databases.admin)
    before = names(databases)
    assert main(["bench", "decide", "--size", "tiny", "--json"]) == 0
    assert [figure["stage"] for figure in json.loads(capsys.readouterr().out)["figures"]] == ["decide"]
    assert names(databases) == before


def names(databases: Databases) -> list[str]:
    from tamshy import sqlkit  # noqa: PLC0415 - where it is used

    with sqlkit.connect(databases.admin) as conn:
        return [row[0] for row in conn.execute("select datname from pg_database order by datname")]


def test_an_unknown_stage_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "ingset"]) == 2
    known = "ingest, http, advance, decide, growth, backlog, ask, workers, lag, simulate, render, send"
    assert f"known are {known}" in capsys.readouterr().err


def test_ratios_are_medians_of_rounds_each_beside_its_own_limit() -> None:
    ours = [Cost(wall, wall / 2, wall / 4) for wall in (1.0, 2.0, 8.0)]
    limits = [Cost(wall, 0.0, wall) for wall in (0.5, 0.5, 0.8)]
    figure = Figure("s", "w", "items", 1000, ours, "limit", 2000, limits, [Cost(3.0, 2.0, 1.0)], 1000, 10, "waiting")
    assert figure.per_second == 500.0
    assert figure.limit_per_second == 4000.0
    # 1000 in 1 s beside 2000 in 0.5 s; 500 beside 4000; 125 beside 2500
    assert figure.ratio == 0.125
    assert figure.micros == 1500.0
    assert figure.slower == 2.0
    assert table([figure]).splitlines()[-1] == (
        "| s | w | 500 items | 1,500 | limit | 4,000 | 250 | 0.12 | 10× waiting: 2.00× |"
    )


def test_where_a_server_runs_elsewhere_processor_times_are_not_told() -> None:
    cost = Meter(local=False).of(lambda: None)
    assert (cost.ours, cost.server, cost.processor) == (None, None, None)
    figure = Figure("s", "w", "items", 1, [cost], "limit", 1, [cost])
    assert figure.micros is None
    assert figure.data()["micros_per_item"] is None


def test_processor_time_counts_children_that_have_ended() -> None:
    import subprocess  # noqa: PLC0415 - where it is used
    import sys  # noqa: PLC0415

    busy = "import time\nwhile time.process_time() < 0.2: pass"
    cost = Meter().of(lambda: subprocess.run([sys.executable, "-c", busy], check=True))
    assert cost.ours is not None
    assert cost.ours >= 0.18
    assert cost.server == 0.0
