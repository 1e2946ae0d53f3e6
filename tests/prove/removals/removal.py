"""What is taken out: edits of the program's own text."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.contract.statements import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

END: Final = ""
"""In place of the old text: the new one comes behind everything else in the file."""


class Stale(Exception):
    """The program has changed, and an edit fits it no more."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a file, by its path below the package, and what stands in its place.

    The old text must be there exactly once, unless ``at`` says where it begins.
    """

    file: str
    old: str
    new: str
    at: int | None = None

    def applied(self, text: str) -> str:
        """Give the file's text with the edit.

        Raises:
            Stale: the old text is not where it should be.
        """
        if self.old == END:
            return f"{text}\n{self.new}\n"
        begin = text.find(self.old) if self.at is None else self.at
        if not text.startswith(self.old, begin) or (self.at is None and text.count(self.old) != 1):
            raise Stale(f"{self.file} holds this {text.count(self.old)} times and not once: {self.old!r}")
        return text[:begin] + self.new + text[begin + len(self.old) :]


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that the program can do, with the edits after which it cannot.

    ``word``: as the reference page writes it; empty: it has no word. ``rule``: the number of the rule that it is of; 0: it is of
    the grammar.
    """

    name: str
    edits: tuple[Edit, ...]
    word: str = ""
    rule: int = 0

    def files(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Give the files that it changes, by path, each with its new text.

        Raises:
            Stale: an edit does not fit.
        """
        found: dict[str, str] = {}
        for edit in self.edits:
            found[edit.file] = edit.applied(found.get(edit.file, texts[edit.file]))
        return found


class Texts(defaultdict[str, str]):
    """The program's files as they are, read when they are asked for."""

    def __missing__(self, file: str) -> str:
        """Read a file."""
        self[file] = text = (PACKAGE / file).read_text(encoding="utf-8")
        return text
