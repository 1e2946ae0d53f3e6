"""How a shop's letters look: ``brand.yaml`` in its folder, which the flow language leaves alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tamshy.domain.contrast import WHITE, contrast, readable_on

BRAND_FILE: Final = "brand.yaml"
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+")
_FONT: Final = re.compile(r"[\w ,'-]+")
_LEAST: Final = 4.5
_NIGHT: Final = "#18242C"
_STARTING: Final = """# How the mails of this shop look. After a change: tamshy add --dress
# What was edited by hand since it was written is left as it is.

# Address of your logo, shown 40 px high. Empty: the shop's name stands there as text.
logo: ""
# The colour of the button and of links, and a pale one behind codes.
accent: "#0F766E"
soft: "#D7EEEA"
# Fonts, the first that the reader's machine has. Web fonts do not reach most mail programs.
font: "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
# Corners of cards, pictures and buttons, in pixels.
radius: 10
# Your postal address: many countries want it under every mail.
address: ""
# Where the drawings of the folder pictures/ can be fetched from, once they are on your site, such as
# https://shop.example/mail. Empty: mails come without them.
pictures: ""
"""


class UnusableBrand(Exception):
    """``brand.yaml`` says something that no letter can be dressed in; the text says what, and what would be right."""


@dataclass(frozen=True, slots=True)
class Brand:
    """The look of one shop.

    Args:
        logo: address of a picture; empty: the shop's name as text.
        accent: colour of buttons and links, ``#RRGGBB``; at least 4.5 : 1 on white.
        soft: the pale colour behind codes.
        font: a list of fonts as CSS has it.
        radius: of corners, in pixels.
        address: the postal address below each letter.
        pictures: where the drawings can be fetched from, without a slash at the end; empty: letters have none.
    """

    logo: str = ""
    accent: str = "#0F766E"
    soft: str = "#D7EEEA"
    font: str = "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
    radius: int = 10
    address: str = ""
    pictures: str = ""

    @property
    def accent_by_night(self) -> str:
        """The accent on dark ground, as much lighter as it takes to be read."""
        return readable_on(self.accent, _NIGHT, _LEAST)


def starting_brand() -> str:
    """The text of a ``brand.yaml`` that changes nothing yet."""
    return _STARTING


def read_brand(text: str | None) -> Brand:
    """Read ``brand.yaml``; None: there is none.

    Raises:
        UnusableBrand: it cannot be used.
    """
    if text is None:
        return Brand()
    try:
        told = YAML(typ="safe", pure=True).load(text)
    except YAMLError as exc:
        raise UnusableBrand(f"{BRAND_FILE}: no YAML: {exc}") from exc
    if told is None:
        return Brand()
    known = {field.name for field in fields(Brand)}
    if not isinstance(told, dict):
        raise UnusableBrand(f"{BRAND_FILE}: not a list of keys; there are {', '.join(sorted(known))}")
    for key, value in told.items():
        if key not in known:
            raise UnusableBrand(f"{BRAND_FILE}: unknown key '{key}'; there are {', '.join(sorted(known))}")
        wrong = _wrong(str(key), value)
        if wrong:
            raise UnusableBrand(f"{BRAND_FILE}: {key}: {wrong}")
    given = {key: value for key, value in told.items() if value is not None}
    if "pictures" in given:
        given["pictures"] = given["pictures"].rstrip("/")
    return Brand(**given)


def _wrong(key: str, value: object) -> str:
    """What is wrong with one value; empty: nothing. What is left out is as good as not there."""
    if value is None:
        return ""
    if key == "radius":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and 0 <= int(str(value)) <= 32 else "a whole number of pixels, from 0 to 32"  # noqa: PLR2004
    if not isinstance(value, str):
        return "text, in quotes"
    if key in {"accent", "soft"}:
        return _wrong_colour(key, value)
    if key in {"logo", "pictures"}:
        return "" if not value or _ADDRESS.fullmatch(value) else "an address that begins with https://, or empty"
    if key == "font":
        return (
            ""
            if _FONT.fullmatch(value)
            else "names of fonts with commas between them, in single quotes where they need any"
        )
    return "no < and > and no Liquid" if re.search(r"[<>]|\{[{%]", value) else ""


def _wrong_colour(key: str, value: str) -> str:
    if not _COLOUR.fullmatch(value):
        return "a colour such as #0F766E"
    if key == "accent" and contrast(value, WHITE) < _LEAST:
        mend = readable_on(value, WHITE, _LEAST)
        return f"too pale to be read on white, or under a white word; {mend} is the nearest that is not"
    if key == "soft" and contrast(value, "#14212B") < _LEAST:
        return "too dark for the code that stands on it; take a paler one"
    return ""
