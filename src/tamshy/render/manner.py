"""How values are written for one recipient: locale, time zone, currency, and the moment of deciding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from tamshy.domain.calendar import known_zone


@dataclass(frozen=True, slots=True)
class Manner:
    """``now`` is ISO 8601 text in UTC; ``zone`` an IANA name; ``currency`` an ISO 4217 code."""

    locale: str
    zone: str
    currency: str
    now: str


@lru_cache(maxsize=256)
def babel_locale(tag: str) -> Locale:
    """CLDR's locale for a tag as shops write it (``kk-KZ``, ``pt_BR``): exact, by language, else English."""
    parts = tag.replace("_", "-").split("-")
    for candidate in ("_".join(parts), parts[0]):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


@lru_cache(maxsize=1024)
def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name, of the program's own tzdata; UTC for a name that there is not (rule 11)."""
    if not known_zone(name):
        return UTC
    with files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as stored:
        return ZoneInfo.from_file(stored, key=name)


def moment_text(now: str) -> str:
    """A moment in the one way that templates see it: ``2026-03-02T11:00:00Z``, with milliseconds if there are any."""
    moment = datetime.fromisoformat(now).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
