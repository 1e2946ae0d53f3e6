"""Readers of single values: each gives the value, or None after it has said what is wrong and what would be right."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from tamshy.domain.address import valid_address
from tamshy.domain.calendar import zone_names
from tamshy.domain.duration import Duration
from tamshy.language.durations import parse_duration
from tamshy.language.locales import LOCALE
from tamshy.language.moments import parse_moment
from tamshy.language.reading import Reading, did_you_mean, unknown
from tamshy.language.trees import Broken, Entry, Items, Leaf, Mapping, Tree

if TYPE_CHECKING:
    from tamshy.language.vocabulary import Form

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
FLOW_NAME = re.compile(rf"(?:broadcast/)?{NAME.pattern}")
"""The name of a flow, or of the one that a broadcast is."""
STEP_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
WEEKDAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), start=1)}
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
_MAILBOX = re.compile(r'(?:"[^"\\]*"|[^<>"\\]*?)\s*<([^<>]*)>')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_TEXT = 1000
_HUNDRED = 100

Choice = TypeVar("Choice", bound=StrEnum)


def kind_of(tree: Tree) -> str:
    """What ``tree`` is, in a marketer's words."""
    if isinstance(tree, Items):
        return "a list"
    if isinstance(tree, Leaf):
        if tree.value is None:
            return "nothing"
        if isinstance(tree.value, bool):
            return f"the truth value {tree.text}"
        return f"'{tree.text[:60]}'" if isinstance(tree.value, str) else f"the number {tree.text[:60]}"
    return "a mapping"


def wrong(reading: Reading, tree: Tree, label: str, expected: str) -> None:
    """Note that ``tree`` is not what ``label`` takes."""
    if not isinstance(tree, Broken):
        reading.refuse(tree.at, f"'{label}' must be {expected}, not {kind_of(tree)}")


def mapping(reading: Reading, tree: Tree, form: Form) -> dict[str, Tree] | None:
    """The values of a mapping by key: unknown and missing keys are refused.

    None where it is no mapping. Keys that are refused as unknown are left out.
    """
    if not isinstance(tree, Mapping):
        if not isinstance(tree, Broken):
            reading.refuse(tree.at, f"{form.name} must be a mapping with {_listing(form)}, not {kind_of(tree)}")
        return None
    found: dict[str, Tree] = {}
    for name, entry in tree.entries.items():
        if name not in form.names:
            reading.refuse(entry.at, f"{unknown('key', name, form.names)} in {form.name}")
        else:
            found[name] = entry.value
    for key in form.keys:
        if key.required and key.name not in tree.entries:
            reading.refuse(tree.at, f"{form.name} needs '{key.name}': {key.says}")
    return found


def _listing(form: Form) -> str:
    needed = [key.name for key in form.keys if key.required] or list(form.names)
    return ", ".join(f"'{name}'" for name in needed[:4])


def open_mapping(reading: Reading, tree: Tree, label: str, expected: str) -> dict[str, Entry]:
    """The entries of a mapping with keys of the writer's own; empty where it is none."""
    if isinstance(tree, Mapping):
        return tree.entries
    wrong(reading, tree, label, f"a mapping {expected}")
    return {}


def one_or_list(tree: Tree) -> tuple[Tree, ...]:
    """The members of a list, or the thing itself as the only one."""
    return tree.items if isinstance(tree, Items) else (tree,)


def items(reading: Reading, tree: Tree, label: str) -> tuple[Tree, ...]:
    """The members of a list; none where it is no list."""
    if isinstance(tree, Items):
        return tree.items
    wrong(reading, tree, label, "a list")
    return ()


def text(reading: Reading, tree: Tree, label: str, longest: int = _LONGEST_TEXT) -> str | None:
    """Text that is not empty, in NFC."""
    if not isinstance(tree, Leaf) or not isinstance(tree.value, str) or not tree.value.strip():
        hint = ""
        if isinstance(tree, Leaf) and tree.value is not None and not isinstance(tree.value, str):
            hint = f' (write "{tree.text}" in quotes if that is meant)'
        wrong(reading, tree, label, f"text{hint}")
        return None
    if len(tree.value) > longest:
        reading.refuse(tree.at, f"'{label}' is longer than {longest} characters")
        return None
    return unicodedata.normalize("NFC", tree.value)


def line(reading: Reading, tree: Tree, label: str) -> str | None:
    """Text on one line, without control characters."""
    found = text(reading, tree, label)
    if found is not None and _CONTROL.search(found):
        reading.refuse(tree.at, f"'{label}' must be one line without control characters")
        return None
    return found


def name(reading: Reading, tree: Tree, label: str, pattern: re.Pattern[str] = NAME) -> str | None:
    """The name of a thing: small letters, digits and hyphens."""
    # 007 and 1e3 are numbers to YAML, and good names to everybody else.
    found = tree.text if isinstance(tree, Leaf) and _is_number(tree) else text(reading, tree, label)
    if found is not None and not pattern.fullmatch(found):
        reading.refuse(tree.at, f"'{label}' must be {_NAMING[pattern]}, not '{found[:80]}'")
        return None
    return found


def name_or_text(reading: Reading, tree: Tree, label: str) -> str | None:
    """Text, or a number as it is written: an id, an enrollment's key."""
    return tree.text if isinstance(tree, Leaf) and _is_number(tree) else text(reading, tree, label)


_NAMING = {
    NAME: "a name of small letters, digits and hyphens, 64 at most",
    FLOW_NAME: "a name of small letters, digits and hyphens, 64 at most, or broadcast/NAME",
    STEP_ID: "a name of small letters, digits, hyphens and underscores, 64 at most",
    WORD: "one word of letters, digits, hyphens and underscores, 64 at most",
}


def _is_number(leaf: Leaf) -> bool:
    return isinstance(leaf.value, int | Decimal) and not isinstance(leaf.value, bool)


def boolean(reading: Reading, tree: Tree, label: str) -> bool | None:
    """``true`` or ``false``."""
    if isinstance(tree, Leaf) and isinstance(tree.value, bool):
        return tree.value
    wrong(reading, tree, label, "true or false")
    return None


def integer(reading: Reading, tree: Tree, label: str, least: int, most: int) -> int | None:
    """A whole number from ``least`` to ``most``."""
    if isinstance(tree, Leaf) and isinstance(tree.value, int) and not isinstance(tree.value, bool):
        if least <= tree.value <= most:
            return tree.value
        reading.refuse(tree.at, f"'{label}' must lie between {least} and {most}, not {tree.text}")
        return None
    wrong(reading, tree, label, "a whole number")
    return None


def number(reading: Reading, tree: Tree, label: str, least: int, most: int) -> Decimal | None:
    """A number from ``least`` to ``most``."""
    if isinstance(tree, Leaf) and isinstance(tree.value, int | Decimal) and not isinstance(tree.value, bool):
        if least <= tree.value <= most:
            return Decimal(tree.value)
        reading.refuse(tree.at, f"'{label}' must lie between {least} and {most}, not {tree.text}")
        return None
    wrong(reading, tree, label, "a number")
    return None


def duration(
    reading: Reading, tree: Tree, label: str, *, zero: bool = False, negative: bool = False
) -> Duration | None:
    """A duration: positive, with ``zero`` also ``0s``, with ``negative`` any."""
    if not isinstance(tree, Leaf) or not isinstance(tree.value, str):
        wrong(reading, tree, label, "a duration such as 90s, 15m, 2h, 3d, 2w, 1mo, 1y or 1d12h")
        return None
    try:
        found = parse_duration(tree.value)
    except ValueError as error:
        reading.refuse(tree.at, f"'{label}': {error}")
        return None
    if not negative and (found != Duration() or not zero) and max(found.months, found.days, found.seconds) <= 0:
        reading.refuse(tree.at, f"'{label}' must be {'a duration of 0s or more' if zero else 'longer than nothing'}")
        return None
    return found


def percentage(reading: Reading, tree: Tree, label: str) -> Decimal | None:
    """``10%`` as the share 0.1."""
    found = _PERCENT.fullmatch(tree.text) if isinstance(tree, Leaf) else None
    if found is None or Decimal(found[1]) > _HUNDRED:
        wrong(reading, tree, label, "a percentage from 0% to 100%, such as 10%")
        return None
    return Decimal(found[1]) / _HUNDRED


def time_of_day(reading: Reading, tree: Tree, label: str) -> time | None:
    """``"10:00"``."""
    found = _TIME.fullmatch(tree.text) if isinstance(tree, Leaf) else None
    if found is None:
        wrong(reading, tree, label, 'a time of day from "00:00" to "23:59"')
        return None
    return time(int(found[1]), int(found[2]))


def is_time(tree: Tree) -> bool:
    """Whether this was meant as a time of day, rightly written or not (``9:5``, ``25:00``)."""
    return isinstance(tree, Leaf) and re.fullmatch(r"[0-9]+:[0-9:]+", tree.text) is not None


def weekdays(reading: Reading, tree: Tree, label: str) -> frozenset[int]:
    """``mon`` or a list of weekdays, as ISO numbers."""
    found = set()
    for member in one_or_list(tree):
        if isinstance(member, Leaf) and member.text in WEEKDAYS:
            found.add(WEEKDAYS[member.text])
        elif isinstance(member, Leaf) and isinstance(member.value, str):
            reading.refuse(member.at, f"{unknown('weekday', member.text, WEEKDAYS)}")
        else:
            wrong(reading, member, label, "a weekday such as mon, or a list of them")
    if isinstance(tree, Items) and not tree.items:
        reading.refuse(tree.at, f"'{label}' needs at least one weekday; leave it out for any day")
    return frozenset(found)


def moment(reading: Reading, tree: Tree, label: str) -> datetime | None:
    """A date or a timestamp, as a moment in UTC; without an offset in the workspace's zone."""
    found = parse_moment(tree.text, reading.zone) if isinstance(tree, Leaf) else None
    if found is None:
        wrong(reading, tree, label, "a date such as 2026-12-24 or a timestamp such as 2026-12-24T10:00")
    return found


def moment_or_duration(reading: Reading, tree: Tree, label: str) -> Duration | datetime | None:
    """How long after a beginning, or the moment itself."""
    if isinstance(tree, Leaf) and (found := parse_moment(tree.text, reading.zone)) is not None:
        return found
    return duration(reading, tree, label, zero=True)


def choice(reading: Reading, tree: Tree, label: str, of: type[Choice]) -> Choice | None:
    """One word of an enumeration."""
    words = [member.value for member in of]
    if isinstance(tree, Leaf) and tree.text in words:
        return of(tree.text)
    hint = did_you_mean(tree.text, words) if isinstance(tree, Leaf) and isinstance(tree.value, str) else ""
    if not isinstance(tree, Broken):
        reading.refuse(tree.at, f"'{label}' must be {' or '.join(words)}, not {kind_of(tree)}{hint}")
    return None


def zone(reading: Reading, tree: Tree, label: str) -> str | None:
    """The name of a time zone of the program's own tzdata."""
    found = text(reading, tree, label)
    if found is not None and found not in zone_names():
        hint = did_you_mean(found, zone_names())
        reading.refuse(tree.at, f"unknown time zone '{found[:80]}'{hint or '; names are as in Asia/Almaty'}")
        return None
    return found


def locale(reading: Reading, tree: Tree, label: str) -> str | None:
    """A locale such as ``en`` or ``pt-BR``."""
    found = text(reading, tree, label)
    if found is not None and not LOCALE.fullmatch(found):
        reading.refuse(tree.at, f"'{label}' must be a locale such as en or pt-BR, not '{found[:40]}'")
        return None
    return found


def mailbox(reading: Reading, tree: Tree, label: str) -> str | None:
    """``Name <address>`` or an address alone, as written."""
    found = line(reading, tree, label)
    if found is None:
        return None
    inner = _MAILBOX.fullmatch(found.strip())
    if valid_address(inner[1] if inner else found) is None:
        reading.refuse(tree.at, f"'{label}' must be an address such as Shop <hello@shop.example>, not '{found[:80]}'")
        return None
    return found.strip()
