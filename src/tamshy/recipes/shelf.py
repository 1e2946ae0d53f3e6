"""The shelf: recipes as they lie in the package, one folder each.

``shelf/NAME/recipe.yaml`` says what it is; beside it lie ``flows segments broadcasts coupons stories`` in the flow language, and
``letters/NAME.yaml`` with the words of each message in every language (``tamshy.recipes.letters``). ``$offers`` and ``$news``
stand for the topics of whoever takes it. ``shelf/NAME.yaml`` is a bundle: recipes that are taken together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from ruamel.yaml import YAML

from tamshy.recipes.letters import Letter, read_letter

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

LANGUAGE_FOLDERS: Final = ("segments", "flows", "broadcasts", "coupons", "stories")
LETTERS: Final = "letters"
DESCRIPTION: Final = "recipe.yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One campaign.

    Args:
        name: the name of its folder.
        title: what a shop person calls it.
        says: what it does, in one or two sentences.
        listens: the events that the shop has to send for it, by name, each with the properties that it looks at.
        edit: what to look at after it has been added, one sentence each.
        texts: files of the flow language by path, topics not yet filled in.
        letters: the messages by name.
    """

    name: str
    title: str
    says: str
    listens: dict[str, str]
    edit: tuple[str, ...]
    texts: dict[str, str]
    letters: dict[str, Letter]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Recipes that are made to live in one workspace.

    Args:
        name: the name of its file.
        title: what a shop person calls it.
        says: what it is, in one or two sentences.
        recipes: their names.
    """

    name: str
    title: str
    says: str
    recipes: tuple[str, ...]


@cache
def bundles() -> dict[str, Bundle]:
    """All bundles by name, in the order of the alphabet."""
    return {name: _bundle(name, text) for name, text in _files(_shelf(), "")}


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name, in the order of the alphabet."""
    folders = sorted((entry for entry in _shelf().iterdir() if entry.is_dir()), key=lambda entry: entry.name)
    return {folder.name: _recipe(folder) for folder in folders if folder.joinpath(DESCRIPTION).is_file()}


def _shelf() -> Traversable:
    return resources.files("tamshy.recipes").joinpath("shelf")


def _bundle(name: str, text: str) -> Bundle:
    told = YAML(typ="safe", pure=True).load(text)
    return Bundle(name=name, title=told["title"], says=told["says"], recipes=tuple(told["recipes"]))


def _recipe(folder: Traversable) -> Recipe:
    told = YAML(typ="safe", pure=True).load(folder.joinpath(DESCRIPTION).read_text("utf-8"))
    letters = {name: read_letter(text, folder.name, name) for name, text in _files(folder, LETTERS)}
    texts = {f"{inner}/{name}.yaml": text for inner in LANGUAGE_FOLDERS for name, text in _files(folder, inner)}
    return Recipe(
        name=folder.name,
        title=told["title"],
        says=told["says"],
        listens=dict(told.get("listens") or {}),
        edit=tuple(told.get("edit") or ()),
        texts=texts,
        letters=letters,
    )


def _files(folder: Traversable, inner: str) -> list[tuple[str, str]]:
    """Names and texts of the YAML files of an inner folder, in order; none where there is no such folder."""
    place = folder.joinpath(inner) if inner else folder
    if not place.is_dir():
        return []
    files = sorted(place.iterdir(), key=lambda entry: entry.name)
    return [(file.name.removesuffix(".yaml"), file.read_text("utf-8")) for file in files if file.name.endswith(".yaml")]
