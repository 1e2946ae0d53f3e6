"""The lines of a history for `simulate`: read, and put into the order of their arrival.

That order depends on nothing but the lines themselves, so shuffling the file changes nothing.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Final

import orjson

from tamshy.domain.call import Call, CallKind
from tamshy.ingest.body import why_unreadable
from tamshy.ingest.dialect import KINDS, identifier, meant
from tamshy.ingest.moments import moment, to_milliseconds
from tamshy.ingest.poison import cleaned
from tamshy.ingest.refusal import RefusalReason, Refused
from tamshy.language.products import ProductFault, read_product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tamshy.language.products import CategoryInterval, Product

SOURCE: Final = "simulate"
_DEEDS: Final = ("opened", "clicked", "unsubscribed", "complained", "bounced")
_REPEAT_WITHIN: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Engage:
    """What a person (or a machine) did with the newest message of that name sent by then."""

    user_id: str | None
    anonymous_id: str | None
    message: str
    did: str
    occurred_at: datetime
    received_at: datetime
    ord: int
    url: str | None = None
    machine: bool = False


@dataclass(frozen=True, slots=True)
class ProductLine:
    """What is told of a product from a moment on."""

    product: Product | CategoryInterval
    occurred_at: datetime
    received_at: datetime
    ord: int


@dataclass(frozen=True, slots=True)
class LineProblem:
    """A line that was left out: its number from 1, what is wrong with it, and what would be right."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class History:
    """The lines of a file in order of arrival; `ord` counts over all three kinds together."""

    calls: list[Call]
    engages: list[Engage]
    products: list[ProductLine]
    problems: list[LineProblem]
    repeated: int


@dataclass(frozen=True, slots=True)
class _Line:
    """A line whose times are known: its place in the order of arrival, its number in the file, and what it holds."""

    order: tuple[datetime, datetime, str, bytes]
    number: int
    item: dict[str, object]


def calls_from_lines(lines: Iterable[str | bytes], *, zone: str | ZoneInfo) -> History:
    """Read the JSONL of `simulate --events`.

    Arrival is `receive_at`, else `timestamp`; what is timed after its arrival is timed at it (rule 5). What arrives
    together is ordered by its own time, then messageId, then canonical text. A messageId that comes again within 30
    days is left out (rule 15). `sentAt` tells nothing here. Lines that cannot be used are reported, the others kept;
    empty lines are passed over.

    Args:
        lines: the file, line by line.
        zone: the workspace's, for timestamps without an offset.
    """
    name = str(zone)
    with without_collecting():
        timed: list[_Line] = []
        history = History([], [], [], [], 0)
        for number, line in enumerate(lines, start=1):
            text = line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line
            if not text.strip():
                continue
            try:
                timed.append(_timed(text, number, name))
            except Refused as exc:
                history.problems.append(LineProblem(number, str(exc)))
        timed.sort(key=attrgetter("order"))
        repeated = _read_in_order(timed, history)
    history.problems.sort(key=attrgetter("line"))
    return replace(history, repeated=repeated)


@contextmanager
def without_collecting() -> Iterator[None]:
    """Keep the collector from looking again and again at what is all still needed: half of the time, measured."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _read_in_order(timed: list[_Line], history: History) -> int:
    """Sort the lines out by what they are; give how many were repeated."""
    seen: dict[str, datetime] = {}
    repeated = 0
    for ord_, line in enumerate(timed):
        arrival, own, message, _ = line.order
        before = seen.get(message) if message else None
        if before is not None and arrival - before <= _REPEAT_WITHIN:
            repeated += 1
            continue
        try:
            _sort_out(line.item, own, arrival, ord_, history)
        except Refused as exc:
            history.problems.append(LineProblem(line.number, str(exc)))
            continue
        if message:
            seen[message] = arrival
    return repeated


def _timed(text: bytes, number: int, zone: str) -> _Line:
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise why_unreadable(exc) from exc
    if not isinstance(raw, dict):
        raise Refused(RefusalReason.NOT_AN_OBJECT, "a line is one JSON object")
    item, canonical = cleaned(raw)
    if item.get("timestamp") is None:
        raise Refused(RefusalReason.MISSING, "`timestamp` is missing; write it like 2026-03-02T09:00:00Z")
    own = arrival = to_milliseconds(moment(item["timestamp"], zone, "timestamp"))
    receive = item.get("receive_at")
    if receive is not None:
        arrival = to_milliseconds(moment(receive, zone, "receive_at"))
        own = min(own, arrival)
    message = item.get("messageId")
    key = str(message) if isinstance(message, str | int) else ""
    # A copy takes as much room as it is long; orjson leaves its texts in buffers of 2 to 4 kB.
    return _Line((arrival, own, key, bytes(memoryview(canonical))), number, item)


def _sort_out(item: dict[str, object], own: datetime, arrival: datetime, ord_: int, history: History) -> None:
    kind = item.get("type")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is not None:
        history.calls.append(meant(item, known, own, arrival, source=SOURCE, ord_=ord_))
    elif kind == "engage":
        history.engages.append(_engage(item, own, arrival, ord_))
    elif kind == "product":
        history.products.append(_product(item, own, arrival, ord_))
    elif kind == "consent":
        history.calls.append(_consent(item, own, arrival, ord_))
    else:
        kinds = ", ".join([*KINDS, "consent", "engage", "product"])
        raise Refused(RefusalReason.UNKNOWN_TYPE, f"`type` is one of {kinds}, not {kind!r:.40}")


def _engage(item: dict[str, object], own: datetime, arrival: datetime, ord_: int) -> Engage:
    did = _word(item, "did", _DEEDS)
    url = item.get("url")
    user, anonymous = _named(item)
    return Engage(
        user_id=user,
        anonymous_id=anonymous,
        message=_required(item, "message"),
        did=did,
        occurred_at=own,
        received_at=arrival,
        ord=ord_,
        url=url if isinstance(url, str) else None,
        machine=item.get("machine") is True,
    )


def _product(item: dict[str, object], own: datetime, arrival: datetime, ord_: int) -> ProductLine:
    beside = {"type", "timestamp", "receive_at", "messageId"}
    values = {key: value for key, value in item.items() if key not in beside}
    try:
        return ProductLine(read_product(values), own, arrival, ord_)
    except ProductFault as exc:
        raise Refused(RefusalReason.WRONG_TYPE, str(exc)) from exc


def _consent(item: dict[str, object], own: datetime, arrival: datetime, ord_: int) -> Call:
    did = _word(item, "did", ("subscribed", "unsubscribed"))
    user, anonymous = _named(item)
    message = item.get("messageId")
    return Call(
        kind=CallKind.CONSENT,
        occurred_at=own,
        received_at=arrival,
        key=f"{SOURCE}|{message}" if message else None,
        ord=ord_,
        user_id=user,
        anonymous_id=anonymous,
        properties={
            "topic": _required(item, "topic"),
            "granted": did == "subscribed",
            "source": "api",
            "evidence": {},
        },
    )


def _named(item: dict[str, object]) -> tuple[str | None, str | None]:
    user, anonymous = identifier(item, "userId"), identifier(item, "anonymousId")
    if user is None and anonymous is None:
        raise Refused(RefusalReason.NO_ID, "a line names whose it is: give `userId` or `anonymousId`")
    return user, anonymous


def _required(item: dict[str, object], key: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(RefusalReason.MISSING, f"`{key}` is missing, or not text")
    return value


def _word(item: dict[str, object], key: str, words: tuple[str, ...]) -> str:
    value = item.get(key)
    if not isinstance(value, str) or value not in words:
        raise Refused(RefusalReason.WRONG_TYPE, f"`{key}` is one of {', '.join(words)}, not {value!r:.40}")
    return value
