"""Named placeholders to numbered ones: once for a statement that is run again and again."""

from __future__ import annotations

import re
from typing import Final

_PLACEHOLDER: Final = re.compile(r"%(?:\((\w+)\)s|(%))")


def numbered(sql: str) -> tuple[bytes, tuple[str, ...]]:
    """Write ``$1``, ``$2`` … for the placeholders ``%(name)s`` of a statement, and ``%`` for ``%%``.

    Returns:
        The text as `Connection.numbered` takes it, and whose value each number is.
    """
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found[2] else f"${names.setdefault(found[1], len(names) + 1)}"

    return _PLACEHOLDER.sub(number, sql).encode(), tuple(names)
