"""`recipes` and `add`: the ready-made campaigns, listed and written into a workspace folder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamshy.recipes import Bundle, Unaddable, add, bundles, dress, recipes
from tamshy.recipes.letters import LOCALES
from tamshy.site.commands.saying import data, out
from tamshy.site.commands.surroundings import WrongUse

if TYPE_CHECKING:
    import argparse

    from tamshy.recipes import Addition, Recipe

_DONE: Final = 0
_WIDTH: Final = 96


def list_(options: argparse.Namespace) -> int:
    """Print the recipes, then the bundles: name, title, and what each does."""
    shelf, together = recipes(), bundles()
    if options.json:
        for recipe in shelf.values():
            data(_as_data(recipe))
        for bundle in together.values():
            data(
                {
                    "name": bundle.name,
                    "title": bundle.title,
                    "says": bundle.says.strip(),
                    "recipes": list(bundle.recipes),
                }
            )
        return _DONE
    wide = max(len(name) for name in shelf)
    everything: list[Recipe | Bundle] = [*shelf.values(), *together.values()]
    for one in everything:
        out(f"{one.name:{wide}}  {one.title}")
        for line in _folded(_said(one), _WIDTH - wide - 2):
            out(f"{'':{wide}}  {line}")
    out("\ntamshy add NAME --to DIR writes one into a workspace folder.")
    return _DONE


def add_(options: argparse.Namespace) -> int:
    """Write recipes into a folder, or dress what came from recipes anew."""
    folder = Path(options.to)
    if bool(options.recipe) == options.dress:
        raise WrongUse("give the names of recipes, as `tamshy recipes` lists them, or --dress alone")
    try:
        addition = dress(folder) if options.dress else add(options.recipe, folder)
    except Unaddable as exc:
        raise WrongUse(str(exc)) from exc
    if options.json:
        data(asdict(addition))
    else:
        _tell(addition, folder)
    return _DONE


def _tell(addition: Addition, folder: Path) -> None:
    for path in addition.written:
        out(f"written    {folder / path}")
    for path in addition.dressed:
        out(f"rewritten  {folder / path} (nobody had touched it since it was written)")
    for path in addition.kept:
        out(f"kept       {folder / path} (edited, or of your own: left as it is)")
    if not addition.written and not addition.dressed:
        out("nothing has changed")
    if addition.next:
        out("\nnext:")
        for hint in addition.next:
            out(f"- {hint}")
        out(f"- tamshy test {folder}, then tamshy plan {folder}")


def _said(one: Recipe | Bundle) -> str:
    """What it does; of a bundle also how many recipes it holds."""
    return f"{one.says.strip()} {len(one.recipes)} recipes." if isinstance(one, Bundle) else one.says.strip()


def _as_data(recipe: Recipe) -> dict[str, object]:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "says": recipe.says.strip(),
        "listens": recipe.listens,
        "messages": sorted(recipe.letters),
        "locales": list(LOCALES),
    }


def _folded(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
