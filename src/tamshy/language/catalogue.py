"""Files of products in the folder: ``catalog/*.jsonl`` and ``catalog/*.csv``, each fault with its place."""

from __future__ import annotations

import csv
import io
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from tamshy.language.model import Position
from tamshy.language.products import CategoryInterval, ProductFault, read_product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamshy.language.products import Product
    from tamshy.language.reading import Reading

_JSON: Final = msgspec.json.Decoder(float_hook=Decimal)
_MOST_FAULTS: Final = 50
_DELIMITERS: Final = ",;\t"


def read_catalogue(reading: Reading, path: str, text: str) -> list[Product | CategoryInterval]:
    """Read a file of products, line by line; what was refused is left out, and after many faults the rest is not read."""
    found: list[Product | CategoryInterval] = []
    seen: dict[str, int] = {}
    faults = 0
    for line, column, values in _lines(reading, path, text):
        try:
            one = read_product(values, text_is_number=path.endswith(".csv"))
        except ProductFault as exc:
            reading.refuse(Position(path, line, column), str(exc))
            faults += 1
            if faults == _MOST_FAULTS:
                break
            continue
        name = one.category if isinstance(one, CategoryInterval) else one.sku
        if not isinstance(one, CategoryInterval) and name in seen:
            reading.refuse(
                Position(path, line, column), f"the product '{name[:80]}' stands in line {seen[name]} already"
            )
            continue
        seen[name] = line
        found.append(one)
    return found


def _lines(reading: Reading, path: str, text: str) -> Iterator[tuple[int, int, dict[str, object]]]:
    return _json_lines(reading, path, text) if path.endswith(".jsonl") else _csv_lines(reading, path, text)


def _json_lines(reading: Reading, path: str, text: str) -> Iterator[tuple[int, int, dict[str, object]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        column = len(line) - len(line.lstrip()) + 1
        try:
            values = _JSON.decode(line.encode("utf-8"))
        except msgspec.DecodeError as exc:
            reading.refuse(Position(path, number, column), f"a line is one JSON object: {exc}")
            continue
        if not isinstance(values, dict):
            reading.refuse(
                Position(path, number, column), 'a line is one JSON object such as {"sku": "a1", "price": 120}'
            )
            continue
        yield number, column, _composed(values)


def _csv_lines(reading: Reading, path: str, text: str) -> Iterator[tuple[int, int, dict[str, object]]]:
    head = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        line = 1
        for row in rows:
            if not names:
                names = [unicodedata.normalize("NFC", name.strip()) for name in row]
                if "sku" not in names:
                    reading.refuse(Position(path, 1, 1), "the first line names the columns, and one of them is 'sku'")
                    return
            elif len(row) > len(names):
                reading.refuse(Position(path, line, 1), f"the line has {len(row)} cells and the header {len(names)}")
            elif any(cell.strip() for cell in row):
                pairs = zip(names, row, strict=False)
                yield line, 1, {name: _cell(name, cell) for name, cell in pairs if name and cell.strip()}
            line = rows.line_num + 1
    except csv.Error as exc:
        reading.refuse(Position(path, rows.line_num, 1), f"no CSV from here on: {exc}")


def _cell(name: str, cell: str) -> object:
    cell = unicodedata.normalize("NFC", cell.strip())
    return [part for part in cell.replace("|", " ").split() if part] if name == "images" else cell


def _composed(value: dict[str, object]) -> dict[str, object]:
    found = _nfc(value)
    return found if isinstance(found, dict) else {}


def _nfc(value: object) -> object:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_nfc(member) for member in value]
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", str(name)): _nfc(member) for name, member in value.items()}
    return value
