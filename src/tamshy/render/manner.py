"""How values are written for one recipient: locale, time zone, currency, and the moment of deciding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

if TYPE_CHECKING:
    from collections.abc import Iterable

UTC: Final = ZoneInfo("UTC")


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
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name; UTC for a name that there is not (rule 11 has such names settled before)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def choose(locales: Iterable[str], wanted: str | None, default: str) -> str | None:
    """The locale to use of those there are: exact, then by language, then the workspace's in the same way, else the first.

    Case and ``_`` for ``-`` make no difference. Among several of one language the bare language goes first, then the
    order of ``locales``. None only where there are none.
    """
    there = list(locales)
    plain = {_plain(tag): tag for tag in reversed(there)}
    for ask in (wanted, default):
        if not ask:
            continue
        tag = _plain(ask)
        language = tag.partition("-")[0]
        for candidate in (tag, language):
            if candidate in plain:
                return plain[candidate]
        for other in there:
            if _plain(other).partition("-")[0] == language:
                return other
    return there[0] if there else None


def _plain(tag: str) -> str:
    return tag.replace("_", "-").lower()
