"""Triggers that no event fires: the moments that dates and schedules bring round."""

from __future__ import annotations

import re
from datetime import date, time
from typing import TYPE_CHECKING, Final

from tamshy.domain.duration import Duration
from tamshy.domain.ticks import cron_fault
from tamshy.language import fields, vocabulary
from tamshy.language.comparisons import month_day
from tamshy.language.conditions import read_condition, read_ref
from tamshy.language.durations import format_duration
from tamshy.language.model import (
    MOST_ARRIVALS,
    DateTrigger,
    EventTrigger,
    Every,
    ManualTrigger,
    MonthDay,
    NewArrivals,
    Root,
    ScheduleTrigger,
)
from tamshy.language.reading import Thing
from tamshy.language.trees import Items, Leaf

if TYPE_CHECKING:
    from tamshy.language.conditions import Scope
    from tamshy.language.model import Trigger
    from tamshy.language.reading import Reading
    from tamshy.language.trees import Mapping, Tree

NINE = time(9)
"""When it is where a trigger does not say."""
_LAST_ORDER: Final = "order.last_at"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_date_trigger(reading: Reading, tree: Mapping, scope: Scope) -> DateTrigger | None:
    """Read ``date: profile.PATH`` with its siblings; None where the date itself was refused."""
    del scope
    keys = fields.mapping(reading, tree, vocabulary.DATE_TRIGGER) or {}
    text = fields.text(reading, keys["date"], "date") if "date" in keys else None
    roots = (Root.ORDER,) if text == _LAST_ORDER else (Root.PROFILE,)
    date = None if text is None else read_ref(reading, text, keys["date"], roots)
    every = fields.choice(reading, keys["every"], "every", Every) if "every" in keys else None
    offset = fields.duration(reading, keys["offset"], "offset", negative=True) if "offset" in keys else None
    at = fields.time_of_day(reading, keys["at"], "at") if "at" in keys else None
    if date is None:
        return None
    return DateTrigger(date, every or Every.YEAR, offset or Duration(), NINE if at is None else at)


def read_schedule_trigger(reading: Reading, tree: Mapping, scope: Scope) -> ScheduleTrigger | None:
    """Read ``schedule: {…}``; None where what it says when, or for whom, was refused."""
    del scope
    outer = fields.mapping(reading, tree, vocabulary.SCHEDULE_TRIGGER) or {}
    keys = fields.mapping(reading, outer["schedule"], vocabulary.SCHEDULE) if "schedule" in outer else None
    if keys is None:
        return None
    segment = read_segment_name(reading, keys)
    cron = read_cron(reading, keys["cron"]) if "cron" in keys else None
    dates = _dates(reading, keys["dates"]) if "dates" in keys else ()
    offset = fields.duration(reading, keys["offset"], "offset", negative=True) if "offset" in keys else None
    at = fields.time_of_day(reading, keys["at"], "at") if "at" in keys else None
    if ("cron" in keys) is ("dates" in keys):
        both = "not both: write two triggers" if "cron" in keys else "to say when"
        reading.refuse(outer["schedule"].at, f"'schedule' needs 'cron' or 'dates', {both}")
        return None
    for beside in ("offset", "at"):
        if "cron" in keys and beside in keys:
            reading.refuse(keys[beside].at, f"'{beside}' goes with 'dates'; a 'cron' says itself when it comes")
    if segment is None or not (cron or dates):
        return None
    return ScheduleTrigger(segment, cron, dates, offset or Duration(), NINE if at is None else at)


def read_arrivals_trigger(reading: Reading, tree: Mapping, scope: Scope) -> NewArrivals | None:
    """Read ``new_arrivals: {…}``; None where it is no mapping."""
    outer = fields.mapping(reading, tree, vocabulary.ARRIVALS_TRIGGER) or {}
    keys = fields.mapping(reading, outer["new_arrivals"], vocabulary.ARRIVALS) if "new_arrivals" in outer else None
    if keys is None:
        return None
    least = fields.integer(reading, keys["at_least"], "at_least", 1, MOST_ARRIVALS) if "at_least" in keys else None
    every = fields.duration(reading, keys["every"], "every") if "every" in keys else None
    if every is not None and every.seconds:
        reading.refuse(keys["every"].at, "'every' is days, weeks, months or years: it comes on days, at 'at'")
    at = fields.time_of_day(reading, keys["at"], "at") if "at" in keys else None
    return NewArrivals(
        where=read_condition(reading, keys["where"], scope) if "where" in keys else None,
        at_least=least or NewArrivals().at_least,
        every=every or NewArrivals().every,
        on=fields.weekdays(reading, keys["on"], "on") if "on" in keys else frozenset(),
        at=NINE if at is None else at,
        segment=read_segment_name(reading, keys),
    )


def read_segment_name(reading: Reading, keys: dict[str, Tree]) -> str | None:
    """The name of a segment that must exist."""
    if "segment" not in keys:
        return None
    found = fields.name(reading, keys["segment"], "segment")
    reading.use(Thing.SEGMENT, found, keys["segment"].at)
    return found


def read_cron(reading: Reading, tree: Tree) -> str | None:
    """A cron expression, in small letters with single spaces."""
    found = fields.text(reading, tree, "cron")
    if found is None:
        return None
    expression = " ".join(found.lower().split())
    fault = cron_fault(expression)
    if fault is not None:
        reading.refuse(tree.at, f"'cron' {fault}, as in \"0 9 * * mon\", not '{found[:80]}'")
        return None
    return expression


def _dates(reading: Reading, tree: Tree) -> tuple[date | MonthDay, ...]:
    found: list[date | MonthDay] = []
    for member in fields.items(reading, tree, "dates"):
        day = _date(member.text) if isinstance(member, Leaf) else None
        if day is None:
            fields.wrong(reading, member, "dates", 'a date such as 2026-12-24, or "12-24" for every year')
        else:
            found.append(day)
    if isinstance(tree, Items) and not tree.items:
        reading.refuse(tree.at, "'dates' needs at least one date")
    return tuple(found)


def _date(text: str) -> date | MonthDay | None:
    if not _DATE.fullmatch(text):
        return month_day(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def described(trigger: Trigger) -> str:
    """What starts a flow, in a few words: the event's name, or the date with when it comes."""
    if isinstance(trigger, EventTrigger):
        return trigger.event if trigger.segment is None else f"{trigger.event} ({trigger.segment})"
    if isinstance(trigger, ManualTrigger):
        return "by hand"
    if isinstance(trigger, NewArrivals):
        return _arrivals_text(trigger)
    away = _away(trigger.offset)
    if isinstance(trigger, ScheduleTrigger):
        zone = f" in {trigger.zone}" if trigger.zone else ""
        if trigger.cron is not None:
            return f"{trigger.cron}{zone} for {trigger.segment}"
        days = [_day_text(day) for day in trigger.dates] or [f"{one:%Y-%m-%d %H:%M}" for one in trigger.times]
        at = f" at {trigger.at:%H:%M}" if trigger.dates else ""
        return f"{away}{', '.join(days)}{at}{zone} for {trigger.segment}"
    return f"{away}{trigger.date} at {trigger.at:%H:%M}{' once' if trigger.every is Every.ONCE else ''}"


def _arrivals_text(trigger: NewArrivals) -> str:
    names = {number: word for word, number in fields.WEEKDAYS.items()}
    days = ", ".join(names[day] for day in sorted(trigger.on)) or "any day"
    few = f"{trigger.at_least} new products or more" if trigger.at_least > 1 else "new products"
    return f"{few}, once in {format_duration(trigger.every)}, {days} at {trigger.at:%H:%M} for {trigger.segment or 'everybody'}"


def _day_text(day: date | MonthDay) -> str:
    return f"{day.month:02}-{day.day:02}" if isinstance(day, MonthDay) else day.isoformat()


def _away(offset: Duration) -> str:
    """How far from a day: nothing, ``7d before `` or ``2d after ``."""
    if offset == Duration():
        return ""
    before = max(offset.months, offset.days, offset.seconds) <= 0
    return f"{format_duration(-offset if before else offset)} {'before' if before else 'after'} "
