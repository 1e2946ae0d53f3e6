"""Takes the picture of the README from a running demo that has lived for some minutes.

make demo                                              # in one terminal
.venv/bin/python docs/images/take.py http://127.0.0.1:8600/
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Write `demo.png` beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="where the demo is")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    given = parser.parse_args()
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=given.chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1130}, color_scheme="light")
        page.goto(given.address)
        # A few beats, so that drops are on their way.
        page.wait_for_timeout(4500)
        page.screenshot(path=Path(__file__).with_name("demo.png"))
        browser.close()


if __name__ == "__main__":
    main()
