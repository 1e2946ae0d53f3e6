"""What no body may hold, whatever its format: places where escaping does not protect, and scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tamshy.language.model import Problem
from tamshy.render.marks import MARK
from tamshy.render.markup import elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.render.marks import Marked
    from tamshy.render.markup import Attribute, Element

# Mail programs drop them; the view in a browser would not.
_DROPPED: Final = frozenset({"script", "iframe", "frame", "frameset", "object", "embed", "applet", "base"})
_STYLE: Final = re.compile(r"<(?P<name>(?:mj-)?style)\b[^>]*>(?P<text>.*?)</(?P=name)\s*>", re.IGNORECASE | re.DOTALL)


def refused(marked: Marked, *, mjml: bool) -> list[Problem]:
    """Every such place in a marked text, in order."""
    found = [problem for element in elements(marked.text) for problem in _of(marked, element, mjml=mjml)]
    for style in _STYLE.finditer(marked.text):
        for mark in MARK.finditer(style["text"]):
            if marked.mark(mark[1]).prints:
                place = marked.position_here(style.start("text") + mark.start())
                found.append(
                    Problem(place, "what is printed into a style sheet can break out of it; write plain values")
                )
    return found


def _of(marked: Marked, element: Element, *, mjml: bool) -> Iterator[Problem]:
    if MARK.search(element.name):
        yield Problem(
            marked.position_here(element.start),
            "Liquid must not make the name of an element; write one element for each case",
        )
    if element.name in _DROPPED and not element.closing:
        what = "run no scripts" if element.name == "script" else f"show no `<{element.name}>`"
        yield Problem(marked.position_here(element.start), f"mail programs {what}; take `<{element.name}>` out")
    for attribute in element.attributes:
        yield from _attribute(marked, attribute, mjml=mjml)


def _attribute(marked: Marked, attribute: Attribute, *, mjml: bool) -> Iterator[Problem]:
    name = MARK.sub("", attribute.name)
    in_name = [marked.mark(number) for number in MARK.findall(attribute.name)]
    why = []
    if in_name and (mjml or any(mark.prints for mark in in_name)):
        where = "in MJML " if mjml else ""
        why.append(
            f"`{in_name[0].text}` {where}must not stand where an attribute begins; put it inside the quotes of a value"
        )
    if name.lower().startswith("on") and attribute.value is not None:
        why.append(f"mail programs run no scripts; take `{name}` out")
    if attribute.value is not None and not attribute.quote and MARK.search(attribute.value):
        why.append(f"put the value of `{name}` in quotes; Liquid in it would break out without")
    for text in why:
        yield Problem(marked.position_here(attribute.offset), text)
