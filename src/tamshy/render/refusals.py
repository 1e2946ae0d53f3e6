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
    if MARK.search(element.name):
        yield Problem(
            marked.position_here(element.start),
            "Liquid must not make the name of an element; write one element for each case",
        )
    if element.name == "script" and not element.closing:
        yield Problem(marked.position_here(element.start), "mail programs run no scripts; take `<script>` out")
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
