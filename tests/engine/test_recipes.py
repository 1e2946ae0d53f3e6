"""Every story of every recipe ends as written: in a plain shop, in one that recipes begin, and in one with settings of its own."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tamshy.language import read_folder, read_workspace
from tamshy.recipes import add, recipes
from tamshy.simulate.command import test as run_stories

ROOT = Path(__file__).parents[2]
PLAIN = "url: https://shop.example\nfrom: A shop <hello@shop.example>\ntopics: {offers: {}, news: {}}\n"
OTHER = (
    PLAIN.replace("{offers: {}, news: {}}", "{letters: {default: opt_in}}") + "locale: ru\ntimezone: America/New_York\n"
)
SETTINGS = {
    "plain": PLAIN,
    "as-begun": None,
    "example": (ROOT / "examples/shop/tamshy.yaml").read_text(encoding="utf-8"),
    "one-topic": OTHER,
}


OFTEN = "as-begun"
"""With these settings they are played at every change; with the others when all is proven."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [OFTEN, *(pytest.param(name, marks=pytest.mark.prove) for name in SETTINGS if name != OFTEN)]
)
def test_every_story_of_every_recipe_holds(settings: str, tmp_path: Path, empty_dsn: str) -> None:
    text = SETTINGS[settings]
    if text is not None:
        (tmp_path / "tamshy.yaml").write_text(text, encoding="utf-8")
    add(list(recipes()), tmp_path)
    told = len(read_workspace(read_folder(tmp_path))[0].stories)
    out, err = io.StringIO(), io.StringIO()
    assert run_stories(tmp_path, out=out, err=err, dsn=empty_dsn) == 0, out.getvalue() + err.getvalue()
    assert out.getvalue().splitlines()[-1] == f"{told} passed, 0 failed"
    assert told >= 97  # as many as there were when the shelf was filled
