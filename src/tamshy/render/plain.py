"""The plain text of a mail, made of its HTML at publishing: again a template, so that a recipient costs only Liquid."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from tamshy.render.marks import MARK
from tamshy.render.markup import VOID, elements

if TYPE_CHECKING:
    from tamshy.render.links import Links
    from tamshy.render.marks import Marked

_PARAGRAPH: Final = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "section", "article", "table", "div")
)
_LINE: Final = frozenset(("tr", "li", "dt", "dd", "center"))
_SILENT: Final = frozenset({"head", "style", "script", "title"})
_HIDDEN: Final = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_ENDS: Final = re.compile(r"\{%-?\s*end")
_BRACES: Final = re.compile(r"\{[{%]")


class _Reader(HTMLParser):
    def __init__(self, links: Links) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._links = links
        self._silent: list[str] = []
        # address, where its words begin, and what its pictures are called
        self._anchors: list[tuple[str, int, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._silent or tag in _SILENT or _HIDDEN.search(given.get("style", "")):
            if tag not in VOID:
                self._silent.append(tag)
            return
        self._break(tag)
        if tag == "li":
            self.pieces.append("- ")
        elif tag == "hr":
            self.pieces.append("\n\n---\n\n")
        elif tag == "img":
            # beside text a picture's name only says the same again; a link that is a picture needs it
            for _, _, names in self._anchors[-1:]:
                names.append(_literal(_SPACE.sub(" ", given.get("alt", ""))))
        elif tag == "a":
            self._anchors.append((_href(self.get_starttag_text() or ""), len(self.pieces), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                while self._silent.pop() != tag:
                    pass
            return
        if tag == "a" and self._anchors:
            self._end_link(*self._anchors.pop())
        if tag in {"td", "th"} and not self._at_line_start():
            self.pieces.append(" ")
        self._break(tag)

    def _end_link(self, href: str, since: int, names: list[str]) -> None:
        address = self._links.finished(href).removeprefix("mailto:")
        label = "".join(self.pieces[since:]).strip()
        if not MARK.sub("", label).strip() and any(names):
            label = " ".join(name for name in names if name)
            self.pieces.append(label)
        if address and address != label:
            self.pieces.append(f": {address}" if label else address)

    def handle_data(self, data: str) -> None:
        if not self._silent and (data.strip() or not self._at_line_start()):
            self.pieces.append(_literal(_SPACE.sub(" ", data)))

    def _at_line_start(self) -> bool:
        return not self.pieces or self.pieces[-1].endswith("\n")

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPH:
            self.pieces.append("\n\n")
        elif tag == "br" or (tag in _LINE and not self._at_line_start()):
            self.pieces.append("\n")


def _href(tag: str) -> str:
    """The address as written: the parser would read `&copy=` in it as a sign."""
    element = next(elements(tag), None)
    href = None if element is None else element.get("href")
    return (href.value or "") if href is not None else ""


def _literal(text: str) -> str:
    """Words of the author's that look like Liquid only now that references are resolved."""
    return _BRACES.sub(lambda found: f"{{% raw %}}{found[0]}{{% endraw %}}", text)


def plain_template(html: str, marked: Marked, links: Links) -> str:
    """Make the plain text of HTML with marks, with the marks kept."""
    reader = _Reader(links)
    reader.feed(html)
    reader.close()
    text = tidied("".join(reader.pieces))
    return _settled(text, marked)


def tidied(text: str) -> str:
    """No more than one empty line, or one space, and none at either end of a line."""
    lines = (" ".join(line.split()) for line in text.replace("\u00a0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _settled(text: str, marked: Marked) -> str:
    """Let tags that stand alone on a line (loops, conditions) take no line of their own."""
    lines: list[str] = []
    held = ""
    for line in text.split("\n"):
        numbers = MARK.findall(line)
        if numbers and not MARK.sub("", line).strip() and not any(marked.mark(number).prints for number in numbers):
            held += line
            continue
        if not line and held and not _ENDS.search(marked.restore(held)):
            # The empty line before a loop's tag stays; the one behind it would come in every round.
            continue
        lines.append(held + line)
        held = ""
    return "\n".join(lines) + held
