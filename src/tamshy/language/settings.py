"""``tamshy.yaml``: the settings of the workspace."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from tamshy.language import fields, vocabulary
from tamshy.language.model import Cap, Keep, QuietHours, Settings, Topic, TopicDefault
from tamshy.language.reading import Reading, Thing, unknown
from tamshy.language.trees import Leaf, Tree

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration

FILE = "tamshy.yaml"
_CURRENCY = re.compile(r"[A-Z]{3}")
_URL = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s<>\"]*)?")
_MOST_QUIET_MINUTES = 20 * 60
_DAY_MINUTES = 24 * 60
_MOST_MESSAGES = 1000
_DAY_SECONDS = 24 * 60 * 60
_LEAST_DAYS = {"events": 30, "messages": 90, "bodies": 7, "decisions": 30}
_WHY = {
    "events": "so long a call may be sent again",
    "messages": "so long unsubscribing and links must work in every mail",
    "bodies": "so long people look at a mail in the browser",
    "decisions": "they are what explains why somebody got a mail",
}

Keys = dict[str, Tree]


def read_settings(reading: Reading, tree: Tree) -> Settings:
    """Read the settings; what was refused has its default, so that the rest can be read on."""
    plain = Settings()
    # A file of comments alone is a workspace with every default.
    empty = isinstance(tree, Leaf) and tree.value is None
    keys = {} if empty else fields.mapping(reading, tree, vocabulary.SETTINGS) or {}
    name = fields.line(reading, keys["name"], "name") if "name" in keys else None
    locale = fields.locale(reading, keys["locale"], "locale") if "locale" in keys else None
    zone = fields.zone(reading, keys["timezone"], "timezone") if "timezone" in keys else None
    sender = fields.mailbox(reading, keys["from"], "from") if "from" in keys else None
    holdout = fields.percentage(reading, keys["holdout"], "holdout") if "holdout" in keys else None
    clicked, opened = _attribution(reading, keys, plain)
    return Settings(
        name=name or plain.name,
        locale=locale or plain.locale,
        timezone=zone or plain.timezone,
        currency=_pattern(reading, keys, "currency", _CURRENCY, "three letters such as KZT") or plain.currency,
        url=_pattern(reading, keys, "url", _URL, "an address such as https://shop.example") or plain.url,
        from_=sender or plain.from_,
        topics=_topics(reading, keys["topics"]) if "topics" in keys else (),
        quiet_hours=_quiet_hours(reading, keys["quiet_hours"]) if "quiet_hours" in keys else None,
        caps=_caps(reading, keys["caps"]) if "caps" in keys else (),
        holdout=holdout or Decimal(0),
        clicked_attribution=clicked,
        opened_attribution=opened,
        merge_on=_merge_on(reading, keys["identities"]) if "identities" in keys else plain.merge_on,
        keep=_keep(reading, keys["keep"]) if "keep" in keys else plain.keep,
    )


def _pattern(reading: Reading, keys: Keys, name: str, pattern: re.Pattern[str], expected: str) -> str | None:
    found = fields.line(reading, keys[name], name) if name in keys else None
    if found is not None and not pattern.fullmatch(found):
        fields.wrong(reading, keys[name], name, expected)
        return None
    return found


def _attribution(reading: Reading, keys: Keys, plain: Settings) -> tuple[Duration, Duration]:
    inner: Keys = {}
    if "attribution" in keys:
        inner = fields.mapping(reading, keys["attribution"], vocabulary.ATTRIBUTION) or {}
    clicked, opened = (
        fields.duration(reading, inner[name], name, zero=True) if name in inner else None
        for name in ("clicked", "opened")
    )
    return clicked or plain.clicked_attribution, opened or plain.opened_attribution


def _keep(reading: Reading, tree: Tree) -> Keep:
    keys = fields.mapping(reading, tree, vocabulary.KEEP) or {}
    found: dict[str, Duration] = {}
    for name, least in _LEAST_DAYS.items():
        span = fields.duration(reading, keys[name], name) if name in keys else None
        if span is None:
            continue
        # Of a month no more than its shortest.
        if span.months * 28 + span.days + span.seconds // _DAY_SECONDS < least:
            reading.refuse(keys[name].at, f"'{name}' must be kept for at least {least}d: {_WHY[name]}")
        else:
            found[name] = span
    return Keep(**found)


def _topics(reading: Reading, tree: Tree) -> tuple[Topic, ...]:
    found = []
    for name, entry in fields.open_mapping(reading, tree, "topics", "such as {offers: {name: Offers}}").items():
        reading.names[Thing.TOPIC].setdefault(name, entry.at)
        if not fields.STEP_ID.fullmatch(name):
            text = (
                f"the topic '{name[:80]}' must be named with small letters, digits, hyphens and underscores, 64 at most"
            )
            reading.refuse(entry.at, text)
        empty = isinstance(entry.value, Leaf) and entry.value.value is None
        keys = {} if empty else fields.mapping(reading, entry.value, vocabulary.TOPIC) or {}
        title = fields.line(reading, keys["name"], "name") if "name" in keys else None
        default = fields.choice(reading, keys["default"], "default", TopicDefault) if "default" in keys else None
        double = fields.boolean(reading, keys["double_opt_in"], "double_opt_in") if "double_opt_in" in keys else None
        found.append(Topic(name, title or name, default or TopicDefault.OPT_IN, bool(double)))
    return tuple(found)


def _quiet_hours(reading: Reading, tree: Tree) -> QuietHours | None:
    keys = fields.mapping(reading, tree, vocabulary.QUIET_HOURS) or {}
    if set(keys) != {"from", "to"}:
        return None
    start, end = (fields.time_of_day(reading, keys[name], name) for name in ("from", "to"))
    if start is None or end is None:
        return None
    minutes = ((end.hour - start.hour) * 60 + end.minute - start.minute) % _DAY_MINUTES
    if minutes > _MOST_QUIET_MINUTES:
        text = f"'quiet_hours' from {start:%H:%M} to {end:%H:%M} leave less than 4 hours a day to send in"
        reading.refuse(tree.at, f"{text} (did you mean from {end:%H:%M} to {start:%H:%M}?)")
        return None
    return QuietHours(start, end)


def _caps(reading: Reading, tree: Tree) -> tuple[Cap, ...]:
    found = []
    for member in fields.items(reading, tree, "caps"):
        keys = fields.mapping(reading, member, vocabulary.CAP) or {}
        messages = (
            fields.integer(reading, keys["messages"], "messages", 1, _MOST_MESSAGES) if "messages" in keys else None
        )
        per = fields.duration(reading, keys["per"], "per") if "per" in keys else None
        if messages is not None and per is not None:
            found.append(Cap(messages, per))
    return tuple(found)


def _merge_on(reading: Reading, tree: Tree) -> frozenset[str]:
    keys = fields.mapping(reading, tree, vocabulary.IDENTITIES) or {}
    found = set()
    for member in fields.items(reading, keys["merge_on"], "merge_on") if "merge_on" in keys else ():
        word = fields.text(reading, member, "merge_on")
        if word in vocabulary.MERGEABLE:
            found.add(word)
        elif word is not None:
            reading.refuse(member.at, unknown("identifier", word, vocabulary.MERGEABLE))
    return frozenset(found)
