"""A letter: the words of one message in every language, and the order of its parts; what a message is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ruamel.yaml import YAML

LOCALES: Final = ("en", "ru", "kk", "id")
"""The languages that every recipe is written in."""

_REPLY: Final = "mailto:{{ shop.from | split: '<' | last | remove: '>' }}"
"""Where a button leads that says "write to us": to an answer, and not to the shop's front page."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words. ``parts`` are the paragraphs and lists by the number that the letter's order names them by."""

    subject: str
    preheader: str
    title: str
    button: str
    parts: dict[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message before it is dressed.

    Args:
        recipe: the recipe it belongs to.
        name: the message's name.
        kind: ``marketing`` or ``transactional``.
        topic: ``offers`` or ``news``; empty for a transactional one.
        campaign: what ``utm_campaign`` says.
        picture: the drawing at its head; empty: none.
        link: where its button leads, Liquid; in the file ``reply`` for an answer to whom the mail is from.
        order: its parts from top to bottom (``tamshy.recipes.dressing``).
        why: key of the sentence that says why it came (``tamshy.recipes.words``).
        coupon: the variable that holds its code; empty: it has none.
        wordings: the words by language.
    """

    recipe: str
    name: str
    kind: str
    topic: str
    campaign: str
    picture: str
    link: str
    order: tuple[str, ...]
    why: str
    coupon: str
    wordings: dict[str, Wording]


_OWN: Final = frozenset({"subject", "preheader", "title", "button"})


def read_letter(text: str, recipe: str, name: str) -> Letter:
    """Read one file of a recipe's ``letters``."""
    told: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    kind = told.get("kind", "marketing")
    return Letter(
        recipe=recipe,
        name=name,
        kind=kind,
        topic="" if kind == "transactional" else told["topic"],
        campaign=told.get("campaign", recipe),
        picture=told.get("picture", ""),
        link=_REPLY if told.get("link") == "reply" else told.get("link", "{{ shop.url }}"),
        order=tuple(str(part) for part in told["order"]),
        why=told["why"],
        coupon=told.get("coupon", ""),
        wordings={locale: _wording(told[locale]) for locale in LOCALES},
    )


def _wording(told: dict[Any, Any]) -> Wording:
    return Wording(
        subject=told["subject"],
        preheader=told["preheader"],
        title=told["title"],
        button=told.get("button", ""),
        parts={str(key): value for key, value in told.items() if str(key) not in _OWN},
    )
