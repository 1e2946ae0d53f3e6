"""What starts flows without an event: dates that come round, times of a schedule, and what the catalogue brings.

Rules 13, 19 and 22. An occasion has a moment of its own, local to the profile, and a key of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from tests.oracle import almanac
from tests.oracle.catalogue import Change, came_back, concerns, dropped, in_stock, purchases
from tests.oracle.conditions import MISSING, holds, member, reference_items
from tests.oracle.cron import cron
from tests.oracle.people import Event
from tests.oracle.reading import listed
from tests.oracle.shopping import sku

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from tests.oracle.conditions import Scene
    from tests.oracle.reading import Flow, Json

    Coming = Callable[[int, str], int]  # when what would come at a moment, by its key, really comes

AT = "09:00"  # rule 19
YEARS = 3  # how far around now a date is looked for: offsets are shorter than that
MOST = 50  # new products that an occasion holds
NO_YEAR = 5  # ``day_of`` reads a date without a year into the first years there are


@dataclass(frozen=True)
class Occasion:
    """Something that comes for a profile at a moment (ms) and may start a flow."""

    moment: int
    flow: Flow
    key: str
    facts: dict[str, Json]
    mark: tuple[Json, ...]  # the occurrence, the same in all flows that it starts (rule 14)
    segment: str | None = None  # it comes for members alone


def occasions(flow: Flow, scene: Scene, moved: frozenset[tuple[str, str]] = frozenset()) -> Iterator[Occasion]:
    """Every occasion of the flow around now, of now or to come, in no order; some that have gone by among them.

    ``moved``: flow and key of those that were still to come a moment ago, where the profile's zone has just become another. Those
    that have gone by with it come now (ADR 89).
    """

    def at(moment: int, key: str) -> int:
        return max(moment, scene.now) if (flow.name, key) in moved else moment

    for n, form in enumerate(flow.triggers):
        if "date" in form:
            yield from _dates(flow, form, scene, at)
        elif "schedule" in form:
            yield from _ticks(flow, form["schedule"], scene, at)
        elif "new_arrivals" in form:
            yield from _arrivals(flow, n, form["new_arrivals"], scene, at)
        elif "reorder_due" in form:
            yield from _reorders(flow, form["reorder_due"], scene)
        elif "broadcast" in form:
            yield from _broadcasts(flow, form["broadcast"], scene)


@cache
def _local(day: date, offset: almanac.Duration, at: str, tz: ZoneInfo) -> int:
    """The moment of a time of day on a day, moved by the offset's days and then by its hours."""
    shifted = almanac.moved(day, offset)
    return almanac.instant(datetime.combine(shifted, almanac.clock_time(at)), tz) + offset.millis


def _dates(flow: Flow, form: dict[str, Json], scene: Scene, come: Coming) -> Iterator[Occasion]:
    offset, at = almanac.duration(form.get("offset", "0d")), form.get("at", AT)
    for n, (value, item) in enumerate(reference_items(form["date"], scene)):
        day = None if value is MISSING else almanac.day_of(value, scene.zone, scene.settings.zone)
        if day is None:
            continue
        dated = day.year >= NO_YEAR
        if form.get("every", "year") == "once":
            days: tuple[date, ...] = (day,) if dated else ()
        else:
            days = _returns(day, almanac.wall(scene.now, scene.zone).year)
        for coming in days:
            years = coming.year - day.year if dated else None
            facts = {"date": coming.isoformat(), "years": years, "item": item}
            key = coming.isoformat() if item is None else f"{coming.isoformat()}/{n}"
            if form.get("every", "year") == "year":  # as ADR 89 has it: a date that is put right is the same occurrence
                key = f"{form['date']} {coming.year}" + ("" if item is None else f" {_element(item, n)}")
            moment = come(_local(coming, offset, at, scene.zone), key)
            if moment < scene.now:
                continue
            mark = ("date", form["date"], coming.isoformat(), n)
            yield Occasion(moment, flow, key, facts, mark)


def _element(item: Json, place: int) -> Json:
    """What an element of a list is known by: its own id or name, else its place."""
    return (item.get("id") or item.get("name") or place) if isinstance(item, dict) else place


@cache
def _returns(day: date, year: int) -> tuple[date, ...]:
    """The day in the years around; 29 February is 28 February in other years; never the day itself (rule 19), nor before."""
    return tuple(_each_return(day, year))


def _each_return(day: date, year: int) -> Iterator[date]:
    for n in range(year - YEARS, year + YEARS + 1):
        leap = n % 4 == 0 and (n % 100 != 0 or n % 400 == 0)
        found = date(n, 2, 28) if (day.month, day.day) == (2, 29) and not leap else date(n, day.month, day.day)
        if found > day:
            yield found


def _ticks(flow: Flow, form: dict[str, Json], scene: Scene, come: Coming) -> Iterator[Occasion]:
    """For every member at that time, local to each profile; a date without a year comes every year."""
    if "cron" in form:
        clocks = _rounds(form["cron"], scene.now, scene.zone)
        found = [(almanac.instant(clock, scene.zone), clock) for clock in clocks]
    else:
        offset, at = almanac.duration(form.get("offset", "0d")), form.get("at", AT)
        found = []
        for text in form["dates"]:
            day = almanac.day_of(str(text), scene.zone, scene.settings.zone)
            assert day is not None, text
            year = almanac.wall(scene.now, scene.zone).year
            days = (day,) if day.year >= NO_YEAR else _returns(day, year)
            for one in days:
                clock = datetime.combine(almanac.moved(one, offset), almanac.clock_time(at))
                found.append((_local(one, offset, at, scene.zone), clock))
    for moment, clock in found:
        key = clock.strftime("%Y-%m-%dT%H:%M")
        yield _tick(flow, form.get("segment"), come(moment, key), key)


def _tick(flow: Flow, segment: str | None, moment: int, key: str) -> Occasion:
    return Occasion(moment, flow, key, {"at": almanac.iso(moment)}, ("schedule", key), segment)


def _rounds(text: str, now: int, tz: ZoneInfo) -> tuple[datetime, ...]:
    """The wall clocks of a cron expression from the day before on, as far as the first day with one behind today."""
    return _clocks(text, almanac.wall(now, tz).date() - timedelta(days=1))


@cache
def _clocks(text: str, first: date) -> tuple[datetime, ...]:
    found: list[datetime] = []
    for n in range(5 * 366):
        day = first + timedelta(days=n)
        found += [datetime.combine(day, at) for at in cron(text).times(day)]
        if found and found[-1].date() > first + timedelta(days=1):
            break
    return tuple(found)


def _broadcasts(flow: Flow, form: dict[str, Json], scene: Scene) -> Iterator[Occasion]:
    """One time, a list of times, or a cron expression, by the clocks of a zone."""
    for at in listed(form["at"]):
        said = at if isinstance(at, dict) else {"time": at}
        tz = scene.zone if said.get("zone") == "profile" else scene.settings.zone
        if "cron" in said:
            for clock in _rounds(said["cron"], scene.now, tz):
                yield _tick(flow, form.get("segment"), almanac.instant(clock, tz), clock.strftime("%Y-%m-%dT%H:%M"))
        else:
            moment = almanac.stamp(said["time"], tz)
            assert moment is not None, said
            yield _tick(flow, form.get("segment"), moment, str(said["time"]))


def changed(flow: Flow, changes: list[Change], scene: Scene) -> Iterator[Occasion]:
    """What the changes of the catalogue at this moment mean to the profile."""
    for form in flow.triggers:
        for change in changes:
            for word in ("price_drop", "back_in_stock"):
                if word not in form:
                    continue
                asked = form[word]
                happened = dropped(asked, change) if word == "price_drop" else came_back(change)
                if happened and concerns(asked, change, scene):
                    key = f"{sku(change.product)}@{almanac.iso(change.at)}"
                    facts = {"product": change.product, "old_price": change.before.get("price")}
                    yield Occasion(change.at, flow, key, facts, (word, key))


def _fits(form: dict[str, Json], product: Json, scene: Scene) -> bool:
    tested = Event("", scene.now, 0, {"product": product, "products": [product]}, {})
    return holds(form.get("where"), replace(scene, tested=tested))


def _arrivals(flow: Flow, n: int, form: dict[str, Json], scene: Scene, come: Coming) -> Iterator[Occasion]:
    """On those days, at that time: what has arrived since the last time, if it is enough, and not sooner than ``every``.

    What a look has found is written down with the profile, so that what was too little counts again at the next one. Who is no
    member when it comes begins anew.
    """
    looks = scene.profile.looks.setdefault((flow.name, n), {})
    first = almanac.wall(scene.now, scene.zone).date() - timedelta(days=1)
    for more in range(9):
        day = first + timedelta(days=more)
        if form.get("on") and almanac.WEEKDAYS[day.weekday()] not in listed(form["on"]):
            continue
        key = f"{day.isoformat()}T{form.get('at', AT)}"
        moment = come(almanac.instant(datetime.combine(day, almanac.clock_time(form.get("at", AT))), scene.zone), key)
        found: list[Json] = []
        if moment == scene.now:
            if form.get("segment") and not member(form["segment"], scene):
                looks.clear()
                continue
            found = _new(form, looks, day, moment, scene)
        if moment > scene.now or found:
            yield Occasion(moment, flow, key, {"products": found}, ("new_arrivals", key), form.get("segment"))


def _new(form: dict[str, Json], looks: dict[int, int], day: date, moment: int, scene: Scene) -> list[Json]:
    """The newest products in stock since the last time; none where they are too few, or it comes too soon."""
    every = almanac.duration(form.get("every", "1w"))
    before = [at for at in looks if at < moment]
    begins = looks[max(before)] if before else almanac.back(moment, every, scene.zone)
    looks[moment] = begins
    if before and day < almanac.moved(almanac.wall(begins, scene.zone).date(), every):
        return []
    names = [name for name, at in scene.world.since.items() if begins < at <= moment]
    names = [name for name in names if in_stock(scene.world.products[name])]
    names = [name for name in names if _fits(form, scene.world.products[name], scene)]
    newest = sorted(names, key=lambda name: (-scene.world.since[name], name))[:MOST]
    if not newest or len(newest) < form.get("at_least", 1):
        return []
    looks[moment] = moment
    return [scene.world.products[name] for name in sorted(newest, key=lambda name: (scene.world.since[name], name))]


def _reorders(flow: Flow, form: dict[str, Json], scene: Scene) -> Iterator[Occasion]:
    """When what was bought is due again, by the product's own interval, else by the one that was learnt."""
    offset, at = almanac.duration(form.get("offset", "0d")), form.get("at", AT)
    for name, times in purchases(scene.profile).items():
        product = scene.world.products.get(name)
        lasts = None if product is None else product.get("interval") or scene.world.lasting.get(name)
        if product is None or not lasts or not _fits(form, product, scene):
            continue
        due = almanac.add(times[-1], almanac.duration(lasts), scene.zone)
        day = almanac.wall(due, scene.zone).date()
        key = f"{name}@{day.isoformat()}"
        facts = {"product": product, "due_at": almanac.iso(due)}
        yield Occasion(_local(day, offset, at, scene.zone), flow, key, facts, ("reorder_due", key))
