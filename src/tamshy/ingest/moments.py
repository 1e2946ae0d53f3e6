"""When a call happened: the caller's clock, set right by ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tamshy.domain.calendar import resolve
from tamshy.ingest.refusal import RefusalReason, Refused

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM: Final = 100_000_000_000
_LATEST_SECONDS: Final = 253_402_300_799


def moment(value: object, zone: str, where: str) -> datetime:
    """Read a moment: ISO 8601 text (without an offset: in `zone`), or a number of seconds or milliseconds since 1970.

    Raises:
        Refused: it is none, or lies before 1970; `where` names the key.
    """
    found = _parsed(value, zone)
    if found is None or found < _EARLIEST:
        raise Refused(
            RefusalReason.BAD_TIMESTAMP,
            f"`{where}` is no moment after 1970: {value!r:.60}; write it like 2026-03-02T09:00:00Z",
        )
    return found


def moment_or_none(value: object, zone: str) -> datetime | None:
    """Read a moment, or None where there is none to be read."""
    return _parsed(value, zone)


def occurred(timestamp: datetime | None, sent_at: datetime | None, received_at: datetime) -> datetime:
    """Place a call in time: arrival − (sentAt − timestamp) where both are given, else timestamp, else arrival.

    Never later than the arrival (rule 5); in whole milliseconds, the grain of every time that is shown.
    """
    own = received_at
    if timestamp is not None:
        own = timestamp if sent_at is None else _set_right(timestamp, sent_at, received_at)
    return to_milliseconds(min(own, received_at))


def to_milliseconds(at: datetime) -> datetime:
    """Cut a moment to whole milliseconds."""
    beyond = at.microsecond % 1000
    return at if beyond == 0 else at.replace(microsecond=at.microsecond - beyond)


def _set_right(timestamp: datetime, sent_at: datetime, received_at: datetime) -> datetime:
    try:
        own = received_at - (sent_at - timestamp)
    except OverflowError:
        return timestamp
    # So wrong a clock tells nothing about how far it is off.
    return own if own >= _EARLIEST else timestamp


def _parsed(value: object, zone: str) -> datetime | None:
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        try:
            return resolve(found, zone) if found.tzinfo is None else found.astimezone(UTC)
        except OverflowError:
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
        if 0 <= seconds <= _LATEST_SECONDS:
            return _EARLIEST + timedelta(seconds=seconds)
    return None
