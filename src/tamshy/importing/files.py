"""The bytes of a file as records: its encoding, its form, its delimiter found out; each record with its line and its place.

A file is read as a stream and never held. A place is the number of bytes before a record, so that reading can go on there.
"""

from __future__ import annotations

import csv
import hashlib
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

import orjson

from tamshy.ingest import Refused, why_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE: Final = 1024 * 1024
"""Bytes of one line; a longer one is refused and passed over."""
_LOOK: Final = 64 * 1024
_UTF8, _UTF16_LE, _UTF16_BE, _CYRILLIC = "utf-8", "utf-16-le", "utf-16-be", "windows-1251"
ENCODINGS: Final = {
    "utf-8": _UTF8,
    "utf-16": _UTF16_LE,
    "utf-16-le": _UTF16_LE,
    "utf-16-be": _UTF16_BE,
    "windows-1251": _CYRILLIC,
}
_BOMS: Final = ((BOM_UTF8, _UTF8), (BOM_UTF16_LE, _UTF16_LE), (BOM_UTF16_BE, _UTF16_BE))
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}
_WIDE: Final = (_UTF16_LE, _UTF16_BE)
_FEW: Final = 10
"""Of a file that is UTF-8 for the most part, up to a tenth of the lines that are not ASCII may be broken."""
_JSON: Final = re.compile(r"\s*\{")


class BadFile(ValueError):
    """A whole file cannot be used; the message says what would be right."""


class Broken(Exception):
    """One record cannot be read; `str()` says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class Format:
    """What a file is: `form` is `csv` or `jsonl`, `start` the bytes before its first record, `header` that of a CSV."""

    encoding: str
    form: str
    delimiter: str
    header: tuple[str, ...]
    start: int
    first_line: int
    size: int
    digest: str
    """SHA-256 of its bytes, in hex."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its line, the place behind it, and what it holds: cells, a JSON object, or why it cannot be read."""

    line: int
    place: int
    next_line: int
    content: list[str] | dict[str, object] | Broken


@dataclass(slots=True)
class _Line:
    number: int
    end: int
    text: str | None
    """None: it cannot be read; `why` says so."""
    why: str = ""


def recognised(path: Path, *, encoding: str = "", delimiter: str = "") -> Format:
    """Find out what a file is, reading all of it once.

    Args:
        path: the file.
        encoding: one of `ENCODINGS`; empty: found out.
        delimiter: one of `DELIMITERS`; empty: found out.

    Raises:
        BadFile: it cannot be read, is empty, or is neither CSV with a header nor JSON lines.
    """
    try:
        with path.open("rb") as file:
            digest, size, found = _looked_through(file)
    except OSError as exc:
        raise BadFile(f"{path} cannot be read: {exc.strerror or exc}") from exc
    if not size:
        raise BadFile(f"{path} is empty")
    chosen = ENCODINGS[encoding] if encoding else found
    with path.open("rb") as file:
        head = file.read(4)
        start = next((len(bom) for bom, name in _BOMS if head.startswith(bom) and name == chosen), 0)
        first = _first_line(file, chosen, start)
        if first is None or first.text is None:
            raise BadFile(f"{path}: the first line cannot be read as {chosen}; give --encoding")
    if _JSON.match(first.text):
        return Format(chosen, "jsonl", "", (), start, 1, size, digest)
    separator = DELIMITERS[delimiter] if delimiter else _separator(first.text)
    plain = Format(chosen, "csv", separator, (), start, 1, size, digest)
    record = next(records(path, plain, start, 1), None)
    if record is None or not isinstance(record.content, list):
        raise BadFile(f"{path}: the first line is no header: give the names of the columns there")
    header = tuple(cell.strip() for cell in record.content)
    if not any(header):
        raise BadFile(f"{path}: the first line is no header: give the names of the columns there")
    return Format(chosen, "csv", separator, header, record.place, record.next_line, size, digest)


def _first_line(file: BinaryIO, encoding: str, start: int) -> _Line | None:
    for line in _lines(file, encoding, start, 1):
        if line.text is None or line.text.strip():
            return line
    return None


def _looked_through(file: BinaryIO) -> tuple[str, int, str]:
    """Give the hash, the size, and the encoding of a file."""
    hashed = hashlib.sha256()
    head = file.read(_LOOK)
    told = next((name for bom, name in _BOMS if head.startswith(bom)), "")
    if not told and b"\0" in head:
        told = _UTF16_LE if head[1::2].count(0) >= head[::2].count(0) else _UTF16_BE
    file.seek(0)
    size = fine = broken = 0
    while raw := file.readline(LONGEST_LINE):
        hashed.update(raw)
        size += len(raw)
        if not told and not raw.isascii():
            try:
                raw.decode(_UTF8)
            except UnicodeDecodeError:
                broken += 1
            else:
                fine += 1
    # A text in windows-1251 is next to never valid UTF-8; some broken lines in a file that is do not make it another.
    return hashed.hexdigest(), size, told or (_UTF8 if broken * _FEW <= fine else _CYRILLIC)


def _separator(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)
    counts = {sign: bare.count(sign) for sign in (",", ";", "\t")}
    return max(counts, key=lambda sign: counts[sign])


def _lines(file: BinaryIO, encoding: str, place: int, number: int) -> Iterator[_Line]:
    """Read physical lines from a place on."""
    file.seek(place)
    wide = encoding in _WIDE
    newline = "\n".encode(encoding)
    while raw := (_wide_line(file, newline) if wide else file.readline(LONGEST_LINE + 1)):
        place += len(raw)
        if len(raw) > LONGEST_LINE:
            while not raw.endswith(newline) and (
                raw := (_wide_line(file, newline) if wide else file.readline(LONGEST_LINE + 1))
            ):
                place += len(raw)
            yield _Line(number, place, None, f"a line holds at most {LONGEST_LINE} bytes")
        else:
            try:
                yield _Line(number, place, raw.decode(encoding))
            except UnicodeDecodeError:
                yield _Line(number, place, None, f"this is not {encoding}; write the file anew, or give --encoding")
        number += 1


def _wide_line(file: BinaryIO, newline: bytes) -> bytes:
    """Read a line of two-byte characters: a byte 0x0A may be half of another."""
    found = b""
    while piece := file.readline(LONGEST_LINE + 1):
        found += piece
        if newline == b"\n\0" and len(found) % 2:
            found += file.read(1)
        if (len(found) % 2 == 0 and found.endswith(newline)) or len(found) > LONGEST_LINE:
            break
    return found


def records(path: Path, format_: Format, place: int, line: int) -> Iterator[Record]:
    """Read records from a place on; empty lines are passed over."""
    with path.open("rb") as file:
        if format_.form == "jsonl":
            yield from _json_records(file, format_, place, line)
        else:
            yield from _csv_records(file, format_, place, line)


def _json_records(file: BinaryIO, format_: Format, place: int, line: int) -> Iterator[Record]:
    for one in _lines(file, format_.encoding, place, line):
        if one.text is not None and not one.text.strip():
            continue
        yield Record(one.number, one.end, one.number + 1, _object(one))


def _object(line: _Line) -> dict[str, object] | Broken:
    if line.text is None:
        return Broken(line.why)
    try:
        found = orjson.loads(line.text)
    except orjson.JSONDecodeError as exc:
        refused: Refused = why_unreadable(exc)
        return Broken(str(refused))
    return found if isinstance(found, dict) else Broken("a line is one JSON object")


def _csv_records(file: BinaryIO, format_: Format, place: int, line: int) -> Iterator[Record]:
    """Read CSV; where a record cannot be read, its first line is told, and reading goes on with the next."""
    while True:
        reading = _Reading(file, format_, place, line)
        yield from reading
        if reading.again is None:
            return
        place, line = reading.again


class _Reading:
    """One go at a CSV: until its end, or until a record that cannot be read."""

    def __init__(self, file: BinaryIO, format_: Format, place: int, line: int) -> None:
        self._lines = _lines(file, format_.encoding, place, line)
        self._delimiter = format_.delimiter
        self._read: list[_Line] = []
        """The first and the last line of the record under way."""
        self.again: tuple[int, int] | None = None
        """Where to go on after a record that could not be read."""

    def _texts(self) -> Iterator[str]:
        for line in self._lines:
            self._read = [*self._read[:1], line]
            if line.text is None:
                return
            yield line.text

    def __iter__(self) -> Iterator[Record]:
        reader = csv.reader(self._texts(), delimiter=self._delimiter, strict=True)
        while True:
            self._read = []
            try:
                cells = next(reader, None)
            except csv.Error as exc:
                yield self._broken(_why(exc))
                return
            if not self._read:
                return
            if self._read[-1].text is None:
                yield self._broken(self._read[-1].why)
                return
            if cells is not None and any(cell.strip() for cell in cells):
                last = self._read[-1]
                yield Record(self._read[0].number, last.end, last.number + 1, cells)

    def _broken(self, why: str) -> Record:
        first = self._read[0]
        self.again = (first.end, first.number + 1)
        return Record(first.number, *self.again, Broken(first.why or why))


def _why(exc: csv.Error) -> str:
    said = str(exc)
    if "unexpected end" in said or "field larger" in said:
        return 'a quote (") that is opened in this line is not closed; close it, or double it inside a cell'
    if "expected after" in said:
        return 'a closing quote (") is followed by text; double the quotes inside a cell'
    return f"this is no CSV: {said}"
