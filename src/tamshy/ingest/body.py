"""From the bytes of a request to its items: whatever the headers say, gzip or not, poison beside good calls.

The usual body is parsed in one go. One that does not parse is cut into the items of its batch, so that a single bad
item (a lone surrogate, NaN, endless nesting) costs itself alone.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from tamshy.ingest.refusal import BodyReason, BodyRefused, RefusalReason, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a request, after unpacking."""
MAX_ITEMS: Final = 2500
"""Calls in one batch."""

# Parsed, an empty list takes 30 times its text; the largest honest batch has a third of this many lists and objects.
_MOST_CONTAINERS: Final = 150_000
# A key takes 150 bytes where its text takes ten; 2,500 honest calls have some 60 colons each, in keys, times and addresses.
_MOST_COLONS: Final = 200_000

_GZIP: Final = b"\x1f\x8b"
# Cutting costs about 150 ns a token; so many quotes, commas and escapes with something wrong in between are no slip.
_MOST_TOKENS: Final = 400_000
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
_STRANGE: Final = re.compile("NaN|-?Infinity")
_OPENING: Final = (b"[", b"{")
_CLOSING: Final = (b"]", b"}")
_IN_BATCH: Final = 2


@dataclass(frozen=True, slots=True)
class Body:
    """A request's content: its items in order (parsed, or the refusal of one), and what stands beside them."""

    items: Sequence[object]
    single: bool
    write_key: str | None
    sent_at: object


def unpacked(raw: bytes) -> bytes:
    """Undo gzip, known by its first two bytes, whatever the headers say.

    Raises:
        BodyRefused: broken gzip, or more than `MAX_BODY` bytes (reading stops there, so a bomb costs no more).
    """
    if raw[:2] == _GZIP:
        stream = zlib.decompressobj(wbits=31)
        try:
            raw = stream.decompress(raw, MAX_BODY + 1)
        except zlib.error as exc:
            raise BodyRefused(BodyReason.BROKEN_GZIP, f"the gzip of this body is broken: {exc}") from exc
        if len(raw) <= MAX_BODY and not stream.eof:
            raise BodyRefused(BodyReason.BROKEN_GZIP, "the gzip of this body ends too early")
    if len(raw) > MAX_BODY:
        raise BodyRefused(BodyReason.TOO_LARGE, f"a request holds at most {MAX_BODY} bytes; send smaller batches")
    return raw


def parse_body(raw: bytes, *, batch: bool) -> Body:
    """Parse a request's bytes.

    Args:
        raw: the body as it came, gzip or not.
        batch: whether the path is that of a batch; else the body is one call.

    Raises:
        BodyRefused: nothing of it can be used.
    """
    raw = unpacked(raw)
    if raw.count(b"[") + raw.count(b"{") > _MOST_CONTAINERS:
        raise BodyRefused(BodyReason.TOO_COMPLEX, f"a request holds at most {_MOST_CONTAINERS} lists and objects")
    if raw.count(b":") > _MOST_COLONS:
        raise BodyRefused(BodyReason.TOO_COMPLEX, f"a request holds at most {_MOST_COLONS} keys; send smaller batches")
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        return _cut(raw, exc) if batch else _single_refused(exc)
    if not isinstance(parsed, dict):
        raise BodyRefused(BodyReason.NOT_AN_OBJECT, "the body is one JSON object")
    if not batch:
        return Body([parsed], single=True, write_key=_text(parsed.get("writeKey")), sent_at=parsed.get("sentAt"))
    return _batch(parsed, parsed.get("batch"))


def _batch(envelope: dict[str, object], items: object) -> Body:
    if not isinstance(items, list):
        raise BodyRefused(BodyReason.NO_BATCH, "a batch is an object with a list of calls in `batch`")
    if len(items) > MAX_ITEMS:
        raise _too_many(str(len(items)))
    return Body(items, single=False, write_key=_text(envelope.get("writeKey")), sent_at=envelope.get("sentAt"))


def _too_many(number: str) -> BodyRefused:
    return BodyRefused(BodyReason.TOO_MANY_ITEMS, f"a batch holds at most {MAX_ITEMS} calls, this one {number}")


def _single_refused(exc: orjson.JSONDecodeError) -> Body:
    refused = why_unreadable(exc)
    if refused.reason is RefusalReason.INVALID_JSON:
        raise BodyRefused(BodyReason.INVALID_JSON, str(refused)) from exc
    return Body([refused], single=True, write_key=None, sent_at=None)


def why_unreadable(exc: orjson.JSONDecodeError) -> Refused:
    """Tell why JSON text was not parsed: one of the known poisons, or broken."""
    said = str(exc)
    if "surrogate" in said:
        return Refused(RefusalReason.LONE_SURROGATE, "half of a surrogate pair is no character; send whole ones")
    if "infinity" in said:
        return Refused(RefusalReason.NUMBER_TOO_LARGE, "a number is larger than 1e308; send it as text")
    if "depth" in said:
        return Refused(RefusalReason.TOO_DEEP, "lists and objects are nested too deeply")
    strange = _STRANGE.match(exc.doc, exc.pos)
    if strange:
        return Refused(RefusalReason.NOT_A_NUMBER, f"JSON knows no {strange[0]}; leave the property out, or send null")
    return Refused(RefusalReason.INVALID_JSON, f"this is not JSON: {said}")


def _cut(raw: bytes, exc: orjson.JSONDecodeError) -> Body:
    """Cut a batch that does not parse as a whole into items, and parse each by itself."""
    found = _cuts(raw)
    if found is None:
        raise BodyRefused(BodyReason.INVALID_JSON, f"this is not JSON: {exc}") from exc
    start, end, pieces = found
    try:
        envelope = orjson.loads(raw[:start] + b"[]" + raw[end:])
    except orjson.JSONDecodeError as broken:
        raise BodyRefused(BodyReason.INVALID_JSON, f"this is not JSON: {broken}") from broken
    return _batch(envelope, [_item(piece) for piece in pieces])


def _item(piece: bytes) -> object:
    try:
        return orjson.loads(piece)
    except orjson.JSONDecodeError as exc:
        return why_unreadable(exc)


def _cuts(raw: bytes) -> tuple[int, int, list[bytes]] | None:
    """Find the list `batch` of the outermost object: (its start, its end, the text of each element)."""
    if raw.count(b",") + raw.count(b'"') + raw.count(b"\\") > _MOST_TOKENS:
        return None
    depth = 0
    key = b""
    start = item = -1
    pieces: list[bytes] = []
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in _OPENING:
            if depth == 1 and mark == b"[" and key == b'"batch"':
                start, item = token.start(), token.end()
            depth += 1
            continue
        depth -= mark in _CLOSING
        if start < 0:
            key = mark if depth == 1 else key
        elif depth == 1 or (depth == _IN_BATCH and mark == b","):
            pieces.append(raw[item : token.start()])
            if len(pieces) > MAX_ITEMS:
                raise _too_many("more")
            item = token.end()
            if depth == 1:
                return start, item, [] if len(pieces) == 1 and not pieces[0].strip() else pieces
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
