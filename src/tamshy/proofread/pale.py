"""Words that stand out too little from what they stand on, by the colours that the HTML itself says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from tamshy.domain.contrast import WHITE, contrast
from tamshy.render.markup import VOID

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST: Final = 4.5
_LEAST_LARGE: Final = 3.0
_LARGE: Final = 24.0
_LARGE_BOLD: Final = 18.66
_BOLD: Final = 600
_COLOUR: Final = re.compile(r"(?<![\w-])color\s*:\s*([^;]+)", re.IGNORECASE)
_GROUND: Final = re.compile(r"(?<![\w-])background(?:-color)?\s*:\s*([^;]+)", re.IGNORECASE)
_SIZE: Final = re.compile(r"(?<![\w-])font-size\s*:\s*([\d.]+)px", re.IGNORECASE)
_WEIGHT: Final = re.compile(r"(?<![\w-])font-weight\s*:\s*(\w+)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_HEX: Final = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-f])", re.IGNORECASE)
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NAMED: Final = {
    "white": "#FFFFFF",
    "black": "#000000",
    "gray": "#808080",
    "grey": "#808080",
    "silver": "#C0C0C0",
    "red": "#FF0000",
}
_SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class _Dress:
    """What holds inside an element; a colour that cannot be told is empty."""

    tag: str
    colour: str
    ground: str
    size: float
    bold: bool
    silent: bool


class _Eye(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._worn = [_Dress("", "#000000", WHITE, 16.0, bold=False, silent=False)]
        self.seen: dict[tuple[str, str, bool], str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = {name: value or "" for name, value in attrs}
        style, outer = given.get("style", ""), self._worn[-1]
        size, weight = _SIZE.search(style), _WEIGHT.search(style)
        colour = _COLOUR.search(style)
        ground = _GROUND.search(style)
        self._worn.append(
            _Dress(
                tag,
                _told(colour[1] if colour else given.get("color", ""), outer.colour),
                _told(ground[1] if ground else given.get("bgcolor", ""), outer.ground),
                float(size[1]) if size else outer.size,
                _heavy(weight[1]) if weight else outer.bold or tag in {"b", "strong", "h1", "h2", "h3"},
                outer.silent or tag in {"style", "script", "title", "head"} or _HIDDEN.search(style) is not None,
            )
        )

    def handle_endtag(self, tag: str) -> None:
        if any(one.tag == tag for one in self._worn[1:]):
            while self._worn.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        worn = self._worn[-1]
        said = _LIQUID.sub("…", data).strip()
        if said.strip("…·|, ") and not worn.silent and worn.colour and worn.ground:
            large = worn.size >= _LARGE or (worn.bold and worn.size >= _LARGE_BOLD)
            self.seen.setdefault((worn.colour, worn.ground, large), said)


def pale(html: str) -> Iterator[tuple[str, str, str, float]]:
    """Each pair of colours that is too close: some of the words, the colour, what is behind, the ratio."""
    eye = _Eye()
    eye.feed(html)
    eye.close()
    for (colour, ground, large), said in eye.seen.items():
        ratio = contrast(colour, ground)
        if ratio < (_LEAST_LARGE if large else _LEAST):
            yield (said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"), colour, ground, ratio


def _told(said: str, outer: str) -> str:
    """A colour as ``#RRGGBB``; that of the outside where none is said; empty where it cannot be told."""
    said = said.replace("!important", "").strip()
    if not said or said in {"inherit", "transparent", "none"}:
        return outer
    found = _HEX.search(said)
    if found is not None:
        digits = found[0][1:]
        return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)).upper()  # noqa: PLR2004
    return _NAMED.get(said.lower(), "")


def _heavy(weight: str) -> bool:
    return weight == "bold" or (weight.isdecimal() and int(weight) >= _BOLD)
