"""Walking through a part of the model: a condition, a step, a flow, with all that stands in it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def walk(part: object) -> Iterator[object]:
    """Give a part of the language's model, and all parts within it."""
    yield part
    if is_dataclass(part) and not isinstance(part, type):
        for one in fields(part):
            yield from walk(getattr(part, one.name))
    elif isinstance(part, tuple | list):
        for one in part:
            yield from walk(one)
    elif isinstance(part, dict):
        for one in part.values():
            yield from walk(one)
