"""A flow's file: its head (trigger, audience, re-entry, exits …) and its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import Scope, read_condition, read_event_name, read_event_refs, read_ref
from tamshy.language.matches import by_segment, match_of, read_match, segment_match
from tamshy.language.model import (
    Conversion,
    EventMatch,
    EventTrigger,
    Flow,
    InFlight,
    ManualTrigger,
    Offer,
    Position,
    Reentry,
    ReentryKind,
    Ref,
    Root,
    Trigger,
)
from tamshy.language.occasions import read_arrivals_trigger, read_date_trigger, read_schedule_trigger
from tamshy.language.offers import KINDS as OFFER_KINDS
from tamshy.language.offers import read_offer
from tamshy.language.reading import Reading, unknown
from tamshy.language.steps import StepReader
from tamshy.language.trees import Items, Leaf, Mapping, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

_DEFAULT_MAX_AGE = Duration(days=1)
_GREATEST_PRIORITY = 1_000_000

Keys = dict[str, Tree]


def read_flow(reading: Reading, name: str, tree: Tree) -> Flow | None:
    """Read a flow; None where it is none at all. What was refused inside is left out of it."""
    keys = fields.mapping(reading, tree, vocabulary.FLOW)
    if keys is None:
        return None
    inside = Scope(name)
    outside = Scope(name, entered=False)
    title = fields.line(reading, keys["name"], "name") if "name" in keys else None
    per = fields.text(reading, keys["per"], "per") if "per" in keys else None
    reader = StepReader(reading, inside)
    return Flow(
        name=name,
        title=title or name,
        triggers=_triggers(reading, keys, outside),
        offers=_offers(reading, keys, outside),
        steps=reader.steps(keys["steps"], "steps") if "steps" in keys else (),
        per=read_ref(reading, per, keys["per"], (Root.EVENT,)) if per is not None else None,
        audience=read_condition(reading, keys["audience"], outside) if "audience" in keys else None,
        reentry=_reentry(reading, keys["reentry"]) if "reentry" in keys else Reentry(),
        exit_on=_exits(reading, keys["exit_on"], inside) if "exit_on" in keys else (),
        conversion=_conversion(reading, keys["conversion"], inside) if "conversion" in keys else None,
        holdout=fields.percentage(reading, keys["holdout"], "holdout") if "holdout" in keys else None,
        priority=_priority(reading, keys),
        in_flight=_in_flight(reading, keys),
        position=tree.at,
    )


def _priority(reading: Reading, keys: Keys) -> int:
    if "priority" not in keys:
        return 0
    return fields.integer(reading, keys["priority"], "priority", -_GREATEST_PRIORITY, _GREATEST_PRIORITY) or 0


def _in_flight(reading: Reading, keys: Keys) -> InFlight:
    found = fields.choice(reading, keys["in_flight"], "in_flight", InFlight) if "in_flight" in keys else None
    return found or InFlight.FOLLOW


def _triggers(reading: Reading, keys: Keys, scope: Scope) -> tuple[Trigger, ...]:
    if "trigger" not in keys:
        return ()
    tree = keys["trigger"]
    if isinstance(tree, Items) and not tree.items:
        reading.refuse(tree.at, "'trigger' needs at least one trigger")
    found = [_trigger(reading, member, scope) for member in fields.one_or_list(tree) if _offer_kind(member) is None]
    return tuple(trigger for trigger in found if trigger is not None)


def _offers(reading: Reading, keys: Keys, scope: Scope) -> tuple[Offer, ...]:
    """The triggers that the catalogue pulls."""
    found = []
    for member in fields.one_or_list(keys["trigger"]) if "trigger" in keys else ():
        kind = _offer_kind(member)
        if kind is not None and isinstance(member, Mapping):
            found.append(read_offer(reading, member, kind, scope))
    return tuple(offer for offer in found if offer is not None)


def _offer_kind(tree: Tree) -> str | None:
    names = tree.entries if isinstance(tree, Mapping) and "event" not in tree.entries else {}
    return next((name for name in names if name in OFFER_KINDS), None)


def _trigger(reading: Reading, tree: Tree, scope: Scope) -> Trigger | None:
    if by_segment(tree):
        match = segment_match(reading, fields.mapping(reading, tree, vocabulary.SEGMENT_TRIGGER) or {})
        return None if match is None else EventTrigger(match.event, segment=match.segment)
    if isinstance(tree, Mapping) and "event" not in tree.entries:
        for kind, read in _OCCASIONS.items():
            if kind in tree.entries:
                return read(reading, tree, scope)
        if tree.entries:
            first, entry = next(iter(tree.entries.items()))
            known = ["event", "segment", *_OCCASIONS, *OFFER_KINDS]
            reading.refuse(entry.at, f"{unknown('trigger', first, known)}")
        else:
            reading.refuse(tree.at, "'trigger' needs 'event': what starts the flow")
        return None
    keys = fields.mapping(reading, tree, vocabulary.EVENT_TRIGGER) or {}
    event = read_event_name(reading, keys["event"], "event") if "event" in keys else None
    where = read_condition(reading, keys["where"], scope) if "where" in keys else None
    max_age = fields.duration(reading, keys["max_age"], "max_age") if "max_age" in keys else None
    return None if event is None else EventTrigger(event, where, max_age or _DEFAULT_MAX_AGE)


def _manual(reading: Reading, tree: Mapping, scope: Scope) -> ManualTrigger | None:
    del scope
    keys = fields.mapping(reading, tree, vocabulary.MANUAL_TRIGGER) or {}
    if "manual" in keys and fields.boolean(reading, keys["manual"], "manual") is False:
        reading.refuse(keys["manual"].at, "'manual' must be true; leave the trigger out where nobody enters by hand")
    return ManualTrigger()


_OCCASIONS: dict[str, Callable[[Reading, Mapping, Scope], Trigger | None]] = {
    "manual": _manual,
    "date": read_date_trigger,
    "schedule": read_schedule_trigger,
    "new_arrivals": read_arrivals_trigger,
}
"""What starts a flow where no event does."""
_REENTRY_WORDS = (ReentryKind.ONCE, ReentryKind.ALWAYS)


def _reentry(reading: Reading, tree: Tree) -> Reentry:
    if isinstance(tree, Mapping):
        keys = fields.mapping(reading, tree, vocabulary.REENTRY) or {}
        after = fields.duration(reading, keys["after"], "after") if "after" in keys else None
        return Reentry(ReentryKind.AFTER, after) if after else Reentry()
    if isinstance(tree, Leaf) and tree.text in _REENTRY_WORDS:
        return Reentry(ReentryKind(tree.text))
    fields.wrong(reading, tree, "reentry", "once, always or a mapping such as {after: 7d}")
    return Reentry()


def _exits(reading: Reading, tree: Tree, scope: Scope) -> tuple[EventMatch, ...]:
    found = [read_match(reading, member, scope) for member in fields.one_or_list(tree)]
    return tuple(match for match in found if match is not None)


def _conversion(reading: Reading, tree: Tree, scope: Scope) -> Conversion | None:
    matches: list[EventMatch] = []
    terms: list[tuple[Position, Duration | None, Ref | None]] = []
    for member in fields.one_or_list(tree):
        segment = by_segment(member)
        form = vocabulary.SEGMENT_CONVERSION if segment else vocabulary.CONVERSION
        keys = fields.mapping(reading, member, form) or {}
        match = segment_match(reading, keys) if segment else match_of(reading, keys, scope)
        within = fields.duration(reading, keys["within"], "within") if "within" in keys else None
        if match is not None:
            matches.append(match)
            terms.append((member.at, within, _worth(reading, keys)))
    for at, within, value in terms[1:]:
        if (within, value) != terms[0][1:]:
            reading.refuse(at, "the members of 'conversion' must have the same 'within' and 'value'")
    if not matches:
        if isinstance(tree, Items) and not tree.items:
            reading.refuse(tree.at, "'conversion' needs at least one event; leave it out where nothing counts")
        return None
    return Conversion(tuple(matches), terms[0][1], terms[0][2])


def _worth(reading: Reading, keys: Keys) -> Ref | None:
    refs = read_event_refs(reading, keys["value"], "value") if "value" in keys else ()
    if len(refs) > 1:
        reading.refuse(keys["value"].at, "'value' must be one reference such as event.value")
    return refs[0] if refs else None
