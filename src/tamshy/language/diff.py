"""What is different between two workspaces, in a marketer's words: for ``plan``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import assert_never

from tamshy.domain.duration import Duration
from tamshy.language.durations import format_duration
from tamshy.language.fields import WEEKDAYS
from tamshy.language.matching import content_of, kept_steps, verb_of
from tamshy.language.model import (
    NOWHERE,
    Body,
    Branch,
    Broadcast,
    CallWebhook,
    ChangeConsent,
    CouponPool,
    Exit,
    Flow,
    Message,
    Notify,
    Repeat,
    Segment,
    Send,
    SetProperties,
    Settings,
    Split,
    SplitArm,
    Step,
    Story,
    TakeCoupon,
    Template,
    Track,
    Trigger,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilMoment,
    WaitUntilTime,
    Workspace,
)
from tamshy.language.occasions import described
from tamshy.language.program import all_steps, inner_steps
from tamshy.language.settings import FILE as SETTINGS_FILE
from tamshy.language.workspace import MESSAGES


class ChangeKind(StrEnum):
    """What became of a part."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    ``file`` is relative to the workspace folder. ``part`` is empty for the whole file, else a key (``audience``), a
    body's locale (``body en``), ``steps`` where only their order differs, ``text`` where only comments or layout do, or
    ``step`` with the step's id in ``step``. ``before`` and ``after`` are short texts, empty where nothing short can be
    said.
    """

    kind: ChangeKind
    file: str
    part: str = ""
    step: str | None = None
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        part = f" {self.part}" if self.part else ""
        step = f" {self.step}" if self.step else ""
        values = " → ".join(value for value in (self.before, self.after) if value)
        return f"{self.file}:{part}{step} {self.kind}{f': {values}' if values else ''}"


def diff(old: Workspace | None, new: Workspace) -> list[Change]:
    """The changes from ``old`` (None: nothing yet) to ``new``, in order of files."""
    before = old or Workspace(Settings())
    changes = _settings(before if old else None, new)
    for name in sorted({*before.flows, *new.flows}):
        changes += _thing(f"flows/{name}.yaml", before.flows.get(name), new.flows.get(name))
    for name in sorted({*before.broadcasts, *new.broadcasts}):
        changes += _thing(f"broadcasts/{name}.yaml", before.broadcasts.get(name), new.broadcasts.get(name))
    for name in sorted({*before.messages, *new.messages}):
        changes += _thing(f"{MESSAGES}/{name}/message.yaml", before.messages.get(name), new.messages.get(name))
    for name in sorted({*before.pools, *new.pools}):
        changes += _thing(f"coupons/{name}.yaml", before.pools.get(name), new.pools.get(name))
    for name in sorted({*before.segments, *new.segments}):
        changes += _thing(f"segments/{name}.yaml", before.segments.get(name), new.segments.get(name))
    for name in sorted({*before.stories, *new.stories}):
        changes += _thing(f"stories/{name}.yaml", before.stories.get(name), new.stories.get(name))
    told = {change.file for change in changes}
    gone = {
        change.file.rpartition("/")[0] for change in changes if change.file.startswith(MESSAGES) and not change.part
    }
    for file in sorted({*before.sources, *new.sources}):
        if (
            before.sources.get(file) != new.sources.get(file)
            and file not in told
            and file.rpartition("/")[0] not in gone
        ):
            changes.append(_text(file, file in before.sources, file in new.sources))
    return sorted(changes, key=lambda change: change.file)


def _text(file: str, was: bool, is_: bool) -> Change:  # noqa: FBT001  a pair of the same question
    if was and is_:
        return Change(ChangeKind.CHANGED, file, "text")
    return Change(ChangeKind.REMOVED if was else ChangeKind.ADDED, file)


def _settings(old: Workspace | None, new: Workspace) -> list[Change]:
    if old is None:
        return [Change(ChangeKind.ADDED, SETTINGS_FILE)]
    return _keys(SETTINGS_FILE, old.settings, new.settings)


Thing = Flow | Message | Segment | Story | Broadcast | CouponPool


def _thing(file: str, old: Thing | None, new: Thing | None) -> list[Change]:
    if old is None or new is None:
        return [Change(ChangeKind.ADDED if old is None else ChangeKind.REMOVED, file)]
    if isinstance(old, Flow) and isinstance(new, Flow):
        return [*_keys(file, _head(old), _head(new)), *_steps(file, old, new)]
    if isinstance(old, Message) and isinstance(new, Message):
        bodies = [*_bodies("body", old.bodies, new.bodies), *_bodies("plain text", old.texts, new.texts)]
        head = [replace(message, bodies={}, texts={}, position=NOWHERE) for message in (old, new)]
        return [*_keys(file, head[0], head[1]), *bodies]
    if isinstance(old, Broadcast | Segment) and isinstance(new, Broadcast | Segment):
        return _keys(file, replace(old, position=NOWHERE), replace(new, position=NOWHERE))
    if isinstance(old, Story) and isinstance(new, Story):
        same = _bare_story(old) == _bare_story(new)
        return [] if same else [Change(ChangeKind.CHANGED, file)]
    if isinstance(old, CouponPool) and isinstance(new, CouponPool):
        return _keys(file, *(replace(pool, codes=(), position=NOWHERE) for pool in (old, new)))
    return []


def _head(flow: Flow) -> Flow:
    return replace(flow, steps=(), position=NOWHERE)


def _bare_story(story: Story) -> Story:
    return replace(
        story,
        events=tuple(replace(event, position=NOWHERE) for event in story.events),
        engage=tuple(replace(deed, position=NOWHERE) for deed in story.engage),
        expect=tuple(replace(line, position=NOWHERE) for line in story.expect),
        position=NOWHERE,
    )


_WRITTEN = {
    "from_": "from",
    "title": "name",
    "triggers": "trigger",
    "offers": "trigger",
    "schedules": "at",
    "clicked_attribution": "attribution",
}
_WRITTEN |= {"opened_attribution": "attribution", "merge_on": "identities"}


def _keys(
    file: str,
    old: Settings | Flow | Message | Broadcast | Segment | CouponPool,
    new: Settings | Flow | Message | Broadcast | Segment | CouponPool,
) -> list[Change]:
    """One change for each key whose value differs, under the name it is written with."""
    changed = [field.name for field in fields(new) if getattr(old, field.name) != getattr(new, field.name)]
    found: dict[str, Change] = {}
    for name in changed:
        before, after = (_short(getattr(side, name)) for side in (old, new))
        part = _WRITTEN.get(name, name)
        found.setdefault(part, Change(ChangeKind.CHANGED, file, part, None, before, after))
    return list(found.values())


def _short(value: object) -> str:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple) and all(isinstance(member, Trigger) for member in value):
        return " or ".join(map(described, value))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _bodies(what: str, old: dict[str, Body], new: dict[str, Body]) -> list[Change]:
    found = []
    for locale in sorted({*old, *new}):
        before, after = old.get(locale), new.get(locale)
        if before is None and after is not None:
            found.append(Change(ChangeKind.ADDED, after.file, f"{what} {locale}"))
        elif after is None and before is not None:
            found.append(Change(ChangeKind.REMOVED, before.file, f"{what} {locale}"))
        elif before != after and after is not None:
            found.append(Change(ChangeKind.CHANGED, after.file, f"{what} {locale}"))
    return found


# -- steps -----------------------------------------------------------------------------------------------------------


def _steps(file: str, old: Flow, new: Flow) -> list[Change]:
    before = {step.id: step for step in all_steps(old.steps)}
    after = {step.id: step for step in all_steps(new.steps)}
    kept = kept_steps(old, new)
    back = {target: source for source, target in kept.items()}
    found = []
    for step_id, step in before.items():
        if step_id not in kept:
            found.append(Change(ChangeKind.REMOVED, file, "step", step_id, describe_step(step)))
    for step_id, step in after.items():
        if step_id not in back:
            found.append(Change(ChangeKind.ADDED, file, "step", step_id, "", describe_step(step)))
        elif content_of(step) != content_of(before[back[step_id]]):
            texts = describe_step(before[back[step_id]]), describe_step(step)
            same = texts[0] == texts[1]
            found.append(Change(ChangeKind.CHANGED, file, "step", step_id, *(("", "") if same else texts)))
    if not found and _shape(old.steps, kept) != _shape(new.steps, {}):
        found.append(Change(ChangeKind.CHANGED, file, "steps"))
    return found


def _shape(steps: tuple[Step, ...], ids: dict[str, str]) -> list[object]:
    """The ids as they nest, in the new version's words."""
    return [(ids.get(step.id, step.id), [_shape(inner, ids) for inner in inner_steps(step)]) for step in steps]


def describe_step(step: Step) -> str:
    """A step in one short line, much as it is written."""
    return f"{verb_of(step)}: {_object_of(step)}"


def _object_of(step: Step) -> str:  # noqa: C901 - one kind after the other
    match step:
        case Wait() | WaitUntilTime() | WaitUntilMoment() | WaitBestHour():
            return _wait(step)
        case WaitFor():
            events = " or ".join(match.event for match in step.matches)
            return f"{events}, at most {format_duration(step.at_most)}"
        case Branch():
            return f"{len(step.arms)} arms"
        case Split():
            return f"{step.name}, {' '.join(_arm(arm) for arm in step.arms)}{_finding(step)}"
        case Repeat():
            every = f", every {format_duration(step.every)}" if step.every is not None else ""
            return f"{step.times} times{every}"
        case Send():
            return step.message
        case SetProperties():
            return ", ".join(".".join(("profile", *path)) for path, _ in step.assignments)
        case Track():
            return step.event
        case ChangeConsent():
            return step.topic
        case TakeCoupon() | CallWebhook() | Notify():
            return _outward(step)
        case Exit():
            return step.reason
        case _:
            assert_never(step)


def _arm(arm: SplitArm) -> str:
    return f"{arm.name} {arm.weight}"


def _finding(step: Split) -> str:
    by = f", winner by {step.winner.by.value}" if step.winner is not None else ""
    return f"{by}, bandit" if step.bandit else by


def _outward(step: TakeCoupon | CallWebhook | Notify) -> str:
    if isinstance(step, TakeCoupon):
        return f"{step.pool} as {step.variable}"
    if isinstance(step, Notify):
        return step.to
    return f"{step.method} {step.url.text if isinstance(step.url, Template) else step.url}"


def _wait(step: Wait | WaitUntilTime | WaitUntilMoment | WaitBestHour) -> str:
    if isinstance(step, WaitBestHour):
        return f"until the best hour, at most {format_duration(step.at_most)}"
    if isinstance(step, Wait):
        return format_duration(step.duration)
    if isinstance(step, WaitUntilMoment):
        offset = f" {format_duration(step.offset)}" if step.offset != Duration() else ""
        return f"until {step.until}{offset}"
    days = ", ".join(name for name, number in WEEKDAYS.items() if number in step.on)
    where = f" in {step.zone}" if step.zone else ""
    return f"until {step.until:%H:%M}{f' on {days}' if days else ''}{where}"
