"""Dates and timestamps as the flow language writes them, to moments in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tamshy.domain import calendar

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?",
)
# Outside of these, turning a local time into UTC could leave the calendar.
_FIRST_YEAR, _LAST_YEAR = 2, 9998


def parse_moment(text: str, zone: str) -> datetime | None:
    """The moment, in UTC, that ``text`` names: an ISO date (its local midnight) or an ISO 8601 timestamp.

    Without an offset it is in ``zone``, a known IANA name. None where the text is neither, or names a day that does not
    exist or a year outside of 2 to 9998.
    """
    written = _written(text) if _DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text) else None
    if written is None:
        return None
    return calendar.resolve(written, zone) if written.tzinfo is None else written.astimezone(UTC)


def parse_reading(text: str) -> datetime | None:
    """What an ISO 8601 timestamp reads: naive, or aware where it carries an offset; None where the text is none."""
    return _written(text) if _TIMESTAMP.fullmatch(text) else None


def _written(text: str) -> datetime | None:
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return None
    return written if _FIRST_YEAR <= written.year <= _LAST_YEAR else None
