"""``stories/NAME.yaml``: a scripted shopper and the messages that must, and must not, come."""

from __future__ import annotations

from datetime import datetime

from tamshy.domain.duration import Duration
from tamshy.language import fields, vocabulary
from tamshy.language.conditions import read_event_name
from tamshy.language.model import Expectation, Story, StoryEngagement, StoryEvent
from tamshy.language.reading import Reading, StoryStepUse, Thing, unknown
from tamshy.language.trees import Items, Leaf, Mapping, Tree
from tamshy.language.values import plain_value

DECISION_REASONS = (
    "held_out",
    "no_address",
    "suppressed",
    "no_consent",
    "condition",
    "expired",
    "duplicate",
    "quiet_hours",
    "frequency_cap",
    "render_error",
)
REFUSAL_REASONS = ("too_old", "paused", "audience", "active", "reentry")
EXIT_REASONS = ("finished", "exit_on", "merged", "archived", "erased", "empty_pool")

Keys = dict[str, Tree]


def read_story(reading: Reading, name: str, tree: Tree) -> Story | None:
    """Read a story; None where it cannot be run at all."""
    keys = fields.mapping(reading, tree, vocabulary.STORY)
    if keys is None:
        return None
    start = fields.moment(reading, keys["start"], "start") if "start" in keys else None
    story = Story(
        name=name,
        flows=_flows(reading, keys),
        profile=_profile(reading, keys["profile"]) if "profile" in keys else {},
        start=start or datetime.min,  # noqa: DTZ901  replaced below: such a story is not given out
        events=tuple(event for member in _members(reading, keys, "events") for event in _event(reading, member)),
        engage=tuple(deed for member in _members(reading, keys, "engage") for deed in _engagement(reading, member)),
        expect=tuple(line for member in _members(reading, keys, "expect") for line in _expectation(reading, member)),
        expect_nothing_else=_nothing_else(reading, keys),
        position=tree.at,
    )
    return None if start is None else story


def _members(reading: Reading, keys: Keys, name: str) -> tuple[Tree, ...]:
    return fields.items(reading, keys[name], name) if name in keys else ()


def _nothing_else(reading: Reading, keys: Keys) -> bool:
    name = "expect_nothing_else"
    found = fields.boolean(reading, keys[name], name) if name in keys else None
    return True if found is None else found


def _flows(reading: Reading, keys: Keys) -> tuple[str, ...]:
    if "flow" in keys and "flows" in keys:
        reading.refuse(keys["flows"].at, "'flows' beside 'flow': one of the two")
    members = (keys["flow"],) if "flow" in keys else _members(reading, keys, "flows")
    found = []
    for member in members:
        flow = fields.name(reading, member, "flow" if "flow" in keys else "flows", fields.FLOW_NAME)
        reading.use(Thing.FLOW, flow, member.at)
        if flow is not None:
            found.append(flow)
    if "flows" in keys and isinstance(keys["flows"], Items) and not members:
        reading.refuse(keys["flows"].at, "'flows' needs at least one flow; leave it out for all of them")
    return tuple(found)


def _profile(reading: Reading, tree: Tree) -> dict[str, object]:
    entries = fields.open_mapping(reading, tree, "profile", "such as {id: u1, email: aia@example.com}")
    checks = {"timezone": fields.zone, "email": fields.line, "id": fields.name_or_text, "locale": fields.locale}
    for name, check in checks.items():
        if name in entries:
            check(reading, entries[name].value, name)
    for name in ("subscribed", "unsubscribed"):
        for member in fields.one_or_list(entries[name].value) if name in entries else ():
            reading.use(Thing.TOPIC, fields.name(reading, member, name, fields.STEP_ID), member.at)
    if isinstance(tree, Mapping) and not {"id", "email", "anonymous_id"} & set(entries):
        reading.refuse(tree.at, "the profile of a story needs 'id', 'email' or 'anonymous_id'")
    found = plain_value(tree)
    return found if isinstance(found, dict) else {}


def _event(reading: Reading, tree: Tree) -> list[StoryEvent]:
    keys = fields.mapping(reading, tree, vocabulary.STORY_EVENT) or {}
    at = fields.moment_or_duration(reading, keys["at"], "at") if "at" in keys else None
    event = read_event_name(reading, keys["event"], "event") if "event" in keys else None
    properties: object = {}
    if "properties" in keys:
        fields.open_mapping(reading, keys["properties"], "properties", "of names to values")
        properties = plain_value(keys["properties"])
    if at is None or event is None or not isinstance(properties, dict):
        return []
    return [StoryEvent(at, event, properties, tree.at)]


def _engagement(reading: Reading, tree: Tree) -> list[StoryEngagement]:
    keys = fields.mapping(reading, tree, vocabulary.STORY_ENGAGEMENT)
    if keys is None:
        return []
    did = _only(reading, tree, keys, vocabulary.ENGAGEMENTS, "an engagement of a story")
    if did is None:
        return []
    message = fields.name(reading, keys[did], did)
    reading.use(Thing.MESSAGE, message, keys[did].at)
    after = fields.duration(reading, keys["after"], "after", zero=True) if "after" in keys else Duration()
    url = fields.line(reading, keys["url"], "url") if "url" in keys else None
    if "url" in keys and did != "clicked":
        reading.refuse(keys["url"].at, f"'url' goes with 'clicked', not with '{did}'")
    machine = fields.boolean(reading, keys["machine"], "machine") if "machine" in keys else False
    if message is None or after is None:
        return []
    return [StoryEngagement(did, message, after, url, bool(machine), tree.at)]


def _only(reading: Reading, tree: Tree, keys: Keys, of: tuple[str, ...], what: str) -> str | None:
    """The one key of ``of`` that stands in the mapping."""
    given = [name for name in keys if name in of]
    if len(given) == 1:
        return given[0]
    if given:
        reading.refuse(keys[given[1]].at, f"'{given[1]}' beside '{given[0]}': one of them in a line")
    else:
        reading.refuse(tree.at, f"{what} needs one of {', '.join(of)}")
    return None


# -- what must come --------------------------------------------------------------------------------------------------


def _expectation(reading: Reading, tree: Tree) -> list[Expectation]:
    keys = fields.mapping(reading, tree, vocabulary.EXPECTATION)
    if keys is None:
        return []
    outcome = _only(reading, tree, keys, vocabulary.OUTCOMES, "an expectation")
    if outcome is None:
        return []
    at = fields.moment_or_duration(reading, keys["at"], "at") if "at" in keys else None
    what = _what(reading, outcome, keys[outcome])
    checks: dict[str, object] = {}
    for name, value in keys.items():
        if name not in {outcome, "at"}:
            checks[name] = _check(reading, name, value, keys)
    return [Expectation(at, outcome, what, checks, tree.at)]


def _what(reading: Reading, outcome: str, tree: Tree) -> str | None:
    if outcome == "entered" and isinstance(tree, Leaf) and tree.value is True:
        return None
    if outcome == "entered":
        return _named(reading, Thing.FLOW, outcome, tree)
    if outcome == "refused":
        return _reason(reading, outcome, tree, REFUSAL_REASONS)
    if outcome == "exit":
        word = fields.name(reading, tree, outcome, fields.WORD)
        if word is not None:
            reading.exits.append((word, tree.at))
        return word
    return _named(reading, Thing.MESSAGE, outcome, tree)


def _named(reading: Reading, thing: Thing, label: str, tree: Tree) -> str | None:
    found = fields.name(reading, tree, label, fields.FLOW_NAME if thing is Thing.FLOW else fields.NAME)
    reading.use(thing, found, tree.at)
    return found


def _reason(reading: Reading, label: str, tree: Tree, known: tuple[str, ...]) -> str | None:
    found = fields.text(reading, tree, label)
    if found is not None and found not in known:
        reading.refuse(tree.at, unknown("reason", found, known))
    return found


def _check(reading: Reading, name: str, tree: Tree, keys: Keys) -> object:
    if name == "until":
        return fields.moment_or_duration(reading, tree, name)
    if name == "flow":
        return _named(reading, Thing.FLOW, name, tree)
    if name == "step":
        return _step(reading, tree, keys)
    if name == "locale":
        return fields.locale(reading, tree, name)
    if name == "reason":
        return _reason(reading, name, tree, DECISION_REASONS)
    return fields.name_or_text(reading, tree, name)


def _step(reading: Reading, tree: Tree, keys: Keys) -> str | None:
    step = fields.name(reading, tree, "step", fields.STEP_ID)
    if step is not None:
        flow = keys["flow"].text if "flow" in keys and isinstance(keys["flow"], Leaf) else None
        reading.story_steps.append(StoryStepUse(flow, step, tree.at))
    return step
