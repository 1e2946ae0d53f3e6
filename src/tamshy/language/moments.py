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
    if not (_DATE.fullmatch(text) or _TIMESTAMP.fullmatch(text)):
        return None
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not _FIRST_YEAR <= written.year <= _LAST_YEAR:
        return None
    return calendar.resolve(written, zone) if written.tzinfo is None else written.astimezone(UTC)
