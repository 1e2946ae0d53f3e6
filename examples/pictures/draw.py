# ruff: noqa: INP001 - a script, no package
"""Draws the pictures of the example shop: flat drawings of our own, 640 x 640, twice the largest size shown.

    .venv/bin/python examples/pictures/draw.py [--chromium /usr/bin/chromium]

Writes each drawing as SVG beside this file and as PNG where the demo serves it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
PNG_FOLDER = HERE.parent.parent / "src" / "tamshy" / "panel" / "static" / "shop"
SIZE = 640

INK, PAPER = "#14212B", "#FBFAF7"
STEPPE, STEPPE_DARK, STEPPE_SOFT = "#0F766E", "#0B5A54", "#D7EEEA"
CLAY, CLAY_DARK, CREAM = "#C96F45", "#A65532", "#F4E3D0"
SAND, SAND_DARK = "#E9D9BF", "#D3BD98"
BRASS, BRASS_DARK, BRASS_LIGHT = "#C99A3B", "#9F7626", "#E7C573"
WINE = "#7C2D3A"

# One ram's horn, the motif of Kazakh felt, drawn round the origin, 100 wide; mirrored for its twin.
HORN = "M0 50 V8 C0 -32 52 -36 52 -4 C52 20 22 20 24 0"


def horns(x: float, y: float, scale: float, colour: str, width: float = 11) -> str:
    """A pair of horns with its foot at (x, y + 50 * scale)."""
    pen = f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round"'
    return (
        f'<g transform="translate({x} {y}) scale({scale})"><path d="{HORN}" {pen}/>'
        f'<path d="{HORN}" transform="scale(-1 1)" {pen}/></g>'
    )


def ground(colour: str) -> str:
    """The plain background and the shadow that everything stands on."""
    return f'<rect width="640" height="640" fill="{colour}"/>'


def bowl(x: float, y: float, outside: str, band: str, inside: str) -> str:
    """A tea bowl, 220 wide, the middle of its rim at (x, y)."""
    return (
        f'<g transform="translate({x} {y})">'
        f'<path d="M-44 118 h88 l6 22 h-100 z" fill="{band}"/>'
        f'<path d="M-110 0 C-108 74 -66 124 0 124 C66 124 108 74 110 0 Z" fill="{outside}"/>'
        f'<path d="M-107 26 C-104 42 -99 56 -91 69 H91 C99 56 104 42 107 26 Z" fill="{band}"/>'
        f'<ellipse cx="0" cy="0" rx="110" ry="25" fill="{inside}"/>'
        f'<ellipse cx="0" cy="5" rx="90" ry="16" fill="{CLAY_DARK}" opacity=".75"/></g>'
    )


def kese() -> str:
    """Four tea bowls."""
    return (
        ground(STEPPE_SOFT)
        + '<ellipse cx="320" cy="508" rx="250" ry="26" fill="#B9DDD7"/>'
        + bowl(196, 210, PAPER, STEPPE, SAND)
        + bowl(444, 210, PAPER, STEPPE, SAND)
        + bowl(196, 366, PAPER, CLAY, SAND)
        + bowl(444, 366, PAPER, CLAY, SAND)
    )


def shaynek() -> str:
    """A teapot."""
    return (
        ground(CREAM)
        + '<ellipse cx="320" cy="508" rx="210" ry="26" fill="#E3C9AB"/>'
        + f'<path d="M470 270 C580 250 586 410 462 420" fill="none" stroke="{STEPPE_DARK}" stroke-width="30"/>'
        + f'<path d="M190 400 C120 396 112 300 62 270 L96 250 C150 270 150 320 200 318 Z" fill="{STEPPE_DARK}"/>'
        + f'<path d="M320 210 C450 210 500 290 500 370 C500 456 430 500 320 500 C210 500 140 456 140 370 '
        f'C140 290 190 210 320 210 Z" fill="{STEPPE}"/>'
        + f'<path d="M146 332 C142 354 140 384 148 408 H492 C500 384 498 354 494 332 Z" fill="{PAPER}"/>'
        + "".join(horns(x, 366, 0.46, CLAY, 16) for x in (200, 280, 360, 440))
        + f'<path d="M222 214 C236 176 404 176 418 214 Z" fill="{STEPPE_DARK}"/>'
        + f'<circle cx="320" cy="170" r="20" fill="{CLAY}"/>'
    )


def syrmaq() -> str:
    """A felt rug with ram's horns."""
    fringe = "".join(
        f'<path d="M{x} 108 v-22 M{x} 532 v22" stroke="{SAND_DARK}" stroke-width="7" stroke-linecap="round"/>'
        for x in range(162, 490, 21)
    )
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="112" height="112" fill="{fill}"/>'
        + horns(x + 56, y + 46, 0.8, pen, 12)
        + f'<path d="M{x + 56} {y + 78} l12 14 l-12 14 l-12 -14 z" fill="{pen}"/>'
        for x, y, fill, pen in (
            (208, 148, WINE, CREAM),
            (320, 148, CREAM, WINE),
            (208, 260, CREAM, WINE),
            (320, 260, WINE, CREAM),
            (208, 372, WINE, CREAM),
            (320, 372, CREAM, WINE),
        )
    )
    return (
        ground("#E8ECE4")
        + '<rect x="156" y="118" width="344" height="426" rx="10" fill="#CFD6C9"/>'
        + fringe
        + f'<rect x="148" y="106" width="344" height="428" rx="8" fill="{STEPPE_DARK}"/>'
        + f'<rect x="170" y="126" width="300" height="388" fill="none" stroke="{BRASS_LIGHT}" stroke-width="6" '
        'stroke-dasharray="2 14" stroke-linecap="round"/>' + cells
    )


def slipper(turn: float, x: float, y: float) -> str:
    """One felt slipper seen from above, its toe up."""
    return (
        f'<g transform="translate({x} {y}) rotate({turn})">'
        f'<path d="M0 -190 C66 -190 88 -120 84 -56 C80 0 62 40 64 104 C66 168 40 196 0 196 C-40 196 -66 168 -64 104 '
        f'C-62 40 -80 0 -84 -56 C-88 -120 -66 -190 0 -190 Z" fill="{SAND_DARK}"/>'
        f'<ellipse cx="0" cy="110" rx="44" ry="66" fill="{CREAM}"/>'
        f'<path d="M0 -190 C66 -190 88 -120 84 -56 C82 -24 76 0 71 24 C40 -8 -40 -8 -71 24 C-76 0 -82 -24 -84 -56 '
        f'C-88 -120 -66 -190 0 -190 Z" fill="{CLAY}"/>'
        + horns(0, -92, 0.9, CREAM, 10)
        + f'<path d="M-71 24 C-40 -8 40 -8 71 24" fill="none" stroke="{CLAY_DARK}" stroke-width="10" '
        'stroke-linecap="round"/></g>'
    )


def tapishke() -> str:
    """A pair of felt slippers."""
    return (
        ground("#DFE9F2")
        + '<ellipse cx="330" cy="336" rx="220" ry="200" fill="#CBDAE7"/>'
        + slipper(-9, 216, 322)
        + slipper(9, 424, 322)
    )


def jamylgy() -> str:
    """A folded woollen throw."""
    folds = ""
    for y, fill in ((404, STEPPE_DARK), (318, STEPPE), (232, "#2C9186")):
        folds += f'<path d="M150 {y} H470 C520 {y} 520 {y + 86} 470 {y + 86} H150 C118 {y + 86} 118 {y} 150 {y} Z" '
        folds += f'fill="{fill}"/><path d="M190 {y} v86 M226 {y} v86" stroke="{CREAM}" stroke-width="9"/>'
    threads = "".join(
        f'<path d="M{x} 490 v{34 if x % 2 else 26}" stroke="{SAND_DARK}" stroke-width="7" stroke-linecap="round"/>'
        for x in range(151, 470, 17)
    )
    return ground(SAND) + '<ellipse cx="320" cy="530" rx="230" ry="24" fill="#D8C5A5"/>' + threads + folds


def quman() -> str:
    """A brass jug."""
    return (
        ground("#EFE6F0")
        + '<ellipse cx="310" cy="548" rx="150" ry="20" fill="#DCCBDE"/>'
        + f'<path d="M382 196 C512 190 512 402 398 430" fill="none" stroke="{BRASS_DARK}" stroke-width="24"/>'
        + f'<path d="M222 430 C120 408 168 250 92 206 L120 186 C200 220 170 350 240 356 Z" fill="{BRASS_DARK}"/>'
        + f'<path d="M252 512 H368 L388 546 H232 Z" fill="{BRASS_DARK}"/>'
        + f'<path d="M270 178 H350 C346 270 430 318 430 410 C430 478 384 516 310 516 C236 516 190 478 190 410 '
        f'C190 318 274 270 270 178 Z" fill="{BRASS}"/>'
        + f'<path d="M290 200 C290 286 226 330 222 410" fill="none" stroke="{BRASS_LIGHT}" stroke-width="16" '
        'stroke-linecap="round"/>'
        + f'<path d="M256 152 H364 V184 H256 Z" fill="{BRASS_DARK}"/>'
        + f'<path d="M262 152 C268 110 352 110 358 152 Z" fill="{BRASS}"/>'
        + f'<circle cx="310" cy="108" r="15" fill="{BRASS_DARK}"/>'
        + horns(318, 402, 1.0, BRASS_DARK, 11)
        + f'<path d="M200 456 H420" stroke="{BRASS_DARK}" stroke-width="8"/>'
    )


DRAWINGS = {
    "kese": kese,
    "shaynek": shaynek,
    "syrmaq": syrmaq,
    "tapishke": tapishke,
    "jamylgy": jamylgy,
    "quman": quman,
}


def main() -> None:
    """Write every drawing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser that turns SVG into PNG")
    chromium = parser.parse_args().chromium
    PNG_FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": SIZE, "height": SIZE})
        for name, draw in DRAWINGS.items():
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">{draw()}</svg>'
            (HERE / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")
            page.set_content(f'<body style="margin:0">{svg}</body>')
            page.screenshot(path=PNG_FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
