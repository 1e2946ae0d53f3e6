"""What no value of a call may hold, whatever it means; looked for in its encoded text, so good calls cost little."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

import orjson

from tamshy.ingest.refusal import RefusalReason, Refused

MAX_ITEM: Final = 256 * 1024
"""Bytes of one call as JSON."""
MAX_DEPTH: Final = 64
"""Lists and objects inside one another."""
MAX_NUMBER: Final = 1e100
"""Beyond this a number is a mistake, and as a decimal in the database a long one."""

MAX_MARKS: Final = 30
"""Accents and other combining marks on one letter: what Unicode's Stream-Safe Text Format lets stand (UAX 15)."""

# An escape is a NUL only when the backslash before `u0000` is not itself escaped.
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# Whole numbers beyond 64 bits were read as floating ones, and those are written with an exponent from 1e16 on.
_PERHAPS_LARGE: Final = re.compile(rb"e\+\d\d\d")


def cleaned(item: dict[str, object]) -> tuple[dict[str, object], bytes]:
    """Check one call and bring its text to NFC.

    Returns:
        The call, and its canonical text: JSON with sorted keys, in UTF-8.

    Raises:
        Refused: it holds something that cannot be stored or compared.
    """
    try:
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError as exc:
        raise Refused(RefusalReason.TOO_DEEP, f"lists and objects are nested more than {MAX_DEPTH} deep") from exc
    if len(text) > MAX_ITEM:
        raise Refused(RefusalReason.TOO_LARGE, f"a call holds at most {MAX_ITEM} bytes, this one {len(text)}")
    if b"\\u0000" in text and _NUL.search(text):
        raise Refused(RefusalReason.NUL, "a text holds the character U+0000, which no database text can hold")
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _deeper(item, MAX_DEPTH):
        raise Refused(RefusalReason.TOO_DEEP, f"lists and objects are nested more than {MAX_DEPTH} deep")
    if _PERHAPS_LARGE.search(text) and _has_large(item):
        raise Refused(RefusalReason.NUMBER_TOO_LARGE, f"a number is larger than {MAX_NUMBER:g}; send it as text")
    if not text.isascii() and not unicodedata.is_normalized("NFC", text.decode()):
        # Putting marks in order takes the square of their number: 250 kB of them would take a minute.
        if _heap_of_marks().search(text.decode()):
            raise Refused(RefusalReason.TOO_MANY_MARKS, f"a letter carries more than {MAX_MARKS} accents or marks")
        item = {unicodedata.normalize("NFC", key): _composed(value) for key, value in item.items()}
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return item, text


@cache
def _heap_of_marks() -> re.Pattern[str]:
    """Match more marks in a row than belong on one letter.

    Beyond the first plane the scripts and music signs that have marks count as a whole: `re` is slow with single ones.
    """
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.combining(chr(code)))
    return re.compile(f"[{marks}\U00010a00-\U0001d244\U0001e000-\U0001e94a]{{{MAX_MARKS + 1}}}")


def _deeper(value: object, left: int) -> bool:
    if isinstance(value, dict):
        return left == 0 or any(_deeper(inner, left - 1) for inner in value.values())
    if isinstance(value, list):
        return left == 0 or any(_deeper(inner, left - 1) for inner in value)
    return False


def _has_large(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_large(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_large(inner) for inner in value)
    return isinstance(value, int | float) and abs(value) > MAX_NUMBER


def _composed(value: object) -> object:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", key): _composed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_composed(inner) for inner in value]
    return value
