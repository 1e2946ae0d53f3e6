"""Values of ``set`` and ``track``: plain YAML in which text may hold Liquid."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tamshy.language.liquid import VALUE_ROOTS, check_liquid, has_liquid, is_whole
from tamshy.language.model import Template, Value
from tamshy.language.trees import Broken, Items, Leaf, Mapping, Tree, place_in_leaf

if TYPE_CHECKING:
    from tamshy.language.reading import Reading


def read_value(reading: Reading, tree: Tree) -> Value:
    """The value; text with Liquid in it becomes a Template. What was refused is left out as nothing."""
    if isinstance(tree, Items):
        return [read_value(reading, member) for member in tree.items]
    if isinstance(tree, Mapping):
        return {
            unicodedata.normalize("NFC", name): read_value(reading, entry.value) for name, entry in tree.entries.items()
        }
    if isinstance(tree, Broken):
        return None
    if not isinstance(tree.value, str):
        return tree.value
    text = unicodedata.normalize("NFC", tree.value)
    if not has_liquid(text):
        return text
    if refuse_liquid(reading, tree, VALUE_ROOTS):
        return None
    return Template(text, is_whole(text))


def refuse_liquid(reading: Reading, leaf: Leaf, roots: tuple[str, ...]) -> bool:
    """Note what is wrong with the Liquid of a scalar; tell whether anything is."""
    faults = check_liquid(leaf.text, roots)
    for offset, reason in faults:
        reading.refuse(place_in_leaf(reading.sources.get(leaf.at.file, ""), leaf, offset), reason)
    return bool(faults)


def plain_value(tree: Tree) -> object:
    """A tree as plain values, for what is data alone (profiles and events of stories)."""
    if isinstance(tree, Items):
        return [plain_value(member) for member in tree.items]
    if isinstance(tree, Mapping):
        return {unicodedata.normalize("NFC", name): plain_value(entry.value) for name, entry in tree.entries.items()}
    if isinstance(tree, Broken):
        return None
    return unicodedata.normalize("NFC", tree.value) if isinstance(tree.value, str) else tree.value
