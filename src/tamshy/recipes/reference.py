"""The page of the recipes, made from the recipes themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamshy.recipes.shelf import bundles, recipes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.recipes.shelf import Bundle, Recipe

_HEAD: Final = """\
# Recipes

The ready-made campaigns, as `tamshy recipes` lists them and `tamshy add` writes them. Made by `tamshy.recipes.reference` from the
recipes themselves: change those, not this page. Which of them this version cannot run yet says `tamshy recipes`.
How to use them: [how to](../how-to/recipes.md). Every mail comes in English, Russian, Kazakh and Indonesian.
"""


def reference() -> str:
    """The whole page."""
    sections = [line for recipe in recipes().values() for line in _section(recipe)]
    return "\n".join((_HEAD, *sections, *(line for bundle in bundles().values() for line in _together(bundle))))


def _section(recipe: Recipe) -> Iterator[str]:
    yield f"## {recipe.name}\n"
    yield f"**{recipe.title}.** {' '.join(recipe.says.split())}\n"
    yield "| | |"
    yield "|---|---|"
    for folder, title in (
        ("flows", "flows"),
        ("segments", "segments"),
        ("broadcasts", "broadcasts"),
        ("coupons", "coupons"),
    ):
        names = [path.partition("/")[2].removesuffix(".yaml") for path in recipe.texts if path.startswith(f"{folder}/")]
        if names:
            yield f"| {title} | {_listed(names)} |"
    yield f"| mails | {_listed(sorted(recipe.letters))} |"
    for event, properties in recipe.listens.items():
        yield f"| needs the event | `{event}`{f' with {_plain(properties)}' if properties else ''} |"
    for hint in recipe.edit:
        yield f"| look at | {_plain(hint)} |"
    yield ""


def _together(bundle: Bundle) -> Iterator[str]:
    yield f"## {bundle.name}\n"
    yield f"**{bundle.title}.** {' '.join(bundle.says.split())}\n"
    yield "| | |"
    yield "|---|---|"
    yield f"| recipes | {_listed(list(bundle.recipes))} |"
    yield ""


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _plain(text: str) -> str:
    """Quotes round names as marks of code."""
    return text.replace("'", "`").replace("|", "\\|")
