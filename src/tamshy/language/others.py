"""Folders of the language that this version does not run yet: broadcasts.

They are read as far as sensible, so that their faults show, and refused with their place.
"""

from __future__ import annotations

from tamshy.language import fields, vocabulary
from tamshy.language.reading import Reading, Thing
from tamshy.language.trees import Broken, Leaf, Tree

FOLDERS = {
    "broadcasts": (vocabulary.BROADCAST, "a broadcast"),
}


def read_other(reading: Reading, folder: str, tree: Tree) -> None:
    """Read a file of one of ``FOLDERS`` and refuse it."""
    form, what = FOLDERS[folder]
    keys = fields.mapping(reading, tree, form) or {}
    if folder == "broadcasts":
        if "segment" in keys:
            fields.name(reading, keys["segment"], "segment")
        if "message" in keys:
            reading.use(Thing.MESSAGE, fields.name(reading, keys["message"], "message"), keys["message"].at)
        if "message" not in keys and "split" not in keys and not isinstance(tree, Broken | Leaf):
            reading.refuse(tree.at, "a broadcast needs 'message' or 'split'")
    if not isinstance(tree, Broken):
        reading.later(tree.at, what)
