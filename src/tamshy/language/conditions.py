"""Conditions: one grammar for triggers, audiences, branches, exits, conversions and segments (spec: *Conditions*)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamshy.language import fields
from tamshy.language.comparisons import Measure, read_test
from tamshy.language.model import (
    ENTRY,
    Aggregate,
    Aggregation,
    All,
    AnyOf,
    Behaviour,
    Clause,
    Condition,
    Engaged,
    Engagement,
    Enrolled,
    In,
    Not,
    Operator,
    PropertyTest,
    Recency,
    Ref,
    Root,
    Subscribed,
    Test,
    Top,
    Window,
)
from tamshy.language.reading import Nesting, Reading, StepUse, Thing, did_you_mean, nearest, unknown
from tamshy.language.trees import Broken, Entry, Items, Leaf, Mapping, Tree
from tamshy.language.vocabulary import (
    ANY,
    BEHAVIOUR_KEYS,
    FIGURES,
    PLAIN_CONDITIONS,
    REFERENCE_ROOTS,
    ROOTS_WITHIN,
    TARGETS,
    TOP_BY,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamshy.domain.duration import Duration

NONE_OF = Test((Clause(Operator.EQ, 0),))
_MODIFIERS = frozenset(key for keys in BEHAVIOUR_KEYS.values() for key in keys)
_LONGEST_PATH = 200
_LIFETIME = Ref(Root.PREDICTED, ("clv",))


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a condition stands: in which flow, and whether an enrollment exists yet when it is looked at.

    ``segment``: the segment whose condition it is; there no event has started anything, but for one under test (``tested``).
    """

    flow: str
    entered: bool = True
    segment: str | None = None
    tested: bool = False


# -- references ------------------------------------------------------------------------------------------------------


def read_ref(reading: Reading, text: str, at: Tree | Entry, roots: tuple[Root, ...]) -> Ref | None:
    """``profile.address.country``: a reference that starts from one of ``roots``."""
    root, *path = unicodedata.normalize("NFC", text).split(".")
    place = at.at
    names = [allowed.value for allowed in roots]
    if len(text) > _LONGEST_PATH or not path or not all(part.strip() for part in path):
        if root in names or path:
            reading.refuse(place, f"'{text[:80]}' is not a reference such as {names[0]}.name")
        else:
            reading.refuse(place, f"'{text[:80]}' is not a reference; it starts with {_dotted(names)}")
        return None
    if root not in names:
        likely = nearest(root, names)
        hint = f" (did you mean '{'.'.join((likely, *path))}'?)" if likely else ""
        reading.refuse(place, f"'{text}' must start with {_dotted(names)}{hint}")
        return None
    if root in FIGURES and (len(path) > 1 or path[0] not in FIGURES[root]):
        reading.refuse(place, unknown("reference", text, [f"{root}.{name}" for name in FIGURES[root]]))
        return None
    return Ref(Root(root), tuple(path))


def _dotted(names: list[str]) -> str:
    return " or ".join(f"{name}." for name in names)


def read_event_refs(reading: Reading, tree: Tree, label: str) -> tuple[Ref, ...]:
    """``event.PATH`` or a list of such."""
    found = []
    for member in fields.one_or_list(tree):
        text = fields.text(reading, member, label)
        ref = read_ref(reading, text, member, (Root.EVENT,)) if text is not None else None
        if ref is not None:
            found.append(ref)
    return tuple(found)


def read_event_name(reading: Reading, tree: Tree, label: str) -> str | None:
    """The name of an event, in NFC."""
    return fields.line(reading, tree, label)


# -- conditions ------------------------------------------------------------------------------------------------------


def read_condition(reading: Reading, tree: Tree, scope: Scope) -> Condition | None:
    """Read a condition; None where a part of it was refused."""
    if isinstance(tree, Items):
        return _together([read_condition(reading, member, scope) for member in tree.items])
    if not isinstance(tree, Mapping):
        if not isinstance(tree, Broken):
            reading.refuse(tree.at, f"a condition must be a mapping or a list, not {fields.kind_of(tree)}")
        return None
    verbs = [name for name in tree.entries if name in BEHAVIOUR_KEYS]
    found: list[Condition | None] = []
    for name, entry in tree.entries.items():
        if name in BEHAVIOUR_KEYS:
            if name == verbs[0]:
                found.append(_behaviour(reading, tree, name, scope))
            else:
                text = f"'{name}' beside '{verbs[0]}': one of them in a mapping; put them into a list, each in its own"
                reading.refuse(entry.at, text)
                found.append(None)
        elif name in _MODIFIERS and name not in PLAIN_CONDITIONS:
            _check_modifier(reading, name, entry, verbs)
        else:
            found.append(_plain(reading, name, entry, scope))
    return _together(found)


def _together(found: list[Condition | None]) -> Condition | None:
    members = tuple(member for member in found if member is not None)
    if len(members) != len(found):
        return None
    return members[0] if len(members) == 1 else All(members)


def _check_modifier(reading: Reading, name: str, entry: Entry, verbs: list[str]) -> None:
    takers = [verb for verb, keys in BEHAVIOUR_KEYS.items() if name in keys]
    if not verbs:
        reading.refuse(entry.at, f"'{name}' refines {', '.join(takers)}, and none of them stands beside it")
    elif name not in BEHAVIOUR_KEYS[verbs[0]]:
        reading.refuse(entry.at, f"'{name}' does not go with '{verbs[0]}', only with {', '.join(takers)}")


def _plain(reading: Reading, name: str, entry: Entry, scope: Scope) -> Condition | None:
    """A member of a mapping that nothing refines."""
    if name in PLAIN_CONDITIONS:
        return _PLAIN[name](reading, name, entry.value, scope)
    if "." in name:
        return _property(reading, name, entry, scope)
    known = [*PLAIN_CONDITIONS, *BEHAVIOUR_KEYS, *_MODIFIERS, *(f"{root}." for root in REFERENCE_ROOTS)]
    hint = did_you_mean(name, known) or "; a property is written profile.NAME or event.NAME"
    reading.refuse(entry.at, f"unknown condition '{name}'{hint}")
    return None


def _property(reading: Reading, name: str, entry: Entry, scope: Scope) -> Condition | None:
    roots = tuple(Root(root) for root in REFERENCE_ROOTS if scope.entered or root not in ROOTS_WITHIN)
    ref = read_ref(reading, name, entry, roots)
    if ref is not None and ref.root is Root.EVENT and scope.segment is not None and not scope.tested:
        text = f"'{name}' asks for an event, and nothing has started a segment; it may stand in the 'where' of a 'did'"
        reading.refuse(entry.at, text)
    test = read_test(reading, entry.value, name)
    return None if ref is None or test is None else PropertyTest(ref, test)


def _several(reading: Reading, name: str, tree: Tree, scope: Scope) -> Condition | None:
    members = [read_condition(reading, member, scope) for member in fields.items(reading, tree, name)]
    whole = tuple(member for member in members if member is not None)
    if len(whole) != len(members) or not isinstance(tree, Items):
        return None
    return All(whole) if name == "all" else AnyOf(whole)


def _not(reading: Reading, name: str, tree: Tree, scope: Scope) -> Condition | None:
    del name
    member = read_condition(reading, tree, scope)
    return None if member is None else Not(member)


def _subscribed(reading: Reading, name: str, tree: Tree, scope: Scope) -> Condition | None:
    del scope
    topic = fields.name(reading, tree, name, fields.STEP_ID)
    reading.use(Thing.TOPIC, topic, tree.at)
    return None if topic is None else Subscribed(topic)


def _in(reading: Reading, name: str, tree: Tree, scope: Scope) -> Condition | None:
    segment = fields.name(reading, tree, name)
    reading.use(Thing.SEGMENT, segment, tree.at)
    if segment is not None and scope.segment is not None:
        reading.nestings.append(Nesting(scope.segment, segment, tree.at))
    return None if segment is None else In(segment)


_PLAIN: dict[str, Callable[[Reading, str, Tree, Scope], Condition | None]] = {
    "all": _several,
    "any": _several,
    "not": _not,
    "subscribed": _subscribed,
    "in": _in,
}


# -- what a profile did ----------------------------------------------------------------------------------------------


def _behaviour(reading: Reading, tree: Mapping, verb: str, scope: Scope) -> Condition | None:
    before = len(reading.problems)
    keys = {name: tree.entries[name].value for name in BEHAVIOUR_KEYS[verb] if name in tree.entries}
    found = _READERS[verb](reading, verb, tree.entries[verb], keys, scope)
    return found if len(reading.problems) == before else None


Keys = dict[str, Tree]


def _did(reading: Reading, verb: str, entry: Entry, keys: Keys, scope: Scope) -> Condition | None:
    event = read_event_name(reading, entry.value, verb)
    where = _nested(reading, keys["where"], scope) if "where" in keys else None
    count = read_test(reading, keys["count"], "count", Measure.COUNT) if "count" in keys else None
    aggregates = [found for name in Aggregation if name in keys for found in _aggregate(reading, name, keys[name])]
    window = _window(reading, keys, scope)
    same = _same(reading, keys, scope)
    if event is None:
        return None
    return Behaviour(event, where, NONE_OF if verb == "did_not" else count, tuple(aggregates), window, same)


def _nested(reading: Reading, tree: Tree, scope: Scope) -> Condition | None:
    """A condition on the event under test."""
    return read_condition(reading, tree, replace(scope, tested=True))


def _same(reading: Reading, keys: Keys, scope: Scope) -> tuple[Ref, ...]:
    if "same" not in keys:
        return ()
    if scope.segment is not None:
        reading.refuse(
            keys["same"].at, "'same' compares with the event that started it, and nothing has started a segment"
        )
    return read_event_refs(reading, keys["same"], "same")


def _aggregate(reading: Reading, function: Aggregation, tree: Tree) -> list[Aggregate]:
    found = []
    entries = fields.open_mapping(reading, tree, function, "such as {event.value: {gte: 100}}")
    if isinstance(tree, Mapping) and not entries:
        reading.refuse(tree.at, f"'{function}' needs a reference such as event.value")
    for name, entry in entries.items():
        ref = read_ref(reading, name, entry, (Root.EVENT,))
        test = read_test(reading, entry.value, name, Measure.NUMBER)
        if ref is not None and test is not None:
            found.append(Aggregate(function, ref, test))
    return found


def _recency(reading: Reading, verb: str, entry: Entry, keys: Keys, scope: Scope) -> Condition | None:
    event = read_event_name(reading, entry.value, verb)
    where = _nested(reading, keys["where"], scope) if "where" in keys else None
    same = _same(reading, keys, scope)
    if "ago" not in keys:
        reading.refuse(entry.at, f"'{verb}' needs 'ago' beside it, such as ago: {{gte: 30d}}")
        return None
    ago = read_test(reading, keys["ago"], "ago", Measure.AGE)
    return None if event is None or ago is None else Recency(event, verb == "last", ago, where, same)


def _enrolled(reading: Reading, verb: str, entry: Entry, keys: Keys, scope: Scope) -> Condition | None:
    del scope
    flow = fields.name(reading, entry.value, verb, fields.FLOW_NAME)
    reading.use(Thing.FLOW, flow, entry.value.at)
    within = fields.duration(reading, keys["within"], "within") if "within" in keys else None
    return None if flow is None else Enrolled(flow, within)


def _engagement(reading: Reading, verb: str, entry: Entry, keys: Keys, scope: Scope) -> Condition | None:
    target = fields.line(reading, entry.value, verb)
    window = _window(reading, keys, scope)
    count = read_test(reading, keys["count"], "count", Measure.COUNT) if "count" in keys else None
    url = read_test(reading, keys["url"], "url") if "url" in keys else None
    if target is None:
        return None
    step = None
    named: dict[str, str] = {}
    kind, slash, rest = target.partition("/")
    if slash and kind in TARGETS:
        named = {kind: rest}
        reading.use(Thing(kind), rest, entry.value.at)
    elif slash:
        reading.refuse(
            entry.value.at, f"'{verb}' takes a step of this flow, message/NAME, flow/NAME or any, not '{target}'"
        )
    elif target != ANY:
        step = target
        _use_step(reading, verb, target, entry.value, scope, sends=True)
    return Engagement(Engaged(verb), step, named.get("message"), named.get("flow"), window, count, url)


def _use_step(reading: Reading, label: str, step: str, tree: Tree, scope: Scope, *, sends: bool) -> None:
    if scope.entered:
        reading.step_uses.append(StepUse(scope.flow, step, tree.at, sends))
    else:
        instead = f"; message/{step} looks at the whole history" if sends else ""
        reading.refuse(tree.at, f"'{label}: {step}' asks for a step, and here nobody has entered the flow yet{instead}")


def _top(reading: Reading, verb: str, entry: Entry, keys: Keys, scope: Scope) -> Condition | None:
    del verb
    share = fields.percentage(reading, entry.value, "top")
    within = fields.duration(reading, keys["within"], "within") if "within" in keys else None
    if scope.segment is None:
        reading.refuse(entry.at, "'top' stands in segments only; make one of it, and ask with in: SEGMENT")
    if "by" not in keys:
        reading.refuse(entry.at, "'top' needs 'by' beside it")
        return None
    measure = _measure(reading, keys["by"])
    if measure is not None and not measure[0] and "within" in keys:
        text = f"'within' does not go with by: {measure[1]}, which looks at all orders and ahead, not back"
        reading.refuse(keys["within"].at, text)
    return None if share is None or measure is None else Top(share, *measure, within)


def _measure(reading: Reading, tree: Tree) -> tuple[str, Ref | None] | None:
    """What ``top`` goes by: an event name, and the property that is added up; without one its events are counted.

    An empty name: a figure of the profile.
    """
    if isinstance(tree, Leaf) and tree.text.split(".", 1)[0] in FIGURES:
        if tree.text == str(_LIFETIME):
            return "", _LIFETIME
        reading.refuse(
            tree.at, f"'{tree.text}' is nothing that 'top' goes by{did_you_mean(tree.text, [str(_LIFETIME)])}"
        )
        return None
    by = fields.mapping(reading, tree, TOP_BY)
    if by is None:
        return None
    if "count" in by and not {"sum", "of"} & by.keys():
        event = read_event_name(reading, by["count"], "count")
        return None if event is None else (event, None)
    if "count" in by or not {"sum", "of"} <= by.keys():
        reading.refuse(tree.at, "'by' takes {sum: event.PATH, of: EVENT}, {count: EVENT} or predicted.clv")
        return None
    event = read_event_name(reading, by["of"], "of")
    text = fields.text(reading, by["sum"], "sum")
    ref = read_ref(reading, text, by["sum"], (Root.EVENT,)) if text is not None else None
    return None if event is None or ref is None else (event, ref)


def _window(reading: Reading, keys: Keys, scope: Scope) -> Window:
    within = fields.duration(reading, keys["within"], "within") if "within" in keys else None
    until = fields.duration(reading, keys["until"], "until", zero=True) if "until" in keys else None
    after, before = (fields.moment(reading, keys[key], key) if key in keys else None for key in ("after", "before"))
    since = None
    if "since" in keys:
        since = ENTRY if _is(keys["since"], ENTRY) else fields.name(reading, keys["since"], "since", fields.STEP_ID)
        if since is not None and (since != ENTRY or not scope.entered):
            _use_step(reading, "since", since, keys["since"], scope, sends=False)
    given = [key for key in ("within", "since", "after", "before") if key in keys]
    if len(given) > 1 and given != ["after", "before"]:
        reading.refuse(
            keys[given[1]].at, f"'{given[1]}' beside '{given[0]}': only one of within, since, after and before"
        )
    if "until" in keys and "within" not in keys:
        reading.refuse(keys["until"].at, "'until' needs 'within' beside it")
    if within and until and _surely_no_longer(within, until):
        reading.refuse(keys["until"].at, "'until' leaves nothing of 'within': it must be the shorter of the two")
    if after and before and after >= before:
        reading.refuse(keys["before"].at, "'before' must be later than 'after'")
    return Window(within, until, since, after, before)


def _is(tree: Tree, word: str) -> bool:
    return isinstance(tree, Leaf) and tree.value == word


def _surely_no_longer(one: Duration, other: Duration) -> bool:
    """Whether ``one`` is no longer than ``other`` whatever the months and clock changes it falls on."""
    longest = one.months * 31 * 86_400 + one.days * 90_000 + one.seconds
    shortest = other.months * 28 * 86_400 + other.days * 82_800 + other.seconds
    return longest <= shortest or one == other


_READERS: dict[str, Callable[[Reading, str, Entry, Keys, Scope], Condition | None]] = {
    "did": _did,
    "did_not": _did,
    "last": _recency,
    "first": _recency,
    "enrolled": _enrolled,
    "received": _engagement,
    "opened": _engagement,
    "clicked": _engagement,
    "top": _top,
}
