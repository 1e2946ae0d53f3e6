"""The page of the recipes says what the recipes say."""

from __future__ import annotations

from pathlib import Path

from tamshy.recipes.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "recipes.md"


def test_the_page_is_what_the_recipes_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "write it anew: python -c 'from tamshy.recipes.reference import reference; print(reference(), end=\"\")'"
        " > docs/reference/recipes.md"
    )
