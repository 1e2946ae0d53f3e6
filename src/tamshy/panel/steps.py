"""Steps of a flow in a few words: what stands in their boxes, and what is said of them in full."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamshy.language import format_duration
from tamshy.language.model import (
    All,
    AnyOf,
    BackInStock,
    Behaviour,
    Branch,
    CallWebhook,
    ChangeConsent,
    Clause,
    Condition,
    Engagement,
    Enrolled,
    Exit,
    Flow,
    In,
    Not,
    Notify,
    Operator,
    PriceDrop,
    PropertyTest,
    Recency,
    ReorderDue,
    Repeat,
    Send,
    SetProperties,
    Split,
    Step,
    Subscribed,
    TakeCoupon,
    Template,
    Test,
    Top,
    Track,
    Wait,
    WaitBestHour,
    WaitFor,
    WaitUntilTime,
)
from tamshy.language.occasions import described

if TYPE_CHECKING:
    from tamshy.domain.duration import Duration

_LINE: Final = 13
"""Letters that fit into a box in one line."""
_WORDS: Final = 19
_UNITS: Final = {"m": "min", "d": "day", "w": "week", "mo": "month", "y": "year"}
_COUNTED: Final = frozenset({"d", "w", "mo", "y"})
_DAYS: Final = ("", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SIGNS: Final = {
    Operator.EQ: "=",
    Operator.NE: "≠",
    Operator.GT: ">",
    Operator.GTE: "≥",
    Operator.LT: "<",
    Operator.LTE: "≤",
}


@dataclass(frozen=True, slots=True)
class Label:
    """What a box says: its kind (for its look), a verb, one or two lines, and the whole in a sentence."""

    kind: str
    verb: str
    lines: tuple[str, ...]
    told: str
    step: str = ""
    reason: str = ""


_OFFERS: Final = {PriceDrop: "a price drop", BackInStock: "a return to stock", ReorderDue: "a reorder day"}


def entry_label(flow: Flow) -> Label:
    """Say what starts a flow."""
    events = [described(trigger) for trigger in flow.triggers]
    events += [_OFFERS[type(offer)] for offer in flow.offers]
    name = events[0] if len(events) == 1 else f"{events[0]} or {len(events) - 1} more"
    return Label("entry", "when", broken(name), "starts with " + " or ".join(events))


def label(step: Step) -> Label:
    """Say what a step does."""
    made = _timed(step) or _parting(step) or _acting(step)
    reason = step.reason if isinstance(step, Exit) else ""
    return Label(made.kind, made.verb, made.lines, step.note or made.told, step.id, reason)


def _timed(step: Step) -> Label | None:
    if isinstance(step, Wait):
        length = spoken(step.duration)
        return Label("wait", "wait", (length,), f"waits {length}")
    if isinstance(step, WaitUntilTime):
        at = step.until.strftime("%H:%M")
        days = ", ".join(_DAYS[day] for day in sorted(step.on))
        return Label("wait", "until", (at,), f"waits until {at}" + (f" on {days}" if days else ""))
    if isinstance(step, WaitBestHour):
        return Label(
            "wait", "until", ("their best hour",), f"waits until the best hour, at most {spoken(step.at_most)}"
        )
    if isinstance(step, WaitFor):
        events = " or ".join(match.event for match in step.matches)
        most = spoken(step.at_most)
        return Label("wait", "wait for", ("event",), f"waits for {events}, {most} at most")
    return None


def _parting(step: Step) -> Label | None:
    if isinstance(step, Branch):
        says = "; ".join(words for words in arm_words(step) if words)
        return Label("branch", "if", ("branch",), f"branches: {says}")
    if isinstance(step, Split):
        return Label("branch", "test", broken(step.name), f"tests {step.name}: {', '.join(arm_words(step))}")
    if isinstance(step, Repeat):
        every = f", every {spoken(step.every)}" if step.every is not None else ""
        return Label("branch", "repeat", (f"{step.times} times",), f"repeats at most {step.times} times{every}")
    return None


def _acting(step: Step) -> Label:
    if isinstance(step, Send):
        return Label("send", "send", broken(step.message), f"sends {step.message}")
    if isinstance(step, Exit):
        reason = step.reason.replace("_", " ")
        return Label("exit", "leave", broken(reason), f"leaves: {reason}")
    if isinstance(step, ChangeConsent):
        verb = "subscribe" if step.granted else "unsubscribe"
        return Label("act", verb, broken(step.topic), f"{verb}s: {step.topic}")
    if isinstance(step, Track):
        return Label("act", "track", broken(step.event), f"emits the event {step.event}")
    if isinstance(step, TakeCoupon):
        return Label("act", "coupon", broken(step.pool), f"takes a code from the pool {step.pool}")
    if isinstance(step, CallWebhook):
        url = step.url.text if isinstance(step.url, Template) else str(step.url)
        host = url.partition("://")[2].partition("/")[0]
        return Label("act", "call", broken(host), f"calls {host} and waits for the answer")
    if isinstance(step, Notify):
        return Label("act", "tell", broken(step.to), f"tells {step.to}")
    if isinstance(step, SetProperties):
        names = ", ".join(".".join(path) for path, _ in step.assignments)
        return Label("act", "set", broken(names), f"sets {names}")
    return Label("wait", "until", ("moment",), "waits until a moment that the data holds")


def arm_words(step: Step) -> tuple[str, ...]:
    """The words over the head of each arm of `step`, in order; empty for a step without arms."""
    if isinstance(step, Branch):
        return tuple("otherwise" if arm.condition is None else cut(said(arm.condition)) for arm in step.arms)
    if isinstance(step, Split):
        return tuple(cut(f"{arm.name} ({arm.weight})") for arm in step.arms)
    if isinstance(step, Repeat):
        return (cut(f"while {said(step.condition)}") if step.condition is not None else "each round",)
    if isinstance(step, WaitFor):
        return (cut(" / ".join(match.event for match in step.matches)), f"not in {spoken(step.at_most)}")
    return ()


def said(condition: Condition) -> str:
    """A condition in a few words."""
    if isinstance(condition, Not):
        return f"not {said(condition.member)}"
    if isinstance(condition, All):
        return " and ".join(said(member) for member in condition.members) or "always"
    if isinstance(condition, AnyOf):
        return " or ".join(said(member) for member in condition.members) or "never"
    return _said_simple(condition)


def _said_simple(
    condition: PropertyTest | Behaviour | Recency | Enrolled | Engagement | Subscribed | In | Top,
) -> str:
    if isinstance(condition, Engagement):
        what = condition.step or condition.message or condition.flow or "any mail"
        return f"{condition.kind.value} {what}"
    if isinstance(condition, Behaviour):
        times = f" {_tested(condition.count)}" if condition.count is not None else ""
        return f"{condition.event}{times}"
    if isinstance(condition, Recency):
        return f"{'last' if condition.newest else 'first'} {condition.event} {_tested(condition.ago)} ago"
    if isinstance(condition, Subscribed):
        return f"subscribed to {condition.topic}"
    if isinstance(condition, Enrolled):
        return f"inside {condition.flow}"
    if isinstance(condition, In):
        return f"in {condition.segment}"
    if isinstance(condition, Top):
        return f"among the best by {condition.event or condition.ref}"
    return f"{condition.ref.path[-1]} {_tested(condition.test)}"


def _tested(test: Test) -> str:
    return " and ".join(_clause(clause) for clause in test.clauses)


def _clause(clause: Clause) -> str:
    sign = _SIGNS.get(clause.operator, clause.operator.value.replace("_", " "))
    return f"{sign} {clause.operand}"


def broken(text: str) -> tuple[str, ...]:
    """Break a name into at most two lines at a blank or hyphen, near its middle."""
    if len(text) <= _LINE:
        return (text,)
    places = [at + 1 for at, letter in enumerate(text) if letter in " -_" and at]
    if not places:
        return (text[: _LINE - 1] + "…",)
    best = min(places, key=lambda at: abs(at - len(text) / 2))
    return tuple(part if len(part) <= _LINE + 1 else part[:_LINE] + "…" for part in (text[:best].rstrip(), text[best:]))


def cut(text: str) -> str:
    """Cut words to what fits over a box."""
    return text if len(text) <= _WORDS else text[: _WORDS - 1].rstrip() + "…"


def spoken(duration: Duration) -> str:
    """A duration as one says it: `2 h`, `1 day 12 h`, `5 min`."""
    parts = re.findall(r"(-?[0-9]+)([a-z]+)", format_duration(duration))
    return " ".join(f"{count} {_unit(count, unit)}" for count, unit in parts)


def _unit(count: str, unit: str) -> str:
    name = _UNITS.get(unit, unit)
    return name + "s" if unit in _COUNTED and count not in {"1", "-1"} else name
