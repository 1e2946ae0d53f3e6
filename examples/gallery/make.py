# ruff: noqa: INP001, E501 - a script, no package; its page is written as it stands
"""Makes a page with a picture of every mail of the recipes: at desktop and phone width, light and dark, in each language.

    make gallery ARGS="--only abandoned-cart --locale ru"

Writes into build/gallery, and asks nobody: pictures come from this folder, and SpamAssassin goes by the rules on this machine. Ends with
an error, and says which mails it means, where one prints what is not there, scores 2.0 or more, is of 102 kB or more, lacks a
picture, or is wider than the screen.
"""

from __future__ import annotations

import argparse
import html
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from examples.gallery.letters import SHOP, Unsound, shown
from examples.gallery.spam import NotScored, scored
from playwright.sync_api import sync_playwright

from tamshy.recipes import recipes
from tamshy.recipes.letters import LOCALES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from examples.gallery.letters import Shown
    from examples.gallery.spam import Score
    from playwright.sync_api import Page, Route

ROOT = Path(__file__).parents[2]
DRAWINGS = ROOT / "src/tamshy/recipes/pictures"
GOODS = ROOT / "src/tamshy/panel/static/shop"
WIDTHS = {"desktop": 680, "phone": 360}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
MOST_POINTS: Final = 2.0
MOST_BYTES: Final = 102 * 1024
BROKEN: Final = "[...document.images].filter(one => one.width > 1 && !one.naturalWidth).map(one => one.src)"
"""The pictures that did not come; the pixel by which opens are known is none that anybody sees."""


def served(route: Route) -> None:
    """Answer for the shop's site from this folder, and for nobody else."""
    name = route.request.url.rpartition("/")[2]
    files = [folder / name for folder in (DRAWINGS, GOODS) if (folder / name).is_file()]
    if route.request.url.startswith(SHOP) and files:
        route.fulfill(path=files[0])
    else:
        route.abort()


def pictured(page: Page, one: Shown, folder: Path) -> list[str]:
    """Take one letter's four pictures; gives what cannot be seen in it, one line each."""
    page.set_content(one.rendered.html, wait_until="load")
    wrong = [f"{one.title}: a picture is missing: {address}" for address in page.evaluate(BROKEN)]
    for device, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 400})
        needed = page.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            wrong.append(f"{one.title}: needs {needed} px where there are {width}")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{stem(one)}-{device}-{scheme}.png", full_page=True)
    return wrong


def stem(one: Shown) -> str:
    """What the files of a letter are called."""
    return f"{one.name}-{one.locale}{'' if one.known else '-unknown'}"


def faults(one: Shown, score: Score) -> list[str]:
    """What must not be, one line each."""
    found = []
    if score.points >= MOST_POINTS:
        found.append(f"{one.title}: SpamAssassin gives it {score}; under {MOST_POINTS} is right")
    if one.size >= MOST_BYTES:
        found.append(f"{one.title}: {one.size / 1024:.0f} kB of HTML; under {MOST_BYTES // 1024} is right")
    return found


def summary(rows: Sequence[tuple[Shown, Score]]) -> str:
    """The whole in three lines, with the extremes."""
    spammiest = max(rows, key=lambda row: row[1].points)
    largest = max(rows, key=lambda row: row[0].size)
    letters, locales = len({one.name for one, _ in rows}), sorted({one.locale for one, _ in rows})
    return (
        f"{len(rows)} mails: {letters} letters in {', '.join(locales)}, for who is known and for who is not\n"
        f"highest score: {spammiest[0].title}, {spammiest[1]}\n"
        f"largest: {largest[0].title}, {largest[0].size / 1024:.1f} kB"
    )


def index(rows: Sequence[tuple[Shown, Score]], pictures: set[str]) -> str:
    """The page: all scores in a table, then a row for each letter and language, the four pictures side by side."""
    body = [section(one, score, pictured=stem(one) in pictures) for one, score in rows]
    return (
        '<!doctype html><meta charset="utf-8"><title>Mails of the recipes</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;margin:32px;color:#14212B;background:#FBFAF7}h2{margin:48px 0 8px}small,td{color:#4B5A63}"
        "div{display:flex;gap:16px;align-items:flex-start;overflow-x:auto}img{border:1px solid #D9DFDC;border-radius:6px}"
        "table{border-collapse:collapse;font-size:14px}td,th{padding:2px 16px 2px 0;text-align:left;font-variant-numeric:tabular-nums}"
        f"pre{{white-space:pre-wrap}}</style><h1>Mails of the recipes</h1><pre>{html.escape(summary(rows))}</pre>{table(rows)}{''.join(body)}"
    )


def table(rows: Sequence[tuple[Shown, Score]]) -> str:
    """Points and kB of every mail: a row for each letter, a column for each language and kind of reader."""
    kinds = list(dict.fromkeys((one.locale, one.known) for one, _ in rows))
    head = "".join(f"<th>{locale}{'' if known else ', nothing known'}" for locale, known in kinds)
    lines = []
    for (recipe, name), letter in groupby(rows, key=lambda row: (row[0].recipe, row[0].name)):
        cells = {(one.locale, one.known): (one, score) for one, score in letter}
        shown_cells = (
            f'<td><a href="#{stem(one)}">{score.points:.1f}</a> &nbsp;{one.size / 1024:.0f} kB'
            for one, score in (cells[kind] for kind in kinds)
        )
        lines.append(f"<tr><td>{recipe} / {name}{''.join(shown_cells)}")
    return f"<table><tr><th>SpamAssassin's points, and the HTML's size{head}{''.join(lines)}</table>"


def section(one: Shown, score: Score, *, pictured: bool) -> str:
    """One letter in one language."""
    shots = "".join(
        f'<img loading="lazy" src="{stem(one)}-{device}-{scheme}.png" alt="{device}, {scheme}" width="{WIDTHS[device] // 2}">'
        for scheme in SCHEMES
        for device in WIDTHS
        if pictured
    )
    said = one.rendered
    return (
        f'<section id="{stem(one)}"><h2>{one.title} <small>{one.size / 1024:.0f} kB, {html.escape(str(score))}</small></h2>'
        f"<p><b>{html.escape(said.subject)}</b><br>{html.escape(said.preheader or '')}</p><div>{shots}</div>"
        f"<details><summary>plain text</summary><pre>{html.escape(said.plain)}</pre></details></section>"
    )


def photographed(letters: Sequence[Shown], folder: Path, chromium: str) -> list[str]:
    """Take the pictures of all; gives what cannot be seen in them, one line each."""
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.route("**/*", served)
        wrong = [line for one in letters for line in pictured(page, one, folder)]
        browser.close()
    return wrong


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="build/gallery", help="where to (default: build/gallery)")
    parser.add_argument(
        "--only", action="append", choices=sorted(recipes()), help="this recipe (again for more; default: all)"
    )
    parser.add_argument(
        "--locale", action="append", choices=LOCALES, help="this language (again for more; default: all)"
    )
    parser.add_argument(
        "--unknown", action="store_true", help="take pictures for readers of whom nothing is known, too"
    )
    parser.add_argument("--no-pictures", action="store_true", help="score and measure alone")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    options = parser.parse_args()
    try:
        letters = shown([recipes()[name] for name in options.only or recipes()], options.locale or LOCALES)
        rows = list(zip(letters, scored([one.raw for one in letters]), strict=True))
    except (Unsound, NotScored) as error:
        sys.exit(str(error))
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    seen = [one for one in letters if (one.known or options.unknown) and not options.no_pictures]
    wrong = photographed(seen, out, options.chromium) if seen else []
    (out / "index.html").write_text(index(rows, set(map(stem, seen))), encoding="utf-8")
    print(f"{summary(rows)}\n{len(seen) * len(WIDTHS) * len(SCHEMES)} pictures: {out / 'index.html'}")  # noqa: T201 - a script says what it did
    wrong += [line for one, score in rows for line in faults(one, score)]
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
