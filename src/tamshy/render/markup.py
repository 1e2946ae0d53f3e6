"""Tags and attributes of HTML and MJML, found without judging the markup as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.render.marks import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEXT: Final = re.compile(r"<(?P<close>/)?(?P<name>[A-Za-z][\w:.-]*)|<!--(?!\[if|<!)|<!\[CDATA\[")
_ATTRIBUTE: Final = re.compile(
    r"[\s/]*+(?P<name>[^\s\"'<>/=]++)(?P<is>\s*=\s*(?P<value>\"[^\"]*+\"|'[^']*+'|[^\s\"'=<>`]++))?+"
)
VOID: Final = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
"""Elements of HTML that have no end."""
_RAW_END: Final = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
_REST: Final = re.compile(r"[^>]*+>?")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute as written; ``value`` without its quotes, None where it has none; offsets into the text."""

    name: str
    offset: int
    value: str | None = None
    start: int = 0
    end: int = 0
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """An opening or closing tag; ``name`` in lower case."""

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...] = ()
    closing: bool = False
    empty: bool = False

    def get(self, name: str) -> Attribute | None:
        """The attribute of that name; marks of Liquid beside the name do not count."""
        return next((one for one in self.attributes if MARK.sub("", one.name).lower() == name), None)


def elements(text: str) -> Iterator[Element]:
    """Every tag, in order; also those inside Outlook's conditional comments, not those inside other comments."""
    at = 0
    while (found := _NEXT.search(text, at)) is not None:
        if found["name"] is None:
            closer = "-->" if found[0] == "<!--" else "]]>"
            until = text.find(closer, found.end())
            at = len(text) if until < 0 else until + len(closer)
            continue
        element = _element(text, found)
        yield element
        at = element.end
        if element.name in {"script", "style"} and not element.closing and not element.empty:
            end = _RAW_END[element.name].search(text, at)
            at = len(text) if end is None else end.start()


def _element(text: str, found: re.Match[str]) -> Element:
    attributes: list[Attribute] = []
    at = found.end()
    while (one := _ATTRIBUTE.match(text, at)) is not None:
        attributes.append(_attribute(one))
        at = one.end()
    rest = _REST.match(text, at)
    end = rest.end() if rest else at
    return Element(
        found["name"].lower(),
        found.start(),
        end,
        tuple(attributes),
        found["close"] is not None,
        text[end - 2 : end] == "/>",
    )


def _attribute(one: re.Match[str]) -> Attribute:
    value = one["value"]
    if value is None:
        return Attribute(one["name"], one.start("name"))
    quote = value[0] if value[0] in "\"'" else ""
    inset = len(quote)
    start, end = one.start("value") + inset, one.end("value") - inset
    return Attribute(one["name"], one.start("name"), value[inset : len(value) - inset], start, end, quote)
