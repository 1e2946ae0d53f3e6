"""Liquid tags out of a text and in again: inert marks stand for them while markup is compiled.

No compiler of markup leaves Liquid alone (quotes in attributes are escaped, ``<`` breaks the parse), so each tag
becomes a word like ``lqx0017xz`` before, and itself again after. What stands in comments of Liquid's is dropped on the
way.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tamshy.language.model import Position

if TYPE_CHECKING:
    from collections.abc import Callable

# As python-liquid cuts: a raw block is one piece, an output ends at the first }}, whatever quotes say.
_LIQUID: Final = re.compile(
    r"(?P<raw>\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\})"
    r"|(?P<out>\{\{.*?\}\})"
    r"|(?P<tag>\{%-?\s*(?P<name>#|\w+).*?%\})",
    re.DOTALL,
)
MARK: Final = re.compile(r"lqx(\d{4,7})xz")


@dataclass(frozen=True, slots=True)
class Mark:
    """One Liquid tag: its text, and its offset in the text it was taken from."""

    text: str
    offset: int

    @property
    def prints(self) -> bool:
        """Whether it is ``{{ … }}``."""
        return self.text.startswith("{{")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with marks for its Liquid. ``file`` and ``source`` are what was read, for positions."""

    file: str
    source: str
    text: str
    marks: tuple[Mark, ...]
    # where pieces begin in `text` and in `source`
    _here: tuple[int, ...] = field(default=(), repr=False)
    _there: tuple[int, ...] = field(default=(), repr=False)

    def mark(self, number: str | int) -> Mark:
        """The mark of that number."""
        return self.marks[int(number)]

    def position(self, offset: int) -> Position:
        """The place in the file of an offset in the source."""
        before = self.source[:offset]
        return Position(self.file, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)

    def position_here(self, offset: int) -> Position:
        """The place in the file of an offset in the marked text."""
        at = bisect_right(self._here, offset) - 1
        return self.position(min(self._there[at] + offset - self._here[at], len(self.source)) if at >= 0 else offset)

    def restore(self, text: str, place: Callable[[int, int], None] | None = None) -> str:
        """Put the tags back; ``place`` hears (offset in the result, offset in the source) of each."""
        pieces: list[str] = []
        length = last = 0
        for found in MARK.finditer(text):
            mark = self.marks[int(found[1])]
            length += found.start() - last
            if place is not None:
                place(length, mark.offset)
            pieces += (text[last : found.start()], mark.text)
            length += len(mark.text)
            last = found.end()
        return "".join((*pieces, text[last:]))


def swap(file: str, source: str) -> Marked:
    """Take the Liquid out of a text that is sound (``compile`` has seen to that, and that it holds no such words)."""
    pieces: list[str] = []
    marks: list[Mark] = []
    here: list[int] = [0]
    there: list[int] = [0]
    length = last = comment = 0
    for found in _LIQUID.finditer(source):
        if not comment:
            pieces.append(source[last : found.start()])
            length += found.start() - last
        last = found.end()
        if found["name"] in {"comment", "doc"}:
            comment += 1
        elif found["name"] in {"endcomment", "enddoc"} and comment:
            comment -= 1
        elif not comment and found["name"] != "#":
            word = f"lqx{len(marks):04}xz"
            marks.append(Mark(found[0], found.start()))
            here.append(length)
            there.append(found.start())
            pieces.append(word)
            length += len(word)
        here.append(length)
        there.append(last)
    pieces.append(source[last:])
    return Marked(file, source, "".join(pieces), tuple(marks), tuple(here), tuple(there))
