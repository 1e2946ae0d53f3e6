"""Which step of a new version an old step has become, and where people inside go on (*Publishing*, rule 20)."""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher
from typing import assert_never

from tamshy.language.model import (
    NOWHERE,
    Arm,
    Branch,
    CallWebhook,
    ChangeConsent,
    Exit,
    Flow,
    Notify,
    Repeat,
    Send,
    SetProperties,
    Split,
    Step,
    TakeCoupon,
    Track,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilMoment,
    WaitUntilTime,
)
from tamshy.language.program import Node, Program, all_steps, program
from tamshy.language.steps import default_id

_OUTWARD = {TakeCoupon: "coupon", CallWebhook: "webhook", Notify: "notify"}


def verb_of(step: Step) -> str:  # noqa: C901 - one kind after the other
    """The verb that ``step`` is written with."""
    match step:
        case Wait() | WaitUntilTime() | WaitUntilMoment() | WaitBestHour():
            return "wait"
        case WaitFor():
            return "wait_for"
        case Branch():
            return "branch"
        case Split():
            return "split"
        case Repeat():
            return "repeat"
        case Send():
            return "send"
        case SetProperties():
            return "set"
        case Track():
            return "track"
        case ChangeConsent():
            return "subscribe" if step.granted else "unsubscribe"
        case TakeCoupon() | CallWebhook() | Notify():
            return _OUTWARD[type(step)]
        case Exit():
            return "exit"
        case _:
            assert_never(step)


def content_of(step: Step) -> str:
    """All that a step does itself, as a text to compare: without id, note, place and the steps inside it."""
    return repr(bare(step))


def bare(step: Step) -> Step:
    """Take what a step does itself: without id, note, place and the steps inside it."""
    bare: Step = replace(step, id="", note="", position=NOWHERE)
    if isinstance(bare, Branch):
        bare = replace(bare, arms=tuple(Arm(arm.condition, ()) for arm in bare.arms))
    elif isinstance(bare, WaitFor):
        bare = replace(bare, then=(), otherwise=())
    elif isinstance(bare, Split):
        bare = replace(bare, arms=tuple(replace(arm, steps=()) for arm in bare.arms))
    elif isinstance(bare, Repeat):
        bare = replace(bare, steps=())
    return bare


def step_mapping(old: Flow, new: Flow) -> dict[str, str | None]:
    """For each step of ``old``, by id: the step of ``new`` at which people there go on; None: they have finished.

    That is the step it has become (``kept_steps``), else the next on its way that is still there: behind a ``wait_for``
    that is gone the way of ``else``, behind a branch that of its ``else`` or what follows it, behind a split or a repeat what
    follows it.
    """
    kept = kept_steps(old, new)
    flattened = program(old)
    return {node.step.id: _survivor(flattened, node, kept) for node in flattened.nodes}


def _survivor(flattened: Program, node: Node, kept: dict[str, str]) -> str | None:
    while node.step.id not in kept:
        onward = node.next
        if isinstance(node.step, WaitFor):
            onward = node.otherwise
        elif isinstance(node.step, Branch):
            onward = next((target for condition, target in node.arms if condition is None), node.next)
        if onward is None:
            return None
        node = flattened.nodes[onward]
    return kept[node.step.id]


def kept_steps(old: Flow, new: Flow) -> dict[str, str]:
    """The steps of ``old`` that are still there, with their ids in ``new``.

    Steps with an id of their own, and sends, are known by it. The others are matched by verb and content in order, and
    between such neighbours by verb alone in order, so that a changed wait is still the same wait.
    """
    before, after = _outline(old), _outline(new)
    named = {step.id for step, own in after if own}
    kept = {step.id: step.id for step, own in before if own and step.id in named}
    keys = [[_key(step, step.id in kept) for step, _ in side] for side in (before, after)]
    free = {step.id for step, _ in after} - set(kept)
    blocks = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes()
    for tag, left, left_end, right, _ in blocks:
        if tag == "equal":
            for offset in range(left_end - left):
                _keep(before[left + offset], after[right + offset : right + offset + 1], kept, free, strict=True)
    for tag, left, left_end, right, right_end in blocks:
        if tag == "replace":
            for outlined in before[left:left_end]:
                _keep(outlined, after[right:right_end], kept, free, strict=False)
    for outlined in before:  # what has been moved elsewhere as it was
        _keep(outlined, after, kept, free, strict=True)
    return kept


Outlined = tuple[Step, bool]


def _outline(flow: Flow) -> list[Outlined]:
    """The steps in the order as written, each with whether its id is its own and not made from its place."""
    counts: dict[str, int] = {}
    found = []
    for step in all_steps(flow.steps):
        verb = verb_of(step)
        counts[verb] = counts.get(verb, 0) + 1
        found.append((step, verb == "send" or step.id != default_id(verb, counts[verb])))
    return found


def _key(step: Step, known: bool) -> str:  # noqa: FBT001  two cases of one thing
    return f"={step.id}" if known else f"{verb_of(step)} {content_of(step)}"


def _keep(
    outlined: Outlined, candidates: list[Outlined], kept: dict[str, str], free: set[str], *, strict: bool
) -> None:
    """Tie a step without an id of its own to the first free candidate of its verb, ``strict``: of its content too."""
    step, own = outlined
    if own or step.id in kept:
        return
    for candidate, _ in candidates:
        same = content_of(candidate) == content_of(step) if strict else verb_of(candidate) == verb_of(step)
        if same and candidate.id in free:
            kept[step.id] = candidate.id
            free.discard(candidate.id)
            return
