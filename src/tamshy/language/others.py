"""The folder of the language that this version does not run yet: the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language.model import Position

if TYPE_CHECKING:
    from tamshy.language.reading import Reading


def refuse_catalogue(reading: Reading, path: str) -> None:
    """Refuse a file of products."""
    reading.later(Position(path, 1, 1), "a catalogue in the workspace folder")
