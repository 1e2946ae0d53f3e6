"""A recipe into a folder: which files are written, which are left as they are; nothing where the whole would not be sound."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final

from tamshy.language import UnreadableFolder, read_folder, read_workspace
from tamshy.recipes.brand import BRAND_FILE, Brand, read_brand, starting_brand
from tamshy.recipes.fitting import fitted, topic_of, untouched
from tamshy.recipes.letters import LOCALES
from tamshy.recipes.shelf import bundles, recipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tamshy.language.model import Problem, Settings
    from tamshy.recipes.shelf import Recipe

SETTINGS_FILE: Final = "tamshy.yaml"
PICTURES: Final = "pictures"
_STARTING: Final = """\
# The settings of your shop. The first topic is the one that mails without a topic belong to.
name: My shop
locale: en
timezone: UTC
currency: USD
url: https://shop.example
from: My shop <hello@shop.example>

topics:
  offers: {name: Reminders and offers, default: opt_in}
  news: {name: News, default: opt_in}

quiet_hours: {from: "21:00", to: "09:00"}
caps:
  - {messages: 1, per: 16h}
  - {messages: 3, per: 7d}
"""


class Unaddable(Exception):
    """The folder with the recipe in it would not be sound; nothing was written."""

    def __init__(self, text: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__("\n".join([text, *(f"  {problem}" for problem in problems)]))


@dataclass(frozen=True, slots=True)
class Addition:
    """What became of the files: by path, and what to look at next.

    ``kept`` are there already and are not as they would be written: they are left as they are.
    """

    written: tuple[str, ...]
    dressed: tuple[str, ...]
    kept: tuple[str, ...]
    same: tuple[str, ...]
    next: tuple[str, ...]


def add(names: Iterable[str], folder: Path) -> Addition:
    """Write recipes, and those of bundles, into a workspace folder, made where it is not there yet.

    What is there already is not overwritten, but for bodies that nobody has touched since they were written. Twice is
    the same as once.

    Raises:
        Unaddable: no such recipe or bundle, or the folder would not be sound with it, or it is not sound now. Nothing was written.
        UnusableBrand: its ``brand.yaml`` cannot be used.
        UnreadableFolder: it cannot be read or written.
    """
    named = tuple(names)
    chosen = [recipes()[name] for name in dict.fromkeys(one for name in named for one in _named(name))]
    there = read_folder(folder) if folder.exists() else {}
    beside = {BRAND_FILE: _beside(folder)}
    begun = dict(there) if SETTINGS_FILE in there else {**there, SETTINGS_FILE: _STARTING}
    before, problems = read_workspace(begun)
    if problems:
        raise Unaddable(f"{folder} has problems of its own; mend them first:", problems)
    brand = read_brand(beside[BRAND_FILE])
    wanted = {} if SETTINGS_FILE in there else {SETTINGS_FILE: _STARTING}
    for recipe in chosen:
        files = fitted(recipe, before.settings, brand)
        _refuse_strangers(recipe, there, folder)
        wanted |= files
    addition = _sorted_out(wanted, there)
    new = {path: wanted[path] for path in (*addition.written, *addition.dressed)}
    _, problems = read_workspace({**begun, **new})
    if problems:
        what = ", ".join(recipe.name for recipe in chosen)
        raise Unaddable(f"with {what} the folder would not be sound; nothing was written:", problems)
    extra = _extras(folder, chosen, beside[BRAND_FILE])
    _write(folder, {path: text.encode() for path, text in new.items()} | extra)
    return Addition(
        written=(*addition.written, *sorted(extra)),
        dressed=addition.dressed,
        kept=addition.kept,
        same=addition.same,
        next=(
            *_together(named, before.settings),
            *_next(chosen, before.settings, brand, new_settings=SETTINGS_FILE not in there),
        )
        if new
        else (),
    )


def dress(folder: Path) -> Addition:
    """Write all bodies that came from recipes, and that nobody has touched since, anew in the look that ``brand.yaml`` says now.

    Raises:
        UnusableBrand: it cannot be used.
        UnreadableFolder: the folder cannot be read or written.
    """
    there = read_folder(folder)
    brand = read_brand(_beside(folder))
    settings = read_workspace(there)[0].settings
    shelf = recipes()
    wanted: dict[str, str] = {}
    touched: list[str] = []
    for path, text in there.items():
        if not path.endswith(".mjml"):
            continue
        found = untouched(text)
        if found is None or found[0] not in shelf or found[1] not in shelf[found[0]].letters:
            touched.append(path)
            continue
        wanted[path] = fitted(shelf[found[0]], settings, brand).get(path, text)
    addition = _sorted_out(wanted, there)
    _write(folder, {path: wanted[path].encode() for path in addition.dressed})
    return Addition(addition.written, addition.dressed, tuple(touched), addition.same, ())


def _named(name: str) -> tuple[str, ...]:
    """The recipes that somebody means by a name: one, or those of a bundle."""
    shelf, together = recipes(), bundles()
    if name in together:
        return together[name].recipes
    if name not in shelf:
        raise Unaddable(f"there is no recipe '{name}'; there are {', '.join((*shelf, *together))}")
    return (name,)


def _beside(folder: Path) -> str | None:
    file = folder / BRAND_FILE
    try:
        return file.read_text("utf-8") if file.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFolder(f"{file} cannot be read: {error}") from error


def _refuse_strangers(recipe: Recipe, there: Mapping[str, str], folder: Path) -> None:
    """Refuse to mix with what has the same name and is something else: half of the one and half of the other."""
    for path in recipe.texts:
        if (
            path in there
            and not path.startswith("stories/")
            and not there[path].startswith(f"# From the recipe {recipe.name}.")
        ):
            raise Unaddable(
                f"{folder / path} is there already and is not of the recipe {recipe.name}; rename or remove it, "
                "nothing was written"
            )


def _sorted_out(wanted: Mapping[str, str], there: Mapping[str, str]) -> Addition:
    written, dressed, kept, same = [], [], [], []
    for path, text in sorted(wanted.items()):
        if path not in there:
            written.append(path)
        elif there[path] == text:
            same.append(path)
        elif untouched(there[path]) is not None:
            dressed.append(path)
        else:
            kept.append(path)
    return Addition(tuple(written), tuple(dressed), tuple(kept), tuple(same), ())


def _extras(folder: Path, chosen: Iterable[Recipe], brand: str | None) -> dict[str, bytes]:
    """What lies beside the workspace's own files: the brand to begin with, and the drawings; only what is not there yet."""
    found: dict[str, bytes] = {} if brand is not None else {BRAND_FILE: starting_brand().encode()}
    drawings = resources.files("tamshy.recipes").joinpath(PICTURES)
    for name in sorted({letter.picture for recipe in chosen for letter in recipe.letters.values() if letter.picture}):
        path = f"{PICTURES}/{name}.png"
        if not (folder / path).exists():
            found[path] = drawings.joinpath(f"{name}.png").read_bytes()
    return found


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        for path, data in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    except OSError as error:
        raise UnreadableFolder(f"{folder} cannot be written: {error.strerror}") from error


def _together(named: Iterable[str], settings: Settings) -> Iterable[str]:
    """What keeps so many campaigns from writing to one person at once."""
    for name in named:
        if name in bundles() and not settings.caps:
            caps = "caps: [{messages: 1, per: 16h}, {messages: 3, per: 7d}]"
            yield f"{SETTINGS_FILE}: add '{caps}', or everybody hears from all of them"


def _next(chosen: Iterable[Recipe], settings: Settings, brand: Brand, *, new_settings: bool) -> Iterable[str]:
    """What a person has to look at before this goes out."""
    if new_settings:
        yield f"{SETTINGS_FILE}: put in your shop's name, address, zone, currency and topics"
    elif not settings.from_:
        yield f"{SETTINGS_FILE}: add 'from: Name <address>', whom the mails are from"
    if not brand.address:
        yield f"{BRAND_FILE}: put in your postal address, your logo and your colour, then run tamshy add --dress"
    if not brand.pictures:
        yield f"{BRAND_FILE}: put the folder {PICTURES}/ on your site and say where, or leave it: mails read well without"
    language = settings.locale.partition("-")[0]
    if not new_settings and language not in LOCALES:
        yield f"messages/*/{settings.locale}.mjml hold the English words until you translate them"
    for role in ("offers", "news"):
        topic = topic_of(role, settings)
        if topic != role and any(f"${role}" in text for recipe in chosen for text in _all_texts(recipe)):
            yield f"its mails belong to your topic '{topic}'; change 'topic' in messages/*/message.yaml if that is not right"
    for recipe in chosen:
        for event, properties in recipe.listens.items():
            yield f"{recipe.name}: your shop has to send the event '{event}'{f' with {properties}' if properties else ''}"
        yield from (f"{recipe.name}: {hint}" for hint in recipe.edit)


def _all_texts(recipe: Recipe) -> Iterable[str]:
    yield from recipe.texts.values()
    yield from (f"${letter.topic.removeprefix('$')}" for letter in recipe.letters.values() if letter.topic)
