"""`tamshy bench` in its smallest size: every stage runs, and is told beside its limit."""

from __future__ import annotations

import json
import shutil
import smtplib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tamshy.site.bench import STAGES
from tamshy.site.bench.cost import Cost, Meter
from tamshy.site.bench.figures import Figure, table
from tamshy.site.bench.sink import PATH, programs, sink
from tamshy.site.cli import main

if TYPE_CHECKING:
    from tests.conftest import Databases

ROOT = Path(__file__).parents[2]
SINK = shutil.which("smtp-sink", path=PATH)
LINES = {
    "ingest": 2,
    "http": 3,
    "advance": 3,
    "decide": 1,
    "growth": 1,
    "backlog": 1,
    "ask": 1,
    "workers": 2,
    "lag": 2,
    "mail": 1 if SINK else 0,
    "simulate": 1,
    "render": 1,
    "send": 1 if SINK else 0,
}
GROWN = {"ingest", "advance", "decide", "growth", "mail", "render", "send"}
"""The stages that are measured with more waiting too."""


@pytest.mark.minutes(1)
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
    known = "ingest, http, advance, decide, growth, backlog, ask, workers, lag, mail, simulate, render, send"
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


def test_a_record_is_drawn_and_told_on_the_page(tmp_path: Path) -> None:
    ours, limits = [Cost(2.0, 1.0, 1.0), Cost(1.0, 0.5, 0.5)], [Cost(0.5, 0.2, 0.1), Cost(0.5, 0.2, 0.2)]
    figures = [
        Figure("advance", "a wait <left>", "steps", 1000, ours, "UPDATE", 1000, limits, ours, 1000, 10, "waiting"),
        Figure("lag", "a stream: p50 0.1 s", "calls", 10, ours, "the pace", 10, [Cost(1.0, None, None)] * 2),
    ]
    record = {
        "at": "2026-11-29T10:00:00+00:00",
        "size": {"name": "tiny"},
        "machine": {"processors": 2, "postgresql": "18.6", "python": "3.11.7", "load_before": 0.1, "noisy": False},
        "figures": [figure.data() for figure in figures],
    }
    (tmp_path / "record.json").write_text(json.dumps(record))
    for folder in ("images", "reference"):
        (tmp_path / folder).mkdir()
    page = tmp_path / "reference/benchmarks.md"
    page.write_text((ROOT / "docs/reference/benchmarks.md").read_text(encoding="utf-8"))
    command = [sys.executable, str(ROOT / "benchmarks/plots.py"), str(tmp_path / "record.json"), str(tmp_path)]
    subprocess.run(command, check=True)

    drawn = {file.name: ET.parse(file).getroot() for file in (tmp_path / "images").iterdir()}  # noqa: S314 - our own
    dots = {name: len(root.findall(".//{http://www.w3.org/2000/svg}circle")) for name, root in drawn.items()}
    # the stream's limit has no processor time, and it has no growth
    assert dots == {"bench-ratio.svg": 2, "bench-cost.svg": 3, "bench-growth.svg": 1}
    told = page.read_text()
    assert "| advance | a wait <left> | 667 steps | 1,500 | UPDATE | 2,000 | 350 | 0.38 | 10× waiting: 1.00× |" in told
    assert told.count("![bench-") == 3
    before, after = told.split("<!-- figures")[0], told.split("end of figures -->")[1]
    original = (ROOT / "docs/reference/benchmarks.md").read_text(encoding="utf-8")
    assert original.startswith(before)
    assert original.endswith(after)


def test_memory_is_told_with_the_slope_of_its_later_half() -> None:
    cost = Cost(1.0, 1.0, 0.0)
    memory = {"workers": [40.0, 60.0, 61.0, 62.0, 63.0], "renderers": [30.0, 30.0]}
    figure = Figure("s", "w", "mails", 1, [cost], "limit", 1, [cost], [cost], 4000, memory=memory)
    # from 61 to 63 MiB over the last 2,000 of 4,000
    assert figure.remembered == (
        "s: private memory over 4,000 mails: workers 40.0 to 63.0 MiB (+1024.0 KiB for 1,000 more), "
        "renderers 30.0 to 30.0 MiB (+0.0 KiB for 1,000 more)."
    )
    assert figure.data()["memory"] == memory
    assert Figure("s", "w", "mails", 1, [cost], "limit", 1, [cost]).remembered == ""


@pytest.mark.skipif(SINK is None, reason="Postfix's smtp-sink is not installed")
def test_the_sink_counts_what_it_takes() -> None:
    found = programs()
    assert found is not None
    with sink(found) as made:
        assert made.taken() == 0
        made.load(25, 1000, 4)
        made.load(3, 1000, 1)
        with smtplib.SMTP("127.0.0.1", made.port) as later:
            # the sink does one thing after another: with this answer all before it is counted
            later.noop()
            assert made.taken() == 28


def test_where_a_server_runs_elsewhere_processor_times_are_not_told() -> None:
    cost = Meter(local=False).of(lambda: None)
    assert (cost.ours, cost.server, cost.processor) == (None, None, None)
    figure = Figure("s", "w", "items", 1, [cost], "limit", 1, [cost])
    assert figure.micros is None
    assert figure.data()["micros_per_item"] is None


def test_processor_time_counts_children_that_have_ended() -> None:
    busy = "import time\nwhile time.process_time() < 0.2: pass"
    cost = Meter().of(lambda: subprocess.run([sys.executable, "-c", busy], check=True))
    assert cost.ours is not None
    assert cost.ours >= 0.18
    assert cost.server == 0.0
