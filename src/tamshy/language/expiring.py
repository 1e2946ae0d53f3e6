"""Messages that tell of a discount whose code has expired for certain by the time they are sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tamshy.language.durations import format_duration
from tamshy.language.model import (
    Branch,
    Exit,
    Repeat,
    Root,
    Send,
    Split,
    TakeCoupon,
    Wait,
    WaitFor,
    WaitUntilMoment,
)

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration
    from tamshy.language.model import Flow, Message, Step
    from tamshy.language.reading import Reading

_DAY = 86_400
_SHORT_MONTH, _LONG_MONTH = 28 * _DAY, 31 * _DAY
Held = dict[str, tuple[TakeCoupon, int]]
"""Coupons taken on the way: the step, and the seconds that have passed since at the least."""


def check_expiry(reading: Reading, flow: Flow, messages: dict[str, Message]) -> None:
    """Refuse a ``send`` of a message with a code that expires before the flow can come there."""
    _walk(reading, flow.steps, {}, messages)


def _walk(reading: Reading, steps: tuple[Step, ...], held: Held, messages: dict[str, Message]) -> Held | None:
    """What is held at the end of these steps; None where every way ends the enrollment."""
    for step in steps:
        if isinstance(step, Exit):
            return None
        if isinstance(step, TakeCoupon):
            held = {**held, step.variable: (step, 0)}
        elif isinstance(step, Wait):
            held = _later(held, _seconds(step.duration))
        elif isinstance(step, WaitUntilMoment):
            held = _at_expiry(held, step)
        elif isinstance(step, Send):
            _check(reading, step, held, messages.get(step.message))
        elif isinstance(step, WaitFor | Branch | Split | Repeat):
            found = _arms(reading, step, held, messages)
            if found is None:
                return None
            held = found
    return held


def _arms(
    reading: Reading, step: WaitFor | Branch | Split | Repeat, held: Held, messages: dict[str, Message]
) -> Held | None:
    if isinstance(step, Split):
        return _together([_walk(reading, arm.steps, held, messages) for arm in step.arms])
    if isinstance(step, Repeat):
        # The first round is the freshest; with a condition there may be none.
        inner = _walk(reading, step.steps, held, messages)
        return _together([inner, held]) if step.condition is not None else inner
    if isinstance(step, WaitFor):
        late = _later(held, _seconds(step.at_most))
        return _together([_walk(reading, step.then, held, messages), _walk(reading, step.otherwise, late, messages)])
    arms = [_walk(reading, arm.steps, held, messages) for arm in step.arms]
    complete = any(arm.condition is None for arm in step.arms)
    return _together([*arms, *([] if complete else [held])])


def _together(arms: list[Held | None]) -> Held | None:
    """What is held whichever way was gone, as fresh as it can be."""
    ways = [arm for arm in arms if arm is not None]
    if not ways:
        return None
    return {
        name: min((way[name] for way in ways), key=lambda one: one[1])
        for name in ways[0]
        if all(name in way and way[name][0] is ways[0][name][0] for way in ways)
    }


def _later(held: Held, seconds: int) -> Held:
    return {name: (step, passed + seconds) for name, (step, passed) in held.items()}


def _at_expiry(held: Held, step: WaitUntilMoment) -> Held:
    """Behind a wait for a code's own end, so long has passed."""
    if step.until.root is not Root.COUPON or step.until.path[1:] != ("expires_at",) or step.until.path[0] not in held:
        return held
    taken, passed = held[step.until.path[0]]
    if taken.expires is None:
        return held
    return _later(held, max(0, _seconds(taken.expires) + _seconds(step.offset) - passed))


def _seconds(length: Duration) -> int:
    """How long it lasts at the least."""
    return length.months * _SHORT_MONTH + length.days * _DAY + length.seconds


def _at_most(length: Duration) -> int:
    return length.months * _LONG_MONTH + length.days * _DAY + length.seconds


def _check(reading: Reading, step: Send, held: Held, message: Message | None) -> None:
    for name, (taken, passed) in held.items():
        if taken.expires is None or passed < _at_most(taken.expires) or message is None or not _tells_of(message, name):
            continue
        text = f"'{step.message}' tells of the code '{name}', which has expired by then"
        expires = format_duration(taken.expires)
        reading.refuse(step.position, f"{text}: it was taken in line {taken.position.line} with 'expires: {expires}'")


def _tells_of(message: Message, name: str) -> bool:
    texts = [*message.subject.values(), *message.preheader.values()]
    texts += [body.text for body in (*message.bodies.values(), *message.texts.values())]
    said = re.compile(rf"\bcoupon\.{re.escape(name)}\.code\b")
    return any(said.search(text) for text in texts)
