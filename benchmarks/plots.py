"""Draws the record of a run (`tamshy bench --out DIR`) as pictures for the documentation, and writes its table there.

    .venv/bin/python benchmarks/plots.py benchmarks/results/2026-11-29-short.json

Dots are medians of the rounds, lines reach from the least to the most of them. Scales are logarithmic: what is twice as much
lies equally far apart everywhere.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DOCS: Final = Path(__file__).parents[1] / "docs"
_PAGE: Final = "reference/benchmarks.md"
_BEGIN, _END = "<!-- figures: written by benchmarks/plots.py -->", "<!-- end of figures -->"
_WIDTH, _ROW, _TOP, _LABELS, _VALUES = 840, 30, 64, 410, 90
_STYLE: Final = """
  svg { font: 13px system-ui, sans-serif; }
  .ground { fill: #FBFAF7; } .ink { fill: #14212B; } .quiet { fill: #4A5A63; } .line { stroke: #D9DFDC; }
  .ours { fill: #0F766E; stroke: #0F766E; } .raw { fill: #FBFAF7; stroke: #1D6FB8; } .edge { stroke: #B45309; }
  .edged { fill: #B45309; } .title { font-size: 15px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #10191F; } .ink { fill: #E8EDEA; } .quiet { fill: #A9B6BC; } .line { stroke: #2C3A42; }
    .ours { fill: #2DB5A7; stroke: #2DB5A7; } .raw { fill: #10191F; stroke: #6BAEE6; } .edge { stroke: #E08A3C; }
    .edged { fill: #E08A3C; }
  }
"""


@dataclass(frozen=True, slots=True)
class _Dot:
    """A value with what its rounds lay between; `raw`: the limit's."""

    value: float
    low: float
    high: float
    raw: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of a picture: what was measured, and its dots, the first of which is written out."""

    label: str
    dots: Sequence[_Dot]


def main(record: Path, docs: Path = _DOCS) -> None:
    """Draw the pictures of a record and put its table into the page, both under a folder of documentation."""
    run = json.loads(record.read_text(encoding="utf-8"))
    figures: list[dict[str, Any]] = run["figures"]
    drawn = (
        ("bench-ratio.svg", "Part of the raw limit, by the clock", _ratios(figures), 1.0, "the raw limit", _short),
        ("bench-cost.svg", "Processor time of all processes, µs an item", _costs(figures), None, "", _micros),
        (
            "bench-growth.svg",
            "Processor time of an item with more waiting: times as much",
            _growth(figures),
            1.5,
            "1.5 times",
            _short,
        ),
    )
    pictures = {name: _picture(title, lines, *rest) for name, title, lines, *rest in drawn if lines}
    for name, text in pictures.items():
        (docs / "images" / name).write_text(text, encoding="utf-8")
    page = (docs / _PAGE).read_text(encoding="utf-8")
    head, _, rest = page.partition(_BEGIN)
    tail = rest.partition(_END)[2]
    (docs / _PAGE).write_text(f"{head}{_BEGIN}\n\n{_told(run, list(pictures))}\n\n{_END}{tail}", encoding="utf-8")


def _ratios(figures: Sequence[dict[str, Any]]) -> list[_Line]:
    found = []
    for figure in figures:
        each = [
            (figure["items"] / ours["wall"]) / (figure["limit_items"] / limit["wall"])
            for ours, limit in zip(figure["rounds"], figure["limits"], strict=True)
        ]
        found.append(_Line(_named(figure), [_dot(each)]))
    return found


def _costs(figures: Sequence[dict[str, Any]]) -> list[_Line]:
    found = []
    for figure in figures:
        dots = []
        for rounds, items, raw in (
            (figure["rounds"], figure["items"], False),
            (figure["limits"], figure["limit_items"], True),
        ):
            spent = [(one["ours"] + one["server"]) / items * 1e6 for one in rounds if one["ours"] is not None]
            if spent and min(spent) > 0:
                dots.append(_dot(spent, raw=raw))
        if dots:
            found.append(_Line(_named(figure), dots))
    return found


def _growth(figures: Sequence[dict[str, Any]]) -> list[_Line]:
    found = []
    for figure in figures:
        times = figure["growth"]["micros_times"]
        if times:
            label = f"{figure['stage']}: {figure['growth']['times']} times {figure['growth']['of']}"
            line = _Line(label, [_Dot(times, times, times)])
            if line not in found:
                found.append(line)
    return found


def _dot(values: Sequence[float], *, raw: bool = False) -> _Dot:
    return _Dot(median(values), min(values), max(values), raw)


def _named(figure: dict[str, Any]) -> str:
    what = str(figure["what"]).partition(":")[0]
    label = f"{figure['stage']}: {what}"
    return label if len(label) <= 52 else f"{label[:51]}…"  # noqa: PLR2004 - as much as there is room for


def _picture(title: str, lines: Sequence[_Line], mark: float | None, marked: str, told: Callable[[float], str]) -> str:
    values = [edge for line in lines for dot in line.dots for edge in (dot.low, dot.high)] + ([mark] if mark else [])
    low, high = log10(min(values)) - 0.1, log10(max(values)) + 0.1
    left, right = _LABELS, _WIDTH - _VALUES
    height = _TOP + _ROW * len(lines) + 16

    def x(value: float) -> float:
        return left + (log10(value) - low) / (high - low) * (right - left)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{height}" rx="8"/>',
        f'<text class="ink title" x="16" y="26">{escape(title)}</text>',
    ]
    if mark is not None:
        at = x(mark)
        parts.append(
            f'<line class="edge" x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP - 12}" y2="{height - 12}" stroke-dasharray="4 4"/>'
            f'<text class="edged" x="{at:.1f}" y="{_TOP - 18}" text-anchor="middle">{escape(marked)}</text>'
        )
    for place, line in enumerate(lines):
        y = _TOP + _ROW * place + _ROW / 2
        parts.append(
            f'<text class="quiet" x="16" y="{y + 4:.0f}">{escape(line.label)}</text>'
            f'<line class="line" x1="{left}" x2="{right}" y1="{y:.0f}" y2="{y:.0f}"/>'
        )
        for dot in line.dots:
            kind = "raw" if dot.raw else "ours"
            parts.append(
                f'<line class="{kind}" x1="{x(dot.low):.1f}" x2="{x(dot.high):.1f}" y1="{y:.0f}" y2="{y:.0f}"'
                f' stroke-width="2"/><circle class="{kind}" cx="{x(dot.value):.1f}" cy="{y:.0f}" r="5" stroke-width="2"/>'
            )
        said = told(line.dots[0].value)
        parts.append(f'<text class="ink" x="{_WIDTH - 16}" y="{y + 4:.0f}" text-anchor="end">{said}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _short(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"  # noqa: PLR2004 - two places that say something


def _micros(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"  # noqa: PLR2004 - the same


def _told(run: dict[str, Any], pictures: Sequence[str]) -> str:
    machine = run["machine"]
    noisy = (
        f" **Noisy**: other work kept {machine['load_before']} processors busy when it began, so that figures by the clock are"
        " too low."
        if machine["noisy"]
        else ""
    )
    head = (
        f"Run of {run['at'][:10]}, size `{run['size']['name']}`, {machine['processors']} processors, PostgreSQL"
        f" {machine['postgresql']}, Python {machine['python']}.{noisy} A filled dot is Tamshy, an open one the limit of the same"
        " run; lines reach from the least to the most of the rounds."
    )
    shown = "\n".join(f"![{name.removesuffix('.svg')}](../images/{name})\n" for name in pictures)
    rows = [
        "| stage | what | a second | µs an item | limit | a second | µs an item | ratio | with more waiting |",
        "|---|---|--:|--:|---|--:|--:|--:|---|",
        *(_row(figure) for figure in run["figures"]),
    ]
    return "\n".join([head, "", shown, *rows])


def _row(figure: dict[str, Any]) -> str:
    growth = figure["growth"]
    times = growth["micros_times"]
    cells = (
        figure["stage"],
        figure["what"],
        f"{figure['per_second']:,.0f} {figure['unit']}",
        "–" if figure["micros_per_item"] is None else _micros(figure["micros_per_item"]),
        figure["limit"],
        f"{figure['limit_per_second']:,.0f}",
        "–" if figure["limit_micros_per_item"] is None else _micros(figure["limit_micros_per_item"]),
        _short(figure["ratio"]),
        "–" if times is None else f"{growth['times']}× {growth['of']}: {times:.2f}×",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
