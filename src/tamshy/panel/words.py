"""What the page says of decisions: every state and reason in plain words, in the language of the reader.

`SENTENCES` is one catalogue a language; a key that a language lacks falls back to English. Data of the shop goes into
the blanks as it is; the page escapes it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tamshy.domain import calendar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

LANGUAGES: Final = ("en", "ru", "kk", "id")

SENTENCES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "entered": "Entered {flow}.",
        "exited": "Left {flow}: {reason}.",
        "exited/finished": "Left {flow}: has seen every step.",
        "exited/exit_on": "Left {flow}: did what it asks for.",
        "exited/merged": "Left {flow}: two visitors turned out to be one person, whose other passage goes on.",
        "exited/archived": "Left {flow}: the flow was archived.",
        "exited/erased": "Left {flow}: the person was erased.",
        "refused": "Not let into {flow}: {reason}.",
        "refused/too_old": "Not let into {flow}: the event had happened too long ago.",
        "refused/paused": "Not let into {flow}: the flow is paused.",
        "refused/audience": "Not let into {flow}: outside its audience.",
        "refused/active": "Not let into {flow}: is inside already.",
        "refused/reentry": "Not let into {flow}: was in it before.",
        "sent": "Sent “{subject}”.",
        "skipped": "{message} not sent: {reason}.",
        "skipped/held_out": "{message} not sent: held out to compare with.",
        "skipped/no_address": "{message} not sent: no address to write to.",
        "skipped/suppressed": "{message} not sent: the address is suppressed.",
        "skipped/no_consent": "{message} not sent: no consent to its topic.",
        "skipped/condition": "{message} not sent: its condition does not hold.",
        "skipped/expired": "{message} not sent: it would have come too late.",
        "skipped/duplicate": "{message} not sent: the same mail went to this address already.",
        "skipped/quiet_hours": "{message} not sent: quiet hours until it would have come too late.",
        "skipped/frequency_cap": "{message} not sent: enough mail for now.",
        "skipped/render_error": "{message} not sent: its template fails for this person.",
        "postponed/quiet_hours": "{message} held back until {until} their time: quiet hours.",
        "postponed/frequency_cap": "{message} held back until {until} their time: enough mail for now.",
        "problem": "{flow}: {reason}.",
        "opened": "Opened “{subject}”.",
        "clicked": "Clicked in “{subject}”.",
        "somebody": "A visitor",
        "yesterday": "yesterday",
        "tomorrow": "tomorrow",
    },
    "ru": {},
    "kk": {},
    "id": {},
}

MARKS: Final = {
    "entered": ("in", "steppe"),
    "exited": ("out", "quiet"),
    "refused": ("no", "quiet"),
    "sent": ("sent", "leaf"),
    "skipped": ("not sent", "poppy"),
    "postponed": ("held", "dawn"),
    "problem": ("problem", "poppy"),
}
"""Outcome → the word beside it and its colour; state is never told by colour alone."""


def sentence(language: str, key: str, **blanks: object) -> str:
    """Fill the sentence of `key` (`skipped/no_consent`); without one of its own the part before the stroke is taken."""
    texts, english = SENTENCES.get(language, {}), SENTENCES["en"]
    general = key.partition("/")[0]
    for catalogue, name in ((texts, key), (english, key), (texts, general), (english, general)):
        if name in catalogue:
            return catalogue[name].format(**blanks)
    raise KeyError(key)


def told(outcome: str, reason: str | None, blanks: Mapping[str, object], language: str = "en") -> str:
    """One line of the journal as a sentence."""
    key = f"{outcome}/{reason}" if reason else outcome
    return sentence(language, key, **{"reason": (reason or "").replace("_", " "), **blanks})


def person_name(properties: Mapping[str, object], address: str | None, language: str = "en") -> str:
    """What we call somebody: the name they gave, else the address, else a visitor."""
    parts = [properties.get("first_name"), properties.get("last_name")]
    name = " ".join(part for part in parts if isinstance(part, str) and part)
    return name or address or sentence(language, "somebody")


def clock_time(moment: datetime, zone: str) -> str:
    """`09:00` in `zone`."""
    return calendar.local(moment, zone).strftime("%H:%M")


def day_and_time(moment: datetime, zone: str) -> str:
    """`Tue 3 Mar, 09:00` in `zone`."""
    here = calendar.local(moment, zone)
    return f"{here:%a} {here.day} {here:%b}, {here:%H:%M}"


def until_words(until: datetime, now: datetime, zone: str, language: str = "en") -> str:
    """`09:00`, `tomorrow 09:00` or `Tue 3 Mar, 09:00`, as seen at `now` in `zone`."""
    there, here = calendar.local(until, zone), calendar.local(now, zone)
    if there.date() == here.date():
        return f"{there:%H:%M}"
    if there.date() - here.date() == timedelta(days=1):
        return f"{sentence(language, 'tomorrow')} {there:%H:%M}"
    return day_and_time(until, zone)
