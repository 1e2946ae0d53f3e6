"""MJML to HTML, once per published version, with what cannot survive refused at its place."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import mrml

from tamshy.language.model import Problem
from tamshy.render.marks import MARK
from tamshy.render.markup import VOID, elements

if TYPE_CHECKING:
    from tamshy.render.marks import Marked

MAX_DEPTH: Final = 50
MAX_ELEMENTS: Final = 1500
"""Elements of MJML in one body: each becomes about a kilobyte of HTML, and a mail holds 512."""
_KNOWN: Final = frozenset({
    "mjml", "mj-head", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font", "mj-html-attributes",
    "mj-selector", "mj-html-attribute", "mj-preview", "mj-style", "mj-title", "mj-body", "mj-accordion",
    "mj-accordion-element", "mj-accordion-title", "mj-accordion-text", "mj-button", "mj-carousel",
    "mj-carousel-image", "mj-column", "mj-divider", "mj-group", "mj-hero", "mj-image", "mj-navbar",
    "mj-navbar-link", "mj-raw", "mj-section", "mj-social", "mj-social-element", "mj-spacer", "mj-table", "mj-text",
    "mj-wrapper",
})  # fmt: skip
_WHERE: Final = re.compile(r"\s*(?:in root template )?at position (\d+):\d+|\s*in root template")


def to_html(marked: Marked) -> tuple[str, list[Problem]]:
    """Compile a body whose Liquid has been swapped for marks; gives HTML with the same marks, and what is wrong."""
    problems = _before(marked)
    if problems:
        return "", problems
    try:
        html = str(mrml.to_html(marked.text).content)
    except OSError as exc:
        return "", [_refusal(marked, str(exc))]
    except UnicodeEncodeError as exc:
        return "", [Problem(marked.position_here(exc.start), "half of a surrogate pair is no character")]
    return html, _lost(marked, html)


def _before(marked: Marked) -> list[Problem]:
    """What must not reach the compiler: it reads files for `mj-include`, and its stack is not endless."""
    problems: list[Problem] = []
    open_names: list[str] = []
    count = 0
    for element in elements(marked.text):
        count += element.name.startswith("mj") and not element.closing
        if count > MAX_ELEMENTS:
            place = marked.position_here(element.start)
            return [*problems, Problem(place, f"more than {MAX_ELEMENTS} elements of MJML; no mail has room for them")]
        if element.name.startswith("mj") and element.name not in _KNOWN and not element.closing:
            problems.append(Problem(marked.position_here(element.start), _unknown(element.name)))
        if element.closing:
            if element.name in open_names:
                while open_names.pop() != element.name:
                    pass
        elif not element.empty and element.name not in VOID:
            open_names.append(element.name)
            if len(open_names) > MAX_DEPTH:
                place = marked.position_here(element.start)
                return [*problems, Problem(place, f"elements are nested deeper than {MAX_DEPTH}; flatten them")]
    return problems


def _unknown(name: str) -> str:
    if name == "mj-include":
        return "`mj-include` reads files, which a message must not; put the text here"
    close = get_close_matches(name, _KNOWN, n=1)
    return f"MJML has no `{name}`" + (f" (did you mean `{close[0]}`?)" if close else "")


def _refusal(marked: Marked, said: str) -> Problem:
    """Mrml's own error, with its byte offset made a place in the file."""
    found = re.search(r"at position (\d+)", said)
    offset = len(marked.text.encode()[: int(found[1])].decode(errors="ignore")) if found else len(marked.text)
    return Problem(marked.position_here(offset), f"MJML: {_WHERE.sub('', said)}")


def _lost(marked: Marked, html: str) -> list[Problem]:
    """Tags that the compiler has dropped without a word, as it does with widths that are no numbers."""
    kept = {int(number) for number in MARK.findall(html)}
    return [
        Problem(
            marked.position(mark.offset),
            f"MJML drops `{mark.text}` at this place; widths, heights and paddings must be plain values, "
            "and defaults in `mj-attributes` must be used",
        )
        for number, mark in enumerate(marked.marks)
        if number not in kept
    ]
