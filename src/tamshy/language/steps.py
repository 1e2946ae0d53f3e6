"""Steps of a flow: a mapping with exactly one verb, in lists that nest (spec: *Flows*, *Steps*)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import Scope, read_condition, read_event_name, read_ref
from tamshy.language.matches import match_of, read_match
from tamshy.language.model import (
    ENTRY,
    Arm,
    Branch,
    ChangeConsent,
    EventMatch,
    Exit,
    Position,
    Root,
    Send,
    SetProperties,
    Step,
    Track,
    Value,
    WaitFor,
)
from tamshy.language.outward import read_coupon, read_notify, read_webhook
from tamshy.language.reading import DefinedStep, Reading, Thing, unknown
from tamshy.language.trees import Broken, Items, Leaf, Mapping, Tree
from tamshy.language.values import read_value
from tamshy.language.vocabulary import VERBS
from tamshy.language.waits import StepHead, read_wait
from tamshy.language.ways import read_repeat, read_split

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_EXPIRES = Duration(days=1)
_RESERVED_IDS = {ENTRY: "since: entry", vocabulary.ANY: "opened: any"}
_BESIDE = {key for verb in VERBS.values() for key in verb.form.names} - VERBS.keys()
_MOST_STEPS = 500  # a place in SQL leaves room for a thousand


@dataclass
class StepReader:
    """Reads the steps of one flow; counts the verbs, from which steps without an id have theirs."""

    reading: Reading
    scope: Scope
    counts: dict[str, int] = field(default_factory=dict)

    def steps(self, tree: Tree, label: str) -> tuple[Step, ...]:
        """The steps of a list; those that were refused are left out."""
        found = [self.step(member) for member in fields.items(self.reading, tree, label)]
        return tuple(step for step in found if step is not None)

    def step(self, tree: Tree) -> Step | None:
        """One step, or None where it was refused."""
        if not isinstance(tree, Mapping):
            if not isinstance(tree, Broken):
                self.reading.refuse(
                    tree.at, f"a step must be a mapping such as {{wait: 2h}}, not {fields.kind_of(tree)}"
                )
            return None
        verbs = [name for name in tree.entries if name in VERBS]
        if len(verbs) != 1:
            self._refuse_verbs(tree, verbs)
            return None
        verb = verbs[0]
        self.counts[verb] = self.counts.get(verb, 0) + 1
        keys = fields.mapping(self.reading, tree, VERBS[verb].form)
        if keys is None:
            return None
        head = self._head(tree, verb, keys)
        if sum(self.counts.values()) == _MOST_STEPS + 1:
            self.reading.refuse(tree.at, f"a flow has at most {_MOST_STEPS} steps")
        return _READERS[verb](self, keys[verb], keys, head)

    def _refuse_verbs(self, tree: Mapping, verbs: list[str]) -> None:
        if verbs:
            entry = tree.entries[verbs[1]]
            self.reading.refuse(entry.at, f"'{verbs[1]}' beside '{verbs[0]}': a step has exactly one verb")
            return
        stray = [name for name in tree.entries if name not in _BESIDE]
        if stray:
            self.reading.refuse(tree.entries[stray[0]].at, f"{unknown('verb', stray[0], VERBS)} in a step")
        else:
            self.reading.refuse(tree.at, f"a step needs a verb; there are {', '.join(VERBS)}")

    def _head(self, tree: Mapping, verb: str, keys: dict[str, Tree]) -> StepHead:
        note = fields.text(self.reading, keys["note"], "note") if "note" in keys else None
        given = fields.name(self.reading, keys["id"], "id", fields.STEP_ID) if "id" in keys else None
        main = keys[verb]
        if given is not None:
            step_id, at = given, keys["id"].at
        elif verb == "send" and isinstance(main, Leaf):
            step_id, at = main.text, main.at
        else:
            step_id, at = default_id(verb, self.counts[verb]), tree.at
        self._define(step_id, verb, at)
        return StepHead(step_id, tree.at, note or "")

    def _define(self, step_id: str, verb: str, at: Position) -> None:
        known = self.reading.steps.setdefault(self.scope.flow, {})
        if step_id in known:
            first = known[step_id].at
            text = (
                f"the step id '{step_id}' is used already in line {first.line}; give one of the two an 'id' of its own"
            )
            self.reading.refuse(at, text)
        elif step_id in _RESERVED_IDS:
            self.reading.refuse(
                at, f"the step id '{step_id}' is taken by '{_RESERVED_IDS[step_id]}'; give it another 'id'"
            )
        else:
            known[step_id] = DefinedStep(verb, at)


Keys = dict[str, Tree]


def default_id(verb: str, count: int) -> str:
    """The id of the ``count``-th step with ``verb`` in the order as written, where none is given: ``wait-1``."""
    return f"{verb.replace('_', '-')}-{count}"


# -- waits -----------------------------------------------------------------------------------------------------------


def _wait(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_wait(reader.reading, tree, head)


def _wait_for(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    inner = fields.mapping(reader.reading, tree, vocabulary.WAIT_FOR)
    if inner is None:
        return None
    matches = _awaited(reader, tree, inner)
    at_most = fields.duration(reader.reading, inner["at_most"], "at_most") if "at_most" in inner else None
    # In the order as written: ids without a name of their own count the verbs in it.
    arms = {name: reader.steps(inner[name], name) for name in inner if name in {"then", "else"}}
    if at_most is None or not matches:
        return None
    return WaitFor(head.id, matches, at_most, arms.get("then", ()), arms.get("else", ()), head.position, head.note)


def _awaited(reader: StepReader, tree: Tree, inner: Keys) -> tuple[EventMatch, ...]:
    reading = reader.reading
    single = {name: value for name, value in inner.items() if name in vocabulary.EVENT_MATCH.names}
    if "any" in inner:
        if single:
            reading.refuse(inner["any"].at, f"'any' beside '{next(iter(single))}': write each event inside 'any'")
        members = fields.items(reading, inner["any"], "any")
        if isinstance(inner["any"], Items) and not members:
            reading.refuse(inner["any"].at, "'any' needs at least one event")
        found = [read_match(reading, member, reader.scope) for member in members]
        return tuple(match for match in found if match is not None)
    if "event" not in inner:
        reading.refuse(tree.at, "'wait_for' needs 'event' or 'any': what it waits for")
        return ()
    match = match_of(reading, single, reader.scope)
    return () if match is None else (match,)


# -- ways ------------------------------------------------------------------------------------------------------------


def _branch(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    reading = reader.reading
    arms: list[Arm] = []
    members = fields.items(reading, tree, "branch")
    for place, member in enumerate(members):
        last = isinstance(member, Mapping) and "else" in member.entries and "if" not in member.entries
        if last and place + 1 < len(members):
            reading.refuse(member.at, "'else' must be the last arm: what stands behind it is never reached")
        arm = _else(reader, member) if last else _arm(reader, member)
        if arm is not None:
            arms.append(arm)
    if isinstance(tree, Items) and not any(isinstance(m, Mapping) and "if" in m.entries for m in members):
        reading.refuse(tree.at, "'branch' needs at least one arm with 'if'")
    return Branch(head.id, tuple(arms), head.position, head.note)


def _arm(reader: StepReader, tree: Tree) -> Arm | None:
    keys = fields.mapping(reader.reading, tree, vocabulary.ARM) or {}
    condition = read_condition(reader.reading, keys["if"], reader.scope) if "if" in keys else None
    steps = reader.steps(keys["steps"], "steps") if "steps" in keys else ()
    return None if condition is None else Arm(condition, steps)


def _else(reader: StepReader, tree: Tree) -> Arm | None:
    keys = fields.mapping(reader.reading, tree, vocabulary.ELSE) or {}
    return Arm(None, reader.steps(keys["else"], "else")) if "else" in keys else None


def _split(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_split(reader.reading, tree, head, reader.steps)


def _repeat(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_repeat(reader.reading, tree, head, reader.scope, reader.steps)


def _exit(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    reason = fields.name(reader.reading, tree, "exit", fields.WORD)
    return None if reason is None else Exit(head.id, reason, head.position, head.note)


# -- deeds -----------------------------------------------------------------------------------------------------------


def _send(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    reading = reader.reading
    message = fields.name(reading, tree, "send")
    reading.use(Thing.MESSAGE, message, tree.at)
    expires = fields.duration(reading, keys["expires"], "expires") if "expires" in keys else DEFAULT_EXPIRES
    topic = _topic(reading, keys["topic"], "topic") if "topic" in keys else None
    condition = read_condition(reading, keys["if"], reader.scope) if "if" in keys else None
    if message is None or expires is None:
        return None
    return Send(head.id, message, expires, topic, condition, head.position, head.note)


def _topic(reading: Reading, tree: Tree, label: str) -> str | None:
    found = fields.name(reading, tree, label, fields.STEP_ID)
    reading.use(Thing.TOPIC, found, tree.at)
    return found


def _set(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    reading = reader.reading
    entries = fields.open_mapping(reading, tree, "set", "such as {profile.vip: true}")
    if isinstance(tree, Mapping) and not entries:
        reading.refuse(tree.at, "'set' needs at least one profile.PATH")
    found: list[tuple[tuple[str, ...], Value]] = []
    for name, entry in entries.items():
        ref = read_ref(reading, name, entry, (Root.PROFILE,))
        value = read_value(reading, entry.value)
        if ref is not None:
            found.append((ref.path, value))
    return SetProperties(head.id, tuple(found), head.position, head.note) if found else None


def _track(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    reading = reader.reading
    inner = fields.mapping(reading, tree, vocabulary.TRACK) or {}
    event = read_event_name(reading, inner["event"], "event") if "event" in inner else None
    properties: dict[str, Value] = {}
    if "properties" in inner:
        fields.open_mapping(reading, inner["properties"], "properties", "of names to values")
        value = read_value(reading, inner["properties"])
        properties = value if isinstance(value, dict) else {}
    return None if event is None else Track(head.id, event, properties, head.position, head.note)


def _consent(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    granted = "subscribe" in keys
    topic = _topic(reader.reading, tree, "subscribe" if granted else "unsubscribe")
    return None if topic is None else ChangeConsent(head.id, topic, granted, head.position, head.note)


def _coupon(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_coupon(reader.reading, tree, head, reader.scope.flow)


def _webhook(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_webhook(reader.reading, tree, head)


def _notify(reader: StepReader, tree: Tree, keys: Keys, head: StepHead) -> Step | None:
    del keys
    return read_notify(reader.reading, tree, head)


_READERS: dict[str, Callable[[StepReader, Tree, Keys, StepHead], Step | None]] = {
    "wait": _wait,
    "wait_for": _wait_for,
    "branch": _branch,
    "split": _split,
    "repeat": _repeat,
    "send": _send,
    "set": _set,
    "track": _track,
    "subscribe": _consent,
    "unsubscribe": _consent,
    "coupon": _coupon,
    "webhook": _webhook,
    "notify": _notify,
    "exit": _exit,
}
