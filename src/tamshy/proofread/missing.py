"""What a template prints without asking whether it is there: for whom it is missing, the mail is a `render_error`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG: Final = re.compile(r"\{%-?\s*(\w+)(.*?)-?%\}|\{\{-?(.*?)-?\}\}", re.DOTALL)
_PATH: Final = re.compile(r"\b(?:profile|event|coupon|cart|order|vars)(?:\.\w+)+")
_TEXT: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_DEFAULT: Final = re.compile(r"\|\s*default\b")
_ALWAYS: Final = frozenset({"event.occurred_at"})
_OPEN: Final = frozenset({"if", "unless", "case"})
_VERBATIM: Final = re.compile(r"\{%-?\s*(raw|comment)\s*-?%\}.*?\{%-?\s*end\1\s*-?%\}", re.DOTALL)


def unguarded(text: str) -> Iterator[tuple[str, int]]:
    """Paths that are printed or looped over with neither a default nor a question before it, with their offsets; each once.

    A question is any condition around it that names the path, or something below it: `{% if a.b %}` answers for `a.b.c` too,
    as it does for what is said of `a.b` in other words than the template's.
    """
    asked: list[set[str]] = []
    told: set[str] = set()
    blank = _VERBATIM.sub(lambda found: " " * len(found[0]), text)
    for found in _TAG.finditer(blank):
        name, rest, output = found[1], found[2] or "", found[3]
        if output is None and name in _OPEN:
            asked.append(_paths(rest))
        elif output is None and name in {"elsif", "when"} and asked:
            asked[-1] |= _paths(rest)
        elif output is None and name in {"endif", "endunless", "endcase"} and asked:
            asked.pop()
        elif output is not None or name in {"for", "tablerow", "echo"}:
            expression = _TEXT.sub("''", output if output is not None else rest)
            if _DEFAULT.search(expression):
                continue
            for path in _PATH.findall(expression):
                if path not in _ALWAYS and path not in told and not _answered(path, asked):
                    told.add(path)
                    yield path, found.start()


def _paths(condition: str) -> set[str]:
    return set(_PATH.findall(_TEXT.sub("''", condition)))


def _answered(path: str, asked: list[set[str]]) -> bool:
    return any(path == one or path.startswith(f"{one}.") for paths in asked for one in paths)
