"""One line of the journal as one sentence: what happened, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from tamshy.explain.times import span

if TYPE_CHECKING:
    from tamshy.explain.facts import Cause, Happening
    from tamshy.explain.times import Times

_WORTH_SAYING: Final = timedelta(seconds=60)
_DELIVERED: Final = {
    "queued": "waits to be handed over",
    "handing_over": "is being handed over",
    "sent": "handed over",
    "failed": "could not be handed over",
    "uncertain": "handed over or not: the answer was lost",
    "withdrawn": "withdrawn before it was handed over",
}
_SUPPRESSED: Final = {
    "hard_bounce": "mail to it bounced for good",
    "soft_bounces": "its mailbox was full for weeks",
    "complaint": "mail was marked as spam",
    "manual": "blocked by hand",
}

_OFFERS: Final = {"price_drop": "the price drop", "back_in_stock": "the return", "reorder_due": "the reorder day"}


def sentence(one: Happening, times: Times) -> str:
    """Say what a line of the journal says."""
    match one.kind, one.outcome:
        case "enrollment", "entered":
            return f"Entered {_flow(one)}: {_entry(one, times)}."
        case "enrollment", "refused":
            return f"Not let into {_flow(one)}: {_refused(one, times)}."
        case "enrollment", _:
            return _left(one, times)
        case "message", "sent":
            return _sent(one)
        case "message", "postponed":
            until = times.until(one.until, one.at) if one.until else "later"
            return f"Held {one.message} back until {until}: {_why(one, times)}."
        case "message", _:
            return f"Did not send {one.message}: {_why(one, times)}."
        case "coupon", _:
            return _coupon(one, times)
        case "webhook" | "notify", _:
            return _errand(one, times)
    return _problem(one)


def _coupon(one: Happening, times: Times) -> str:
    facts = one.facts
    until = f", good until {times.full(one.until)}" if one.until else ""
    used = _moment(facts.get("redeemed_at"))
    told = f"; used on {times.full(used)}" if used else "; not used yet"
    return f"Took the code {facts.get('code')} of the pool {facts.get('pool')} as {facts.get('as')}{until}{told}."


def _errand(one: Happening, times: Times) -> str:
    to, reply, tries = one.facts.get("to"), one.facts.get("reply"), one.facts.get("attempts")
    said = _after(str(reply or ""))
    called = one.kind == "webhook"
    match one.outcome:
        case "done":
            return f"{'Called' if called else 'Told'} {to}{said}."
        case "failed":
            return f"{'Called' if called else 'Wrote to'} {to} in vain, {tries} times{said}."
        case "withdrawn":
            return f"Did not call {to}: the flow was left before."
        case "under_way":
            return f"{'Calls' if called else 'Writes to'} {to} now."
    if not tries:
        return f"{'Will call' if called else 'Will write to'} {to}."
    again = f", next at {times.until(one.until, one.at)}" if one.until else ""
    return f"{'Calls' if called else 'Writes to'} {to}: {tries} tries so far{again}{said}."


def _flow(one: Happening) -> str:
    return f"{one.flow} ({one.key})" if one.key else one.flow


def _event(cause: Cause | None, times: Times) -> str:
    """The event by its name; when it happened and when it arrived, where these are apart."""
    if cause is None:
        return "its event is not kept any more"
    late = cause.received_at - cause.occurred_at
    if late < _WORTH_SAYING:
        return cause.name
    return f"{cause.name} of {times.full(cause.occurred_at)}, which arrived {span(late)} later"


def _entry(one: Happening, times: Times) -> str:
    """What started it, or would have."""
    offer = _OFFERS.get(str(one.facts.get("offer")))
    if offer is not None:
        return f"{offer} of {one.facts.get('product')}"
    return "a request by hand" if "by_hand" in one.facts else _event(one.cause, times)


def _refused(one: Happening, times: Times) -> str:
    event = _entry(one, times)
    match one.reason:
        case "too_old" if one.cause is not None and one.cause.imported:
            return f"{event}, and it was imported: history starts nothing"
        case "too_old":
            return f"{event}, and only what is not older than {one.rule or 'allowed'} starts it"
        case "paused":
            return f"{event} came, and the flow stands still"
        case "audience":
            return f"{event} came, and they were not in its audience"
        case "active":
            return f"{event} came, and they were inside already"
        case "reentry":
            again = "they may enter once" if one.rule == "once" else f"they may enter again {one.rule or 'later'}"
            return f"{event} came, they were inside before, and {again}"
    return (one.reason or "no reason is kept").replace("_", " ")


def _left(one: Happening, times: Times) -> str:
    match one.reason:
        case "finished":
            return f"Reached the end of {_flow(one)}."
        case "exit_on":
            return f"Left {_flow(one)}: {_event(one.cause, times)}."
        case "merged":
            return f"Left {_flow(one)}: known by two names, and entered earlier by the other."
        case "empty_pool":
            return f"Left {_flow(one)}: its coupon pool had no code left."
        case "archived":
            return f"Left {_flow(one)}: the flow was taken out."
        case "erased":
            return f"Left {_flow(one)}: the person was erased."
    return f"Left {_flow(one)}: {one.reason}."


def _sent(one: Happening) -> str:
    subject = f'"{one.subject}" ' if one.subject else ""
    said = f"Sent {subject}({one.message}, {one.locale}) to {one.address}{_ways(one)}"
    due = _moment(one.facts.get("due"))
    if one.facts.get("late") and due is not None and one.at - due >= _WORTH_SAYING:
        said += f", {span(one.at - due)} after it was due"
    if one.delivery is None:
        return f"{said}."
    told = _DELIVERED.get(one.delivery.state, one.delivery.state)
    why = f": {one.delivery.reason.replace('_', ' ')}" if one.delivery.reason else ""
    return f"{said}; {told}{why}."


def _why(one: Happening, times: Times) -> str:  # noqa: C901 - one reason after the other
    facts = one.facts
    too_long = "" if one.outcome == "postponed" else ", and that is later than it may go"
    match one.reason:
        case "held_out":
            return "held out, to compare with those who get it"
        case "no_address":
            return "no valid address is known"
        case "suppressed":
            known = str(facts.get("suppressed") or "")
            return f"nothing is written to {one.address}{_after(_SUPPRESSED.get(known, known))}"
        case "no_consent":
            return f"no consent to {facts.get('topic') or 'its topic'}"
        case "condition":
            return "its condition does not hold"
        case "expired":
            return _expired(one, times)
        case "duplicate":
            return f"{one.address} was sent it for the same event{_ways(one)} already"
        case "quiet_hours":
            return f"quiet hours{_after(one.rule)}{too_long}"
        case "frequency_cap":
            return f"enough mail for now{_after(one.rule)}{too_long}"
        case "render_error":
            return f"its template fails{_after(str(facts.get('error') or ''))}"
    return (one.reason or "no reason is kept").replace("_", " ")


def _expired(one: Happening, times: Times) -> str:
    due, deadline = _moment(one.facts.get("due")), _moment(one.facts.get("deadline"))
    if due is None:
        return "too late"
    said = f"it was due at {times.full(due)}"
    if deadline is not None and one.at <= deadline:
        return f"{said}, while the flow stood still"
    return f"{said}, and expires {one.rule} after that" if one.rule else f"{said}, {span(one.at - due)} before"


def _ways(one: Happening) -> str:
    """Which round of a repeat it was in, and in which arms of experiments."""
    arms = one.facts.get("arms")
    said = f", round {one.facts['round']}" if one.facts.get("round") else ""
    return said + "".join(f", arm {arm} of {name}" for name, arm in (arms.items() if isinstance(arms, dict) else ()))


def _after(text: str) -> str:
    return f", {text}" if text else ""


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _problem(one: Happening) -> str:
    match one.outcome:
        case "no_moment":
            return f"{one.flow}: {one.step} waits for a moment that is not known; went on at once."
        case "render_error":
            return (
                f"{one.flow}: a value of {one.step} could not be worked out{_after(str(one.facts.get('error') or ''))}."
            )
        case "empty_pool":
            return f"{one.flow}: {one.step} found no code left in the pool {one.facts.get('pool')}."
        case "webhook_failed":
            return f"{one.flow}: {one.step} had no answer{_after(str(one.facts.get('reply') or ''))}; went on without."
        case "unknown_zone":
            return f"The time zone {one.facts.get('timezone')!r} is not known; {one.facts.get('used')} is used."
    return f"{one.flow}: {one.outcome.replace('_', ' ')}, {(one.reason or '').replace('_', ' ')}."
