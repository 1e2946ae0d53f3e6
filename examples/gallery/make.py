# ruff: noqa: INP001, E501 - a script, no package; its page is written as it stands
"""Makes a page with a picture of every mail of the recipes: at desktop and phone width, light and dark, in each language.

    make gallery ARGS="--only abandoned-cart --locale ru"

Writes into build/gallery, and asks nobody: pictures come from this folder. What a recipe cannot do yet is left out.
"""

from __future__ import annotations

import argparse
import html
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from tamshy.language import read_workspace
from tamshy.language.model import COUPONS
from tamshy.recipes import Brand, fitted, recipes, sample, waits_for
from tamshy.recipes.letters import LOCALES
from tamshy.render import Job, render
from tamshy.render.compile import compile_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

    from tamshy.recipes import Recipe
    from tamshy.render import Rendered

ROOT = Path(__file__).parents[2]
DRAWINGS = ROOT / "src/tamshy/recipes/pictures"
GOODS = ROOT / "src/tamshy/panel/static/shop"
SHOP = "https://shop.example"
SETTINGS = f"""\
name: Qumyra
currency: USD
timezone: Asia/Almaty
url: {SHOP}
from: Qumyra <hello@shop.example>
topics: {{offers: {{name: Reminders and offers}}, news: {{name: News}}}}
"""
BRAND = Brand(address="12 Shai Street, Almaty 050000", pictures=f"{SHOP}/mail")
WIDTHS = {"desktop": 680, "phone": 360}
SCHEMES = ("light", "dark")


def letters(recipe: Recipe) -> Iterator[tuple[str, str, Rendered]]:
    """Every letter of a recipe in every language, with all that can be known of its reader."""
    plain = {"tamshy.yaml": SETTINGS}
    workspace, problems = read_workspace({**plain, **fitted(recipe, read_workspace(plain)[0].settings, BRAND)})
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    for name, message in sorted(workspace.messages.items()):
        compiled, wrong = compile_message(message, workspace.settings)
        if wrong:
            raise SystemExit("\n".join(map(str, wrong)))
        for locale in LOCALES:
            yield name, locale, render(compiled, job(locale, recipe.letters[name].coupon))


def job(locale: str, variable: str) -> Job:
    """The reader."""
    return Job(
        id="1",
        version=1,
        now="2026-03-02T09:00:00Z",
        locale=locale,
        profile=sample.profile(locale),
        event=sample.event(locale, SHOP),
        vars={COUPONS: sample.coupon(variable)} if variable else {},
        unsubscribe_url=f"{SHOP}/u/x",
        preferences_url=f"{SHOP}/prefs/x",
        view_url=f"{SHOP}/m/x",
    )


def served(route: Route) -> None:
    """Answer for the shop's site from this folder, and for nobody else."""
    name = route.request.url.rpartition("/")[2]
    files = [folder / name for folder in (DRAWINGS, GOODS) if (folder / name).is_file()]
    if route.request.url.startswith(SHOP) and files:
        route.fulfill(path=files[0])
    else:
        route.abort()


def pictured(page: Page, letter: Rendered, stem: Path) -> None:
    """One letter, four times."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for device, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 400})
            page.set_content(letter.html, wait_until="load")
            page.screenshot(path=f"{stem}-{device}-{scheme}.png", full_page=True)


def index(rows: list[tuple[str, str, str, Rendered]]) -> str:
    """The page: a row for each letter and language, the four pictures side by side."""
    body = []
    for recipe, name, locale, letter in rows:
        stem = f"{name}-{locale}"
        weight = len(letter.html.encode()) / 1024
        shots = "".join(
            f'<img loading="lazy" src="{stem}-{device}-{scheme}.png" alt="{device}, {scheme}" width="{WIDTHS[device] // 2}">'
            for scheme in SCHEMES
            for device in WIDTHS
        )
        body.append(
            f'<section id="{stem}"><h2>{recipe} / {name} <small>{locale}, {weight:.0f} kB</small></h2>'
            f"<p><b>{html.escape(letter.subject)}</b><br>{html.escape(letter.preheader or '')}</p>"
            f"<div>{shots}</div><details><summary>plain text</summary><pre>{html.escape(letter.plain)}</pre></details></section>"
        )
    links = " ".join(f'<a href="#{name}-{locale}">{name}&nbsp;{locale}</a>' for _, name, locale, _ in rows)
    return (
        '<!doctype html><meta charset="utf-8"><title>Mails of the recipes</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;margin:32px;color:#14212B;background:#FBFAF7}h2{margin:48px 0 8px}small{color:#4B5A63}"
        "div{display:flex;gap:16px;align-items:flex-start;overflow-x:auto}img{border:1px solid #D9DFDC;border-radius:6px}"
        f"nav a{{margin-right:12px}}pre{{white-space:pre-wrap}}</style><h1>Mails of the recipes</h1><nav>{links}</nav>{''.join(body)}"
    )


def main() -> None:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="build/gallery", help="where to (default: build/gallery)")
    parser.add_argument("--only", action="append", default=[], help="this recipe (again for more; default: all)")
    parser.add_argument("--locale", action="append", default=[], help="this language (again for more; default: all)")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    chosen = [recipe for name, recipe in recipes().items() if (not options.only or name in options.only)]
    rows = [
        (recipe.name, name, locale, letter)
        for recipe in chosen
        if not waits_for(recipe)
        for name, locale, letter in letters(recipe)
        if not options.locale or locale in options.locale
    ]
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.route("**/*", served)
        for _, name, locale, letter in rows:
            pictured(page, letter, out / f"{name}-{locale}")
        browser.close()
    (out / "index.html").write_text(index(rows), encoding="utf-8")
    print(f"{len(rows)} letters: {out / 'index.html'}")  # noqa: T201 - a script says what it did


if __name__ == "__main__":
    main()
