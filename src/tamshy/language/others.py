"""Folders of the language that this version does not run yet: coupons, the catalogue.

They are read as far as sensible, so that their faults show, and refused with their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.model import Position
from tamshy.language.trees import Broken

if TYPE_CHECKING:
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Tree

FOLDERS = {
    "coupons": (vocabulary.COUPON_POOL, "a coupon pool"),
}


def read_other(reading: Reading, folder: str, tree: Tree) -> None:
    """Read a file of one of ``FOLDERS`` and refuse it."""
    form, what = FOLDERS[folder]
    fields.mapping(reading, tree, form)
    if not isinstance(tree, Broken):
        reading.later(tree.at, what)


def refuse_catalogue(reading: Reading, path: str) -> None:
    """Refuse a file of products."""
    reading.later(Position(path, 1, 1), "a catalogue in the workspace folder")
