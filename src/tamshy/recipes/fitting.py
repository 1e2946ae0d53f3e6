"""A recipe fitted to one shop: its topics, its locale, its look; the files that will lie in its folder."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from tamshy.language import choose_locale
from tamshy.recipes.dressing import dressed
from tamshy.recipes.letters import LOCALES

if TYPE_CHECKING:
    from tamshy.language.model import Settings
    from tamshy.recipes.brand import Brand
    from tamshy.recipes.letters import Letter, Wording
    from tamshy.recipes.shelf import Recipe

TOPICS: Final = ("offers", "news")
_TOPIC: Final = re.compile(r"\$(offers|news)\b")
_MARK: Final = re.compile(
    r"^  <!-- from the recipe ([a-z0-9-]+), letter ([a-z0-9-]+), mark ([0-9a-f]{16}) -->\n", re.MULTILINE
)
_OPENING: Final = re.compile(r'<mjml lang="[^"]*">\n')


def fitted(recipe: Recipe, settings: Settings, brand: Brand) -> dict[str, str]:
    """The files of a recipe, by path in the workspace folder, with the words of the settings' topics and locale."""
    topics = {role: topic_of(role, settings) for role in TOPICS}

    def said(text: str) -> str:
        return _TOPIC.sub(lambda found: topics[found[1]], text)

    files = {path: _headed(recipe.name, said(text)) for path, text in recipe.texts.items()}
    for name, letter in recipe.letters.items():
        locales = spoken(settings.locale)
        files[f"messages/{name}/message.yaml"] = _message(letter, locales, topics)
        for locale, words in locales.items():
            files[f"messages/{name}/{locale}.mjml"] = marked(letter, dressed(letter, words, brand, locale))
    return files


def topic_of(role: str, settings: Settings) -> str:
    """The shop's topic for a role: of its name, else the workspace's own, the first."""
    topics = tuple(topic.name for topic in settings.topics)
    return role if role in topics or not topics else topics[0]


def spoken(own: str) -> dict[str, str]:
    """The locales that a recipe is written in for a shop: each with the language whose words it has.

    The workspace's own must be there; where nobody has written it, it has the English words until somebody translates them.
    """
    locales = {locale: locale for locale in LOCALES}
    return locales if choose_locale(None, locales, own) is not None else {**locales, own: "en"}


def marked(letter: Letter, text: str) -> str:
    """A body with the mark by which it is known, and known to be untouched, later."""
    mark = f"  <!-- from the recipe {letter.recipe}, letter {letter.name}, mark {_print(text)} -->\n"
    opening = _OPENING.match(text)
    end = opening.end() if opening else 0
    return text[:end] + mark + text[end:]


def untouched(text: str) -> tuple[str, str] | None:
    """The recipe and the letter of a body that is as it was written; None where it was edited since, or is no such body."""
    found = _MARK.search(text)
    if found is None or _print(text[: found.start()] + text[found.end() :]) != found[3]:
        return None
    return found[1], found[2]


def _print(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _headed(recipe: str, text: str) -> str:
    return f"# From the recipe {recipe}. It is yours: change what you like.\n{text}"


def _message(letter: Letter, locales: dict[str, str], topics: dict[str, str]) -> str:
    lines = [f"# From the recipe {letter.recipe}. It is yours: change what you like.", f"kind: {letter.kind}"]
    if letter.topic:
        lines.append(f"topic: {topics[letter.topic.removeprefix('$')]}")
    for key in ("subject", "preheader"):
        lines.append(f"{key}:")
        lines += [f"  {locale}: {_quoted(_line(letter.wordings[words], key))}" for locale, words in locales.items()]
    lines.append(f"utm: {{campaign: {letter.campaign}}}")
    return "\n".join(lines) + "\n"


def _line(wording: Wording, key: str) -> str:
    return wording.subject if key == "subject" else wording.preheader


def _quoted(text: str) -> str:
    """Text as YAML and JSON both write it."""
    return json.dumps(text, ensure_ascii=False)
