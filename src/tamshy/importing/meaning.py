"""What the columns of a file mean: names, paths, types; and rows as nested values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TYPES: Final = ("text", "number", "boolean", "date", "dmy", "mdy")
"""What a column may be said to hold; `dmy` and `mdy` are dates with the day or the month first."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?")
_BOOLEANS: Final = {"true": True, "false": False}
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_DOTTED: Final = re.compile(r"(\d{1,2})[./-](\d{1,2})[./-](\d{4})")
# Digits that nobody counts with: a number would lose their zeros and their plus.
_NEVER_NUMBERS: Final = re.compile(
    r"phone|mobile|zip|postal|postcode|code|sku|(?:^|[._])id$|телефон|индекс", re.IGNORECASE
)
_WORD: Final = re.compile(r"[\w.]+")
_OF_A_TOPIC: Final = 2

ALIASES: Final = {
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "userid": "user_id",
    "externalid": "user_id",
    "customerid": "user_id",
    "anonymousid": "anonymous_id",
    "firstname": "first_name",
    "имя": "first_name",
    "lastname": "last_name",
    "surname": "last_name",
    "фамилия": "last_name",
    "phone": "phone",
    "phonenumber": "phone",
    "телефон": "phone",
    "timezone": "timezone",
    "tz": "timezone",
    "locale": "locale",
    "language": "locale",
    "createdat": "created_at",
    "postalcode": "postal_code",
    "messageid": "message_id",
    "timestamp": "timestamp",
    "event": "event",
}
"""Columns by their names without blanks, dashes and underlines, in lower case."""


@dataclass(frozen=True, slots=True)
class Names:
    """The columns of a file with the path that each goes to; None: it says nothing of its own."""

    header: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    def said(self) -> dict[str, str]:
        """Column → path, where they differ."""
        pairs = zip(self.header, self.paths, strict=True)
        return {name: ".".join(path) for name, path in pairs if path and ".".join(path) != name}


@dataclass(slots=True)
class Meaning:
    """How the cells of a CSV become values: the paths of its columns, and the type of each."""

    names: Names
    types: tuple[str, ...] = field(default=())

    def values(self, cells: Sequence[str]) -> dict[str, object]:
        """Give a row as nested values; empty cells are left out, and of two cells with one path the first that says anything.

        Raises:
            WrongCell: a cell does not hold what its column was said to.
        """
        found: dict[str, object] = {}
        for cell, name, path, kind in zip(cells, self.names.header, self.names.paths, self.types, strict=False):
            text = cell.strip()
            if text and path:
                _put(found, path, _value(text, kind, name))
        return found


class ClashingColumns(ValueError):
    """Two columns cannot both be what their names say."""


class WrongCell(ValueError):
    """A cell cannot be read as its column's type."""

    def __init__(self, column: str, text: str) -> None:
        """Name the column and say what is wrong."""
        super().__init__(text)
        self.column = column


def named(header: Sequence[str], known: dict[str, str] | None = None) -> Names:
    """Give each column its path: as `known` says (by the column's exact name), by its usual names, else its own.

    An empty path in `known` leaves a column out.
    """
    known = known or {}
    paths = [
        tuple(known[name].split(".")) if known.get(name) else () if name in known else _path(name) for name in header
    ]
    taken = set(paths)
    for name, path in zip(header, paths, strict=True):
        for short in range(1, len(path)):
            if path[:short] in taken:
                above = ".".join(path[:short])
                raise ClashingColumns(
                    f"the column {name!r} lies within `{above}`, which is a column of its own; rename one of them"
                )
    return Names(tuple(header), tuple(paths))


def _path(name: str) -> tuple[str, ...]:
    bare = re.sub(r"[\s_-]+", "", name).lower()
    if bare in ALIASES:
        return (ALIASES[bare],)
    if len(name.split(".")) == _OF_A_TOPIC and name.startswith("consent."):
        return (*name.split("."), "status")
    text = name if _WORD.fullmatch(name) else re.sub(r"[^\w.]+", "_", name).strip("_").lower()
    return tuple(part for part in text.split(".") if part)


def types_of(names: Names, rows: Iterable[Sequence[str]], given: dict[str, str]) -> tuple[str, ...]:
    """Find the type of each column: number, boolean or date only where every cell that says anything is one.

    `given` holds types by column or path, which are believed.
    """
    said = [
        given.get(name, given.get(".".join(path), "")) for name, path in zip(names.header, names.paths, strict=True)
    ]
    open_ = {place: _candidates(names, place) for place, kind in enumerate(said) if not kind and names.paths[place]}
    seen: set[int] = set()
    for row in rows:
        for place in list(open_):
            text = row[place].strip() if place < len(row) else ""
            if not text:
                continue
            seen.add(place)
            open_[place] = [kind for kind in open_[place] if _fits(text, kind)]
            if not open_[place]:
                del open_[place]
        if not open_:
            break
    return tuple(
        kind or (open_[place][0] if place in open_ and place in seen else "text") for place, kind in enumerate(said)
    )


def _candidates(names: Names, place: int) -> list[str]:
    path = ".".join(names.paths[place])
    if path in {"email", "user_id", "anonymous_id", "message_id", "event"}:
        return []
    dates = ["boolean", "date"]
    return dates if _NEVER_NUMBERS.search(path) or _NEVER_NUMBERS.search(names.header[place]) else ["number", *dates]


def _fits(text: str, kind: str) -> bool:
    if kind == "number":
        return _NUMBER.fullmatch(text) is not None
    if kind == "boolean":
        return text.lower() in _BOOLEANS
    return _dated(text, "date") is not None


def _value(text: str, kind: str, column: str) -> object:
    if kind == "text":
        return text
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if kind == "boolean" and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if kind in {"date", "dmy", "mdy"}:
        found = _dated(text, kind)
        if found is not None:
            return found
    right = {"number": "1250.5", "boolean": "true or false"}.get(kind, "2026-03-02")
    raise WrongCell(column, f"{text[:60]!r} is no {'date' if kind in {'dmy', 'mdy'} else kind}; write it like {right}")


def _dated(text: str, kind: str) -> str | None:
    """Give a date or moment as ISO 8601 has it; None where it is none. Dots are read with the day first."""
    if _ISO.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    parts = _DOTTED.fullmatch(text)
    if parts is None or (kind == "date" and text.count(".") != 2):  # noqa: PLR2004 - the two between day, month and year
        return None
    day, month = (parts[2], parts[1]) if kind == "mdy" else (parts[1], parts[2])
    try:
        return datetime(int(parts[3]), int(month), int(day)).date().isoformat()  # noqa: DTZ001 - a day has no zone
    except ValueError:
        return None


def _put(found: dict[str, object], path: tuple[str, ...], value: object) -> None:
    *before, last = path
    inner = found
    for part in before:
        below = inner.setdefault(part, {})
        if not isinstance(below, dict):
            return
        inner = below
    inner.setdefault(last, value)
