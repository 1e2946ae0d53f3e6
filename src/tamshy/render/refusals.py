"""What no body may hold, whatever its format: places where escaping does not protect, and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import Problem
from tamshy.render.marks import MARK
from tamshy.render.markup import elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.render.marks import Marked
    from tamshy.render.markup import Attribute, Element


def refused(marked: Marked, *, mjml: bool) -> list[Problem]:
    """Every such place in a marked text, in order."""
    return [problem for element in elements(marked.text) for problem in _of(marked, element, mjml=mjml)]


def _of(marked: Marked, element: Element, *, mjml: bool) -> Iterator[Problem]:
    place = marked.position_here(element.start)
    if MARK.search(element.name):
        yield Problem(place, "Liquid must not make the name of an element; write one element for each case")
    if element.name == "script" and not element.closing:
        yield Problem(place, "mail programs run no scripts; take `<script>` out")
    for attribute in element.attributes:
        yield from _attribute(marked, attribute, mjml=mjml)


def _attribute(marked: Marked, attribute: Attribute, *, mjml: bool) -> Iterator[Problem]:
    place = marked.position_here(attribute.offset)
    in_name = [marked.mark(number) for number in MARK.findall(attribute.name)]
    if in_name and (mjml or any(mark.prints for mark in in_name)):
        where = "in MJML " if mjml else ""
        yield Problem(
            place,
            f"`{in_name[0].text}` {where}must not stand where an attribute begins; put it inside the quotes of a value",
        )
    if MARK.sub("", attribute.name).lower().startswith("on") and attribute.value is not None:
        yield Problem(place, f"mail programs run no scripts; take `{MARK.sub('', attribute.name)}` out")
    if attribute.value is not None and not attribute.quote and MARK.search(attribute.value):
        yield Problem(
            place, f"put the value of `{MARK.sub('', attribute.name)}` in quotes; Liquid in it would break out without"
        )
