# ruff: noqa: INP001, E501 - a script, no package; paths of a drawing are one line each
"""Draws the pictures at the head of the recipes' mails: flat drawings of our own, 600 x 200, as PNG at twice the size.

    .venv/bin/python examples/pictures/draw_recipes.py [--chromium /usr/bin/chromium]

All stand on the same hills, so that they look like one hand's. Writes PNG where `tamshy add` takes them from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent.parent.parent / "src" / "tamshy" / "recipes" / "pictures"
WIDTH, HEIGHT = 600, 200

INK, PAPER = "#14212B", "#FBFAF7"
STEPPE, STEPPE_DARK, STEPPE_SOFT = "#0F766E", "#0B5A54", "#D7EEEA"
HILL_FAR, HILL_NEAR = "#B9DED7", "#8CC5BB"
CLAY, CLAY_DARK, CREAM = "#C96F45", "#A65532", "#F4E3D0"
BRASS, BRASS_DARK, BRASS_LIGHT = "#C99A3B", "#9F7626", "#E7C573"
SAND, SAND_DARK = "#E9D9BF", "#D3BD98"
WINE = "#7C2D3A"


def ground(sun: tuple[int, int] = (470, 62)) -> str:
    """Sky, sun and two hills."""
    x, y = sun
    return (
        f'<rect width="600" height="200" fill="{STEPPE_SOFT}"/><circle cx="{x}" cy="{y}" r="30" fill="{BRASS_LIGHT}"/>'
        f'<path d="M0 150 C110 96 230 104 330 140 C430 174 520 128 600 118 V200 H0 Z" fill="{HILL_FAR}"/>'
        f'<path d="M0 176 C140 140 250 168 360 172 C460 176 540 158 600 162 V200 H0 Z" fill="{HILL_NEAR}"/>'
    )


def pen(colour: str, width: float) -> str:
    """An outline of round strokes."""
    return f'fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round"'


def welcome() -> str:
    """A felt house with an open door and light in it."""
    return (
        ground((120, 56))
        + f'<path d="M196 166 V108 C226 74 262 52 300 44 C338 52 374 74 404 108 V166 Z" fill="{PAPER}"/>'
        + f'<path d="M196 108 C226 74 262 52 300 44 C338 52 374 74 404 108 Z" fill="{CREAM}"/>'
        + f'<path d="M284 48 C292 36 308 36 316 48 Z" fill="{CLAY_DARK}"/>'
        + f'<path d="M196 116 H404" {pen(CLAY, 9)}/><path d="M196 130 H404" {pen(STEPPE, 4)}/>'
        + f'<rect x="272" y="104" width="56" height="62" rx="3" fill="{BRASS_LIGHT}"/>'
        + f'<path d="M272 104 L238 112 V172 L272 166 Z" fill="{CLAY_DARK}"/><circle cx="246" cy="144" r="3" fill="{BRASS_LIGHT}"/>'
        + f'<path d="M272 166 L250 196 H352 L328 166 Z" fill="{BRASS_LIGHT}" opacity=".55"/>'
    )


def basket() -> str:
    """A basket with things in it."""
    weave = "".join(
        f'<path d="M{x} 112 L{x + (300 - x) * 0.12} 168" {pen(BRASS_DARK, 3)}/>' for x in range(238, 370, 14)
    )
    return (
        ground()
        + f'<path d="M240 108 C246 30 354 30 360 108" {pen(BRASS_DARK, 9)}/>'
        + f'<path d="M258 108 V84 C258 74 282 74 282 84 V108 Z" fill="{STEPPE}"/><rect x="263" y="66" width="14" height="14" fill="{STEPPE_DARK}"/>'
        + f'<circle cx="308" cy="96" r="20" fill="{CLAY}"/><path d="M308 78 v-8" {pen(CLAY_DARK, 4)}/>'
        + f'<rect x="328" y="82" width="26" height="30" rx="3" fill="{PAPER}"/><path d="M328 92 h26" {pen(WINE, 4)}/>'
        + f'<path d="M226 108 H374 L358 172 H242 Z" fill="{BRASS}"/>{weave}'
        + f'<path d="M238 132 H362 M242 152 H358" {pen(BRASS_DARK, 3)}/>'
        + f'<rect x="220" y="102" width="160" height="13" rx="6" fill="{BRASS_DARK}"/>'
    )


def look() -> str:
    """A magnifying glass over the hills."""
    return (
        ground((130, 58))
        + f'<path d="M340 122 L392 170" {pen(CLAY_DARK, 16)}/>'
        + f'<circle cx="300" cy="90" r="52" fill="{PAPER}"/>'
        + f'<path d="M252 108 C276 90 304 92 322 104 C334 110 344 108 350 104 A52 52 0 0 1 252 108 Z" fill="{HILL_NEAR}"/>'
        + f'<path d="M300 104 V74" {pen(STEPPE_DARK, 5)}/><path d="M300 88 C280 88 276 72 278 66 C292 66 300 74 300 88 Z" fill="{STEPPE}"/>'
        + f'<path d="M300 82 C318 82 324 68 322 60 C308 60 300 68 300 82 Z" fill="{STEPPE}"/>'
        + f'<circle cx="300" cy="90" r="52" {pen(BRASS_DARK, 9)}/>'
    )


def parcel() -> str:
    """A parcel on a cart under way."""
    return (
        ground((120, 54))
        + f'<path d="M110 150 h60 M84 128 h50 M120 106 h40" {pen(PAPER, 6)}/>'
        + f'<rect x="236" y="64" width="112" height="84" rx="6" fill="{SAND}"/><path d="M236 64 h112 v24 h-112 Z" fill="{SAND_DARK}"/>'
        + f'<path d="M292 64 v84" {pen(CLAY, 12)}/><path d="M236 100 h112" {pen(CLAY, 12)}/>'
        + f'<path d="M292 64 c-18 -26 -40 -12 -26 0 Z M292 64 c18 -26 40 -12 26 0 Z" fill="{CLAY_DARK}"/>'
        + f'<path d="M214 152 H382 L402 112" {pen(STEPPE_DARK, 9)}/>'
        + f'<circle cx="254" cy="168" r="16" fill="{INK}"/><circle cx="254" cy="168" r="6" fill="{PAPER}"/>'
        + f'<circle cx="342" cy="168" r="16" fill="{INK}"/><circle cx="342" cy="168" r="6" fill="{PAPER}"/>'
    )


def card() -> str:
    """A bank card."""
    return (
        ground((120, 58))
        + f'<g transform="rotate(-7 300 104)"><rect x="206" y="50" width="188" height="116" rx="13" fill="{STEPPE}"/>'
        + f'<path d="M206 78 h188 v22 h-188 Z" fill="{STEPPE_DARK}"/><rect x="226" y="112" width="32" height="24" rx="4" fill="{BRASS_LIGHT}"/>'
        + f'<path d="M274 120 h54 M274 134 h34" {pen(STEPPE_SOFT, 5)}/><circle cx="356" cy="140" r="14" fill="{CLAY}"/>'
        + f'<circle cx="372" cy="140" r="14" fill="{BRASS}" opacity=".9"/></g>'
    )


def thanks() -> str:
    """A bowl of tea that steams."""
    return (
        ground((470, 58))
        + f'<path d="M276 60 c-10 -14 10 -20 0 -36 M302 60 c-10 -14 10 -20 0 -36 M328 60 c-10 -14 10 -20 0 -36" {pen(PAPER, 6)}/>'
        + f'<ellipse cx="302" cy="176" rx="96" ry="12" fill="{STEPPE_DARK}" opacity=".35"/>'
        + f'<path d="M274 160 h56 l5 14 h-66 Z" fill="{CLAY_DARK}"/>'
        + f'<path d="M224 82 C226 138 258 166 302 166 C346 166 378 138 380 82 Z" fill="{PAPER}"/>'
        + f'<path d="M227 102 C231 116 236 126 243 134 H361 C368 126 373 116 377 102 Z" fill="{CLAY}"/>'
        + f'<ellipse cx="302" cy="82" rx="78" ry="15" fill="{CREAM}"/><ellipse cx="302" cy="85" rx="64" ry="10" fill="{CLAY_DARK}"/>'
    )


def star() -> str:
    """Five stars in a row."""
    one = "M0 -22 L6.5 -7.5 L22 -6 L10.5 4.5 L14 20 L0 12 L-14 20 L-10.5 4.5 L-22 -6 L-6.5 -7.5 Z"
    stars = "".join(
        f'<path d="{one}" transform="translate({x} {y}) scale({scale})" fill="{BRASS}"/>'
        for x, y, scale in ((168, 108, 1.0), (232, 88, 1.25), (300, 78, 1.6), (368, 88, 1.25), (432, 108, 1.0))
    )
    return ground((300, 76)).replace(f'r="30" fill="{BRASS_LIGHT}"', f'r="58" fill="{PAPER}"') + stars


def leaf() -> str:
    """A young plant in a pot."""
    return (
        ground()
        + f'<path d="M300 122 C300 90 298 70 304 46" {pen(STEPPE_DARK, 7)}/>'
        + f'<path d="M300 100 C254 104 238 74 238 56 C274 54 300 70 300 100 Z" fill="{STEPPE}"/>'
        + f'<path d="M302 84 C348 88 366 56 366 36 C330 34 302 54 302 84 Z" fill="{STEPPE}"/>'
        + f'<path d="M300 100 C284 86 266 72 250 64 M302 84 C318 68 338 54 354 44" {pen(STEPPE_DARK, 3)}/>'
        + f'<path d="M254 134 H346 L334 184 H266 Z" fill="{CLAY}"/><rect x="246" y="118" width="108" height="20" rx="5" fill="{CLAY_DARK}"/>'
    )


def gift() -> str:
    """A gift with a ribbon."""
    return (
        ground((120, 58))
        + f'<rect x="236" y="96" width="128" height="82" rx="4" fill="{CLAY}"/><rect x="226" y="72" width="148" height="32" rx="5" fill="{CLAY_DARK}"/>'
        + f'<path d="M300 72 V178" {pen(BRASS_LIGHT, 17)}/>'
        + f'<path d="M300 70 C270 18 212 38 250 66 Z M300 70 C330 18 388 38 350 66 Z" {pen(BRASS_LIGHT, 10)}/>'
        + f'<circle cx="300" cy="70" r="11" fill="{BRASS}"/>'
    )


def clock() -> str:
    """A clock."""
    ticks = "".join(
        f'<path d="M300 46 v8" transform="rotate({angle} 300 102)" {pen(INK, 4)}/>' for angle in range(0, 360, 30)
    )
    return (
        ground((130, 58))
        + f'<path d="M256 160 l-14 20 M344 160 l14 20" {pen(CLAY_DARK, 10)}/>'
        + f'<circle cx="300" cy="102" r="70" fill="{CLAY}"/><circle cx="300" cy="102" r="58" fill="{PAPER}"/>{ticks}'
        + f'<path d="M300 102 V66" {pen(STEPPE_DARK, 7)}/><path d="M300 102 L326 116" {pen(STEPPE_DARK, 7)}/><circle cx="300" cy="102" r="6" fill="{CLAY}"/>'
    )


def letter() -> str:
    """An open letter."""
    return (
        ground()
        + f'<path d="M214 96 L300 40 L386 96 V172 H214 Z" fill="{SAND_DARK}"/>'
        + f'<rect x="236" y="48" width="128" height="100" rx="4" fill="{PAPER}"/>'
        + f'<path d="M256 72 h88 M256 90 h88 M256 108 h56" {pen(HILL_NEAR, 5)}/>'
        + f'<path d="M214 96 L300 146 L386 96 V172 H214 Z" fill="{SAND}"/><path d="M214 172 L280 134 M386 172 L320 134" {pen(SAND_DARK, 4)}/>'
        + f'<circle cx="300" cy="146" r="13" fill="{CLAY}"/>'
    )


def place() -> str:
    """A small shop."""
    awning = "".join(
        f'<path d="M{x} 70 h24 l4 28 c0 10 -30 10 -30 0 Z" fill="{CLAY if n % 2 == 0 else PAPER}"/>'
        for n, x in enumerate(range(214, 384, 24))
    )
    return (
        ground((480, 56))
        + f'<rect x="222" y="44" width="160" height="136" fill="{CREAM}"/><rect x="222" y="44" width="160" height="28" fill="{STEPPE}"/>'
        + f'<path d="M262 58 h80" {pen(STEPPE_SOFT, 7)}/>'
        + f'<rect x="238" y="112" width="66" height="46" fill="{STEPPE_SOFT}"/><rect x="320" y="108" width="44" height="72" fill="{STEPPE_DARK}"/>'
        + f'<circle cx="328" cy="146" r="3" fill="{BRASS_LIGHT}"/><circle cx="262" cy="146" r="11" fill="{CLAY}"/>'
        + f'<rect x="278" y="136" width="16" height="22" fill="{BRASS}"/>{awning}'
    )


DRAWINGS = {
    drawing.__name__: drawing
    for drawing in (welcome, basket, look, parcel, card, thanks, star, leaf, gift, clock, letter, place)
}


def main() -> None:
    """Write every drawing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser that turns SVG into PNG")
    chromium = parser.parse_args().chromium
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        for name, draw in DRAWINGS.items():
            svg = (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}">{draw()}</svg>'
            )
            page.set_content(f'<body style="margin:0">{svg}</body>')
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
