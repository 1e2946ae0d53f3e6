"""``python -m tests.prove.picture``: plays a year through the whole lifecycle and draws its mails and sales by week.

Writes ``docs/images/year.svg``. ``--lines FILE`` draws a run that was made before, of the same shoppers and seed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.oracle.year import START, WEEKS, end_of, stamp, write_shop, write_year, year
from tests.prove.keeping import WIN_BACK, lines_of, moment, read_year
from tests.prove.playing import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "year.svg"
WIDTH, LEFT, RIGHT = 840, 64, 150
PANELS = ((56, 210), (334, 140))  # top and height of each
STYLE = """
  svg { font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
  .ground { fill: #FBFAF7; } .ink { fill: #14212B; } .quiet { fill: #4A5A63; } .line { stroke: #D9DFDC; }
  .title { font-size: 15px; font-weight: 600; }
  .orders { fill: #A9B6BC; } .campaigns { fill: #0F766E; } .winback { fill: #B45309; } .sales { fill: #1D6FB8; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #10191F; } .ink { fill: #E8EDEA; } .quiet { fill: #A9B6BC; } .line { stroke: #2C3A42; }
    .orders { fill: #5A6B75; } .campaigns { fill: #2DB5A7; } .winback { fill: #E08A3C; } .sales { fill: #6BAEE6; }
  }
"""
Layers = dict[str, tuple[str, list[float]]]


def week_of(at: datetime) -> int:
    """Which week of the year a moment is in."""
    return (at - START).days // 7


def mails(lines: Sequence[dict[str, Any]], folder: Path) -> Layers:
    """How many mails went out in each week, of three kinds."""
    counts = {kind: Counter[int]() for kind in ("orders", "campaigns", "winback")}
    for mail in read_year(folder, [], lines).mails:
        kind = "winback" if mail.flow.startswith(WIN_BACK) else "campaigns" if mail.marketing else "orders"
        counts[kind][week_of(mail.at)] += 1
    words = {"orders": "about orders", "campaigns": "campaigns", "winback": "win-back"}
    return {kind: (word, [counts[kind][week] for week in range(WEEKS)]) for kind, word in words.items()}


def sales(shoppers: int, seed: int) -> Layers:
    """What was ordered in each week, in millions."""
    worth = Counter[int]()
    for line in year(shoppers, seed):
        if line.get("event") == "Order Completed":
            worth[week_of(moment(line["timestamp"]))] += line["properties"]["value"]
    return {"sales": ("ordered", [worth[week] / 1e6 for week in range(WEEKS)])}


def panel(top: int, height: int, title: str, layers: Layers) -> Iterator[str]:
    """Stacked columns, a week each, with the words of the layers beside the last of them."""
    sums = [sum(values[week] for _, values in layers.values()) for week in range(WEEKS)]
    highest = max(sums)
    wide = (WIDTH - LEFT - RIGHT) / WEEKS
    yield f'<text class="ink title" x="16" y="{top - 16}">{escape(title)}</text>'
    for share in (0.5, 1.0):
        y = top + height * (1 - share)
        yield f'<line class="line" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{told(highest * share)}</text>'
    under = [0.0] * WEEKS
    for place, (kind, (word, values)) in enumerate(layers.items()):
        for week, value in enumerate(values):
            tall = value / highest * height
            y = top + height - under[week] - tall
            yield f'<rect class="{kind}" x="{LEFT + week * wide:.1f}" y="{y:.1f}" width="{wide - 1.5:.1f}" height="{tall:.1f}"/>'
            under[week] += tall
        at = top + height - 8 - place * 22
        yield f'<rect class="{kind}" x="{WIDTH - RIGHT + 12}" y="{at - 10}" width="12" height="12"/>'
        yield f'<text class="ink" x="{WIDTH - RIGHT + 30}" y="{at}">{word} {told(sum(values))}</text>'
    for month in range(13):
        first = START.replace(day=1, month=(month + 11) % 12 + 1, year=START.year + (month > 0))
        x = LEFT + (first - START).days / 7 * wide
        if x >= LEFT:
            yield f'<text class="quiet" x="{x:.1f}" y="{top + height + 18}">{first:%b}</text>'


def told(value: float) -> str:
    """A number as text."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def drawn(shoppers: int, lines: Sequence[dict[str, Any]], folder: Path, seed: int) -> str:
    """The picture."""
    high = PANELS[1][0] + PANELS[1][1] + 36
    title = f"A year of {shoppers:,} shoppers with all campaigns: mails and sales by week"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" width="{WIDTH}" height="{high}" rx="8"/>',
        *panel(*PANELS[0], f"Mails a week, {shoppers:,} shoppers", mails(lines, folder)),
        *panel(*PANELS[1], "Ordered a week, millions of tenge", sales(shoppers, seed)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Play and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove.picture", description=__doc__)
    parser.add_argument("--shoppers", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", type=Path, help="what `tamshy simulate` wrote of them before")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(folder / "shop")
        if given.lines is None:
            write_year(folder / "year.jsonl", given.shoppers, given.seed)
            text = run(folder / "shop", folder / "year.jsonl", "--until", stamp(end_of(WEEKS))).text
        else:
            text = given.lines.read_text(encoding="utf-8")
        PICTURE.write_text(drawn(given.shoppers, lines_of(text), folder / "shop", given.seed), encoding="utf-8")


if __name__ == "__main__":
    main()
